"""Posts from a file into the journey: landed a page after the other, digested by the fleet or, without one, by us.

Only imported: the source's start mark lies in a future that never comes, so none of its posts opens a case. Whoever is
killed in between loses nothing and doubles nothing: the cursor lands with each page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from connectors._base import Cursor, Page
from console.posts_file import Part, Place, PostsFile
from console.refusal import CannotDo
from workers._settings import Settings
from workers.digest import digest, score_texts
from workers.directory import Directories
from workers.land import StaleFence, land
from workers.lease import LEASE_FREE, LEASE_TAKEN
from workers.pages import claim

TOLD = 20
"""Bad lines that are told one by one."""
AHEAD = 40
"""Landed pages that may wait for a fleet; the file is not all copied into the database before the first is digested."""
LEASE = 120.0
STALLED = 20.0
"""Seconds in which a fleet that digests nothing shows that there is none."""
RING_EVERY = 1.0

Ring = Callable[[], None]

_SOURCE = text("""
    WITH made AS (
        INSERT INTO sources (org_id, platform, kind, term, every, escalate_from)
        VALUES (:org, :platform, 'file', :name, 86400, '9999-01-01T00:00:00Z')
        ON CONFLICT (org_id, platform, kind, host, term) DO NOTHING
        RETURNING id, cursor
    )
    SELECT id, cursor FROM made
    UNION ALL
    SELECT id, cursor FROM sources
    WHERE org_id = :org AND platform = :platform AND kind = 'file' AND host = '' AND term = :name
    LIMIT 1
""")
_CLAIM = text(f"""
    WITH claimed AS (
        UPDATE sources s
        SET fence = s.fence + 1, {LEASE_TAKEN}, poll_id = uuidv7(), failures = 0, last_error = NULL
        WHERE s.id = :source AND {LEASE_FREE.format(row="s")}
        RETURNING s.id, s.org_id, s.fence, s.poll_id
    ), left_open AS (
        UPDATE polls p SET finished_at = now() FROM claimed c WHERE p.source_id = c.id AND p.finished_at IS NULL
    ), opened AS (
        INSERT INTO polls (id, org_id, source_id, fence) SELECT poll_id, org_id, id, fence FROM claimed
    )
    SELECT fence, poll_id FROM claimed
""")
_RENEW = text("""
    UPDATE sources SET lease_until = now() + make_interval(secs => :lease) WHERE id = :source AND fence = :fence
""")
_RELEASE = text("""
    WITH released AS (
        UPDATE sources SET lease_until = NULL, lease_pid = NULL, lease_started = NULL
        WHERE id = :source AND fence = :fence
    )
    UPDATE polls SET finished_at = now() WHERE id = :poll RETURNING id
""")
_WAITING = text("SELECT count(*) FROM pages WHERE source_id = :source AND state = 'landed'")
_FATES = text("""
    SELECT coalesce(sum(fetched), 0) AS fetched, coalesce(sum(new), 0) AS new,
           coalesce(sum(duplicate), 0) AS duplicate, coalesce(sum(edited), 0) AS edited,
           coalesce(sum(quarantined), 0) AS quarantined, count(*) FILTER (WHERE state = 'landed') AS waiting
    FROM pages WHERE poll_id = :poll
""")


@dataclass
class Told:
    """What became of a file: lines read now, and how the posts among them were known. `since` is the line after which
    this run began; `bad` has the first of the lines that are no post, and one that is not finished."""

    since: int = 0
    posts: int = 0
    rejected: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    new: int = 0
    duplicate: int = 0
    edited: int = 0
    filtered: int = 0
    quarantined: int = 0
    waiting: int = 0

    def take(self, part: Part) -> None:
        """Count a page."""
        self.posts += len(part.posts)
        self.rejected += len(part.rejects)
        self.bad += part.bad[: TOLD - len(self.bad)]


def read_only(file: PostsFile, now: datetime, moved: Callable[[int], None]) -> Told:
    """What an import would find. `moved` is told the byte that was reached."""
    told = Told()
    for part in file.parts(None, now):
        told.take(part)
        moved(part.at)
    told.bad += file.left
    return told


def file_source(session: Session, org: str, platform: str, name: str) -> tuple[UUID, Place | None]:
    """The source that stands for a file, and how far it was read."""
    row = session.execute(_SOURCE, {"org": org, "platform": platform, "name": name}).one()
    try:
        return row.id, msgspec.json.decode(row.cursor, type=Place) if row.cursor else None
    except msgspec.MsgspecError:
        return row.id, None


def import_posts(
    file: PostsFile,
    source: UUID,
    since: Place | None,
    settings: Settings,
    *,
    now: datetime,
    ring: Ring | None,
    moved: Callable[[int], None],
    patience: float = STALLED,
) -> Told:
    """Land what comes after a place and see it digested. `ring` calls a fleet; None: there is none, or so it is taken
    when nothing is digested for `patience` seconds.

    Raises CannotDo while somebody else imports the same file, and for what is no file of posts.
    """
    told = Told(since=since.line if since else 0)
    with _landing(settings, source) as landing, _digesting(settings, source, ring, patience) as digesting:
        for part in file.parts(since, now):
            landing.land(part, file.place(part))
            told.take(part)
            moved(part.at)
            digesting.keep_up(AHEAD)
        told.bad += file.left
        digesting.keep_up(0)
        for name, number in landing.fates().items():
            setattr(told, name, int(number))
    return told


class _Landing:
    """Our lease on the source, in a database session that lives as long as it does."""

    def __init__(self, runner: asyncio.Runner, session: AsyncSession, source: UUID) -> None:
        self._runner, self._session, self._source = runner, session, source
        row = self._one(_CLAIM, source=source, lease=LEASE)
        if row is None:
            raise CannotDo("Another import of this file is under way.")
        self._fence, self._poll = row.fence, row.poll_id

    def _one(self, statement: Any, **values: Any) -> Any:
        async def run() -> Any:
            async with self._session.begin():
                return (await self._session.execute(statement, values)).one_or_none()

        return self._runner.run(run())

    def land(self, part: Part, place: Place | None) -> None:
        """A page, with the place after it."""
        cursor = Cursor(msgspec.json.encode(place).decode()) if place else None
        page = Page(posts=tuple(part.posts), rejects=tuple(part.rejects), cursor=cursor, more=True)

        async def run() -> None:
            async with self._session.begin():
                which = {"source": self._source, "fence": self._fence}
                await self._session.execute(_RENEW, {**which, "lease": LEASE})
                await land(self._session, poll=self._poll, page=page, pause=0.0, **which)

        try:
            self._runner.run(run())
        except StaleFence:
            raise CannotDo("Another import of this file began meanwhile; this one stopped.") from None

    def fates(self) -> dict[str, int]:
        """What became of this run's posts."""
        found = dict(self._one(_FATES, poll=self._poll)._mapping)
        known = sum(found[name] for name in ("new", "duplicate", "edited", "quarantined"))
        fetched = found.pop("fetched")
        return found | {"filtered": fetched - known if not found["waiting"] else 0}

    def release(self) -> None:
        """Let go of the source."""
        self._one(_RELEASE, source=self._source, fence=self._fence, poll=self._poll)


@contextmanager
def _landing(settings: Settings, source: UUID) -> Iterator[_Landing]:
    engine = create_async_engine(settings.database, pool_size=1, max_overflow=0, hide_parameters=True)
    with asyncio.Runner() as runner:
        try:
            connection = runner.run(_connected(engine))
            landing = _Landing(runner, AsyncSession(connection), source)
            try:
                yield landing
            finally:
                landing.release()
                runner.run(connection.close())
        finally:
            runner.run(engine.dispose())


async def _connected(engine: Any) -> Any:
    return await engine.connect()


class _Digesting:
    """Sees to it that what has landed is digested: by the fleet while it does, else here."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        source: UUID,
        ring: Ring | None,
        patience: float,
    ) -> None:
        self._sessions, self._settings, self._source = sessions, settings, source
        self._ring, self._patience = ring, patience
        self._directories = Directories()
        self._rung = float("-inf")

    def keep_up(self, ahead: int) -> None:
        """Go on once at most so many of our pages wait."""
        least, seen = None, time.monotonic()
        self._call()
        while (waiting := self._waiting()) > (ahead if self._ring else 0):
            if least is None or waiting < least:
                least, seen = waiting, time.monotonic()
            if self._ring and time.monotonic() - seen > self._patience:
                self._ring = None
            self._call()
            if self._ring is not None or not self._digest():
                time.sleep(0.1)

    def _call(self) -> None:
        if self._ring and time.monotonic() - self._rung > RING_EVERY:
            self._rung = time.monotonic()
            self._ring()

    def _waiting(self) -> int:
        with self._sessions() as session:
            return int(session.execute(_WAITING, {"source": self._source}).scalar_one())

    def _digest(self) -> bool:
        pages = claim(self._sessions, self._settings)
        if pages:
            digest(self._sessions, pages, self._directories, score_texts)
        return bool(pages)


@contextmanager
def _digesting(settings: Settings, source: UUID, ring: Ring | None, patience: float) -> Iterator[_Digesting]:
    # the lease of a page ends with the connection that took it: this one stays open
    engine = create_engine(settings.database, pool_size=2, max_overflow=0, hide_parameters=True)
    try:
        yield _Digesting(sessionmaker(engine, expire_on_commit=False), settings, source, ring, patience)
    finally:
        engine.dispose()
