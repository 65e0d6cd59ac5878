"""What became of stored posts? Platforms that can look posts up by their ids are asked, round after round.

A post that its platform no longer has is marked (`gone_at`), never removed; one that was edited lands like any page, and
digest does the rest. Each source asks after the posts that it heard first, with its own credential. Where a look-up
costs money nothing is asked unless a setting says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import text

from connectors._base import ConnectorError, Denied, Found, Page, Post, Received, Spend, TryLater, Watch
from workers import quotas
from workers.credentials import session_of, whose
from workers.receive import receive

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, LooksUp
    from connectors._http import Requests
    from workers._settings import Settings

log = logging.getLogger(__name__)

SECONDS = 15.0
"""Of one round of the task."""
AGAIN = 60.0
"""Seconds until a source whose round is not over is looked at again."""
AFTER_TROUBLE = 3_600.0

_ENTER = text("""
    INSERT INTO rechecks (org_id, platform, source_id)
    SELECT org_id, platform, id FROM sources WHERE platform = ANY(:platforms) AND state = 'active'
    ON CONFLICT (org_id, source_id) DO NOTHING
""")
_CLAIM = text("""
    WITH due AS (
        SELECT r.id FROM rechecks r JOIN sources s ON s.id = r.source_id
        WHERE r.platform = ANY(:platforms) AND s.state = 'active' AND r.due_at <= now()
          AND coalesce(r.lease_until < now(), true)
        ORDER BY r.due_at LIMIT :most FOR UPDATE OF r SKIP LOCKED
    )
    UPDATE rechecks r SET lease_until = now() + make_interval(secs => :lease)
    FROM due, sources s WHERE r.id = due.id AND s.id = r.source_id
    RETURNING r.id, r.org_id AS org, r.platform, r.source_id AS source, r.after, s.host, s.credential_id AS credential,
              now() AS now
""")
_EVENTS = text("""
    SELECT external_id, edited_at, text FROM social_events
    WHERE platform = :platform AND platform IN ('facebook', 'instagram', 'reddit', 'x', 'youtube')
      AND sightings[1] = :source AND external_id > :after AND gone_at IS NULL
      AND occurred_at > now() - make_interval(days => :days)
    ORDER BY external_id LIMIT :most
""")
_GONE = text("""
    WITH marked AS (
        UPDATE social_events SET gone_at = now()
        WHERE org_id = :org AND platform = :platform AND external_id = ANY(:gone) AND gone_at IS NULL
        RETURNING 1
    )
    SELECT count(*) FROM marked
""")
_GO_ON = text("""
    UPDATE rechecks SET after = :after, asked = asked + :asked, gone = gone + :gone, last_error = NULL,
        lease_until = now() + make_interval(secs => :lease)
    WHERE id = :id
""")
_LEAVE = text("""
    UPDATE rechecks
    SET lease_until = NULL, last_error = :error,
        due_at = CASE WHEN :over THEN greatest(now(), round_at + make_interval(secs => :every))
                      ELSE now() + make_interval(secs => :wait) END,
        after = CASE WHEN :over THEN '' ELSE after END,
        round_at = CASE WHEN :over THEN greatest(now(), round_at + make_interval(secs => :every)) ELSE round_at END
    WHERE id = :id
""")


class Due(NamedTuple):
    """A source whose posts are asked after, and the id after which it goes on."""

    id: UUID
    org: str
    platform: str
    source: UUID
    after: str
    host: str
    credential: UUID | None
    now: datetime


def asked_after(connectors: Mapping[str, Connector], *, paid: bool) -> list[str]:
    """The platforms that are asked. Pure."""
    return [
        name
        for name, connector in connectors.items()
        if hasattr(connector, "lookup") and (paid or not cast("LooksUp", connector).lookup_cost(1).money)
    ]


async def recheck(
    sessions: async_sessionmaker[AsyncSession],
    http: Requests,
    connectors: Mapping[str, Connector],
    settings: Settings,
) -> int:
    """Ask after as many posts as a task has time for; returns after how many."""
    platforms = asked_after(connectors, paid=settings.recheck_paid) if settings.recheck_days else []
    if not platforms:
        return 0
    async with sessions() as session, session.begin():
        await session.execute(_ENTER, {"platforms": platforms})
        rows = await session.execute(_CLAIM, {"platforms": platforms, "most": 20, "lease": settings.lease})
        due = [Due(**row) for row in rows.mappings()]
    until = asyncio.get_running_loop().time() + SECONDS
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_round(one, connectors[one.platform], sessions, http, settings, until))
            for one in due
        ]
    return sum(task.result() for task in tasks)


async def _round(
    due: Due,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Requests,
    settings: Settings,
    until: float,
) -> int:
    """Batch after batch of one source; how many posts were asked after."""
    asker = _Asker(due, connector, sessions, http.of(str(due.credential)) if due.credential else http)
    asked, after, over, error, wait = 0, due.after, False, None, AGAIN
    try:
        while asyncio.get_running_loop().time() < until:
            batch = await asker.batch(after, settings.recheck_days)
            if not batch:
                over = True
                break
            found = await asker.ask(batch)
            gone = await asker.take_in(found, batch)
            asked, after = asked + len(batch), batch[-1].id
            async with sessions() as session, session.begin():
                await session.execute(
                    _GO_ON,
                    {
                        "id": due.id,
                        "after": after,
                        "asked": len(batch),
                        "gone": gone,
                        "lease": settings.lease,
                    },
                )
    except ConnectorError as trouble:
        error = str(trouble)
        wait = trouble.after or AGAIN if isinstance(trouble, TryLater) else AFTER_TROUBLE
        log.info("Asking after %s's posts: %s", due.platform, trouble, extra={"action": "recheck_ended"})
    async with sessions() as session, session.begin():
        await session.execute(
            _LEAVE,
            {"id": due.id, "over": over, "error": error, "wait": wait, "every": settings.recheck_every},
        )
    return asked


class Stored(NamedTuple):
    """A post as it is stored: its id, when it was last edited as far as is known, and its text."""

    id: str
    edited_at: datetime | None
    text: str


def _newer(post: Post, stored: Stored) -> bool:
    """Was it edited since the version that is stored? Where a platform tells no times of edits, by its text."""
    if post.edited_at is None:
        return stored.edited_at is None and post.text != stored.text
    return stored.edited_at is None or post.edited_at > stored.edited_at


class _Asker:
    """Asks after the posts of one source."""

    def __init__(
        self, due: Due, connector: Connector, sessions: async_sessionmaker[AsyncSession], http: Requests
    ) -> None:
        self._due, self._connector, self._sessions, self._http = due, connector, sessions, http
        self._looks_up = cast("LooksUp", connector)

    async def batch(self, after: str, days: int) -> list[Stored]:
        """The next posts."""
        about: dict[str, Any] = {
            "platform": self._due.platform,
            "source": self._due.source,
            "after": after,
            "days": days,
            "most": self._looks_up.lookup_size,
        }
        async with self._sessions() as session:
            return [Stored(*row) for row in await session.execute(_EVENTS, about)]

    async def ask(self, batch: Sequence[Stored]) -> Found:
        """What the platform says of them, within the quotas. Raises as a connector does."""
        due, most = self._due, self._looks_up.lookup_cost(len(batch))
        key = None
        if due.credential:
            key = await session_of(due.credential, self._connector, self._sessions, self._http)
        watch = Watch(
            kind="",
            term="",
            host=key.host if key else due.host,
            now=due.now,
            token=key.access if key else None,
            me=whose(key),
        )
        held = await self._held(most)
        try:
            found = await self._looks_up.lookup(self._http, watch, [one.id for one in batch])
        except ConnectorError as error:
            if held and (spent := quotas.after_error(error, most)):
                await self._settled(held, spent)
            if isinstance(error, Denied) and error.refreshable and due.credential:
                # the next visit, or the next round, meets the new session
                await session_of(due.credential, self._connector, self._sessions, self._http, refused=key)
            raise
        if held:
            await self._settled(held, found.spent or most)
        return found

    async def _held(self, most: Spend) -> quotas.Hold | None:
        if not quotas.metered(self._connector, most):
            return None
        async with self._sessions() as session, session.begin():
            return await quotas.hold(
                session,
                org=self._due.org,
                platform=self._due.platform,
                credential=self._due.credential,
                connector=self._connector,
                poll=None,
                most=most,
                urgent=False,
                now=self._due.now,
            )

    async def _settled(self, held: quotas.Hold, spent: Spend) -> None:
        async with self._sessions() as session, session.begin():
            await quotas.settle(session, self._due.org, self._due.platform, held, spent)

    async def take_in(self, found: Found, batch: Sequence[Stored]) -> int:
        """Mark what is gone and land what was edited; says how many are gone."""
        known = {one.id: one for one in batch}
        edited = tuple(post for post in found.posts if post.id in known and _newer(post, known[post.id]))
        gone = [name for name in found.gone if name in known]
        async with self._sessions() as session, session.begin():
            if edited:
                named = "\0".join(f"{post.id} {post.edited_at} {post.text}" for post in edited)
                page = Page(posts=edited, rejects=(), cursor=None)
                await receive(session, self._due.source, Received(page=page), named.encode())
            if not gone:
                return 0
            about = {"org": self._due.org, "platform": self._due.platform, "gone": sorted(gone)}
            return int((await session.execute(_GONE, about)).scalar_one())
