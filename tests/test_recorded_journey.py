"""Every recorded page of a watch goes the whole journey: served over HTTP, fetched and digested by a real fleet.

What the database must hold is taken from the pages by themselves and from the table that names them; private
and direct posts are returned by the platform and must not be stored, so they are left out by name.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from psycopg.types.json import Json
from uuid_utils import uuid7

from connectors._base import Page
from local.home import Home
from tests import recordings_table as rt
from tests.conftest import Servers
from tests.fleet import Addresses, Fleet, fleet
from tests.replayer import Asked, Replayer, Reply

pytestmark = [
    pytest.mark.fleet,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not rt.ROOT.is_dir() and not os.environ.get("CI"),
        reason=f"no recordings at EARSHOT_RECORDINGS (looked in {rt.ROOT}): real pages went no journey",
    ),
]

PRIVATE = {
    ("mastodon", post)
    for post in (
        "http://localhost:3000/ap/users/117020565693913441/statuses/117020592129111851",
        "http://localhost:3000/ap/users/117020565966271181/statuses/117020588315335369",
        "http://localhost:3000/ap/users/117020565966271181/statuses/117020585762235614",
        "http://localhost:3000/ap/users/117020565966271181/statuses/117020585724931720",
        "https://mastodon.social/users/halcy/statuses/110446983178245440",
        "https://mastodon.social/users/halcy/statuses/110446984249325790",
        "https://mastodon.social/users/halcy/statuses/110447001287656894",
        "https://icosahedron.website/users/latencyobs/statuses/116275331526178516",
    )
}


def _play(asked: Asked) -> Reply:
    """The table, and a session for whoever signs in."""
    if asked.path.endswith("com.atproto.server.createSession"):
        session = {
            "did": "did:plc:recorded",
            "handle": "recorded.example",
            "accessJwt": "a",
            "refreshJwt": "r",
        }
        return Reply(200, json.dumps(session).encode(), {"content-type": "application/json"})
    return rt.play(asked)


def _follow(running: Fleet, lines: list[rt.Recorded], base: str) -> dict[str, rt.Recorded]:
    """A source for every page, with a credential of its own where it takes one; the lines by source id."""
    key = Fernet(running.instance.read_settings().keys()[0])
    wanted, credentials = [], []
    for line in lines:
        watch, credential = line.watch(base), None
        source = str(uuid7())
        if watch.token:
            credential = uuid7()
            secret = getattr(rt.MORE.get(line.platform), "SECRET", watch.token)
            secret = key.encrypt(credential.bytes + secret.encode()).hex()
            about = {"platform": line.platform, "host": watch.host, "secret": secret}
            credentials.append({"id": str(credential), **about})
        wanted.append(
            {
                "id": source,
                "platform": line.platform,
                "kind": watch.kind,
                "term": watch.term,
                "host": watch.host,
                "cursor": line.cursor,
                "credential": str(credential) if credential else None,
            }
        )
    running.rows("SELECT shipped_rules('main')")
    running.rows(
        "INSERT INTO quotas (platform, of, period, amount) VALUES ('x', 'money', 'month', 1000000000)"
    )
    running.rows(
        "INSERT INTO credentials (id, platform, host, identifier, secret) "
        "SELECT id, platform, host, 'recorded', decode(secret, 'hex') FROM json_to_recordset(%(rows)s) "
        "AS x (id uuid, platform text, host text, secret text)",
        rows=Json(credentials),
    )
    running.rows(
        "INSERT INTO sources (id, platform, kind, term, host, every, cursor, credential_id) "
        "SELECT id, platform, kind, term, host, 3600, cursor, credential FROM json_to_recordset(%(rows)s) "
        "AS x (id uuid, platform text, kind text, term text, host text, cursor text, credential uuid)",
        rows=Json(wanted),
    )
    return {str(row["id"]): line for row, line in zip(wanted, lines, strict=True)}


def _kept(line: rt.Recorded, page: Page) -> Iterator[tuple[str, str]]:
    """The posts of a page that are to be stored."""
    ids = {(line.platform, post.id) for post in page.posts if post.verb != "repost"}
    assert len(ids) == line.distinct, f"{line.slug} is not what the table says"
    assert len(page.rejects) == line.rejects, f"{line.slug} is not what the table says"
    yield from ids - PRIVATE


def test_every_recorded_page_goes_the_whole_journey(home: Path, servers: Servers, broker: str) -> None:
    lines = list(rt.recorded_pages())
    with servers.new_database() as (database, owner), Replayer(_play) as platform:
        pages = {line.slug: line.page(platform.base) for line in lines}
        expected = {key for line in lines for key in _kept(line, pages[line.slug])}
        where = Addresses(database, owner, broker)
        with fleet(Home(home), where, platform.netloc, poll_sources=100) as running:
            followed = _follow(running, lines, platform.base)
            running.eventually(
                lambda: (
                    not running.rows(
                        "SELECT 1 FROM sources WHERE state = 'active' AND (last_success_at IS NULL OR due_at <= now()) "
                        "OR lease_until IS NOT NULL UNION ALL SELECT 1 FROM pages WHERE state = 'landed' LIMIT 1"
                    )
                ),
                within=240,
                of="the end of every walk",
                every=0.5,
            )
            assert (
                running.rows(
                    "SELECT platform, term, host, state, last_error FROM sources WHERE state <> 'active'"
                )
                == []
            )

            stored = Counter(
                (row["platform"], row["external_id"])
                for row in running.rows("SELECT platform, external_id FROM social_events")
            )
            assert sorted(expected - set(stored)) == [], "returned and not stored"
            assert sorted(set(stored) - expected) == [], "stored and in no page"
            assert max(stored.values()) == 1

            held = Counter(
                (followed[row["source"]].slug, row["stage"], row["reason"], bytes(row["payload"]))
                for row in running.rows(
                    "SELECT source_id::text AS source, stage, reason, payload FROM quarantine"
                )
            )
            rejects = Counter(
                (slug, "reject", reject.reason, reject.raw.encode("utf-8", "replace"))
                for slug, page in pages.items()
                for reject in page.rejects
            )
            assert held == rejects

            assert running.ledger_faults() == []
            for row in running.rows(
                "SELECT source_id::text AS source, sum(fetched) AS fetched, sum(quarantined) AS quarantined, "
                "coalesce(sum((filtered_by ->> 'repost')::int), 0) AS reposts FROM ledger GROUP BY source_id"
            ):
                line = followed[row["source"]]
                told = (row["fetched"], row["reposts"], row["quarantined"])
                assert told == (line.posts + line.rejects, line.reposts, line.rejects), line.slug
