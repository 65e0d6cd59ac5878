"""Thirty days of the past open nothing. Then ten thousand complain within a minute: few Tickets, one Incident, and every
post attached to something."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest

from local.home import Home
from tests.conftest import Servers
from tests.fleet import Addresses, Fleet, fleet
from tests.journey import Journey
from tests.storming import THEMES, US, Storm
from tests.waiting import how_busy

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]

BURST, LOWER = 20, 4
"""Tickets before an Incident takes the rest: as it is without a policy, and what it is lowered to."""


def prepare(database: str, storm: Storm) -> None:
    """What the CRM knows, and the sources; they read from the start, and everything since today may escalate."""
    knows = Journey(database)
    knows.own(US)
    for name in THEMES:
        knows.account(name)
    for name in ("recall", "outage"):
        campaign = knows.value("INSERT INTO campaigns (name) VALUES (:name) RETURNING id", name=name)
        knows.alias("hashtag", name, "campaign", campaign_id=campaign)
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
            " WHERE (c.ticket_id IS NULL OR e.ticket_id IS DISTINCT FROM c.ticket_id)"
            " AND e.held_back IS DISTINCT FROM 'before the start mark'"
        )
        == 0
    )
    assert running.ledger_faults() == []
    assert running.value("SELECT count(*) FROM quarantine") == 0
    assert running.value("SELECT max(attempts) FROM pages") == 1


def incident(running: Fleet) -> dict[str, Any]:
    """The only one that is open."""
    [found] = running.rows("SELECT * FROM cases WHERE subject LIKE 'burst:%%' AND closed_at IS NULL")
    return found


def close(running: Fleet, ticket: Any) -> float:
    """Close a Ticket as psql would; how many seconds that took."""
    with psycopg.connect(running.where.database, autocommit=True) as db:
        began = monotonic()
        db.execute("UPDATE tickets SET status = 'closed' WHERE id = %s", (ticket,))
        return monotonic() - began


def storm_over(home: Path, servers: Servers, broker: str, posts: int) -> None:
    with (
        servers.new_database() as (database, owner),
        Storm() as storm,
        fleet(Home(home), Addresses(database, owner, broker), storm.netloc, digesters=2) as running,
    ):
        prepare(database, storm)
        storm.breaks(posts // 5, days=30)
        wave(running, storm)
        assert (
            running.value("SELECT count(*) FROM cases") == running.value("SELECT count(*) FROM tickets") == 0
        )

        storm.breaks(posts)
        took = wave(running, storm)
        attached(running)
        assert running.value("SELECT count(*) FROM tickets") == BURST + 1
        first = incident(running)
        assert first["subject"].startswith("burst:campaign:")
        children = "SELECT count(*) FROM cases WHERE parent_id = %(id)s"
        running.eventually(
            lambda: running.value(children, id=first["id"]) == posts,
            within=60,
            of="adoption of the first ones",
        )

        # the threshold of a burst is lowered while all runs: a second wave, of something else
        running.rows("INSERT INTO policies (burst_after) VALUES (%(after)s)", after=LOWER)
        storm.breaks(posts // 5, about="outage", accounts=["The app"])
        wave(running, storm)
        attached(running)
        assert running.value("SELECT count(*) FROM tickets") == BURST + 1 + LOWER + 1
        [second] = running.rows(
            "SELECT * FROM cases WHERE subject LIKE 'burst:%%' AND id <> %(id)s", id=first["id"]
        )

        seconds = close(running, first["ticket_id"])
        assert seconds < 5 * how_busy(), f"closing {posts} cases took {seconds:.1f} s"
        left = "SELECT count(*) FROM cases WHERE parent_id = %(id)s AND closed_at IS NULL AND ticket_id = %(ticket)s"
        assert running.value(left, id=first["id"], ticket=first["ticket_id"]) == 0
        assert incident(running)["id"] == second["id"]
        storm.breaks(1, accounts=["The box"])
        wave(running, storm)
        [case] = running.rows(
            "SELECT c.* FROM cases c WHERE c.closed_at IS NULL ORDER BY opened_at DESC LIMIT 1"
        )
        assert (case["parent_id"], case["level"]) == (None, "ticket")
        assert case["opened_at"] > first["opened_at"]
        attached(running)
        print(f"{posts} posts in {took:.1f} s; closing them took {seconds:.2f} s; load {how_busy():.1f}")


def test_a_storm_is_few_tickets_and_one_incident_and_nobody_is_dropped(
    home: Path, servers: Servers, broker: str
) -> None:
    storm_over(home, servers, broker, 1_500)


@pytest.mark.slow
def test_ten_thousand_who_complain_within_a_minute(home: Path, servers: Servers, broker: str) -> None:
    storm_over(home, servers, broker, 10_000)
