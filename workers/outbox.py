"""What is owed, in SQL: a receiver is claimed like a source, its news taken in order, and what came of it written down.

One worker at a time tells a receiver (lease, fence). News of a case goes in the order of ids: what is not due yet, or
stands in a digest that was not delivered, holds back what came later about the same case, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text

from workers.lease import LEASE_FREE, LEASE_TAKEN

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session

LINES = 200
"""Lines of a digest; what is beyond them is counted."""

_CLAIM = text(f"""
    WITH due AS (
        SELECT r.id FROM receivers r
        WHERE r.state <> 'paused' AND r.due_at <= now() AND {LEASE_FREE.format(row="r")}
          AND EXISTS (SELECT FROM owed o WHERE o.receiver_id = r.id AND o.state = 'owed' AND o.due_at <= now())
        ORDER BY r.due_at LIMIT :most FOR NO KEY UPDATE OF r SKIP LOCKED
    )
    UPDATE receivers r SET fence = r.fence + 1, {LEASE_TAKEN}
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.org_id AS org, r.name, r.kind, r.address, r.secret, r.per_hour, r.state, r.failures, r.fence
""")
_HELD_BACK = """EXISTS (
    SELECT FROM owed e LEFT JOIN owed d ON d.id = e.folded_into
    WHERE e.case_id = o.case_id AND e.receiver_id = o.receiver_id AND e.id < o.id
      AND (e.state = 'owed' AND e.due_at > now() OR e.state = 'folded' AND d.state = 'owed'))"""
_MINE = "EXISTS (SELECT FROM receivers r WHERE r.id = :receiver AND r.fence = :fence AND r.state <> 'paused')"
_TAKE = text(f"""
    SELECT o.id, o.case_id AS case, o.kind, o.created_at, o.attempts, CAST(o.body AS text) AS body
    FROM owed o
    WHERE o.receiver_id = :receiver AND o.state = 'owed' AND o.due_at <= now() AND NOT {_HELD_BACK} AND {_MINE}
    ORDER BY o.id LIMIT :most
""")
_SETTLE = text("""
    WITH mine AS (
        SELECT id FROM receivers WHERE id = :receiver AND fence = :fence FOR NO KEY UPDATE
    ), x AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[]), CAST(:waits AS double precision[]))
            AS x (id, why, wait)
    )
    UPDATE owed o
    SET attempts = o.attempts + 1, last_error = x.why,
        state = CASE WHEN x.why IS NULL THEN 'delivered' ELSE 'owed' END,
        delivered_at = CASE WHEN x.why IS NULL THEN now() END,
        due_at = CASE WHEN x.why IS NULL THEN o.due_at ELSE now() + make_interval(secs => x.wait) END
    FROM x, mine WHERE o.id = x.id AND o.receiver_id = mine.id AND o.state = 'owed'
    RETURNING o.id
""")
# how many places of the last hour are free, when the next one will be, and whether more than that many wait; what was
# delivered and is owed again took its place all the same
_ROOM = text(f"""
    WITH told AS (
        (SELECT delivered_at FROM owed
         WHERE receiver_id = :receiver AND state = 'delivered' AND delivered_at > now() - interval '1 hour'
         ORDER BY delivered_at DESC LIMIT :per_hour)
        UNION ALL
        SELECT moment FROM receivers r, unnest(r.replayed) AS moment
        WHERE r.id = :receiver AND moment > now() - interval '1 hour'
        ORDER BY delivered_at DESC LIMIT :per_hour
    ), room AS (SELECT :per_hour - count(*) AS free, min(delivered_at) AS first FROM told)
    SELECT free, extract(epoch FROM first + interval '1 hour' - now())::float AS opens,
           (SELECT count(*) FROM (
               SELECT FROM owed o WHERE o.receiver_id = :receiver AND o.state = 'owed' AND o.due_at <= now()
                 AND NOT {_HELD_BACK} LIMIT free + 1) AS waiting) > free AS more,
           EXISTS (SELECT FROM owed o WHERE o.receiver_id = :receiver AND o.state = 'owed' AND o.kind = 'digest')
               AS digest
    FROM room
""")
# whole cases: what waits for quiet hours to end takes what follows it out of the digest
_FOLD = text("""
    WITH mine AS (
        SELECT id, org_id FROM receivers WHERE id = :receiver AND fence = :fence FOR NO KEY UPDATE
    ), rows AS (
        SELECT o.* FROM owed o JOIN mine ON o.receiver_id = mine.id
        WHERE o.state = 'owed' AND (o.due_at <= now() OR o.attempts > 0) AND NOT EXISTS (
            SELECT FROM owed e WHERE e.case_id = o.case_id AND e.receiver_id = o.receiver_id AND e.id < o.id
              AND e.state = 'owed' AND e.due_at > now() AND e.attempts = 0)
    ), lines AS (
        SELECT jsonb_strip_nulls(jsonb_build_object('kind', kind, 'at', created_at, 'case', body -> 'case',
                   'subject', body -> 'subject', 'ticket', body #> '{ticket,number}')) AS line, id
        FROM rows ORDER BY id LIMIT :lines
    ), digest AS (
        INSERT INTO owed (org_id, receiver_id, kind, body)
        SELECT mine.org_id, mine.id, 'digest', jsonb_build_object(
            'since', (SELECT min(created_at) FROM rows), 'until', (SELECT max(created_at) FROM rows),
            'counts', (SELECT jsonb_object_agg(kind, n) FROM (SELECT kind, count(*) AS n FROM rows GROUP BY kind) AS k),
            'news', (SELECT jsonb_agg(line ORDER BY id) FROM lines),
            'more', greatest(0, (SELECT count(*) FROM rows) - :lines))
        FROM mine WHERE (SELECT count(*) FROM rows) > 1
        RETURNING id
    )
    UPDATE owed o SET state = 'folded', folded_into = digest.id FROM rows, digest WHERE o.id = rows.id
    RETURNING o.id
""")
_OWING = text(f"""
    SELECT EXISTS (
        SELECT FROM receivers r
        WHERE r.state <> 'paused' AND r.due_at <= now() AND {LEASE_FREE.format(row="r")}
          AND EXISTS (SELECT FROM owed o WHERE o.receiver_id = r.id AND o.state = 'owed' AND o.due_at <= now()))
""")


class StaleFence(Exception):
    """Somebody else tells this receiver by now."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A receiver that is ours to tell. `secret` is as it is stored."""

    id: UUID
    org: str
    name: str
    kind: str
    address: str
    secret: bytes | None = field(repr=False)
    per_hour: int | None
    state: str
    failures: int
    fence: int


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell; `body` is JSON."""

    id: int
    case: UUID | None
    kind: str
    created_at: datetime
    attempts: int
    body: str


@dataclass(frozen=True, slots=True)
class Room:
    """How many more may go now, in how many seconds there is a place again, do more wait, is a digest under way."""

    free: int
    opens: float | None
    more: bool
    digest: bool


class Outbox:
    """The outbox of a process. Every statement is a transaction of its own: its sessions commit by themselves."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def claim(self, most: int, lease: float) -> list[Claimed]:
        """Receivers that are owed something now and nobody tells."""
        rows = await self._run(_CLAIM, most=most, lease=lease)
        return [Claimed(**row) for row in rows]

    async def take(self, receiver: Claimed, most: int) -> list[News]:
        """The next news, lowest ids first; empty when somebody else holds the receiver, or it was paused."""
        rows = await self._run(_TAKE, receiver=receiver.id, fence=receiver.fence, most=most)
        return [News(**row) for row in rows]

    async def settle(self, receiver: Claimed, ended: Sequence[tuple[int, str | None, float]]) -> None:
        """Write down what came of news: (id, why it failed, seconds to the next try). Raises StaleFence."""
        ids, whys, waits = map(list, zip(*ended, strict=True))
        rows = await self._run(
            _SETTLE, receiver=receiver.id, fence=receiver.fence, ids=ids, whys=whys, waits=waits
        )
        if not rows:
            raise StaleFence(f"{receiver.name} is told by another worker")

    async def room(self, receiver: Claimed) -> Room:
        """What the receiver's budget of an hour leaves."""
        [row] = await self._run(_ROOM, receiver=receiver.id, per_hour=receiver.per_hour)
        return Room(**row)

    async def fold(self, receiver: Claimed) -> int:
        """Make one digest of all that waits; of how much."""
        return len(await self._run(_FOLD, receiver=receiver.id, fence=receiver.fence, lines=LINES))

    async def _run(self, statement: Any, **values: Any) -> list[Any]:
        async with self._sessions() as session, session.begin():
            return list((await session.execute(statement, values)).mappings())


def owing(session: Session) -> bool:
    """Is there anything to tell anybody just now that nobody is telling?"""
    return bool(session.scalar(_OWING))
