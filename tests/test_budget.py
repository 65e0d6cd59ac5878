"""Short windows shared by all workers, over a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio

from connectors._base import TryLater
from connectors._limits import Limits
from workers.budget import Budget


def with_two(broker: str, story: Callable[[Budget, Budget], Awaitable[None]]) -> None:
    """Tell a story of two workers with a connection each."""

    async def go() -> None:
        one, two = redis.asyncio.from_url(broker), redis.asyncio.from_url(broker)
        try:
            await story(Budget(one), Budget(two))
        finally:
            await one.aclose()
            await two.aclose()

    asyncio.run(go())


async def ask(budget: Budget, token: str | None = None, endpoint: str = "read") -> float | None:
    """The wait that the budget asks for; None when the request may be made."""
    try:
        await budget.ask(host="town.example:443", endpoint=endpoint, whose=token)
    except TryLater as later:
        return later.after if later.limited else -1.0
    return None


async def learn(budget: Budget, limits: Limits | None, status: int = 200, token: str | None = None) -> None:
    await budget.learn(host="town.example:443", endpoint="read", whose=token, limits=limits, status=status)


async def passes(broker: str, seconds: float) -> None:
    """So much time goes by for what is known of the windows."""
    raw = redis.asyncio.from_url(broker)
    async for key in raw.scan_iter("*"):
        for name in ("reset", "closed", "before"):
            if at := await raw.hget(key, name):
                await raw.hset(key, name, int(float(at) - seconds * 1000))
    await raw.aclose()


def test_what_one_worker_learned_holds_the_other_back(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        assert await ask(two) is None
        await learn(one, Limits(limit=300, remaining=2, reset_in=120.0))
        assert [await ask(two), await ask(one)] == [None, None]
        wait = await ask(two)
        assert wait is not None
        assert 110 < wait <= 120

    with_two(broker, story)


def test_a_late_answer_does_not_give_back_what_was_taken_since(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=300, remaining=3, reset_in=120.0))
        for _ in range(3):
            assert await ask(one) is None
        await learn(two, Limits(limit=300, remaining=2, reset_in=119.5))
        assert await ask(one) is not None

    with_two(broker, story)


def test_a_window_that_is_over_begins_anew_as_wide_and_as_long_for_all_together(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=3, remaining=2, reset_in=60.0))
        await passes(broker, 50)
        await learn(one, Limits(limit=3, remaining=0, reset_in=10.0))
        assert await ask(two) is not None
        await passes(broker, 10)
        asked = [await ask(who) for who in (one, two, two, one, two)]
        assert asked[:3] == [None, None, None]
        assert all(wait is not None and 55 < wait <= 60 for wait in asked[3:])

    with_two(broker, story)


def test_the_first_answer_of_a_new_window_gives_nothing_back_and_one_of_the_old_takes_nothing(
    broker: str,
) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=5, remaining=0, reset_in=60.0))
        await passes(broker, 60)
        assert [await ask(two) for _ in range(3)] == [None] * 3
        await learn(one, Limits(limit=5, remaining=1, reset_in=1.0))  # was under way when the window ended
        await learn(two, Limits(limit=5, remaining=4, reset_in=70.0))
        await learn(one, Limits(limit=5, remaining=1, reset_in=1.0))
        assert [await ask(one), await ask(two)] == [None, None]
        wait = await ask(two)
        assert wait is not None
        assert wait > 65
        await learn(one, Limits(limit=5, remaining=0, reset_in=30.0))
        wait = await ask(two)
        assert wait is not None
        assert wait <= 30  # "no more" is believed, whichever window it is about

    with_two(broker, story)


def test_a_window_whose_width_nobody_told_is_as_wide_as_it_was_seen(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(remaining=1, reset_in=60.0))
        await learn(one, Limits(remaining=0, reset_in=60.0))
        await passes(broker, 60)
        assert [await ask(one), await ask(two)] == [None, None]
        assert await ask(one) is not None

    with_two(broker, story)


def test_a_reset_that_is_too_far_to_be_waited_for_gives_nothing_back(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=5_000, remaining=0, reset_in=900.0))
        await passes(broker, 900)
        assert await ask(one) is None
        assert await ask(two) is not None

    with_two(broker, story)


def test_what_is_taken_ahead_counts_and_is_forgotten_at_once(broker: str) -> None:
    now = [0.0]

    async def story(one: Budget, two: Budget) -> None:
        raw = redis.asyncio.from_url(broker)
        quick = Budget(raw, clock=lambda: now[0])
        await learn(one, Limits(limit=300, remaining=40, reset_in=60.0))
        assert [await ask(quick), await ask(quick)] == [None, None]  # and three more for later
        [key] = [key async for key in raw.scan_iter("*")]
        assert await raw.hget(key, "left") == str(40 - 1 - 4).encode()
        await learn(two, Limits(limit=None, remaining=None, reset_in=30.0), status=429)
        now[0] += 0.3
        assert await ask(quick) is not None
        await raw.aclose()

    with_two(broker, story)


def test_a_platform_that_rations_no_more_is_asked_freely(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=10, remaining=0, reset_in=60.0))
        await passes(broker, 60)
        assert await ask(one) is None
        await learn(two, Limits(limit=10, remaining=6))
        assert [await ask(two) for _ in range(12)] == [None] * 12

    with_two(broker, story)


def test_a_429_closes_the_window_for_everybody_and_no_other_window(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=None, remaining=None, reset_in=30.0), status=429)
        wait = await ask(two)
        assert wait is not None
        assert 25 < wait <= 30
        assert await ask(two, token="mine") is None
        assert await ask(two, endpoint="login") is None

    with_two(broker, story)


def test_an_absurd_wait_is_cut_to_a_quarter_of_an_hour(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=10, remaining=0, reset_in=10 * 365 * 86400.0))
        wait = await ask(two)
        assert wait is not None
        assert wait <= 900

    with_two(broker, story)


def test_a_token_is_not_readable_in_the_server(broker: str) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, Limits(limit=10, remaining=5, reset_in=60.0), token="canary-7f3a")
        raw = redis.asyncio.from_url(broker)
        keys = [key async for key in raw.scan_iter("*")]
        await raw.aclose()
        assert keys
        assert not any(b"canary" in key for key in keys)

    with_two(broker, story)


def test_a_server_that_is_away_holds_nobody_back() -> None:
    async def story() -> None:
        away = redis.asyncio.from_url("unix:///nowhere/valkey.sock")
        assert await ask(Budget(away)) is None
        await learn(Budget(away), Limits(limit=10, remaining=5, reset_in=60.0))
        await away.aclose()

    asyncio.run(story())


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_says_nothing_teaches_nothing(broker: str, status: int) -> None:
    async def story(one: Budget, two: Budget) -> None:
        await learn(one, None, status=status)
        assert await ask(two) is None

    with_two(broker, story)
