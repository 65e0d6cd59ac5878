"""What people changed in the console: written in the transaction of the change, shown to whoever asks later."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

_NOTE = text("""
    INSERT INTO audits (org_id, by, what, of, of_id, said, detail)
    VALUES (:org, :by, :what, :of, :of_id, :said, :detail) RETURNING id
""").bindparams(bindparam("detail", type_=JSONB))
_LAST = text("""
    SELECT id, at, by, what, of, of_id, said, detail FROM audits
    WHERE org_id = :org
      AND (CAST(:before AS timestamptz) IS NULL OR (at, id) < (:before, CAST(:before_id AS uuid)))
      AND (CAST(:by AS text) IS NULL OR by = :by) AND (CAST(:of AS text) IS NULL OR of = :of)
      AND (CAST(:of_id AS uuid) IS NULL OR of_id = :of_id)
    ORDER BY at DESC, id DESC LIMIT :most
""")
_SAID = text("SELECT said FROM audits WHERE id = :id AND org_id = :org AND by = :by")

NOTED = "audited"
"""In `Session.info`: the id of the newest note of this transaction."""


def note(
    session: Session,
    org: str,
    by: str,
    what: str,
    said: str,
    *,
    of: str,
    of_id: UUID | None = None,
    **detail: Any,
) -> UUID:
    """Write down that `by` (an e-mail address) did `what` (a word: assigned, paused) to a record of the kind `of`.

    `said` is the sentence that people read ("Ticket 1004 is Sam's"), `detail` what it was and is, as JSON.
    """
    values = {"org": org, "by": by, "what": what, "of": of, "of_id": of_id, "said": said, "detail": detail}
    made: UUID = session.execute(_NOTE, values).scalar_one()
    session.info[NOTED] = made
    return made


def notes(
    session: Session,
    org: str,
    most: int = 100,
    *,
    by: str | None = None,
    of: str | None = None,
    of_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
) -> list[dict[str, Any]]:
    """The newest notes: {id, at, by, what, of, of_id, said, detail}. `before` is the last row of the page before."""
    at, last = before or (None, None)
    values = {
        "org": org,
        "most": most,
        "by": by,
        "of": of,
        "of_id": of_id,
        "before": at,
        "before_id": last,
    }
    return [dict(row) for row in session.execute(_LAST, values).mappings()]


def said(session: Session, org: str, by: str, note: UUID) -> str | None:
    """The sentence of a note of this person's; None where there is none."""
    found: str | None = session.execute(_SAID, {"id": note, "org": org, "by": by}).scalar()
    return found
