"""What became of stored posts? Platforms that can look posts up by their ids are asked, round after round.

A post that its platform no longer has is marked (`gone_at`), never removed, and no more when it is heard again; one
that was edited lands like any page, and digest does the rest. Each source asks after the posts that it heard first, with its own credential. Where a look-up
costs money nothing is asked unless a setting says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import text

from connectors._base import (
    ConnectorError,
    Denied,
    Found,
    Garbled,
    Gone,
    Page,
    Post,
    Received,
    Spend,
    TryLater,
    Watch,
)
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
PATIENCE = 3
"""So many posts in a row may be refused, each by itself, until the rest has to wait."""
_FIRST = UUID(int=0)

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
    RETURNING r.id, r.org_id AS org, r.platform, r.source_id AS source, r.after, r.round_at, s.host, s.credential_id AS credential,
              now() AS now
""")
_EVENTS = text("""
    SELECT id, external_id, edited_at, text, missed_at FROM social_events
    WHERE sightings[1] = :source AND platform = :platform AND gone_at IS NULL AND id > :after
      AND occurred_at > now() - make_interval(days => :days)
    ORDER BY id LIMIT :most
""")
# who heard it meanwhile knows better; locked in the order in which digest does it
_MARK = text("""
    WITH x AS (
        SELECT * FROM unnest(CAST(:rows AS uuid[]), CAST(:were AS timestamptz[]), CAST(:gone AS boolean[]),
                             CAST(:missed AS boolean[])) AS x (id, was, gone, missed)
    ), held AS MATERIALIZED (
        SELECT e.id, x.gone, x.missed FROM social_events e JOIN x ON x.id = e.id
        WHERE e.gone_at IS NULL AND e.missed_at IS NOT DISTINCT FROM x.was
        ORDER BY e.platform, e.external_id FOR NO KEY UPDATE OF e
    ), marked AS (
        UPDATE social_events e
        SET gone_at = CASE WHEN h.gone THEN now() END, missed_at = CASE WHEN h.missed THEN now() END
        FROM held h WHERE e.id = h.id
        RETURNING h.gone
    )
    SELECT count(*) FROM marked WHERE gone
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
        after = CASE WHEN NOT :over THEN after END,
        round_at = CASE WHEN :over THEN greatest(now(), round_at + make_interval(secs => :every)) ELSE round_at END
    WHERE id = :id
""")


class Due(NamedTuple):
    """A source whose posts are asked after, the row after which it goes on, and when its round began."""

    id: UUID
    org: str
    platform: str
    source: UUID
    after: UUID | None
    round_at: datetime
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
    """Batch after batch of one source; how many posts were asked after.

    A batch that is refused for what stands in it is asked for by its halves, so that only the post that it is about is
    concerned. How far the round has come is written down after each part: nothing holds it up for ever.
    """
    asker = _Asker(due, connector, sessions, http.of(str(due.credential)) if due.credential else http)
    asked, after, over, error, refused = 0, due.after, False, None, 0
    parts: deque[Sequence[Stored]] = deque()
    try:
        while asyncio.get_running_loop().time() < until and refused < PATIENCE:
            if not parts:
                parts.append(await asker.batch(after, settings.recheck_days))
            part = parts.popleft()
            if not part:
                over = True
                break
            try:
                found, refused = await asker.ask(part), 0
            except (Gone, Garbled, TryLater) as trouble:
                if isinstance(trouble, TryLater) and (trouble.page_size is None or len(part) == 1):
                    raise
                if len(part) > 1:
                    half = len(part) // 2
                    parts.extendleft((part[half:], part[:half]))
                    continue
                gone = tuple(one.id for one in part if isinstance(trouble, Gone))
                found, refused, error = Found(posts=(), rejects=(), gone=gone), refused + 1, str(trouble)
            marked = await asker.take_in(found, part)
            asked, after = asked + len(part), part[-1].row
            reached = {"after": after, "asked": len(part), "gone": marked, "lease": settings.lease}
            async with sessions() as session, session.begin():
                await session.execute(_GO_ON, {"id": due.id, **reached})
    except ConnectorError as trouble:
        error = str(trouble)
        wait = trouble.after or AGAIN if isinstance(trouble, TryLater) else AFTER_TROUBLE
        log.info("Asking after %s's posts: %s", due.platform, trouble, extra={"action": "recheck_ended"})
    else:
        wait = AFTER_TROUBLE if refused == PATIENCE else AGAIN
    async with sessions() as session, session.begin():
        await session.execute(
            _LEAVE,
            {"id": due.id, "over": over, "error": error, "wait": wait, "every": settings.recheck_every},
        )
    return asked


class Stored(NamedTuple):
    """A post as it is stored: its row and id, when it was last edited as far as is known, its text, and when a look-up
    first did not tell it."""

    row: UUID
    id: str
    edited_at: datetime | None
    text: str
    missed_at: datetime | None


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

    async def batch(self, after: UUID | None, days: int) -> list[Stored]:
        """The next posts."""
        about: dict[str, Any] = {
            "platform": self._due.platform,
            "source": self._due.source,
            "after": after or _FIRST,
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

    async def take_in(self, found: Found, part: Sequence[Stored]) -> int:
        """Land what was edited and mark what is gone; says how many are gone.

        One answer without a post is no proof: it is gone when this round and one before did not tell it, or when the
        platform says so.
        """
        known = {one.id: one for one in part}
        edited = tuple(post for post in found.posts if post.id in known and _newer(post, known[post.id]))
        missing, deleted = {*found.gone, *found.deleted}, set(found.deleted)
        marks = []
        for one in part:
            before = one.missed_at is not None and one.missed_at < self._due.round_at
            gone = one.id in deleted or (one.id in missing and before)
            missed = one.id in missing and not gone
            if gone or missed != (one.missed_at is not None):
                marks.append((one.row, one.missed_at, gone, missed))
        async with self._sessions() as session, session.begin():
            if edited:
                named = "\0".join(f"{post.id} {post.edited_at} {post.text}" for post in edited)
                page = Page(posts=edited, rejects=(), cursor=None)
                await receive(session, self._due.source, Received(page=page), named.encode(), well=False)
            if not marks:
                return 0
            about = dict(
                zip(("rows", "were", "gone", "missed"), map(list, zip(*marks, strict=True)), strict=True)
            )
            return int((await session.execute(_MARK, about)).scalar_one())
