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
