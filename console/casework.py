"""What people do with a case: give it to somebody, move it on, note something, free it from a wrong record.

The Ticket decides where there is one, else the Activity; both close the case by a trigger when they are finished. Who works
on a page that is old by now is told what has changed, instead of writing over it. The Ticket or Activity is held before
anything else, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.merging import INSIDE
from console.refusal import CannotDo
from models.vocabulary import ACTIVITY_STATUS, PRIORITIES, TICKET_STATUS

_OF = text("SELECT ticket_id, activity_id FROM cases WHERE org_id = :org AND id = :case")
_HOLD = {
    "ticket": text("SELECT id FROM tickets WHERE id = :id FOR NO KEY UPDATE"),
    "activity": text("SELECT id FROM activities WHERE id = :id FOR NO KEY UPDATE"),
}
_STATE = text("""
    SELECT c.id, c.ticket_id, c.activity_id, t.number, coalesce(t.status, a.status) AS status, t.priority,
           coalesce(t.owner_id, a.owner_id) AS owner_id, coalesce(nullif(u.name, ''), u.email) AS owner,
           c.verdict, c.closed_at, coalesce(t.account_id, a.account_id) AS account_id, k.name AS account,
           coalesce(t.contact_id, a.contact_id) AS contact_id,
           nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact
    FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id AND c.ticket_id IS NULL
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts p ON p.id = coalesce(t.contact_id, a.contact_id)
    WHERE c.org_id = :org AND c.id = :case
""")
_TICKET = text("""
    SELECT t.id, t.id AS ticket_id, NULL::uuid AS activity_id, t.number, t.status, t.priority, t.owner_id,
           coalesce(nullif(u.name, ''), u.email) AS owner, NULL::text AS verdict,
           CASE WHEN t.status IN ('resolved', 'closed') THEN now() END AS closed_at, t.account_id, k.name AS account,
           t.contact_id, nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact
    FROM tickets t LEFT JOIN users u ON u.id = t.owner_id LEFT JOIN accounts k ON k.id = t.account_id
    LEFT JOIN contacts p ON p.id = t.contact_id
    WHERE t.org_id = :org AND t.id = :case
""")
_SET = {
    ("ticket", "owner_id"): text("UPDATE tickets SET owner_id = :value WHERE id = :id"),
    ("ticket", "status"): text("UPDATE tickets SET status = :value WHERE id = :id"),
    ("ticket", "priority"): text("UPDATE tickets SET priority = :value WHERE id = :id"),
    ("activity", "owner_id"): text("UPDATE activities SET owner_id = :value WHERE id = :id"),
    ("activity", "status"): text("UPDATE activities SET status = :value WHERE id = :id"),
}
_USER = text("SELECT coalesce(nullif(name, ''), email) FROM users WHERE org_id = :org AND id = :user")
_ME = text("SELECT user_id FROM sign_ins WHERE org_id = :org AND email = :email")
_PEOPLE = text("""
    SELECT u.id, coalesce(nullif(u.name, ''), u.email) AS name FROM users u
    WHERE u.org_id = :org AND coalesce(nullif(u.name, ''), u.email) IS NOT NULL ORDER BY 2, 1 LIMIT 500
""")
_NOTE = text("""
    INSERT INTO case_notes (org_id, case_id, what, by, said) VALUES (:org, :case, 'note', :by, :said)
""")
_TIED = text(
    """
    SELECT min({column}::text)::uuid FROM social_events
    WHERE case_id = {inside} AND {column} IS NOT NULL AND voice <> 'own'
    HAVING count(DISTINCT {column}) = 1
""".replace("{column}", "account_id").replace("{inside}", INSIDE)
)
_TIED_CONTACT = text(_TIED.text.replace("account_id", "contact_id"))
_STILL = text(f"""
    SELECT EXISTS (SELECT FROM matches m JOIN social_events e ON e.id = m.event_id
                   WHERE e.case_id = {INSIDE} AND m.kind = :kind AND m.record_id = :record AND m.state = 'live')
""")
_WHOSE = {
    (of, kind): text(f"UPDATE {table} SET {kind}_id = :value WHERE id = :id")
    for of, table in (("ticket", "tickets"), ("activity", "activities"))
    for kind in ("account", "contact")
}
FIELDS = {
    "number": "Ticket",
    "status": "Status",
    "priority": "Priority",
    "owner": "Owner",
    "verdict": "Verdict",
    "account": "Account",
}
MOST_NOTE = 4_000


@dataclass(frozen=True)
class Matter:
    """A case as people change it. `of` is what decides about it: its ticket or its activity, or neither any more."""

    id: UUID
    of: str
    of_id: UUID | None
    number: int | None
    status: str | None
    priority: str | None
    owner_id: UUID | None
    owner: str | None
    verdict: str | None
    account_id: UUID | None
    account: str | None
    contact_id: UUID | None
    contact: str | None
    closed: bool
    heard: bool = True
    """Is there a case? A ticket that people opened in the CRM has none, and stands for itself by its own id."""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"Ticket #{self.number}" if self.number else "The activity"

    @property
    def version(self) -> str:
        """What a form brings back to show what its reader saw."""
        return version(self.number, self.status, self.priority, self.owner_id, self.verdict, self.account_id)

    @property
    def statuses(self) -> tuple[str, ...]:
        """The words that its status may be."""
        return TICKET_STATUS if self.of == "ticket" else ACTIVITY_STATUS if self.of == "activity" else ()


class Stale(Exception):
    """The case is not what it was when the page was shown. `told` are (field, as it was, as it is), in words."""

    def __init__(self, matter: Matter, told: list[tuple[str, str, str]]) -> None:
        self.matter, self.told = matter, told
        super().__init__(matter.name)


def version(*parts: object) -> str:
    """Of the values of FIELDS, in that order."""
    return ".".join(str(part or "") for part in parts)


def matter(session: Session, org: str, case: UUID, *, hold: bool = False) -> Matter:
    """The case as it is, or the ticket of this id that has none; `hold`: until the transaction ends. Raises CannotDo
    where there is neither."""
    if hold:
        row = session.execute(_OF, {"org": org, "case": case}).first()
        if row and (row.ticket_id or row.activity_id):
            of = "ticket" if row.ticket_id else "activity"
            session.execute(_HOLD[of], {"id": row.ticket_id or row.activity_id})
    found = session.execute(_STATE, {"org": org, "case": case}).mappings().first()
    if heard := found is not None:
        values = dict(found)
    else:
        if hold:
            session.execute(_HOLD["ticket"], {"id": case})
        alone = session.execute(_TICKET, {"org": org, "case": case}).mappings().first()
        if alone is None:
            raise CannotDo("There is no such case.")
        values = dict(alone)
    ticket, activity, closed = (values.pop(name) for name in ("ticket_id", "activity_id", "closed_at"))
    of = "ticket" if ticket else "activity" if activity else "nothing"
    return Matter(of=of, of_id=ticket or activity, closed=closed is not None, heard=heard, **values)


def held(session: Session, org: str, case: UUID, version: str, *, hold: bool = True) -> Matter:
    """The case, held, if it is what the form says. Raises Stale, CannotDo. Without `hold`: for who holds more, in the
    order of everybody."""
    now = matter(session, org, case, hold=hold)
    if version != now.version:
        raise Stale(now, _changed(session, org, version, now))
    return now


def _changed(session: Session, org: str, version: str, now: Matter) -> list[tuple[str, str, str]]:
    parts = version.split(".")
    if len(parts) != len(FIELDS):
        return []
    was = dict(zip(FIELDS, parts, strict=True))
    ids = {"owner": now.owner_id, "account": now.account_id}
    told = []
    for field, title in FIELDS.items():
        current = ids.get(field, getattr(now, field))
        if was[field] != str(current or ""):
            if field == "number":
                told.append(
                    (title, f"#{was[field]}" if was[field] else "none", f"#{current}" if current else "none")
                )
                continue
            then = _called(session, org, field, was[field]) if field in ids else was[field]
            told.append((title, _words(then), _words(getattr(now, field))))
    return told


def _called(session: Session, org: str, field: str, told: str) -> str:
    try:
        which = UUID(told)
    except ValueError:
        return ""
    table = (
        text("SELECT name FROM accounts WHERE org_id = :org AND id = :user") if field == "account" else _USER
    )
    return session.scalar(table, {"org": org, "user": which}) or "somebody"


def _words(told: str | None) -> str:
    return (told or "none").replace("_", " ")


def me(session: Session, org: str, email: str) -> UUID | None:
    """The user who signs in with this address."""
    found: UUID | None = session.scalar(_ME, {"org": org, "email": email})
    return found


def people(session: Session, org: str) -> list[dict[str, Any]]:
    """Whom a case can be given to: {id, name}, the first 500 by name."""
    return [dict(row) for row in session.execute(_PEOPLE, {"org": org}).mappings()]


def assign(session: Session, org: str, one: Matter, user: UUID | None) -> str:
    """Give a held case to somebody, or to nobody; what is so now, as a sentence. Raises CannotDo."""
    if user is None:
        _set(session, one, "owner_id", None)
        return f"{one.name} is nobody's now."
    name = session.scalar(_USER, {"org": org, "user": user})
    if name is None:
        raise CannotDo("That person is no user any more.")
    _set(session, one, "owner_id", user)
    return f"{one.name} is {name}'s now."


def set_status(session: Session, one: Matter, status: str) -> str:
    """Move a held case on; one that is finished closes. Raises CannotDo."""
    if status not in one.statuses:
        raise CannotDo("Choose one of " + ", ".join(word.replace("_", " ") for word in one.statuses) + ".")
    _set(session, one, "status", status)
    return f"{one.name} is {status.replace('_', ' ')} now."


def finish(session: Session, one: Matter) -> str:
    """Close a held case as one that is settled."""
    return set_status(session, one, "resolved" if one.of == "ticket" else "done")


def set_priority(session: Session, one: Matter, priority: str) -> str:
    """Say how much a held ticket presses; when it is due follows. Raises CannotDo."""
    if one.of != "ticket" or priority not in PRIORITIES:
        raise CannotDo(
            "Choose one of " + ", ".join(PRIORITIES) + "."
            if one.of == "ticket"
            else "Only a ticket has a priority."
        )
    _set(session, one, "priority", priority)
    return f"{one.name} has {priority} priority now."


def _set(session: Session, one: Matter, column: str, value: Any) -> None:
    if one.of_id is None:
        raise CannotDo("This case has lost its ticket and its activity: nothing is left to change.")
    session.execute(_SET[one.of, column], {"id": one.of_id, "value": value})


def add_note(session: Session, org: str, case: UUID, by: str, said: str) -> None:
    """Write something to a case. Raises CannotDo."""
    words = said.replace("\0", "").strip()
    if not words:
        raise CannotDo("Write something first.")
    if len(words) > MOST_NOTE:
        raise CannotDo(f"A note has at most {MOST_NOTE:,} characters; this has {len(words):,}.")
    session.execute(_NOTE, {"org": org, "case": case, "by": by, "said": words})


def follow_posts(session: Session, one: Matter, kind: str, record: UUID) -> Mapping[str, Any] | None:
    """After a post of a held case was tied to this record or freed from it: whose the ticket is follows, if it was this
    record's and no post is about it any more, or if it was nobody's. {was, now} of the column where it changed."""
    if kind not in ("account", "contact") or one.of_id is None:
        return None
    was = one.account_id if kind == "account" else one.contact_id
    still = session.scalar(_STILL, {"case": one.id, "kind": kind, "record": record})
    if was is not None and (was != record or still):
        return None
    query = _TIED if kind == "account" else _TIED_CONTACT
    now = session.scalar(query, {"case": one.id})
    if now == was:
        return None
    session.execute(_WHOSE[one.of, kind], {"id": one.of_id, "value": now})
    return {"was": was and str(was), "now": now and str(now)}
