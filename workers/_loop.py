"""What a worker process holds: one event-loop thread, two engines, the HTTP clients, the budget.

Made on first use after the fork and never before: sockets and threads do not survive one.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import redis.asyncio
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from connectors._http import Clients, Requests
from workers._settings import settings
from workers.budget import Budget
from workers.directory import Directories

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)
T = TypeVar("T")

# A lease lives as long as the database session that took it: a pool that closes idle sessions early
# would end leases early, so none overflows and none is recycled. Nothing is pinged before use: after a restart
# of the server one task fails, the whole pool is made anew, and the next bell finds the same work.
_POOL: dict[str, Any] = {"max_overflow": 0, "pool_recycle": -1, "hide_parameters": True}
_PR_SET_PDEATHSIG = 1

RESOLVERS = 64
"""Names that are resolved at the same time at most; threads are made as they are needed."""


class Process:
    """The resources of one process, each made when it is first asked for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # names are resolved in threads; one whose server does not answer keeps its thread, and asyncio has six on two cores
        self._loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolver"))
        self.directories = Directories()
        threading.Thread(target=self._loop.run_forever, name="loop", daemon=True).start()

    @cached_property
    def engine(self) -> Engine:
        """For everything after the landing. One connection: a digest never needs a second."""
        return create_engine(settings().database, pool_size=2, **_POOL)

    @cached_property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine, expire_on_commit=False)

    @cached_property
    def async_sessions(self) -> async_sessionmaker[AsyncSession]:
        """For polling, where every transaction is one statement: it commits by itself, in one round trip."""
        engine = create_async_engine(
            settings().database, pool_size=8, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **_POOL
        )
        return async_sessionmaker(engine, expire_on_commit=False)

    @cached_property
    def http(self) -> Requests:
        """Made on the loop thread, where its sockets live."""
        ours = settings()
        return Requests(
            Clients(trusted=ours.trusted_hosts, user_agent=ours.user_agent),
            budget=Budget(redis.asyncio.from_url(ours.redis, socket_timeout=5)),
            deadline=ours.request_deadline,
        )

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop thread. Raises TimeoutError after the time of a batch."""

        async def bounded() -> T:
            async with asyncio.timeout(settings().batch_deadline):
                return await work()

        future = asyncio.run_coroutine_threadsafe(bounded(), self._loop)
        try:
            return future.result()
        except BaseException:
            # the soft time limit is raised here, in the main thread; the coroutine has to hear of it
            future.cancel()
            raise

    def stale(self, term: int | None) -> bool:
        """Has the beat that sent this tick lost its lease to another one? A bell of our own has no term."""
        if term is None:
            return False
        with self.sessions() as session:
            newest = session.scalar(text("SELECT max(term) FROM beat_lease"))
        return newest is not None and term < newest


_process: tuple[int, Process] | None = None


def process() -> Process:
    """This process's resources; a fork starts with none."""
    global _process
    if _process is None or _process[0] != os.getpid():
        _process = (os.getpid(), Process())
    return _process[1]


def die_with_parent() -> None:
    """Ask Linux for SIGKILL when our parent dies; elsewhere the parent's own shutdown has to do."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        log.debug("No parent-death signal on this system")
