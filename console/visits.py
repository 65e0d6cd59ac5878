"""One source's visits: what each brought and what became of it, the newest first, and the credential that it goes with."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# the limit stands inside, so that the sums are made of these visits' pages alone
_VISITS = text("""
    SELECT l.poll_id AS id, l.started_at, l.finished_at, l.visits, l.uncertain, l.error, l.gap, l.pages::bigint,
           l.fetched::bigint, l.new::bigint, l.duplicate::bigint, l.edited::bigint, l.filtered::bigint,
           l.filtered_by, l.quarantined::bigint, l.waiting::bigint
    FROM (
        SELECT id, started_at FROM polls
        WHERE org_id = :org AND source_id = :source
          AND (CAST(:at AS timestamptz) IS NULL OR (started_at, id) < (:at, CAST(:id AS uuid)))
        ORDER BY started_at DESC, id DESC LIMIT :most
    ) newest
    JOIN ledger l ON l.poll_id = newest.id
    ORDER BY l.started_at DESC, l.poll_id DESC
""")
_CREDENTIAL = text("""
    SELECT c.id, c.org_id AS org, c.platform, c.host, c.identifier, c.state, c.last_error, c.checked_at, c.expires_at,
           c.renew_at IS NOT NULL AS renews
    FROM sources s JOIN credentials c ON c.id = s.credential_id WHERE s.org_id = :org AND s.id = :source
""")


def visits(
    session: Session, org: str, source: UUID, most: int, before: tuple[datetime, UUID] | None = None
) -> list[dict[str, Any]]:
    """The ledger of its newest visits. A row of `visits` > 1 is so many in a row that brought nothing. `before` is the last
    row of the page before."""
    at, last = before or (None, None)
    values = {"org": org, "source": source, "most": most, "at": at, "id": last}
    return [dict(row) for row in session.execute(_VISITS, values).mappings()]


def credential_of(session: Session, org: str, source: UUID) -> dict[str, Any] | None:
    """The credential that it is visited with, without the secret; None where it goes without."""
    row = session.execute(_CREDENTIAL, {"org": org, "source": source}).mappings().first()
    return dict(row) if row else None
