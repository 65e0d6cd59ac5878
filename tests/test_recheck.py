"""What became of stored posts: each is asked after once a round, and what the platform says is written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors._base import Author, Found, Garbled, Gone, Http, Post, Quota, Spend, TryLater, Watch
from connectors._http import Clients, Requests
from tests.journey import FURIOUS, Journey, at
from workers.recheck import _EVENTS, asked_after, recheck


class Platform:
    """A platform of which posts can be asked: those in `gone` are no more, those in `edited` say something else."""

    lookup_size = 20

    def __init__(self, *, money: int = 0, limits: tuple[Quota, ...] = ()) -> None:
        self.money, self.quotas = money, limits
        self.gone: set[str] = set()
        self.deleted: set[str] = set()
        self.missing: set[str] = set()
        self.odd: set[str] = set()
        self.edited: dict[str, str] = {}
        self.stamped = True
        self.counts: dict[str, int] = {}
        self.author: Author | None = None
        self.asked: list[tuple[str, ...]] = []
        self.refuse: Exception | None = None

    def lookup_cost(self, count: int) -> Spend:
        return Spend(money=self.money * count, units=1 if self.quotas else 0)

    async def lookup(self, http: Http, watch: Watch, ids: Sequence[str]) -> Found:
        self.asked.append(tuple(ids))
        if self.refuse and len(self.asked) > 1:
            raise self.refuse
        for trouble, about in ((Gone("404"), self.missing), (Garbled("odd"), self.odd)):
            if about & set(ids):
                raise trouble
        gone = self.gone | self.deleted
        posts = [
            Post(
                id=name,
                posted_at=at(1),
                verb="comment",
                text=self.edited.get(name, f"It is {name}."),
                edited_at=at(99) if name in self.edited and self.stamped else None,
                author=self.author,
                counts=self.counts,
            )
            for name in ids
            if name not in gone
        ]
        return Found(
            posts=tuple(posts),
            rejects=(),
            gone=tuple(sorted(gone & set(ids))),
            deleted=tuple(self.deleted & set(ids)),
        )


NAMES = [f"t1_{n:03}" for n in range(50)]


@pytest.fixture
def stored(journey: Journey) -> Journey:
    source = journey.source(platform="reddit", kind="comments", term="acme")
    journey.land(
        source,
        *(Post(id=name, posted_at=at(1), verb="comment", text=f"It is {name}.") for name in NAMES),
    )
    journey.digest()
    return journey


def ask(journey: Journey, platform: Any, times: int = 1, **settings: Any) -> int:
    chosen = journey.settings.model_copy(update={"recheck_days": 36_500, **settings})

    async def go() -> int:
        engine = create_async_engine(
            journey.url, pool_size=8, max_overflow=0, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
        )
        clients = Clients()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(
                        recheck(async_sessionmaker(engine), Requests(clients), {"reddit": platform}, chosen)
                    )
                    for _ in range(times)
                ]
            return sum(task.result() for task in tasks)
        finally:
            await clients.aclose()
            await engine.dispose()

    return asyncio.run(go())


def events(journey: Journey, where: str) -> list[str]:
    return [
        row[0] for row in journey.execute(f"SELECT external_id FROM social_events WHERE {where} ORDER BY 1")
    ]


def test_each_post_is_asked_after_once_a_round_in_batches_of_the_platforms_size(stored: Journey) -> None:
    platform = Platform()
    assert ask(stored, platform, times=3) == 50
    assert sorted(name for batch in platform.asked for name in batch) == NAMES
    assert [len(batch) for batch in platform.asked] == [20, 20, 10]
    assert ask(stored, platform) == 0  # the next round begins a day after this one
    [row] = stored.execute("SELECT after, asked, due_at, lease_until FROM rechecks")
    assert (row.after, row.asked, row.lease_until) == (None, 50, None)
    assert row.due_at > datetime.now(UTC) + timedelta(hours=23)


def next_round(journey: Journey, platform: Any) -> int:
    journey.execute("UPDATE rechecks SET due_at = now(), round_at = clock_timestamp()")
    return ask(journey, platform)


def test_a_post_that_two_rounds_do_not_tell_is_marked_and_stays_and_is_asked_after_no_more(
    stored: Journey,
) -> None:
    platform = Platform()
    platform.gone = {"t1_007", "t1_041"}
    ask(stored, platform)
    assert events(stored, "missed_at IS NOT NULL") == ["t1_007", "t1_041"]
    stored.execute("UPDATE rechecks SET after = NULL, due_at = now(), round_at = now() - interval '1 hour'")
    ask(stored, platform)  # a round that was cut off asks again, and that is no second round
    assert events(stored, "gone_at IS NOT NULL") == []
    platform.gone = {"t1_007"}
    next_round(stored, platform)
    assert events(stored, "gone_at IS NOT NULL") == ["t1_007"]
    assert events(stored, "missed_at IS NOT NULL") == []
    assert len(events(stored, "text <> ''")) == 50
    assert next_round(stored, platform) == 49


def test_what_a_platform_calls_deleted_is_gone_at_once_until_it_is_heard_again(stored: Journey) -> None:
    platform = Platform()
    platform.deleted, platform.gone = {"t1_007", "t1_008"}, {"t1_009"}
    ask(stored, platform)
    assert events(stored, "gone_at IS NOT NULL") == ["t1_007", "t1_008"]
    source = stored.value("SELECT id FROM sources")
    again = [
        Post(id=f"t1_{n}", posted_at=at(1), verb="comment", text=f"It is t1_{n}.") for n in ("008", "009")
    ]
    stored.hear(source, *again)
    assert events(stored, "gone_at IS NOT NULL OR missed_at IS NOT NULL") == ["t1_007"]


def test_a_batch_that_is_refused_for_one_post_concerns_that_post_alone(stored: Journey) -> None:
    platform = Platform()
    platform.missing, platform.odd = {"t1_007"}, {"t1_030"}
    assert ask(stored, platform) == 50
    assert events(stored, "missed_at IS NOT NULL") == ["t1_007"]
    assert len(platform.asked) < 25
    [row] = stored.execute("SELECT after, asked, gone, last_error FROM rechecks")
    assert tuple(row) == (None, 50, 0, "odd")
    next_round(stored, platform)
    assert events(stored, "gone_at IS NOT NULL") == ["t1_007"]


def test_a_platform_that_cannot_be_read_at_all_is_not_asked_for_each_post(stored: Journey) -> None:
    platform = Platform()
    platform.odd = set(NAMES)
    assert ask(stored, platform) == 3
    assert len(platform.asked) < 12
    due = stored.value("SELECT due_at FROM rechecks")
    assert due > datetime.now(UTC) + timedelta(minutes=59)
    platform.odd = set()
    assert next_round(stored, platform) == 47  # it goes on where it was


def test_what_is_asked_after_is_found_without_looking_through_the_others(stored: Journey) -> None:
    about = {"source": stored.value("SELECT id FROM sources"), "platform": "reddit", "most": 100}
    stored.execute(
        """
        INSERT INTO social_events (platform, external_id, occurred_at, sightings)
        SELECT 'reddit', 'e' || n, now(), ARRAY[CASE WHEN n % 40 = 0 THEN :s ELSE uuidv7() END] || uuidv7()
        FROM generate_series(1, 20000) n
        """,
        s=about["source"],
    )
    with stored.engine.connect() as db:
        db.execute(text("ANALYZE social_events"))
        explain = text(f"EXPLAIN (FORMAT JSON) {_EVENTS}")
        [plan] = db.execute(explain, about | {"after": UUID(int=0), "days": 30}).one()
    told = json.dumps(plan)
    assert '"Index Name": "ix_social_events_heard_first"' in told
    assert "Sort" not in told
    assert "Filter" in told
    assert "Seq Scan" not in told


def test_what_a_look_up_brings_says_nothing_about_the_health_of_the_source(stored: Journey) -> None:
    stored.execute("UPDATE sources SET failures = 7, last_error = 'refused', last_success_at = NULL")
    platform = Platform()
    platform.edited = {"t1_003": FURIOUS}
    ask(stored, platform)
    assert stored.value("SELECT count(*) FROM deliveries") == 1
    [row] = stored.execute("SELECT failures, last_error, last_success_at FROM sources")
    assert tuple(row) == (7, "refused", None)


def test_a_count_that_falls_to_nothing_is_no_more_and_one_that_is_not_told_stays(journey: Journey) -> None:
    source = journey.source(platform="reddit", kind="comments", term="acme")
    for counts in ({"likes": 3, "replies": 2}, {"likes": 0, "reposts": 0}):
        journey.hear(source, Post(id="t1_1", posted_at=at(1), verb="comment", text="Told.", counts=counts))
    assert journey.value("SELECT counts FROM social_events") == {"replies": 2}
    journey.hear(
        source, Post(id="t1_1", posted_at=at(1), verb="comment", text="Told.", counts={"replies": 0})
    )
    assert journey.value("SELECT counts FROM social_events") is None


def test_an_edited_post_lands_like_any_page_and_is_scored_anew(stored: Journey) -> None:
    platform = Platform()
    platform.edited = {"t1_003": FURIOUS}
    ask(stored, platform)
    stored.digest()
    [row] = stored.execute(
        "SELECT text, sentiment, edited_at FROM social_events WHERE external_id = 't1_003'"
    )
    assert row.text == FURIOUS
    assert row.sentiment < -0.4
    ledger = stored.ledger()
    assert (ledger["fetched"], ledger["new"], ledger["edited"], ledger["waiting"]) == (51, 50, 1, 0)
    platform.edited["t1_004"] = "It is something else."
    stored.execute("UPDATE rechecks SET due_at = now()")
    ask(stored, platform)
    stored.digest()
    assert stored.ledger()["fetched"] == 52  # what is known lands no second time


def test_an_edit_that_is_told_with_less_takes_nothing_away(journey: Journey) -> None:
    url, told = "https://reddit.example/t1_1", {"likes": 3, "replies": 2}
    ann = Author(id="t2_ann", handle="ann", name="Ann", bot=True)
    whole = Post(
        id="t1_1",
        posted_at=at(1),
        verb="comment",
        text="Before.",
        author=ann,
        url=url,
        counts=told,
        lang="en",
    )
    source = journey.source(platform="reddit", kind="comments", term="acme")
    journey.land(source, whole)
    journey.digest()
    platform = Platform()
    platform.edited, platform.counts = {"t1_1": "The parcel is here, and it is after the edit."}, {"likes": 7}
    platform.author = Author(id="t2_ann")
    ask(journey, platform)
    journey.digest()
    [row] = journey.execute("SELECT text, url, lang, counts, edited_at FROM social_events")
    assert row.text == platform.edited["t1_1"]
    assert row.edited_at is not None
    assert (row.url, row.lang, row.counts) == (url, "en", {"likes": 7, "replies": 2})
    [author] = journey.execute("SELECT handle, name, bot, former_handles FROM identities")
    assert tuple(author) == ("ann", "Ann", True, [])


def test_where_no_times_of_edits_are_told_another_text_is_an_edit(stored: Journey) -> None:
    platform = Platform()
    platform.edited, platform.stamped = {"t1_003": FURIOUS}, False
    ask(stored, platform)
    stored.digest()
    [row] = stored.execute("SELECT text, edited_at FROM social_events WHERE external_id = 't1_003'")
    assert tuple(row) == (FURIOUS, None)
    assert stored.ledger()["edited"] == 1


def test_where_a_platform_says_wait_the_round_goes_on_there_later(stored: Journey) -> None:
    platform = Platform()
    platform.refuse = TryLater("429", limited=True, after=300.0)
    assert ask(stored, platform) == 20
    assert ask(stored, platform) == 0
    [row] = stored.execute("SELECT after, last_error, due_at FROM rechecks")
    assert row.after == stored.value("SELECT id FROM social_events WHERE external_id = 't1_019'")
    assert row.last_error == "429"
    assert row.due_at > datetime.now(UTC) + timedelta(seconds=250)
    platform.refuse = None
    stored.execute("UPDATE rechecks SET due_at = now()")
    assert ask(stored, platform) == 30


def test_old_posts_and_paused_sources_are_left_alone(stored: Journey) -> None:
    assert ask(stored, Platform(), recheck_days=1) == 0
    assert ask(stored, Platform(), recheck_days=0) == 0
    stored.execute("UPDATE sources SET state = 'paused'")
    stored.execute("UPDATE rechecks SET due_at = now()")
    assert ask(stored, Platform()) == 0


def test_what_costs_money_is_asked_only_where_a_setting_says_so_and_within_the_budget(
    stored: Journey,
) -> None:
    paid: Any = Platform(money=5_000)
    assert asked_after({"reddit": paid}, paid=False) == []
    assert ask(stored, paid) == 0
    assert ask(stored, paid, recheck_paid=True) == 0
    [row] = stored.execute("SELECT last_error FROM rechecks")
    assert "earshot budget set reddit" in row.last_error
    stored.execute(
        "INSERT INTO quotas (platform, of, period, amount) VALUES ('reddit', 'money', 'month', 100000)"
    )
    stored.execute("UPDATE rechecks SET due_at = now()")
    assert ask(stored, paid, recheck_paid=True) == 20
    assert stored.value("SELECT sum(spent + held)::bigint FROM spendings WHERE of = 'money'") == 100_000


def test_look_ups_count_in_the_platforms_quota(stored: Journey) -> None:
    ask(stored, Platform(limits=(Quota(of="units", amount=100, period="day"),)))
    assert stored.execute("SELECT spent, held FROM spendings WHERE of = 'units'") == [(3, 0)]
