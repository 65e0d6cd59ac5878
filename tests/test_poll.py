"""A visit: what is claimed, what an answer means for a source, and what is written when it is cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors._base import ConnectorError, Denied, Garbled, Gone, TryLater
from connectors._http import Clients, Requests
from tests.journey import Journey
from tests.replayer import Asked, Replayer, Reply
from workers.overdue import waits_longest
from workers.poll import Outcome, poll, settle
from workers.visit import Visit

JSON = {"content-type": "application/json"}


def status(number: int, text: str = "hello there") -> dict[str, Any]:
    return {
        "id": str(number),
        "uri": f"https://town.example/statuses/{number}",
        "created_at": "2026-06-01T12:30:00.000Z",
        "content": f"<p>{text}</p>",
        "visibility": "public",
        "account": {"id": "7", "acct": "zoe", "url": "https://town.example/@zoe", "display_name": "Zoe"},
    }


def visit_due(journey: Journey, server: Replayer, **settings: float) -> int:
    """One poll of Mastodon, as the task makes it."""

    async def go() -> int:
        engine = create_async_engine(
            journey.url, pool_size=8, max_overflow=0, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
        )
        clients = Clients(trusted={server.netloc})
        try:
            return await poll(
                "mastodon",
                sessions=async_sessionmaker(engine),
                http=Requests(clients),
                settings=journey.settings.model_copy(update=settings),
                ring=_nobody,
            )
        finally:
            await clients.aclose()
            await engine.dispose()

    return asyncio.run(go())


async def _nobody() -> None:
    """Nobody listens to the bell here."""


def follow(journey: Journey, server: Replayer, **columns: Any) -> None:
    journey.source(host=server.base, term="acme", **columns)


def row(journey: Journey, table: str = "sources") -> Any:
    [found] = journey.execute(f"SELECT * FROM {table}")
    return found


def pages(*answers: Reply) -> Callable[[Asked], Reply]:
    """One answer after another; the last one for ever."""
    left = list(answers)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def page(*numbers: int) -> Reply:
    return Reply(body=json.dumps([status(number) for number in numbers]).encode(), headers=JSON)


def test_a_visit_lands_what_there_is_and_gives_the_source_back(journey: Journey) -> None:
    with Replayer(pages(page(3, 2, 1))) as server:
        follow(journey, server)
        assert visit_due(journey, server) == 1
    source, visit = row(journey), row(journey, "polls")
    assert (source.fence, source.lease_until, source.last_error, source.failures) == (1, None, None, 0)
    assert source.due_at > datetime.now(UTC)
    assert (visit.pages, visit.fetched, visit.uncertain) == (1, 3, False)
    assert visit.finished_at is not None
    journey.digest()
    assert journey.ledger()["new"] == 3


def test_a_walk_goes_on_while_the_platform_has_more(journey: Journey) -> None:
    with Replayer(pages(page(5, 4), page(7, 6), page(8), page())) as server:
        follow(journey, server, cursor='{"id": "3"}')
        visit_due(journey, server)
    assert row(journey, "polls").fetched == 5
    assert json.loads(row(journey).cursor)["id"] == "8"


def test_a_source_that_is_not_due_or_paused_is_left_alone(journey: Journey) -> None:
    with Replayer(pages(page(1))) as server:
        follow(journey, server, due_at=datetime(2100, 1, 1, tzinfo=UTC))
        journey.source(host=server.base, term="other", state="paused")
        assert visit_due(journey, server) == 0
        assert server.asked == []


def test_visits_without_news_share_a_row(journey: Journey) -> None:
    with Replayer(pages(page())) as server:
        follow(journey, server, cursor='{"id": "3"}')
        for _ in range(3):
            visit_due(journey, server)
            journey.execute("UPDATE sources SET due_at = now()")
    assert row(journey, "polls").visits == 4  # the one that the source was made with, and three more
    assert journey.value("SELECT count(*) FROM pages") == 0


def test_a_visit_that_was_cut_off_is_marked_uncertain_and_made_again(journey: Journey) -> None:
    with Replayer(pages(page(2, 1))) as server:
        follow(journey, server)
        journey.execute(
            "UPDATE sources SET lease_until = now() + interval '40 s', lease_pid = 1, lease_started = now()"
        )
        assert visit_due(journey, server) == 1
    marks = [found.uncertain for found in journey.execute("SELECT uncertain FROM polls ORDER BY started_at")]
    assert marks == [True, False]
    assert journey.ledger()["fetched"] == 2


def test_a_source_under_a_living_lease_is_passed_over(journey: Journey) -> None:
    with Replayer(pages(page(1))) as server, journey.engine.connect() as other:
        follow(journey, server)
        journey.execute("SELECT 1")
        pid = other.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        journey.execute(
            "UPDATE sources SET lease_until = now() + interval '40 s', lease_pid = :pid, lease_started ="
            " (SELECT backend_start FROM pg_stat_activity WHERE pid = :pid)",
            pid=pid,
        )
        assert visit_due(journey, server) == 0


def test_a_visit_that_lost_its_lease_changes_nothing_of_the_source(journey: Journey) -> None:
    def answer(asked: Asked) -> Reply:
        journey.execute("UPDATE sources SET fence = fence + 1, cursor = 'theirs'")
        return Reply(429, b"{}", JSON)

    with Replayer(answer) as server:
        follow(journey, server)
        visit_due(journey, server)
    source = row(journey)
    assert (source.fence, source.cursor, source.last_error) == (2, "theirs", None)
    assert source.lease_until is not None


def test_a_limit_is_no_failure_and_the_source_is_due_when_the_platform_says(journey: Journey) -> None:
    limited = Reply(429, b'{"error": "Too many requests"}', {**JSON, "retry-after": "120"})
    with Replayer(pages(limited)) as server:
        follow(journey, server)
        visit_due(journey, server)
    source = row(journey)
    assert (source.state, source.failures) == ("active", 0)
    assert 100 < (source.due_at - datetime.now(UTC)).total_seconds() < 140


def test_a_page_that_had_to_be_smaller_grows_back_when_pages_have_landed_well(journey: Journey) -> None:
    sizes = []
    with Replayer(pages(*(page(number) for number in range(4, 30)))) as server:
        follow(journey, server, cursor='{"id": "3"}', page_size=30)
        for _ in range(9):
            journey.execute("UPDATE sources SET due_at = now()")
            visit_due(journey, server, source_deadline=1.0)  # a page a visit
            sizes.append(row(journey).page_size)
    assert sizes == [30, 30, 30, 60, 60, 60, 60, None, None]
    assert [asked.param("limit") for asked in server.asked][3:5] == ["30", "40"]


def test_an_unreadable_answer_is_counted_and_leaves_the_cursor(journey: Journey) -> None:
    with Replayer(pages(Reply(200, b"<html>sorry</html>", {"content-type": "text/html"}))) as server:
        follow(journey, server, cursor='{"id": "3"}')
        visit_due(journey, server)
    source = row(journey)
    assert (source.failures, source.cursor) == (1, '{"id": "3"}')
    assert "HTML where JSON was promised" in source.last_error


def test_a_hashtag_that_is_gone_is_switched_off_aloud(journey: Journey) -> None:
    with Replayer(pages(Reply(410, b"{}", JSON))) as server:
        follow(journey, server)
        visit_due(journey, server)
    source = row(journey)
    assert source.state == "off"
    assert source.last_error


def test_one_hanging_source_does_not_hold_up_another(journey: Journey) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(body=b"[" * 60, headers=JSON, drip=1.0) if "slow" in asked.path else page(1)

    with Replayer(answer) as server:
        journey.source(host=server.base, term="slow")
        journey.source(host=server.base, term="quick")
        assert visit_due(journey, server, source_deadline=1.0) == 2
    found = dict(journey.execute("SELECT term, last_error FROM sources"))
    assert found["quick"] is None
    assert "1 s" in found["slow"]


VISIT = Visit(uuid4(), "main", "mastodon", "hashtag", "acme", "https://town.example", None, 1, uuid4(), 60.0, 0,
              None, None, False, datetime(2026, 6, 1, tzinfo=UTC))  # fmt: skip


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TryLater("wait", after=90), Outcome(wait=90, error="wait")),
        (TryLater("broken"), Outcome(wait=30, error="broken")),
        (TryLater("less", after=1, page_size=10), Outcome(wait=1, error="less", page_size=10)),
        (Denied("no", refreshable=False), Outcome(state="off", error="no")),
        (Gone("away"), Outcome(state="off", error="away")),
        (Gone("lost", cursor=True), Outcome(wait=0, error="lost", fresh_start=True)),
        (Garbled("what"), Outcome(wait=60, failed=True, error="what")),
    ],
)
def test_each_error_has_its_own_recovery(error: ConnectorError, outcome: Outcome) -> None:
    assert settle(error, VISIT, 1.0) == outcome


def test_what_is_refused_waits_for_a_credential_only_where_one_was_used() -> None:
    from dataclasses import replace

    with_one = settle(Denied("no", refreshable=False), replace(VISIT, credential=uuid4()), 1.0)
    assert with_one == Outcome(state="needs_reauth", error="no")


def test_what_stays_unreadable_is_asked_ever_less_often_but_each_hour() -> None:
    from dataclasses import replace

    waits = [settle(Garbled("what"), replace(VISIT, failures=n), 1.0).wait for n in range(9)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def waits(journey: Journey, seconds: float = 5.0) -> str | None:
    """Which platform's turn it is."""

    async def go() -> str | None:
        engine = create_async_engine(journey.url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        try:
            return await waits_longest(async_sessionmaker(engine), seconds)
        finally:
            await engine.dispose()

    return asyncio.run(go())


def test_the_platform_that_waits_longest_is_next_and_a_walk_under_way_does_not_wait(journey: Journey) -> None:
    ago = "UPDATE sources SET due_at = now() - make_interval(secs => :due), last_success_at = now() - make_interval(secs => :heard) WHERE platform = :platform"
    assert waits(journey) is None
    for platform, kind, due, heard in (
        ("mastodon", "hashtag", 600, 1),  # a long walk, a page of which has just landed
        ("bluesky", "search", 20, 40),
        ("reddit", "subreddit", 30, 50),
        ("youtube", "channel", 3, 23),
    ):
        journey.source(platform=platform, kind=kind, host="https://a.example", term="acme")
        journey.execute(ago, due=due, heard=heard, platform=platform)
    assert waits(journey) == "reddit"
    journey.execute("UPDATE sources SET state = 'paused' WHERE platform = 'reddit'")
    assert waits(journey) == "bluesky"
    journey.execute("UPDATE sources SET due_at = now() + interval '1 minute' WHERE platform = 'bluesky'")
    assert waits(journey) is None
    assert waits(journey, seconds=2.0) == "youtube"
