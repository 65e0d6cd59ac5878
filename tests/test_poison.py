"""A post that kills its worker each time ends alone in quarantine, and soon."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from connectors._base import Post
from local.home import Home
from tests.conftest import Servers
from tests.fleet import Addresses, fleet
from tests.poisoned_app import POISON
from tests.replayer import Asked, Replayer, Reply

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]

POSTS = 40
DEADLY = 17
LEASE = 800.0
AT_ONCE = 60
"""Seconds from the landing to the quarantine; a lease that had to run out even once would be far longer."""


def _feed(asked: Asked) -> Reply:
    """Two feeds: the second holds the poison among its neighbours."""
    name = asked.path.strip("/")
    if asked.headers.get("if-none-match"):
        return Reply(304)
    items = [
        {
            "id": f"https://{name}.example/{number}",
            "content_text": f"The {number}th parcel of {name} is here on Monday."
            + (f" And {POISON}." if name == "poisoned" and number == DEADLY else ""),
            "date_published": "2026-06-01T12:00:00Z",
            "language": "en",
        }
        for number in range(POSTS)
    ]
    body = {"version": "https://jsonfeed.org/version/1.1", "title": name, "items": items}
    return Reply(200, json.dumps(body).encode(), {"content-type": "application/feed+json", "etag": '"1"'})


def test_a_post_that_kills_its_worker_each_time_ends_alone_in_quarantine_within_seconds(
    home: Path, servers: Servers, broker: str
) -> None:
    with servers.new_database() as (database, owner), Replayer(_feed) as platform:
        where = Addresses(database, owner, broker)
        with fleet(Home(home), where, platform.netloc, app="tests.poisoned_app", lease=LEASE) as running:
            running.rows("SELECT shipped_rules('main')")
            for name in ("innocent", "poisoned"):
                running.rows(
                    "INSERT INTO sources (platform, kind, term, every) VALUES ('feeds', 'feed', %(term)s, 3600)",
                    term=f"{platform.base}/{name}",
                )
            running.eventually(
                lambda: running.value("SELECT count(*) FROM pages") == 2, within=60, of="two landed pages"
            )
            running.eventually(
                lambda: running.value("SELECT count(*) FROM pages WHERE state = 'landed'") == 0,
                within=AT_ONCE,
                of="the digestion of everything else",
            )

            [aside] = running.rows("SELECT stage, external_id, reason, payload, state FROM quarantine")
            assert (aside["stage"], aside["state"]) == ("digest", "held")
            assert aside["external_id"] == f"https://poisoned.example/{DEADLY}"
            assert "ended its worker" in aside["reason"]
            assert POISON in msgspec.msgpack.decode(bytes(aside["payload"]), type=Post).text
            stored = {row["external_id"] for row in running.rows("SELECT external_id FROM social_events")}
            everything = {
                f"https://{name}.example/{n}" for name in ("innocent", "poisoned") for n in range(POSTS)
            }
            assert everything - stored == {aside["external_id"]}
            assert stored <= everything
            assert running.ledger_faults() == []
            assert running.value("SELECT sum(quarantined) FROM ledger") == 1
            assert running.value("SELECT sum(new) FROM ledger") == 2 * POSTS - 1
            assert running.value("SELECT min(attempts) FROM pages") <= 2, "an innocent page was held up"
