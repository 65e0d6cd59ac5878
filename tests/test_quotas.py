"""What may be spent: set aside before a request, written down with its page, and never more than was allowed."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors._base import Cursor, Denied, Garbled, Http, Page, Post, Quota, Spend, TryLater, Watch
from connectors._http import Clients, Requests
from console.spending import runs_out
from tests.journey import Journey
from workers import quotas
from workers.fetch import fetch_page
from workers.quotas import SOON, Allowance, Hold, Stands, allowances, period_of, refusal
from workers.visit import Visit

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
DAY = Allowance(None, "units", "day", 100, "America/Los_Angeles")


class Metered:
    """A platform that costs. `answers`: what each fetch does, the last one for ever."""

    quotas: tuple[Quota, ...] = ()

    def __init__(self, most: Spend, *answers: Page | Exception, limits: tuple[Quota, ...] = ()) -> None:
        self.most, self.answers, self.quotas, self.asked = most, list(answers), limits, 0

    def cost(self, watch: Watch) -> Spend:
        return self.most

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(spent: Spend | None = None) -> Page:
    said = Post(id="1", posted_at=NOW, verb="post", text="hello")
    return Page(posts=(said,), rejects=(), cursor=Cursor("1"), spent=spent)


class Fetching:
    """Fetches of one source of X, as a visit makes them."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.source = journey.source(platform="x", kind="search", term=f"acme {uuid4()}")

    def visit(self, urgent: bool = False, credential: UUID | None = None) -> Visit:
        [row] = self.journey.execute(
            f"INSERT INTO polls (source_id, fence) VALUES ('{self.source}', 1) RETURNING id"
        )
        return Visit(self.source, "main", "x", "search", "acme", "https://api.x.example", None, 1, row.id, 60.0, 0, None,
                     credential, urgent, NOW)  # fmt: skip

    def fetch(self, platform: Any, *, settle: bool = True, times: int = 1, **about: Any) -> Hold | None:
        visits = [self.visit(**about) for _ in range(times)]
        return asyncio.run(self._fetch(platform, settle, visits))

    async def _fetch(self, platform: Any, settle: bool, visits: list[Visit]) -> Hold | None:
        # as in a worker, where each statement is a transaction of its own
        engine = create_async_engine(
            self.journey.url,
            pool_size=8,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
        )
        sessions, clients = async_sessionmaker(engine), Clients()
        watch = Watch(kind="search", term="acme", host="", now=NOW)
        until = asyncio.get_running_loop().time() + 10

        async def once(visit: Visit) -> Hold | None:
            got, held = await fetch_page(visit, platform, watch, None, Requests(clients), sessions, until)
            if settle and held:
                async with sessions() as session, session.begin():
                    await quotas.settle(session, "main", "x", held, got.spent or held.most)
            return held

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(once(visit)) for visit in visits]
        except* (TryLater, Denied, Garbled) as several:
            raise several.exceptions[0] from None
        finally:
            await clients.aclose()
            await engine.dispose()
        return tasks[-1].result()

    def stands(self, of: str = "money") -> tuple[int, int]:
        [row] = self.journey.execute(
            f"SELECT coalesce(sum(spent), 0)::bigint AS spent, coalesce(sum(held), 0)::bigint AS held FROM spendings WHERE of = '{of}'"
        )
        return row.spent, row.held

    def allow(self, amount: int, of: str = "money", period: str = "month") -> None:
        self.journey.execute(
            f"INSERT INTO quotas (platform, of, period, amount) VALUES ('x', '{of}', '{period}', {amount})"
        )


@pytest.fixture
def fetching(journey: Journey) -> Fetching:
    return Fetching(journey)


COSTS = Spend(money=50_000)


def test_nothing_is_spent_before_somebody_has_said_how_much(fetching: Fetching) -> None:
    platform = Metered(COSTS, page())
    with pytest.raises(TryLater, match="earshot budget set x 20 usd") as refused:
        fetching.fetch(platform)
    assert refused.value.limited
    assert platform.asked == 0
    assert fetching.stands() == (0, 0)


def test_what_a_page_really_took_is_written_down_and_the_rest_given_back(fetching: Fetching) -> None:
    fetching.allow(1_000_000)
    fetching.fetch(Metered(COSTS, page(Spend(money=15_000))))
    assert fetching.stands() == (15_000, 0)
    [poll] = fetching.journey.execute("SELECT money, held_money FROM polls ORDER BY started_at DESC LIMIT 1")
    assert tuple(poll) == (15_000, 0)


def test_the_cap_holds_however_many_ask_at_once(fetching: Fetching) -> None:
    fetching.allow(220_000)
    platform = Metered(COSTS, page())
    with pytest.raises(TryLater, match="the budget of x waits"):
        fetching.fetch(platform, times=8)
    assert platform.asked <= 4
    assert sum(fetching.stands()) <= 220_000
    for _ in range(4 - platform.asked):
        fetching.fetch(platform)
    assert sum(fetching.stands()) == 200_000


def test_what_was_cut_off_stays_set_aside_and_counts(fetching: Fetching) -> None:
    fetching.allow(70_000)
    fetching.fetch(Metered(COSTS, page()), settle=False)
    assert fetching.stands() == (0, 50_000)
    with pytest.raises(TryLater):
        fetching.fetch(Metered(COSTS, page()))


def test_what_a_killed_visit_has_set_aside_is_uncertain_and_what_a_living_one_has_is_waited_for(
    fetching: Fetching,
) -> None:
    fetching.allow(70_000)
    fetching.fetch(Metered(COSTS, page()), settle=False)
    with pytest.raises(
        TryLater, match=r"\$0.05 of \$0.07 are taken this month, \$0.05 of it uncertain"
    ) as dead:
        fetching.fetch(Metered(COSTS, page()))
    assert dead.value.after is not None
    assert dead.value.after > SOON
    leased = (
        "UPDATE sources SET poll_id = (SELECT id FROM polls WHERE held_money > 0), lease_until = now() + interval '40 s',"
        " lease_pid = :pid, lease_started = (SELECT backend_start FROM pg_stat_activity WHERE pid = :pid)"
    )
    with fetching.journey.engine.connect() as other:
        fetching.journey.execute(leased, pid=other.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        with pytest.raises(TryLater, match=r"others are asking, and \$0.05 are set aside") as alive:
            fetching.fetch(Metered(COSTS, page()))
        assert alive.value.after == SOON


@pytest.mark.parametrize(
    ("error", "stands"),
    [
        (TryLater("429", limited=True, after=3.0), (0, 0)),
        (TryLater("503"), (0, 0)),
        (Denied("401", refreshable=True), (0, 0)),
        (Garbled("HTML"), (50_000, 0)),
        (TryLater("no answer", uncertain=True), (0, 50_000)),
    ],
)
def test_an_error_costs_no_money_and_no_answer_may_have(
    fetching: Fetching, error: Exception, stands: tuple[int, int]
) -> None:
    fetching.allow(1_000_000)
    with pytest.raises(type(error)):
        fetching.fetch(Metered(COSTS, error))
    assert fetching.stands() == stands


def test_an_error_counts_in_units_unless_it_only_said_wait(fetching: Fetching) -> None:
    own = (Quota(of="units", amount=100, period="day"),)
    with pytest.raises(Garbled):
        fetching.fetch(Metered(Spend(units=3), Garbled("HTML"), limits=own))
    with pytest.raises(TryLater):
        fetching.fetch(Metered(Spend(units=3), TryLater("429", limited=True), limits=own))
    with pytest.raises(TryLater):
        fetching.fetch(Metered(Spend(units=3), TryLater("no connection", sent=False), limits=own))
    assert fetching.stands("units") == (3, 0)


def test_a_tenth_is_left_to_campaigns_where_there_is_one(fetching: Fetching) -> None:
    fetching.allow(100, of="units", period="day")
    dear = Metered(Spend(units=95), page())
    fetching.journey.source(platform="x", kind="search", term="launch", priority=10)
    with pytest.raises(TryLater, match="kept for urgent sources"):
        fetching.fetch(dear)
    fetching.fetch(dear, urgent=True)
    assert fetching.stands("units") == (95, 0)


def test_without_an_urgent_source_everything_may_be_used(fetching: Fetching) -> None:
    fetching.allow(100, of="units", period="day")
    fetching.fetch(Metered(Spend(units=95), page()))
    assert fetching.stands("units") == (95, 0)


def test_a_day_is_the_platforms_own() -> None:
    window = period_of(DAY, NOW)
    assert window.starts_on == date(2026, 11, 22)
    assert window.ends == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert period_of(DAY, NOW + timedelta(minutes=30)).starts_on == date(2026, 11, 23)


def test_a_day_on_which_the_clock_is_turned_has_23_hours() -> None:
    spring = period_of(DAY, datetime(2026, 3, 8, 9, 0, tzinfo=UTC))
    assert spring.ends == datetime(2026, 3, 9, 7, 0, tzinfo=UTC)


def test_a_month_ends_with_the_year() -> None:
    window = period_of(Allowance(None, "money", "month", 1, "UTC"), datetime(2026, 12, 31, 23, tzinfo=UTC))
    assert (window.starts_on, window.ends) == (date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC))


def test_what_was_set_goes_before_what_the_platform_allows() -> None:
    own = (Quota(of="units", amount=10_000, period="day"),)
    asked = allowances([DAY], own, None, Spend(units=1))
    assert asked == [DAY]
    assert allowances([], own, None, Spend(units=1))[0].amount == 10_000
    assert allowances([DAY], own, None, Spend(money=1)) == [Allowance(None, "money", "month", 0, "UTC")]


def test_the_wait_is_until_the_period_ends_but_looks_again_within_hours() -> None:
    window = period_of(DAY, NOW)
    refused = refusal(
        [window], {window: Stands(100, 0)}, Spend(units=1), leave=0.0, platform="youtube", now=NOW
    )
    assert refused is not None
    assert refused.after == 1_800.0
    early = NOW - timedelta(hours=20)
    refused = refusal(
        [window], {window: Stands(100, 0)}, Spend(units=1), leave=0.0, platform="youtube", now=early
    )
    assert refused is not None
    assert refused.after == 6 * 3_600.0


def test_who_only_waits_for_what_others_set_aside_looks_again_soon() -> None:
    window = period_of(DAY, NOW)
    waits = refusal(
        [window], {window: Stands(10, 80, 80)}, Spend(units=20), leave=0.0, platform="youtube", now=NOW
    )
    assert waits is not None
    assert waits.after == SOON
    assert "others are asking" in str(waits)


@pytest.mark.parametrize(
    ("taken", "hours", "expected"),
    [
        (50, 2.0, NOW + timedelta(hours=2)),
        (10, 2.0, None),
        (100, 2.0, NOW),
        (90, 0.05, None),
        (0, 2.0, None),
    ],
)
def test_it_runs_out_when_it_goes_on_as_it_has_gone(
    taken: int, hours: float, expected: datetime | None
) -> None:
    ends = NOW + timedelta(hours=3)
    assert runs_out(100, taken, NOW - timedelta(hours=hours), NOW, ends) == expected
