"""What a platform delivers by itself: its page lands once, before the platform is told that it was heard.

A delivery is a visit that the platform pays us: it has a row in the ledger like each of ours. The source's cursor, its
lease and when it is due are its own walk's matter and stay as they are.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from workers.land import pack

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from connectors._base import Received

ITEMS = 500
"""Posts and rejects of one page: more would be more than one batch digests."""
LONGEST = 512

_RECEIVE = text("""
    WITH noted AS (
        INSERT INTO deliveries (org_id, source_id, delivery) SELECT org_id, id, :delivery FROM sources WHERE id = :source
        ON CONFLICT (org_id, source_id, delivery) DO NOTHING
        RETURNING source_id
    ), heard AS (
        SELECT s.id, s.org_id, s.platform, s.fence FROM noted JOIN sources s ON s.id = noted.source_id
    ), touched AS (
        -- not by each of many at once: they would queue for the row
        UPDATE sources s SET last_success_at = now(), failures = 0, last_error = NULL
        FROM heard h
        WHERE s.id = h.id AND :well
          AND (s.last_error IS NOT NULL OR coalesce(s.last_success_at < now() - interval '2 s', true))
    ), part AS (
        SELECT * FROM unnest(CAST(:bodies AS bytea[]), CAST(:counts AS integer[]))
            WITH ORDINALITY AS p (body, fetched, nth)
    ), visited AS (
        INSERT INTO polls (org_id, source_id, fence, finished_at, pages, fetched)
        SELECT h.org_id, h.id, h.fence, now(), sums.pages, sums.fetched
        FROM heard h, (SELECT count(*) AS pages, sum(fetched) AS fetched FROM part) AS sums
        WHERE sums.pages > 0
        RETURNING id
    ), landed AS (
        INSERT INTO pages (org_id, platform, source_id, poll_id, body, fetched)
        SELECT h.org_id, h.platform, h.id, v.id, part.body, part.fetched
        FROM part, visited v, heard h ORDER BY part.nth
    )
    SELECT count(*) FROM noted
""")


async def receive(
    session: AsyncSession, source: UUID, received: Received, body: bytes, *, well: bool = True
) -> bool:
    """Land what was delivered, all of it or nothing; False when the same delivery was heard before.

    One statement, so that it needs no transaction around it. A platform that gives its deliveries no name has them
    known by their `body`. `well`: it shows that the source works; what a look-up brings says nothing about that.
    """
    page = received.page
    posts, rejects = (page.posts, page.rejects) if page else ((), ())
    bodies = [pack(posts[at : at + ITEMS], ()) for at in range(0, len(posts), ITEMS)]
    bodies += [pack((), rejects[at : at + ITEMS]) for at in range(0, len(rejects), ITEMS)]
    counts = [min(ITEMS, len(part) - at) for part in (posts, rejects) for at in range(0, len(part), ITEMS)]
    name = received.id or f"sha256:{sha256(body).hexdigest()}"
    if len(name) > LONGEST:
        name = f"sha256:{sha256(name.encode()).hexdigest()}"
    noted = await session.scalar(
        _RECEIVE,
        {
            "source": source,
            "delivery": name.replace("\0", "\ufffd"),
            "bodies": bodies,
            "counts": counts,
            "well": well,
        },
    )
    return bool(noted)
