"""The steps of people: noted with what it takes to take them back, listed, and held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import CannotDo
from workers._rows import as_json

_NOTE = text("""
    INSERT INTO reviews (org_id, action, event_id, identity_id, into_id, kind, record_id, before, by)
    VALUES (:org, :action, :event, :identity, :into, :kind, :record, CAST(:before AS jsonb), :by)
    RETURNING id
""")
_COLUMNS = """
    r.id, r.action, r.event_id, r.identity_id, r.into_id, r.kind, r.record_id, r.before, r.by, r.created_at,
    r.undone_at
"""
_LOG = text(f"""
    SELECT {_COLUMNS}, e.platform, e.text, i.platform AS identity_platform, coalesce(i.handle, i.stable_id) AS identity,
           o.platform AS into_platform, coalesce(o.handle, o.stable_id) AS into,
           (SELECT count(*) FROM followings f WHERE f.review_id = r.id OR f.restores_id = r.id) AS following
    FROM reviews r
    LEFT JOIN social_events e ON e.id = r.event_id
    LEFT JOIN identities i ON i.id = r.identity_id
    LEFT JOIN identities o ON o.id = r.into_id
    WHERE r.org_id = :org ORDER BY r.id DESC LIMIT :most
""")
_FIND = text(f"""
    SELECT {_COLUMNS} FROM reviews r WHERE r.org_id = :org AND r.id::text LIKE '%' || :end
    ORDER BY r.id LIMIT 3
""")
_HOLD = text(f"SELECT {_COLUMNS} FROM reviews r WHERE r.org_id = :org AND r.id = :id FOR NO KEY UPDATE")
# What a step stands on is what it touched: the matches, and the identities with whom they were merged into.
_LATER = text("""
    SELECT id, action FROM reviews
    WHERE org_id = :org AND id > :id AND undone_at IS NULL
      AND (before -> 'matches' ?| CAST(:matches AS text[]) OR before -> 'identities' ?| CAST(:identities AS text[])
           OR identity_id = ANY(CAST(:identities AS uuid[])) OR into_id = ANY(CAST(:identities AS uuid[])))
    ORDER BY id DESC LIMIT 1
""")
_UNDONE = text("UPDATE reviews SET undone_at = now() WHERE id = :id")


@dataclass(frozen=True)
class Step:
    """A step that was taken. `before` is what taking it back restores."""

    id: UUID
    action: str
    event_id: UUID | None
    identity_id: UUID | None
    into_id: UUID | None
    kind: str | None
    record_id: UUID | None
    before: dict[str, Any]
    by: str | None
    created_at: datetime | None = None
    undone_at: datetime | None = None

    @property
    def matches(self) -> list[str]:
        """The ids of the matches that it changed."""
        return list(self.before.get("matches", ()))

    @property
    def identities(self) -> list[str]:
        """The ids of the identities that it changed or that they were merged into."""
        named = [str(one) for one in (self.identity_id, self.into_id) if one]
        return sorted({*named, *self.before.get("identities", ())}) if "identities" in self.before else []


def noted(
    session: Session,
    org: str,
    action: str,
    by: str,
    *,
    event: UUID | None = None,
    identity: UUID | None = None,
    into: UUID | None = None,
    kind: str | None = None,
    record: UUID | None = None,
    before: dict[str, Any],
) -> Step:
    """Write a step down."""
    values = {"org": org, "action": action, "by": by, "event": event, "identity": identity, "into": into}
    values |= {"kind": kind, "record": record, "before": as_json(before)}
    step: UUID = session.execute(_NOTE, values).scalar_one()
    return Step(step, action, event, identity, into, kind, record, before, by)


def steps(session: Session, org: str, most: int = 50) -> list[dict[str, Any]]:
    """The newest steps first: {id, action, by, created_at, undone_at, kind, record_id, platform, text, identity, into,
    posts, ...}; `following` counts the authors whose posts have not all followed yet."""
    found = []
    for row in session.execute(_LOG, {"org": org, "most": most}).mappings():
        step = dict(row)
        before = step.pop("before")
        step["matches"] = len(before.get("matches", ()))
        for name in ("identity", "into"):
            platform = step.pop(f"{name}_platform")
            step[name] = f"{platform}:{step[name]}" if platform else None
        found.append(step)
    return found


def find_step(session: Session, org: str, named: str) -> Step:
    """The step whose id ends so. Raises CannotDo."""
    end = named.strip().lower().lstrip("…")
    if len(end) < 4 or not set(end) <= set("0123456789abcdef-"):
        raise CannotDo(f"{named!r} is no id of a step; `earshot review log` shows them.")
    found = session.execute(_FIND, {"org": org, "end": end}).mappings().all()
    if not found:
        raise CannotDo(f"No step of {org} has the id {named!r}; `earshot review log` shows them.")
    if len(found) > 1:
        raise CannotDo(f"{named!r} fits more than one step; give more of the id.")
    return Step(**found[0])


def hold_to_undo(session: Session, org: str, step: UUID) -> Step:
    """Hold a step that is to be taken back. Raises CannotDo when it was already, or when a later one builds on it."""
    row = session.execute(_HOLD, {"org": org, "id": step}).mappings().first()
    if row is None:
        raise CannotDo(
            "That step is gone: the post or the author that it was about was deleted. `earshot review log` shows the others."
        )
    found = Step(**row)
    if found.undone_at is not None:
        raise CannotDo(f"That step was taken back already, {found.undone_at:%Y-%m-%d %H:%M} UTC.")
    values = {"org": org, "id": found.id, "matches": found.matches, "identities": found.identities}
    later = session.execute(_LATER, values).first()
    if later is not None:
        raise CannotDo(
            f"A later step builds on it ({later.action}, {str(later.id)[-8:]}); take that back first:"
            f" earshot review undo {str(later.id)[-8:]}"
        )
    return found


def undone(session: Session, step: UUID) -> None:
    """Mark a step as taken back."""
    session.execute(_UNDONE, {"id": step})
