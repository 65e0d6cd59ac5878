"""What was lost for good: stretches that a platform no longer offered when its source was visited, the newest first.

The ledger keeps each as a sentence (`workers.land`): the reason, and from when until when, where the platform told it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_GAPS = text("""
    SELECT p.id, p.started_at, p.gap, s.id AS source_id, s.platform, s.kind, s.term, s.every, s.state
    FROM polls p JOIN sources s ON s.id = p.source_id
    WHERE p.org_id = :org AND p.gap IS NOT NULL
      AND (CAST(:at AS timestamptz) IS NULL OR (p.started_at, p.id) < (:at, CAST(:id AS uuid)))
    ORDER BY p.started_at DESC, p.id DESC LIMIT :most
""")
_LATELY = text("""
    SELECT count(*) FROM (
        SELECT FROM polls WHERE org_id = :org AND gap IS NOT NULL AND started_at > now() - interval '7 days' LIMIT :most
    ) newest
""")
MOST_COUNTED = 1_000
_ENDS = re.compile(r"(?: from (\S+ \S+)Z)?(?: until (\S+ \S+)Z)?$")


class Stretch(NamedTuple):
    """One stretch: why it is lost, from when and until when it reaches, where that is known."""

    reason: str
    since: datetime | None
    until: datetime | None


def gaps(
    session: Session, org: str, most: int, before: tuple[datetime, UUID] | None = None
) -> list[dict[str, Any]]:
    """Visits that left gaps, with their source and `stretches`. `before` is the last row of the page before."""
    at, last = before or (None, None)
    found = session.execute(_GAPS, {"org": org, "most": most, "at": at, "id": last}).mappings()
    return [dict(row) | {"stretches": stretches(row["gap"])} for row in found]


def lately(session: Session, org: str) -> int:
    """How many visits of the last 7 days left a gap, MOST_COUNTED at most."""
    return int(session.execute(_LATELY, {"org": org, "most": MOST_COUNTED}).scalar_one())


def stretches(told: str) -> Sequence[Stretch]:
    """The stretches of what the ledger keeps."""
    found = []
    for part in told.split("; "):
        ends = _ENDS.search(part)
        assert ends  # it may be empty
        found.append(Stretch(part[: ends.start()], _moment(ends[1]), _moment(ends[2])))
    return found


def _moment(told: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(told).replace(tzinfo=UTC) if told else None
    except ValueError:
        return None
