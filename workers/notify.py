"""Deliver what is owed: every receiver in a lane of its own, its news in the order of each case.

    claim    receivers that are owed something (outbox.py), again and again while a slow one is under way
    take     the next news; a receiver that failed before is asked with one piece first
    tell     by its channel: cases side by side, the news of a case one after the other, up to the first failure
    settle   what came of it, in one statement; then the next
    leave    how the receiver stands now; its owner is told when it takes nothing any more (undelivered.py)

At least once: what was told and not yet written down when a process died is told again, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from connectors._base import ConnectorError
from workers._settings import BadSetting
from workers.credentials import unseal
from workers.mail import Mail, server
from workers.outbox import Claimed, News, Outbox, StaleFence
from workers.telling import STREAK, Channel, Standing, Told, news_waits, stands
from workers.undelivered import leave
from workers.webhook_out import Webhook

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from workers._settings import Settings

log = logging.getLogger(__name__)

LANES = 50
"""Receivers that one process tells at once."""
BATCH = 200
"""Pieces of news between two writings down: so many are told twice when a process is killed, at most."""
LOOK = 0.25
"""Seconds between two looks for receivers that became due while others are told."""

Opens = Callable[[Claimed], Channel]


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def channels(settings: Settings) -> Opens:
    """How receivers are reached. What it returns raises ConnectorError or BadSetting where one cannot be."""

    def opens(receiver: Claimed) -> Channel:
        deadline = settings.request_deadline
        if receiver.kind == "email":
            return Mail(receiver.address, server(settings), deadline=deadline, context=_context())
        return Webhook(
            receiver.address,
            unseal(receiver.id, receiver.secret or b""),
            trusted=settings.trusted_hosts,
            agent=settings.user_agent,
            deadline=deadline,
            context=_context(),
        )

    return opens


async def notify(
    sessions: async_sessionmaker[AsyncSession], settings: Settings, opens: Opens | None = None
) -> int:
    """Tell whoever is owed something, for the time of a task; how much was taken."""
    outbox, open_ = Outbox(sessions), opens or channels(settings)
    loop = asyncio.get_running_loop()
    until = loop.time() + max(1.0, settings.batch_deadline - settings.request_deadline - 2.0)
    lanes: set[asyncio.Task[int]] = set()
    took = 0
    async with asyncio.TaskGroup() as group:
        while loop.time() < until:
            for receiver in await outbox.claim(LANES - len(lanes), settings.lease):
                visit = _Visit(receiver, outbox, until)
                lanes.add(group.create_task(visit.run(open_, sessions)))
            if not lanes:
                break
            done, lanes = await asyncio.wait(lanes, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
            took += sum(lane.result() for lane in done)
    return took + sum(lane.result() for lane in lanes)


class _Visit:
    """One receiver, told for as long as there is time and it takes what it is told."""

    def __init__(self, receiver: Claimed, outbox: Outbox, until: float) -> None:
        self._receiver, self._outbox, self._until = receiver, outbox, until
        self._ended: list[tuple[News, Told]] = []
        self._took = self._streak = 0
        self._failure: Told | None = None
        self._wait = 0.0

    async def run(self, opens: Opens, sessions: async_sessionmaker[AsyncSession]) -> int:
        """Tell what is owed; how much was taken."""
        receiver = self._receiver
        channel = None
        try:
            channel = opens(receiver)
            while not self._over() and (most := await self._most()):
                batch = await self._outbox.take(receiver, most)
                if not batch:
                    self._wait = (
                        0.0 if self._took else 1.0
                    )  # all of it waits behind what failed, or for quiet hours
                    break
                try:
                    await self._tell(channel, batch)
                finally:
                    await asyncio.shield(self._settle())
        except (ConnectorError, BadSetting) as error:
            self._failure = Told(str(error))
        except StaleFence as stale:
            log.warning("%s", stale, extra={"action": "fence_refused"})
            return self._took
        except asyncio.CancelledError:
            await asyncio.shield(leave(sessions, receiver, self._standing()))
            raise
        except Exception as defect:
            log.exception("Receiver %s met a defect", receiver.id)
            self._failure = Told(f"defect: {type(defect).__name__} on our side")
            self._took = 0
        finally:
            if channel is not None:
                await channel.aclose()
        try:
            await leave(sessions, receiver, self._standing())
        except DBAPIError:
            # its lease ends with its time, or with the session that took it
            log.exception("Receiver %s could not be left", receiver.id)
        return self._took

    def _standing(self) -> Standing:
        ended_badly = self._failure if not self._took or self._streak >= STREAK else None
        standing = stands(self._receiver.state, self._receiver.failures, self._took, ended_badly, _jitter())
        return standing._replace(wait=max(standing.wait, self._wait))

    def _over(self) -> bool:
        failed = self._failure is not None
        proven = self._took or not self._receiver.failures
        gone = self._failure is not None and self._failure.gone
        return (
            gone
            or (failed and not proven)
            or self._streak >= STREAK
            or asyncio.get_running_loop().time() >= self._until
        )

    async def _most(self) -> int:
        """How much may be taken now: one where the receiver has to show first that it is there, and within the budget."""
        most = 1 if self._receiver.failures and not self._took else BATCH
        if self._receiver.per_hour is None:
            return most
        room = await self._outbox.room(self._receiver)
        if room.free < 1:
            self._wait = max(1.0, room.opens or 0.0)
            return 0
        if not room.more:
            return min(most, room.free)
        if room.free == 1 and not room.digest:
            await self._outbox.fold(self._receiver)
        return min(most, max(1, room.free - 1))

    async def _tell(self, channel: Channel, batch: list[News]) -> None:
        chains: dict[object, list[News]] = defaultdict(list)
        for news in batch:
            chains[news.case or news.id].append(news)
        waiting = iter(chains.values())
        async with asyncio.TaskGroup() as group:
            for _ in range(min(channel.width, len(chains))):
                group.create_task(self._teller(channel, waiting))

    async def _teller(self, channel: Channel, chains: Iterator[list[News]]) -> None:
        for chain in chains:
            for news in chain:
                if self._over():
                    return
                told = await channel.tell(news)
                self._ended.append((news, told))
                if told.why is not None:
                    self._failure, self._streak = told, self._streak + 1
                    break  # what follows about this case must not overtake it
                self._took, self._streak = self._took + 1, 0

    async def _settle(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            await self._outbox.settle(
                self._receiver,
                [(news.id, told.why, news_waits(news.attempts, told, _jitter())) for news, told in ended],
            )


def _jitter() -> float:
    return 0.8 + 0.4 * random.random()
