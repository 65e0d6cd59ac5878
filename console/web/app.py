"""The ASGI app: deliveries and pages, one process, one event loop, a small pool of connections, and a bell that requests do not wait for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.web import cases, fleet, people, review, rules, stream
from console.web.aside import Aside
from console.web.asked import Ask, Asked, said
from console.web.doors import Doors, leave
from console.web.inbound import BODY_SECONDS, DATABASE_SECONDS, Inbound
from console.web.live import Live
from console.web.pages import HEADERS, static
from console.web.roles import first
from console.web.timing import Timed
from console.words import one_line
from workers._settings import Settings

POOL = 8
RING_EVERY = 0.25
"""Seconds between two bells at least: what lands meanwhile is found by the next."""


class Bell:
    """Rings for whatever has landed, in one thread at most, so that no answer waits for the broker."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Something has landed."""
        self._asked.set()

    async def run(self) -> None:
        """Ring whenever asked, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await asyncio.to_thread(self._ring)
            await asyncio.sleep(RING_EVERY)


def application(
    ours: Settings,
    ring: Callable[[], None],
    awake: AbstractContextManager[object],
    patience: float = BODY_SECONDS,
) -> Starlette:
    """The app over the database of these settings. `ring` asks the workers to look; it must not raise for a broker
    that is away. `awake` is entered once requests can be answered and left when none is taken any more; the body of each
    request has `patience` seconds."""
    engine = create_async_engine(
        ours.database,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=DATABASE_SECONDS,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "earshot web"},
    )
    sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(engine, expire_on_commit=False)
    bell = Bell(ring)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # asyncio has six on two cores; a thread more than there are connections would wait for one
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(POOL, "page"))
        running = [asyncio.create_task(bell.run()), asyncio.create_task(live.run())]
        try:
            with awake:
                yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await engine.dispose()
            await asyncio.to_thread(reading.dispose)
            await asyncio.to_thread(beside.stop)

    inbound = Inbound(sessions, bell.ask, patience)
    reading = _reading(ours)
    live = Live(ours, reading)
    beside = Aside(ours.database)
    deliveries = Route("/in/{source}", inbound.answer, methods=["GET", "POST"])
    made = Starlette(
        routes=[deliveries, Route("/live", live.answer), *_pages(reading, live, beside)],
        lifespan=lifespan,
        exception_handlers={404: _nothing_here, 405: _takes_none, 500: _broke},
        middleware=[Middleware(Timed)],
    )
    made.state.live, made.state.aside = live, beside
    return made


def _reading(ours: Settings) -> Engine:
    """Connections of the pages: deliveries have their own, so that neither waits for the other."""
    return create_engine(
        ours.database,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=DATABASE_SECONDS,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "earshot pages",
            # a page that takes both cores makes all others wait
            "options": "-c statement_timeout=15s -c max_parallel_workers_per_gather=0",
        },
    )


def _pages(engine: Engine, live: Live, beside: Aside) -> list[Route]:
    asked, doors = Asked(engine, live.telling, beside), Doors(engine)
    return [
        Route("/", asked("", _home)),
        Route("/static/{name}", static),
        Route("/sign-in", doors.show, methods=["GET"]),
        Route("/sign-in", doors.enter, methods=["POST"]),
        Route("/sign-out", asked("", leave), methods=["POST"]),
        *fleet.routes(asked),
        *cases.routes(asked),
        *stream.routes(asked),
        *rules.routes(asked),
        *review.routes(asked),
        *people.routes(asked),
    ]


def _home(ask: Ask) -> Response:
    return RedirectResponse(first(ask.who.role), 303, HEADERS)


async def _nothing_here(request: Request, error: Exception) -> Response:
    return said(404, "Nothing is here", f"There is no page {one_line(request.url.path, 100)}.", None)


async def _takes_none(request: Request, error: Exception) -> Response:
    """405, with the methods that the address does take in Allow."""
    words = f"Nothing can be sent to {one_line(request.url.path, 100)} with {one_line(request.method, 20)}."
    page = said(405, "Nothing can be sent here", words, None)
    page.headers.update(getattr(error, "headers", None) or {})
    return page


async def _broke(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the server's log has it."""
    words = "That is a fault of Earshot's, and nothing was changed. Whoever runs it finds what happened in the log."
    return said(500, "This page broke", words, None)
