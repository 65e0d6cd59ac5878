"""Revision 0004 moves the thresholds that were shipped before it, and leaves alone what somebody has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from models import migrations
from models.rule import SHIPPED

GIVEN = {str(rule["name"]): float(rule["threshold"]) for rule in SHIPPED}
TO_US, CUSTOMER = "A complaint to us", "A customer complains about us"
WITHOUT_STARS = {str(rule["name"]) for rule in SHIPPED if rule.get("rating") is None}
"""The rules that were shipped then: stars are asked for since 0008."""


@pytest.fixture
def owner(servers: Any) -> Iterator[str]:
    with servers.new_database() as (_, owner):
        migrations.downgrade(owner, "0003")
        yield owner


def thresholds(url: str, org: str) -> dict[str, float]:
    with psycopg.connect(url) as db:
        return dict(db.execute("SELECT name, threshold FROM rules WHERE org_id = %s", [org]).fetchall())


def run(url: str, statement: str) -> None:
    with psycopg.connect(url) as db:
        db.execute(statement)


def test_rules_as_they_were_shipped_move_and_back_again(owner: str) -> None:
    run(owner, "SELECT shipped_rules('acme')")
    assert thresholds(owner, "acme")[TO_US] == -0.40
    migrations.upgrade(owner)
    for org in ("acme", "main"):
        assert thresholds(owner, org) == GIVEN
    migrations.downgrade(owner, "0003")
    run(owner, "SELECT shipped_rules('later')")
    then = {name: GIVEN[name] for name in WITHOUT_STARS} | {TO_US: -0.40, CUSTOMER: -0.40}
    for org in ("acme", "main", "later"):
        assert thresholds(owner, org) == then


@pytest.mark.parametrize(
    "chosen", ["threshold = -0.41", "action = 'activity'", "priority = 'urgent'", "audience = 'named'"]
)
def test_a_rule_that_somebody_changed_keeps_its_threshold(owner: str, chosen: str) -> None:
    run(owner, f"UPDATE rules SET {chosen} WHERE name = '{TO_US}'")
    before = thresholds(owner, "main")[TO_US]
    migrations.upgrade(owner)
    assert thresholds(owner, "main") == GIVEN | {TO_US: before}


def test_a_new_organisation_is_given_the_new_numbers(owner: str) -> None:
    migrations.upgrade(owner)
    run(owner, "SELECT shipped_rules('new')")
    assert thresholds(owner, "new") == GIVEN
