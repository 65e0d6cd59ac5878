"""Pages that wait: which of them one batch takes, under which lease, and giving them back.

Claiming is a short transaction of its own: pages of one organisation in landing order; a source with a page
under lease is passed over, so one worker at a time digests a source, and the source's row stays free for
landing. What is tried is written down before it is tried.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from workers._ranges import Progress, next_try
from workers._rows import as_json
from workers.land import unpack
from workers.lease import LEASE_FREE, LEASE_TAKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session, sessionmaker

    from connectors._base import Post, Reject
    from workers._settings import Settings

log = logging.getLogger(__name__)

CANDIDATES = 64
"""Pages looked at for one batch; a page holds up to a hundred posts or so."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page that waits, as the choice of a batch sees it."""

    id: int
    org_id: str
    source_id: UUID
    fetched: int
    attempts: int
    todo: list[list[int]] | None
    trying: list[int] | None


@dataclass(slots=True, eq=False)
class Claimed:
    """A page under our lease: its items, which of them this attempt is about, and its tallies so far."""

    id: int
    org: str
    source: UUID
    platform: str
    fence: int
    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]
    todo: list[list[int]]
    trying: list[int]
    condemned: int | None
    error: str | None
    exclude: list[str]
    start_mark: datetime
    kind: str
    """Of the watch, as its connector names it."""
    campaign: UUID | None
    """The campaign that the source is followed for."""
    others_wait: bool
    """Were there pages that this batch did not take?"""
    filtered: Counter[str] = field(default_factory=Counter)
    new: int = 0
    duplicate: int = 0
    edited: int = 0
    quarantined: int = 0

    @property
    def part(self) -> range:
        """The items that this attempt is about: none where one is given up, which is then all it does."""
        if self.condemned is not None or not self.trying:
            return range(0)
        return range(self.trying[0], self.trying[1])


def fresh(page: Claimed) -> bool:
    """Is this the page's first attempt?"""
    return page.todo == [page.trying] and page.trying[2] == 0


def choose(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Pages of one organisation, in landing order, up to `most` posts and at least one page. Pure.

    A page that failed before is taken alone, and no later page of its source before it: what a source said
    is recorded in the order in which it said it.
    """
    chosen: list[Candidate] = []
    posts = 0
    behind: set[UUID] = set()
    for page in candidates:
        if page.source_id in behind:
            continue
        if chosen and (page.org_id != chosen[0].org_id or posts + page.fetched > most or page.attempts):
            if page.attempts and page.org_id == chosen[0].org_id:
                behind.add(page.source_id)
                continue
            break
        chosen.append(page)
        posts += page.fetched
        if page.attempts:
            break
    return chosen


# Claims are short and go one at a time: with SKIP LOCKED alone, two of them could take neighbouring pages of
# one source without seeing each other's leases.
_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('earshot.digest.claim'))")

_CANDIDATES = text(f"""
    SELECT p.id, p.org_id, p.source_id, p.fetched, p.attempts, p.todo, p.trying
    FROM pages p
    WHERE p.state = 'landed' AND p.source_id <> ALL (ARRAY(
        SELECT q.source_id FROM pages q
        WHERE q.lease_until IS NOT NULL AND q.state = 'landed' AND NOT {LEASE_FREE.format(row="q")}))
    ORDER BY p.id LIMIT :most
""")

_CLAIM = text(f"""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(id bigint, todo jsonb, trying jsonb)
    )
    UPDATE pages p
    SET fence = p.fence + 1, attempts = p.attempts + 1, todo = x.todo, trying = x.trying, {LEASE_TAKEN}
    FROM x, sources s
    WHERE p.id = x.id AND s.id = p.source_id
    RETURNING p.id, p.org_id, p.source_id, p.platform, p.fence, p.body, p.filtered, p.error, s.exclude,
              s.escalate_from, s.kind, s.campaign_id
""")


def claim(sessions: sessionmaker[Session], settings: Settings) -> list[Claimed]:
    """Lease the next batch of pages; empty when nothing waits that somebody else is not at."""
    with sessions() as session, session.begin():
        session.execute(_ALONE)
        rows = session.execute(_CANDIDATES, {"most": CANDIDATES})
        candidates = [Candidate(*row) for row in rows]
        chosen = {page.id: page for page in choose(candidates, settings.digest_posts)}
        if not chosen:
            return []
        tries = {
            page.id: next_try(Progress(page.todo, page.trying), page.fetched) for page in chosen.values()
        }
        claimed = session.execute(
            _CLAIM,
            {
                "lease": settings.lease,
                "rows": as_json(
                    [
                        {"id": page, "todo": attempt.progress.todo, "trying": attempt.progress.trying}
                        for page, attempt in tries.items()
                    ]
                ),
            },
        ).all()
    pages = []
    for row in sorted(claimed):
        try:
            haul = unpack(row.body)
        except ValueError as unreadable:
            # by an older program, say: its lease ends by itself, and it must not hold up the others
            log.error("Page %d cannot be unpacked: %s", row.id, unreadable)
            continue
        progress = tries[row.id].progress
        pages.append(
            Claimed(
                row.id,
                row.org_id,
                row.source_id,
                row.platform,
                row.fence,
                haul.posts,
                haul.rejects,
                progress.todo or [],
                progress.trying or [],
                tries[row.id].condemned,
                row.error,
                row.exclude,
                row.escalate_from,
                row.kind,
                row.campaign_id,
                len(chosen) < len(candidates),
                Counter(row.filtered),
            )
        )
    return pages


_RELEASE = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(id bigint, fence bigint)
    )
    UPDATE pages p SET lease_until = NULL, lease_pid = NULL, lease_started = NULL, error = :error
    FROM x WHERE p.id = x.id AND p.fence = x.fence AND p.state = 'landed'
""")


def release(sessions: sessionmaker[Session], pages: Sequence[Claimed], error: str | None) -> None:
    """End our leases, where they are still ours, and note what went wrong, if anything did."""
    with sessions() as session, session.begin():
        rows = [{"id": page.id, "fence": page.fence} for page in pages]
        session.execute(
            _RELEASE, {"rows": as_json(rows), "error": error and error[-4000:].replace("\0", "\ufffd")}
        )
