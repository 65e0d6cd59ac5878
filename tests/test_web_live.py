"""What an open page is told of, over real HTTP from a real PostgreSQL: everything since it was read, at once, and no more often
than it asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from time import monotonic

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from console.web.live import TOPICS
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import MAX, OLGA, Visitor, let_in
from workers.prune import prune

PATIENCE = 60
"""Seconds that an event may take on a machine that runs whole fleets beside us; without fleets it is one."""
HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, OLGA)
    journey.source(term="acme", host="https://town.example")
    yield journey
    journey.close()


@contextmanager
def hearing(
    base: str, email: str, since: int | None = None, **headers: str
) -> Iterator[Queue[tuple[str, str]]]:
    """(id, topics) of each event, as they come; the first tells what was missed."""
    visitor = Visitor(base)
    visitor.sign_in(email)
    heard: Queue[tuple[str, str]] = Queue()
    query = "" if since is None else f"?since={since}"
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    with (
        httpx.Client(timeout=30) as client,
        client.stream("GET", f"{base}/live{query}", headers={"cookie": cookie} | headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")

        def read() -> None:
            event: dict[str, str] = {}
            try:
                for line in answer.iter_lines():
                    name, _, value = line.partition(":")
                    if line:
                        event[name] = value.strip()
                    elif "data" in event:
                        heard.put((event.get("id", ""), event["data"]))
                        event = {}
            except httpx.HTTPError:
                pass

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield heard


def test_an_open_page_hears_of_what_changed_and_of_no_other_organisation(journey: Journey) -> None:
    let_in(journey, MAX, org="elsewhere")
    with web(journey.url) as base, hearing(base, OLGA) as ours, hearing(base, MAX) as theirs:
        ours.get(timeout=PATIENCE), theirs.get(timeout=PATIENCE)
        journey.execute("UPDATE sources SET state = 'paused'")
        assert ours.get(timeout=PATIENCE)[1] == "fleet"
        journey.execute("INSERT INTO tickets (org_id, subject) VALUES ('elsewhere', 'a bell')")
        assert theirs.get(timeout=PATIENCE)[1] == "cases"
        assert ours.empty()


def test_who_comes_back_hears_what_was_missed_also_of_a_transaction_that_began_long_before(
    journey: Journey,
) -> None:
    with psycopg.connect(make_url(journey.url).set(drivername="postgresql").render_as_string(False)) as slow:
        journey.execute("DELETE FROM changes")
        slow.execute("UPDATE sources SET state = 'paused'")  # begun, and not committed
        since = journey.value(HORIZON)
        journey.execute("INSERT INTO tickets (org_id, subject) VALUES ('main', 'later, and first')")
        with web(journey.url) as base:
            with hearing(base, OLGA, since) as heard:
                last, topics = heard.get(timeout=PATIENCE)
                assert topics == "cases"
            slow.commit()
            with hearing(base, OLGA, int(last)) as heard:
                assert "fleet" in heard.get(timeout=PATIENCE)[1].split()
            journey.execute("UPDATE changes SET at = now() - interval '2 hours'")
            prune(journey.sessions, journey.settings)
            with hearing(base, OLGA, **{"last-event-id": last}) as heard:  # older than what is remembered
                assert heard.get(timeout=PATIENCE)[1].split() == sorted(TOPICS)


def test_a_hundred_changes_are_an_event_every_two_seconds(journey: Journey) -> None:
    with web(journey.url) as base, hearing(base, OLGA) as heard:
        heard.get(timeout=PATIENCE)
        began = monotonic()
        for number in range(100):
            journey.execute(f"UPDATE sources SET failures = {number}")
        took = monotonic() - began
        heard.get(timeout=PATIENCE)
        assert heard.qsize() + 1 <= 2 + took / 2


def test_who_has_no_session_hears_that_it_is_over_and_nothing_else(journey: Journey) -> None:
    with web(journey.url) as base:
        assert httpx.get(f"{base}/live").text == "event: over\ndata:\n\n"
