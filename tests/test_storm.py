"""Ten thousand complain within a minute: few Tickets, one Incident, and every post attached to something."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from local.home import Home
from tests.conftest import Servers
from tests.fleet import Addresses, Fleet, fleet
from tests.journey import Journey
from tests.storming import THEMES, US, Storm

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(400)]

BURST = 20


def prepare(database: str, storm: Storm) -> None:
    """What the CRM knows, and the sources; they read from the start, and everything since today may escalate."""
    knows = Journey(database)
    knows.own(US)
    for name in THEMES:
        knows.account(name)
    campaign = knows.value("INSERT INTO campaigns (name) VALUES ('Recall') RETURNING id")
    knows.alias("hashtag", "recall", "campaign", campaign_id=campaign)
    for tag in storm.tags:
        knows.source(
            term=tag,
            host=storm.base,
            every=1.0,
            cursor='{"id":"0"}',
            escalate_from=knows.value("SELECT now()"),
        )
    knows.close()


def wave(running: Fleet, storm: Storm) -> float:
    """Seconds until all that was said is digested."""
    began = monotonic()
    running.eventually(
        lambda: (
            running.value("SELECT coalesce(sum(new), 0) FROM pages") == storm.said
            and running.value("SELECT count(*) FROM pages WHERE state = 'landed'") == 0
        ),
        within=150,
        of="the digestion of all that was said",
    )
    return monotonic() - began


def attached(running: Fleet) -> None:
    """Nobody is dropped: each post has a case with a Ticket, and the ledger adds up."""
    assert (
        running.value(
            "SELECT count(*) FROM social_events e LEFT JOIN cases c ON c.id = e.case_id"
            " WHERE c.ticket_id IS NULL OR e.ticket_id IS DISTINCT FROM c.ticket_id"
        )
        == 0
    )
    assert running.ledger_faults() == []
    assert running.value("SELECT count(*) FROM quarantine") == 0
    assert running.value("SELECT max(attempts) FROM pages") == 1


def _storm(home: Path, servers: Servers, broker: str, posts: int, told: dict[str, Any]) -> None:
    with servers.new_database() as (database, owner), Storm() as storm:
        with fleet(Home(home), Addresses(database, owner, broker), storm.netloc, digesters=2) as running:
            prepare(database, storm)
            storm.breaks(posts)
            told["first"] = wave(running, storm)
            attached(running)
            assert running.value("SELECT count(*) FROM tickets") == BURST + 1
            [incident] = running.rows("SELECT * FROM cases WHERE subject LIKE 'burst:%%'")
            assert incident["subject"].startswith("burst:campaign:")
            running.eventually(
                lambda: (
                    running.value("SELECT count(*) FROM cases WHERE parent_id = %(id)s", id=incident["id"])
                    == posts
                ),
                within=20,
                of="the adoption of those that opened it",
            )
            began = monotonic()
            running.rows("UPDATE tickets SET status = 'closed' WHERE id = %(id)s", id=incident["ticket_id"])
            told["closing"] = monotonic() - began
            assert running.value("SELECT count(*) FROM cases WHERE closed_at IS NULL") == BURST


def test_a_storm_is_few_tickets_and_one_incident_and_nobody_is_dropped(
    home: Path, servers: Servers, broker: str
) -> None:
    told: dict[str, Any] = {}
    _storm(home, servers, broker, 1_500, told)
    print(told)


@pytest.mark.slow
def test_ten_thousand_in_a_minute(home: Path, servers: Servers, broker: str) -> None:
    told: dict[str, Any] = {}
    _storm(home, servers, broker, 10_000, told)
    print(told)
