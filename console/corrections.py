"""What people say of a post's sentiment. The number stays VADER's; the correction stands beside it.

A correction is never changed: a newer one counts instead, and one that is taken back stays on record and lets the one
before it count again. Exported they are a file of judged texts, which `earshot evaluate sentiment` reads.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.evaluate.reading import CORRECTIONS as COLUMNS
from console.refusal import CannotDo
from console.spreadsheet import guarded

Label = Literal["negative", "neutral", "positive"]

_OF = text("""
    SELECT label, by, note, sentiment, scorer, created_at, undone_at FROM corrections
    WHERE event_id = :event ORDER BY created_at DESC, id DESC
""")
_CORRECT = text("""
    INSERT INTO corrections (org_id, event_id, label, sentiment, scorer, by, note)
    SELECT org_id, id, :label, sentiment, scorer, :by, :note FROM social_events
    WHERE org_id = :org AND id = :event
    RETURNING label, by, note, sentiment, scorer, created_at, undone_at
""")
_UNDO = text("""
    UPDATE corrections SET undone_at = now() WHERE id = (
        SELECT id FROM corrections WHERE org_id = :org AND event_id = :event AND undone_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1 FOR UPDATE)
    RETURNING label, by, note, sentiment, scorer, created_at, undone_at
""")
_STANDING = """
    SELECT DISTINCT ON (c.event_id) c.*, e.text, e.lang, e.platform, e.external_id, e.occurred_at,
           e.sentiment AS sentiment_now, e.unscored, coalesce(i.handle, i.name) AS author
    FROM corrections c JOIN social_events e ON e.id = c.event_id LEFT JOIN identities i ON i.id = e.identity_id
    WHERE c.org_id = :org AND c.undone_at IS NULL
    ORDER BY c.event_id, c.created_at DESC, c.id DESC
"""
_NEWEST = text(f"SELECT * FROM ({_STANDING}) s ORDER BY created_at DESC, id DESC LIMIT :most")
_ALL = text(f"SELECT * FROM ({_STANDING}) s ORDER BY created_at, id")


def corrections_of(session: Session, event: UUID) -> list[dict[str, Any]]:
    """All corrections of an event, the newest first, those taken back with their `undone_at`."""
    return [dict(row) for row in session.execute(_OF, {"event": event}).mappings()]


def standing(told: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The one that counts."""
    return next((one for one in told if one["undone_at"] is None), None)


def correct(
    session: Session, org: str, event: UUID, label: Label, by: str | None = None, note: str | None = None
) -> dict[str, Any] | None:
    """Say what a post's sentiment is; the correction, or None where it says so already and there is nothing to add."""
    before = standing(corrections_of(session, event))
    if before is not None and before["label"] == label and (note is None or note == before["note"]):
        return None
    values = {"org": org, "event": event, "label": label, "by": by, "note": note}
    return dict(session.execute(_CORRECT, values).mappings().one())


def undo(session: Session, org: str, event: UUID) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Take the newest correction back; it, and the one that counts now. Raises CannotDo where there is none."""
    taken = session.execute(_UNDO, {"org": org, "event": event}).mappings().first()
    if taken is None:
        raise CannotDo("This post is not corrected, so there is nothing to take back.")
    return dict(taken), standing(corrections_of(session, event))


def corrections(session: Session, org: str, most: int = 100) -> list[dict[str, Any]]:
    """What counts, a correction an event, the newest first."""
    return [dict(row) for row in session.execute(_NEWEST, {"org": org, "most": most}).mappings()]


def as_file(session: Session, org: str) -> tuple[str, int]:
    """All that counts as a file of judged texts, the oldest first, and how many rows it has.

    Tabs and line ends within a cell become spaces, and what a spreadsheet would compute gets an apostrophe in front,
    which `evaluate` takes off again. `sentiment` and `scorer` are what stood there when it was corrected. Raises CannotDo where nothing was corrected.
    """
    rows = session.execute(_ALL, {"org": org}).mappings().all()
    if not rows:
        raise CannotDo(f"Nothing of {org} was corrected yet: earshot correct EVENT negative.")
    lines = [COLUMNS, *([_cell(row[_NAMES.get(name, name)]) for name in COLUMNS] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines), len(rows)


_NAMES = {"id": "event_id"}


def _cell(value: object) -> str:
    if isinstance(value, str):
        return guarded(value.translate(_TO_SPACE))
    return "" if value is None else str(value)


_TO_SPACE = dict.fromkeys(map(ord, "\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
