"""What is held, a page at a time with all that is known of each, and what became of those that are held no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.quarantine import readable

# ids grow with time, so the newest is the greatest; a row may have megabytes of payload
_PAGE = text("""
    SELECT q.id, q.platform, q.stage, q.external_id, q.reason, q.trace, q.held_at, q.source_id,
           s.kind AS source_kind, s.term AS source_term, length(q.payload) AS bytes,
           CASE WHEN length(q.payload) <= :long THEN q.payload END AS payload
    FROM quarantine q LEFT JOIN sources s ON s.id = q.source_id
    WHERE q.org_id = :org AND q.state = 'held' AND (CAST(:platform AS text) IS NULL OR q.platform = :platform)
      AND (CAST(:before AS uuid) IS NULL OR q.id < :before)
    ORDER BY q.id DESC LIMIT :most
""")
_PLATFORMS = text("""
    SELECT platform, count(*) AS held FROM quarantine WHERE org_id = :org AND state = 'held'
    GROUP BY platform ORDER BY platform
""")
_THESE = text("""
    SELECT id, platform, stage, state, external_id, reason, settled_at FROM quarantine
    WHERE org_id = :org AND id = ANY(:ids) ORDER BY id FOR UPDATE
""")

LONG = 200_000
"""Bytes of a payload that a page shows at most."""


def page(
    session: Session, org: str, most: int, *, platform: str | None = None, before: UUID | None = None
) -> list[dict[str, Any]]:
    """What is held, the newest first, with `shown`: its payload as a value or text (None: too long for a page)."""
    values = {"org": org, "platform": platform, "before": before, "most": most, "long": LONG}
    rows = [dict(row) for row in session.execute(_PAGE, values).mappings()]
    for row in rows:
        row["shown"] = readable(row) if row["payload"] is not None else None
    return rows


def platforms(session: Session, org: str) -> list[tuple[str, int]]:
    """How many are held of which platform."""
    return [(row.platform, row.held) for row in session.execute(_PLATFORMS, {"org": org})]


def these(session: Session, org: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Those of them that are this organisation's, held or not, kept from others until the transaction ends."""
    return [dict(row) for row in session.execute(_THESE, {"org": org, "ids": list(ids)}).mappings()]
