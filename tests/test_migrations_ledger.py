"""The view `ledger` and the function `shipped_rules`: what the database answers when asked in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from models.rule import SHIPPED

Db = psycopg.Connection[dict[str, Any]]
PARTS = ("new", "duplicate", "edited", "filtered", "quarantined", "waiting")


@pytest.fixture(scope="module")
def urls(servers: Any) -> Iterator[tuple[str, str]]:
    with servers.new_database() as made:
        yield made


@pytest.fixture
def db(urls: tuple[str, str]) -> Iterator[Db]:
    with psycopg.connect(urls[0], row_factory=dict_row) as connection:
        yield connection
        connection.rollback()


def _one(db: Db, statement: str, *values: Any) -> dict[str, Any]:
    rows = db.execute(statement, values).fetchall()
    assert len(rows) == 1
    return rows[0]


@pytest.fixture
def poll(db: Db) -> UUID:
    source = _one(
        db,
        "INSERT INTO sources (org_id, platform, kind, term, every)"
        " VALUES ('acme', 'mastodon', 'hashtag', 'acme', 60) RETURNING id",
    )
    made = _one(
        db, "INSERT INTO polls (org_id, source_id, fence) VALUES ('acme', %s, 1) RETURNING id", source["id"]
    )
    return UUID(str(made["id"]))


def _land(db: Db, poll: UUID, fetched: int, filtered: dict[str, int] | None = None, **counts: int) -> None:
    names = ["fetched", "filtered", *counts]
    db.execute(
        f"INSERT INTO pages (org_id, platform, source_id, poll_id, {', '.join(names)})"
        f" SELECT org_id, 'mastodon', source_id, id, {', '.join(['%s'] * len(names))} FROM polls WHERE id = %s",
        [fetched, json.dumps(filtered or {}), *counts.values(), poll],
    )


def _ledger(db: Db, poll: UUID) -> dict[str, Any]:
    return _one(db, "SELECT * FROM ledger WHERE poll_id = %s", poll)


def test_a_visit_without_a_page_is_in_the_ledger(db: Db, poll: UUID) -> None:
    row = _ledger(db, poll)
    assert [row[name] for name in ("pages", "fetched", *PARTS)] == [0] * 8
    assert row["filtered_by"] == {}
    assert (row["org_id"], row["platform"], row["visits"], row["uncertain"]) == ("acme", "mastodon", 1, False)


def test_what_is_not_digested_is_waiting(db: Db, poll: UUID) -> None:
    _land(db, poll, 40)
    assert _ledger(db, poll)["waiting"] == 40


def test_the_ledger_of_a_poll_is_the_sum_over_its_pages(db: Db, poll: UUID) -> None:
    _land(db, poll, 40, {"repost": 3, "excluded": 1}, new=30, duplicate=4, edited=1, quarantined=1)
    _land(db, poll, 20, {"repost": 2}, new=18)
    _land(db, poll, 7)
    row = _ledger(db, poll)
    assert {name: int(row[name]) for name in ("pages", "fetched", *PARTS)} == {
        "pages": 3,
        "fetched": 67,
        "new": 48,
        "duplicate": 4,
        "edited": 1,
        "filtered": 6,
        "quarantined": 1,
        "waiting": 7,
    }
    assert row["filtered_by"] == {"repost": 5, "excluded": 1}
    assert row["fetched"] == sum(row[name] for name in PARTS)


def test_a_post_that_was_lost_in_digestion_stays_waiting(db: Db, poll: UUID) -> None:
    _land(db, poll, 10, new=9)
    db.execute("UPDATE pages SET state = 'digested', digested_at = now()")
    assert _ledger(db, poll)["waiting"] == 1


def test_the_ledger_shows_nobody_more_than_the_tables_would(urls: tuple[str, str]) -> None:
    with psycopg.connect(urls[1]) as db:
        options = db.execute("SELECT reloptions FROM pg_class WHERE relname = 'ledger'").fetchall()
    assert options == [(["security_invoker=true"],)]


def _rules(db: Db, org: str) -> list[dict[str, Any]]:
    return db.execute(
        "SELECT name, audience, threshold, rating, action, priority FROM rules WHERE org_id = %s AND enabled",
        [org],
    ).fetchall()


def _by_name(rules: Any) -> list[dict[str, Any]]:
    return sorted(({"rating": None, **rule} for rule in rules), key=lambda rule: str(rule["name"]))


@pytest.mark.parametrize("org", ["main", "acme"])
def test_an_organisation_starts_with_the_shipped_rules(db: Db, org: str) -> None:
    given = _one(db, "SELECT shipped_rules(%s) AS n", org)
    assert given == {"n": 0 if org == "main" else 5}
    assert _by_name(_rules(db, org)) == _by_name(SHIPPED)


def test_the_shipped_rules_are_given_once(db: Db) -> None:
    db.execute("SELECT shipped_rules('acme')")
    db.execute("UPDATE rules SET threshold = -0.9 WHERE org_id = 'acme'")
    assert _one(db, "SELECT shipped_rules('acme') AS n") == {"n": 0}
    assert {rule["threshold"] for rule in _rules(db, "acme")} == {-0.9}


def test_an_organisation_with_a_rule_of_its_own_gets_no_other(db: Db) -> None:
    db.execute(
        "INSERT INTO rules (org_id, name, audience, threshold, action)"
        " VALUES ('acme', 'only the worst', 'addressed', -0.8, 'ticket')"
    )
    assert _one(db, "SELECT shipped_rules('acme') AS n") == {"n": 0}
    assert len(_rules(db, "acme")) == 1


def test_a_threshold_no_score_can_reach_is_refused(db: Db) -> None:
    with pytest.raises(errors.CheckViolation, match="ck_rules_threshold"):
        db.execute("UPDATE rules SET threshold = -40")
