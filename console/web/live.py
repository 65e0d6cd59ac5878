"""`/live`: which parts of its page a browser has to ask for again, as server-sent events.

Triggers write what a transaction touched to `changes` and notify; one task of this process listens, reads them and tells
every open page of that organisation: at once, and every two seconds while things go on changing. An event names topics ("fleet cases"), its id is a horizon:
below it no transaction can appear any more, since numbers of rows and transactions are not in the order of commits. So
whoever comes back with an id, or opens a page that was read at one, is told of everything since, some of it twice, nothing
never. What may be told twice is told without delay: a transaction that lasts for an hour keeps the horizon, not the news.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.web.pages import HEADERS
from console.web.sessions import COOKIE, Person, person
from workers._settings import Settings

log = logging.getLogger(__name__)

TOPICS = ("fleet", "stream", "cases", "rules")
EVERY, BUSY = 0.5, 2.0
"""Seconds between two events to one page at least, and while each is followed by another: fifty pages that ask for their parts twice
a second are what a server does all day."""
ALIVE = 20.0
"""Seconds after which a silent stream says so, and whether its session still holds is asked."""
AGAIN = 2
"""Seconds before the database is tried again."""

HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_SINCE = """
    SELECT h.horizon, c.xid, c.org_id, c.topic
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) h
    LEFT JOIN changes c ON c.xid >= %s
"""
_OVER = "event: over\ndata:\n\n"
"""The session has ended: the page goes to the way in."""
_MISSED = text("""
    SELECT c.topic FROM changes c WHERE c.org_id = :org AND c.xid >= :since
    UNION SELECT unnest(CAST(:all AS text[])) WHERE :since <= (SELECT max(xid) FROM changes WHERE org_id = '')
""")


def _stream_of(events: AsyncIterator[str] | str) -> Response:
    # a reader behind a proxy that collects answers would hear everything a minute late
    headers = HEADERS | {"content-type": "text/event-stream", "x-accel-buffering": "no"}
    return (
        Response(events, 200, headers) if isinstance(events, str) else StreamingResponse(events, 200, headers)
    )


@dataclass(eq=False)
class _Open:
    """One open page: the topics that it was not told of yet."""

    org: str
    horizon: int = 0
    topics: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def hears(self, topics: set[str]) -> None:
        self.topics |= topics
        self.woken.set()


class Live:
    """All open pages of this process, and the task that listens for them."""

    def __init__(self, ours: Settings, engine: Engine) -> None:
        self._ours, self._engine = ours, engine
        self._open: set[_Open] = set()
        self._wanted, self._ended = asyncio.Event(), asyncio.Event()
        self._horizon, self._told = 0, set[tuple[int, str, str]]()
        self._hears, self._tellings = False, Counter[str]()

    async def run(self) -> None:
        """Listen as soon as somebody looks, for ever."""
        await self._wanted.wait()
        engine = create_async_engine(
            self._ours.database,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"connect_timeout": 5, "application_name": "earshot live"},
        )
        while True:
            try:
                async with engine.connect() as connection:
                    await self._listen((await connection.get_raw_connection()).driver_connection)
            except (DBAPIError, OSError) as away:
                log.warning("Pages are not told of changes: the database is away (%s)", type(away).__name__)
            self._hears = False
            await asyncio.sleep(AGAIN)

    def telling(self, org: str) -> int | None:
        """How often pages of this organisation were told of something; None while nobody listens to the database."""
        return self._tellings[org] if self._hears else None

    def stop(self) -> None:
        """End all streams: their browsers come back to whoever serves next."""
        self._ended.set()
        for page in self._open:
            page.woken.set()

    async def answer(self, request: Request) -> Response:
        """The stream of one page. `since` is the horizon at which it was read."""
        cookie = request.cookies.get(COOKIE)
        given = request.headers.get("last-event-id") or request.query_params.get("since", "")
        since = int(given) if given.isdecimal() and len(given) < 19 else 0
        try:
            who = await asyncio.to_thread(self._who, cookie)
            if who is None:
                return _stream_of(_OVER)
            page = _Open(who.org)
            self._open.add(
                page
            )  # before it is asked what was missed: what comes between is heard twice, not never
            try:
                horizon, missed = await asyncio.to_thread(self._missed, who.org, since)
            except BaseException:
                self._open.discard(page)
                raise
        except (DBAPIError, PoolTimeout):
            return _stream_of(f"retry: {AGAIN * 1000}\n\n")  # after any other status no browser comes back
        page.horizon = max(page.horizon, horizon)
        page.topics |= missed
        self._wanted.set()
        return _stream_of(self._stream(page, cookie))

    def _who(self, cookie: str | None) -> Person | None:
        with Session(self._engine) as session, session.begin():
            return person(session, cookie, seen=False)

    def _missed(self, org: str, since: int) -> tuple[int, set[str]]:
        with Session(self._engine) as session, session.begin():
            horizon: int = session.execute(HORIZON).scalar_one()
            values = {"org": org, "since": since, "all": list(TOPICS)}
            return horizon, set(session.scalars(_MISSED, values)) if since else set()

    async def _stream(self, page: _Open, cookie: str | None) -> AsyncIterator[str]:
        try:
            yield f"retry: 2000\nid: {page.horizon}\ndata: {' '.join(sorted(page.topics))}\n\n"
            page.topics.clear()
            told = 0.0
            while not self._ended.is_set():
                try:
                    await asyncio.wait_for(page.woken.wait(), ALIVE)
                except TimeoutError:
                    if not await asyncio.to_thread(self._holds, cookie):
                        yield _OVER
                        return
                    yield ": still here\n\n"
                    continue
                page.woken.clear()
                topics, page.topics = page.topics, set()
                if topics:
                    yield f"id: {page.horizon}\ndata: {' '.join(sorted(topics))}\n\n"
                    busy, told = monotonic() - told < 2 * BUSY, monotonic()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._ended.wait(), BUSY if busy else EVERY)
        finally:
            self._open.discard(page)

    def _holds(self, cookie: str | None) -> bool:
        try:
            return self._who(cookie) is not None
        except (DBAPIError, PoolTimeout):
            return True  # away is not over

    async def _listen(self, connection: Any) -> None:
        await connection.execute("LISTEN earshot_changes")
        while True:
            await self._read(connection)
            await asyncio.sleep(EVERY)
            async for _ in connection.notifies(timeout=ALIVE, stop_after=1):
                pass

    async def _read(self, connection: Any) -> None:
        since = self._horizon or min((page.horizon for page in self._open), default=0)
        rows = await (await connection.execute(_SINCE, [since])).fetchall()
        self._horizon = rows[0][0]
        found = {row[1:] for row in rows if row[1] is not None}
        fresh = found - self._told
        self._told = {one for one in found if one[0] >= self._horizon}
        # before anybody is told: what is made from now on has it
        self._tellings.update({org for _, org, _ in fresh})
        self._hears = True
        for page in self._open:
            page.horizon = self._horizon
            if topics := {topic for _, org, topic in fresh if org == page.org}:
                page.hears(topics)
