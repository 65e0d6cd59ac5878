"""Two cases that are one matter: one is merged into the other by a person, and taken out again.

What is merged stays the open case of its author, so that a later post of theirs joins it and opens no second one; it has
the other's ticket and closes with it, as what an Incident took in does. Its own ticket is closed and remembered in the
note that is written of the step (`audits`), by which taking it out gives it back. Rows are held in everybody's order:
posts, then tickets and activities, then cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console import audit
from console.refusal import CannotDo
from models.vocabulary import PRIORITIES
from workers._rows import as_json
from workers.project import reproject

INSIDE = """ANY (ARRAY(
    SELECT CAST(:case AS uuid)
    UNION ALL SELECT x.id FROM cases y JOIN cases x ON x.parent_id = y.id AND x.ticket_id = y.ticket_id
    WHERE y.id = :case AND y.subject NOT LIKE 'burst:%'))"""
"""The case and those that people merged into it."""
_ROWS = """
    SELECT c.id, c.subject, c.level, c.closed_at IS NOT NULL AS closed, c.parent_id, c.ticket_id, c.activity_id, t.number,
           t.status, t.priority, t.parent_id AS ticket_parent, a.status AS activity_status,
           p.id IS NOT NULL AND p.ticket_id = c.ticket_id AS shared, p.subject LIKE 'burst:%' AS in_incident,
           coalesce(t.subject, a.subject) AS about, c.event_id, c.threshold, c.rule_id
    FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN cases p ON p.id = c.parent_id
    WHERE c.org_id = :org
"""
_CASE = text(_ROWS + " AND c.id = :case")
_BELOW = text(
    _ROWS
    + " AND c.parent_id = :case AND c.ticket_id = p.ticket_id AND p.subject NOT LIKE 'burst:%' ORDER BY c.id"
)
_THESE = "ARRAY(SELECT id FROM cases WHERE org_id = :org AND (id = ANY (:cases) OR parent_id = ANY (:cases)))"
_HOLD = (
    text(f"""
        SELECT id FROM social_events WHERE case_id = ANY ({_THESE}) ORDER BY platform, external_id FOR NO KEY UPDATE
    """),
    text(f"""
        SELECT id FROM tickets WHERE id IN (SELECT ticket_id FROM cases WHERE id = ANY ({_THESE})) OR id = :former
        ORDER BY id FOR NO KEY UPDATE
    """),
    text(f"""
        SELECT id FROM activities WHERE id IN (SELECT activity_id FROM cases WHERE id = ANY ({_THESE}))
        ORDER BY id FOR NO KEY UPDATE
    """),
    text(f"SELECT id FROM cases WHERE id = ANY ({_THESE}) ORDER BY org_id, subject, id FOR NO KEY UPDATE"),
)
_TAKE_IN = text("""
    UPDATE cases SET parent_id = :into, ticket_id = :ticket WHERE id = ANY (:cases)
""")
_TICKET_IS = text("UPDATE tickets SET status = coalesce(:status, status), parent_id = :parent WHERE id = :id")
_PRIORITY_IS = text("UPDATE tickets SET priority = :priority WHERE id = :id")
_ACTIVITY_IS = text("UPDATE activities SET status = :status, ticket_id = :ticket WHERE id = :id")
_POSTS_FOLLOW = text("""
    UPDATE social_events e SET ticket_id = c.ticket_id FROM cases c
    WHERE c.id = ANY (:cases) AND e.case_id = c.id AND e.ticket_id IS DISTINCT FROM c.ticket_id
""")
_OF_ACTIVITY = text("""
    INSERT INTO tickets (org_id, account_id, contact_id, subject, status, source, priority, owner_id)
    SELECT org_id, account_id, contact_id, subject, 'open', 'social', 'normal', owner_id FROM activities WHERE id = :activity
    RETURNING id
""")
_RISE = text("""
    WITH named AS (UPDATE activities SET ticket_id = :ticket WHERE id = :activity)
    UPDATE cases SET ticket_id = :ticket, level = 'ticket', risen_at = now() WHERE id = :case
""")
_MADE_OF_POSTS = """
    INSERT INTO {table} (org_id, account_id, contact_id, subject, status, owner_id, {more})
    SELECT :org, whose.account, whose.contact,
           left(coalesce(coalesce('@' || i.handle, i.name, 'Somebody') || ' on ' || e.platform || ': ' || e.text, 'A case'), 160),
           '{status}', o.owner_id, {values}
    FROM (SELECT CASE WHEN count(DISTINCT account_id) = 1 THEN min(account_id::text)::uuid END AS account,
                 CASE WHEN count(DISTINCT contact_id) = 1 THEN min(contact_id::text)::uuid END AS contact
          FROM social_events WHERE id = ANY (:events) AND voice <> 'own') whose
    LEFT JOIN social_events e ON e.id = :event LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN tickets o ON o.id = :like
    RETURNING id
"""
_NEW_TICKET = text(
    _MADE_OF_POSTS.format(
        table="tickets",
        status="open",
        more="source, priority",
        values="'social', coalesce(o.priority, 'normal')",
    )
)
_NEW_ACTIVITY = text(
    _MADE_OF_POSTS.format(
        table="activities",
        status="planned",
        more="channel, activity_type",
        values="'social', 'follow_up'",
    )
)
_ALONE_AGAIN = text("""
    UPDATE cases SET parent_id = (SELECT p.id FROM cases p WHERE p.id = :parent AND p.closed_at IS NULL),
        ticket_id = :ticket, activity_id = :activity
    WHERE id = :case
""")
_REMEMBERED = text("""
    SELECT detail FROM audits WHERE org_id = :org AND of_id = :case AND what = 'merged' ORDER BY at DESC, id DESC LIMIT 1
""")
_MERGED_AS = text("""
    SELECT a.of_id FROM tickets t JOIN audits a ON a.org_id = t.org_id AND a.what = 'merged' AND a.detail ->> 'ticket' = t.id::text
    JOIN cases c ON c.id = a.of_id AND c.ticket_id = t.parent_id
    WHERE t.org_id = :org AND t.number = :number ORDER BY a.at DESC LIMIT 1
""")
_FREE = text("""
    SELECT t.id FROM tickets t WHERE t.org_id = :org AND t.id = :ticket AND NOT EXISTS (SELECT FROM cases WHERE ticket_id = t.id)
""")
_STILL = text(
    "SELECT id FROM cases WHERE parent_id = :parent AND id = ANY (CAST(:along AS uuid[])) ORDER BY id"
)
_EVENTS = text("SELECT id FROM social_events WHERE case_id = :case")
_NOTE = text("""
    INSERT INTO case_notes (org_id, case_id, what, by, said) VALUES (:org, :case, 'note', :by, :said)
""")
# as case_told has it, but of what was its own: a receiver that was told of the case hears where it went
_OWE = text("""
    INSERT INTO owed (org_id, receiver_id, case_id, kind, body, due_at)
    SELECT c.org_id, v.id, c.id, :kind, case_told(c.id) || CAST(:more AS jsonb), coalesce(after_quiet(r, now()), now())
    FROM cases c JOIN receivers v ON v.org_id = c.org_id AND (v.tells = '{}' OR :kind = ANY (v.tells))
    LEFT JOIN rules r ON r.id = c.rule_id WHERE c.id = :case
    ORDER BY v.id FOR KEY SHARE OF v SKIP LOCKED
""")


@dataclass(frozen=True)
class Piece:
    """A case as it stands. `shared`: it has the ticket of the case that took it in (`parent_id`)."""

    id: UUID
    subject: str
    level: str
    closed: bool
    parent_id: UUID | None
    ticket_id: UUID | None
    activity_id: UUID | None
    number: int | None
    status: str | None
    priority: str | None
    ticket_parent: UUID | None
    activity_status: str | None
    shared: bool
    in_incident: bool | None
    about: str | None
    event_id: UUID | None
    threshold: float | None
    rule_id: UUID | None

    @property
    def name(self) -> str:
        """What people call it."""
        return f"ticket #{self.number}" if self.number else "the activity"

    @property
    def incident(self) -> bool:
        return self.subject.startswith("burst:")

    @property
    def merged(self) -> bool:
        """Did a person merge it into another?"""
        return self.shared and not self.in_incident


def piece(session: Session, org: str, case: UUID) -> Piece:
    """The case. Raises CannotDo where there is none."""
    row = session.execute(_CASE, {"org": org, "case": case}).mappings().first()
    if row is None:
        raise CannotDo("There is no such case.")
    return Piece(**row)


def below(session: Session, org: str, case: UUID) -> list[Piece]:
    """The cases that people merged into this one."""
    return [Piece(**row) for row in session.execute(_BELOW, {"org": org, "case": case}).mappings()]


def held(session: Session, org: str, *cases: UUID, former: UUID | None = None) -> list[Piece]:
    """Hold these cases with all that is theirs, and what was merged into them, until the transaction ends. `former` is a
    ticket that one had. Raises CannotDo."""
    before = [piece(session, org, case) for case in cases]
    for query in _HOLD:
        session.execute(query, {"org": org, "cases": list(cases), "former": former})
    now = [piece(session, org, case) for case in cases]
    if [(one.ticket_id, one.activity_id, one.parent_id) for one in before] != [
        (one.ticket_id, one.activity_id, one.parent_id) for one in now
    ]:
        raise CannotDo("Somebody changed it at this very moment: look again.")
    return now


def merge(session: Session, org: str, case: UUID, into: UUID, by: str) -> tuple[UUID, str]:
    """Merge a case into another one. The case that has the matter now, and what is so, as a sentence.

    Where only the first has a ticket, it is the one that takes the other in; where neither has, it gets one. The matter
    has the higher of both priorities, and is due by that. Raises CannotDo.
    """
    asked, target = piece(session, org, case), piece(session, org, into)
    if target.shared and target.parent_id:
        into = target.parent_id  # whoever names a case that is merged means what it was merged into
    if case == into:
        already = (
            f"{_begun(target)} is merged into it already." if target.id != case else "That is this case."
        )
        raise CannotDo(already)
    asked, target = held(session, org, case, into)
    _may_be_one(asked, target)
    if target.ticket_id is None and asked.ticket_id is not None:
        asked, target = target, asked
    raised = target.ticket_id is None
    if raised:
        target = _with_ticket(session, org, target)
    along = below(session, org, asked.id)
    told = {"merged_into": {"case": str(target.id), "ticket": target.number}}
    if asked.number:
        told["ticket"] = {
            "id": str(asked.ticket_id), "number": asked.number, "status": "closed", "priority": asked.priority,
        }  # fmt: skip
    session.execute(_OWE, {"case": asked.id, "kind": "case.merged", "more": as_json(told)})
    moving = [asked.id, *(one.id for one in along)]
    session.execute(_TAKE_IN, {"into": target.id, "ticket": target.ticket_id, "cases": moving})
    if asked.ticket_id:
        values = {"id": asked.ticket_id, "status": "closed", "parent": target.ticket_id}
        session.execute(_TICKET_IS, values)
    elif asked.activity_id:
        values = {"id": asked.activity_id, "status": "cancelled", "ticket": target.ticket_id}
        session.execute(_ACTIVITY_IS, values)
    session.execute(_POSTS_FOLLOW, {"cases": [*moving, target.id]})
    before = target.priority
    higher = asked.ticket_id is not None and rank(asked.priority) > rank(before)
    if higher:
        session.execute(_PRIORITY_IS, {"id": target.ticket_id, "priority": asked.priority})
    said = f"{_begun(asked)} is merged into {target.name}"
    said += (
        ", which was opened for both." if raised else f", which is {asked.priority} now." if higher else "."
    )
    note(session, org, target.id, by, f"{asked.name} was merged into this: {asked.about or 'no words'}"[:300])
    audit.note(
        session, org, by, "merged", said, of="case", of_id=asked.id,
        into=str(target.id), ticket=_text(asked.ticket_id), status=asked.status, parent=_text(asked.parent_id),
        ticket_parent=_text(asked.ticket_parent), activity_status=asked.activity_status,
        along=[str(one.id) for one in along], raised=[before, asked.priority] if higher else None,
    )  # fmt: skip
    return target.id, said


def rank(priority: str | None) -> int:
    """How pressing a priority is; none is none."""
    return PRIORITIES.index(priority) if priority else -1


def _may_be_one(asked: Piece, target: Piece) -> None:
    """Raises CannotDo with the reason where a case is not to be merged into another."""
    if asked.incident:
        raise CannotDo(
            "An incident takes cases in; it is merged into none. Merge the case into the incident."
        )
    if asked.shared:
        how = "was taken in by an incident" if asked.in_incident else "is merged into another"
        raise CannotDo(f"It {how} and has {asked.name}: split it out first.")
    for one in (asked, target):
        if one.closed:
            raise CannotDo(f"{_begun(one)} is closed. Open it again first, if it is the same matter.")
        if one.ticket_id is None and one.activity_id is None:
            raise CannotDo("It has lost its ticket and its activity: nothing is left to merge.")


def _with_ticket(session: Session, org: str, target: Piece) -> Piece:
    """An activity that takes another in becomes a ticket."""
    ticket = session.execute(_OF_ACTIVITY, {"activity": target.activity_id}).scalar_one()
    session.execute(_RISE, {"ticket": ticket, "activity": target.activity_id, "case": target.id})
    return piece(session, org, target.id)


def merged_as(session: Session, org: str, named: str) -> UUID | None:
    """The case that had the ticket of this number before it was merged into another, if it still is."""
    number = named.strip().removeprefix("#")
    if not (number.isascii() and number.isdecimal() and len(number) < 18):
        return None
    found: UUID | None = session.scalar(_MERGED_AS, {"org": org, "number": int(number)})
    return found


def take_out(session: Session, org: str, case: UUID, by: str) -> str:
    """Take a case out of the one that it was merged into, or out of its Incident, with its own ticket again; as a
    sentence. Raises CannotDo."""
    memory = _remembered(session, org, case)
    [one] = held(session, org, case, former=_id(memory.get("ticket")))
    if not one.shared or one.parent_id is None:
        raise CannotDo("It is merged into no other case.")
    if one.closed:
        raise CannotDo(f"It is closed with {one.name}. Open that again first.")
    parent = piece(session, org, one.parent_id)
    ticket, activity = _of_its_own(session, org, one, memory)
    values = {"case": one.id, "ticket": ticket, "activity": activity, "parent": memory.get("parent")}
    session.execute(_ALONE_AGAIN, values)
    came = {"parent": parent.id, "along": memory.get("along", [])}
    along = list(session.scalars(_STILL, came)) if ticket else []
    if along:
        session.execute(_TAKE_IN, {"into": one.id, "ticket": ticket, "cases": along})
    session.execute(_POSTS_FOLLOW, {"cases": [one.id, *along]})
    was, to = memory.get("raised") or (None, None)
    if was and parent.priority == to and not below(session, org, parent.id):
        session.execute(_PRIORITY_IS, {"id": parent.ticket_id, "priority": was})
    if ticket is None:  # what names a ticket itself is that one's
        reproject(session, org, list(session.scalars(_EVENTS, {"case": one.id})))
    now = piece(session, org, one.id)
    out_of = {"out_of": {"case": str(parent.id), "ticket": parent.number}}
    session.execute(_OWE, {"case": one.id, "kind": "case.split", "more": as_json(out_of)})
    said = f"{_begun(now)} is split out of {parent.name}."
    note(session, org, one.id, by, f"split out of {parent.name}")
    note(session, org, parent.id, by, f"{now.name} was split out of this")
    detail = {"out_of": str(parent.id), "ticket": _text(ticket)}
    audit.note(session, org, by, "split", said, of="case", of_id=one.id, **detail)
    return said


def _of_its_own(
    session: Session, org: str, one: Piece, memory: dict[str, Any]
) -> tuple[UUID | None, UUID | None]:
    """The ticket and activity of a case that stands alone again: those that it had, else new ones of its level."""
    former = _id(memory.get("ticket"))
    if former and session.scalar(_FREE, {"org": org, "ticket": former}):
        values = {"id": former, "status": memory.get("status"), "parent": memory.get("ticket_parent")}
        session.execute(_TICKET_IS, values)
        return former, one.activity_id
    if one.level == "activity" and one.activity_id:
        status = memory.get("activity_status") or "planned"
        session.execute(_ACTIVITY_IS, {"id": one.activity_id, "status": status, "ticket": None})
        return None, one.activity_id
    events = list(session.scalars(_EVENTS, {"case": one.id}))
    made = new_work(session, org, one.level, events, one.event_id, like=None)
    return (made, one.activity_id) if one.level == "ticket" else (None, made)


def new_work(
    session: Session, org: str, level: str, events: Sequence[UUID], event: UUID | None, like: UUID | None
) -> UUID:
    """A new ticket (or activity, by level) about these posts, whose line is `event`'s; owner and priority are as those of
    the ticket `like`."""
    values = {"org": org, "events": list(events), "event": event, "like": like}
    made: UUID = session.execute(_NEW_TICKET if level == "ticket" else _NEW_ACTIVITY, values).scalar_one()
    return made


def _remembered(session: Session, org: str, case: UUID) -> dict[str, Any]:
    found = session.scalar(_REMEMBERED, {"org": org, "case": case})
    return dict(found or {})


def note(session: Session, org: str, case: UUID, by: str, said: str) -> None:
    """Write a sentence to a case."""
    session.execute(_NOTE, {"org": org, "case": case, "by": by, "said": said})


def _begun(one: Piece) -> str:
    """What it is called, as a sentence begins."""
    return one.name[0].upper() + one.name[1:]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _id(told: object) -> UUID | None:
    return UUID(str(told)) if told else None
