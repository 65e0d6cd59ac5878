"""Which platform's sources have waited longest for a visit?

When there is more to fetch than the workers have time for, bells expire in their queue, and always those of the platforms
that beat names last: without this they would never be visited. So a task that took long has the one that waits longest
visited next. Surprising: a source in the middle of a long walk stays due all the time, and is not what waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from connectors import connectors
from models.vocabulary import NEVER_VISITED
from workers.lease import LEASE_FREE

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

BUSY = 0.2
"""Seconds that a task takes when there is much to do."""

_LONGEST = text(f"""
    SELECT s.platform FROM sources s
    WHERE s.platform = ANY(:platforms) AND s.state = 'active' AND s.kind NOT IN {NEVER_VISITED}
      AND s.due_at <= now() AND greatest(s.due_at, s.last_success_at) <= now() - make_interval(secs => :seconds)
      AND {LEASE_FREE.format(row="s")}
    ORDER BY greatest(s.due_at, s.last_success_at) LIMIT 1
""")


async def waits_longest(sessions: async_sessionmaker[AsyncSession], seconds: float) -> str | None:
    """The platform of the source that was due longest without a visit, if it is so for this many seconds."""
    async with sessions() as session, session.begin():
        values = {"platforms": list(connectors()), "seconds": seconds}
        platform: str | None = await session.scalar(_LONGEST, values)
    return platform
