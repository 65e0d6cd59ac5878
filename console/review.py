"""What people decide about what a post is about: the queue of suggestions, and ties made and undone by hand.

A step holds the posts that it changes, in the order in which everybody does, writes their matches, and has what they
are tied to follow. A tie that a person made stays through later edits, and so does one that a person undid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console import identities
from console.records import Record, called
from console.refusal import CannotDo
from console.steps import Step, hold_to_undo, noted, undone
from workers.folding import folded
from workers.project import lock, reproject

AT_ONCE = 2_000
"""Posts that one step changes: a transaction that holds more would hold others up."""

_EVENT = text("""
    SELECT e.id, e.identity_id, e.sightings <> '{}' AS heard, t.number AS ticket FROM social_events e
    LEFT JOIN cases c ON c.id = e.case_id LEFT JOIN tickets t ON t.id = c.ticket_id WHERE e.id = :id
""")
_MATCH = text(
    "SELECT to_jsonb(m) FROM matches m WHERE m.event_id = :event AND m.kind = :kind AND m.record_id = :record"
)
# the words in which a post names a record are kept; what only its author's link said is a person's word from now on
_TIE = text("""
    INSERT INTO matches AS m (org_id, event_id, kind, record_id, how, sure, author, by)
    VALUES (:org, :event, :kind, :record, 'person', 1, :author, :by)
    ON CONFLICT (org_id, event_id, kind, record_id) DO UPDATE
    SET state = 'live', by = excluded.by, how = CASE WHEN m.how = 'identity' THEN 'person' ELSE m.how END, sure = 1,
        author = m.author OR excluded.author
    RETURNING id::text
""")
_UNTIE = text("""
    UPDATE matches SET state = 'undone', by = :by
    WHERE event_id = :event AND kind = :kind AND record_id = :record AND state = 'live' RETURNING id::text
""")
_ALIKE = text("""
    SELECT m.id, m.evidence FROM matches m
    WHERE m.org_id = :org AND m.state = 'suggested' AND m.kind = :kind AND m.record_id = :record AND m.author = :author
    ORDER BY m.id
""")
_ACCEPT = text("UPDATE matches SET state = 'live', by = :by WHERE id = ANY(:ids) AND state = 'suggested'")
_REJECT = text("""
    UPDATE matches SET state = 'undone', by = :by, author = false WHERE id = ANY(:ids) AND state = 'suggested'
""")
_EVENTS_OF = text("SELECT DISTINCT event_id FROM matches WHERE id = ANY(CAST(:ids AS uuid[]))")
_REFUSE = text("""
    INSERT INTO refusals (org_id, kind, record_id, evidence, review_id)
    VALUES (:org, :kind, :record, :evidence, :review) ON CONFLICT (org_id, kind, record_id, evidence) DO NOTHING
""")
# another rejection of the same may stand
_UNREFUSE = text("""
    WITH other AS (
        SELECT r.id FROM reviews r
        WHERE r.org_id = :org AND r.action = 'reject' AND r.undone_at IS NULL AND r.id <> :review
          AND r.kind = :kind AND r.record_id = :record AND r.before ->> 'evidence' = :evidence
        ORDER BY r.id LIMIT 1
    ), passed AS (
        UPDATE refusals f SET review_id = other.id FROM other WHERE f.review_id = :review
    )
    DELETE FROM refusals f WHERE f.review_id = :review AND NOT EXISTS (SELECT FROM other)
""")
# Meanwhile the author may have come to be linked to the very record: then the post is tied to it by that.
_SUGGEST_AGAIN = text("""
    UPDATE matches SET state = CASE WHEN author THEN 'live' ELSE 'suggested' END,
        how = CASE WHEN author THEN 'identity' ELSE how END, by = NULL, author = author OR :authors
    WHERE id = ANY(CAST(:ids AS uuid[])) AND by IS NOT NULL
""")
_NOW = text("""
    SELECT m.author, e.identity_id FROM matches m JOIN social_events e ON e.id = m.event_id WHERE m.id = :id
""")
_AS_BEFORE = text("""
    UPDATE matches SET state = :state, how = :how, sure = :sure, by = :by, author = :author WHERE id = :id
""")
_FORGET = text("DELETE FROM matches WHERE id = :id")


def accept(session: Session, org: str, suggestion: UUID, by: str, *, alike: bool = False) -> list[Step]:
    """Say that a suggestion is right; `alike`: and every other of the same evidence and record (AT_ONCE a call).

    One that says who the author is links the author. Raises CannotDo.
    """
    row, ids = _suggested(session, org, suggestion, alike)
    to = called(session, row["kind"], row["record_id"])
    if row["author"] and row["kind"] in ("contact", "account"):
        return _accept_authors(session, org, ids, to, by)
    events = _hold_events(session, org, ids)
    session.execute(_ACCEPT, {"ids": ids, "by": by})
    reproject(session, org, events)
    return [_decided(session, org, "accept", row, ids, by)]


def _accept_authors(session: Session, org: str, ids: Sequence[UUID], to: Record, by: str) -> list[Step]:
    authors = session.scalars(
        text("""
            SELECT DISTINCT e.identity_id FROM matches m JOIN social_events e ON e.id = m.event_id
            WHERE m.id = ANY(:ids) AND e.identity_id IS NOT NULL
        """),
        {"ids": list(ids)},
    )
    return [identities.link(session, org, author, to, by, action="accept") for author in sorted(authors)]


def reject(session: Session, org: str, suggestion: UUID, by: str, *, alike: bool = False) -> list[Step]:
    """Say that a suggestion is wrong; this evidence is not taken for that record again. Raises CannotDo."""
    row, ids = _suggested(session, org, suggestion, alike)
    _hold_events(session, org, ids)
    session.execute(_REJECT, {"ids": ids, "by": by})
    step = _decided(session, org, "reject", row, ids, by)
    session.execute(
        _REFUSE,
        {
            "org": org,
            "kind": row["kind"],
            "record": row["record_id"],
            "evidence": evidence(row["evidence"]),
            "review": step.id,
        },
    )
    return [step]


def evidence(words: str | None) -> str:
    """Evidence as refusals compare it: folded, white space as one space."""
    return " ".join(folded(words or "").split())


def _suggested(
    session: Session, org: str, suggestion: UUID, alike: bool
) -> tuple[dict[str, Any], list[UUID]]:
    found = session.execute(
        text("SELECT * FROM matches WHERE id = :id AND org_id = :org AND state = 'suggested'"),
        {"id": suggestion, "org": org},
    )
    row = found.mappings().first()
    if row is None:
        raise CannotDo("It is no suggestion any more: it was decided already, or its post was edited.")
    ids = [row["id"]]
    if alike:
        values = {
            "org": org,
            "kind": row["kind"],
            "record": row["record_id"],
            "author": row["author"],
        }
        same = evidence(row["evidence"])
        ids += [
            other.id
            for other in session.execute(_ALIKE, values)
            if other.id != row["id"] and evidence(other.evidence) == same
        ]
    return dict(row), ids[:AT_ONCE]


def _hold_events(session: Session, org: str, ids: Sequence[UUID]) -> list[UUID]:
    return lock(session, org, session.scalars(_EVENTS_OF, {"ids": list(ids)}))


def _decided(
    session: Session, org: str, action: str, row: dict[str, Any], ids: Sequence[UUID], by: str
) -> Step:
    return noted(
        session,
        org,
        action,
        by,
        event=row["event_id"],
        kind=row["kind"],
        record=row["record_id"],
        before={
            "matches": [str(one) for one in ids],
            "authors": row["author"],
            "evidence": evidence(row["evidence"]),
        },
    )


def link(session: Session, org: str, event: UUID, to: Record, by: str) -> Step:
    """Tie a post to a record. A Contact is the author's: all posts of the author follow. Raises CannotDo."""
    held = _event(session, org, event)
    if to.kind == "contact" and held.identity_id:
        return identities.link(session, org, held.identity_id, to, by)
    if to.kind == "ticket" and held.ticket:
        raise CannotDo(f"This post belongs to the case of ticket #{held.ticket}, and its ticket is that one.")
    before = _match(session, event, to)
    if before and before["state"] == "live" and before["by"]:
        raise CannotDo(f"{before['by']} tied this post to {to} already.")
    # whose author nobody can name is the contact's by this post alone
    values = {"event": event, "kind": to.kind, "record": to.id, "author": to.kind == "contact", "by": by}
    match = session.execute(_TIE, values | {"org": org}).scalar_one()
    return _tied(session, org, "link", event, to, match, before, by)


def unlink(session: Session, org: str, event: UUID, whom: Record, by: str) -> Step:
    """Take a post's tie to a record away; no edit brings it back. Raises CannotDo."""
    held = _event(session, org, event)
    before = _match(session, event, whom)
    if before is None or before["state"] != "live":
        if whom.kind == "ticket" and held.ticket:
            raise CannotDo(
                f"This post belongs to the case of ticket #{held.ticket}; only a case changes that."
            )
        raise CannotDo(
            f"This post is not tied to {whom}; earshot explain {str(event)[-8:]} shows to what it is."
        )
    match = session.execute(
        _UNTIE, {"event": event, "kind": whom.kind, "record": whom.id, "by": by}
    ).scalar_one()
    return _tied(session, org, "unlink", event, whom, match, before, by)


def _event(session: Session, org: str, event: UUID) -> Any:
    lock(session, org, [event])
    held = session.execute(_EVENT, {"id": event}).one()
    if not held.heard:
        raise CannotDo(
            "This post was written into the CRM by hand and heard by no source: what it is tied to is changed there."
        )
    return held


def _match(session: Session, event: UUID, to: Record) -> dict[str, Any] | None:
    values = {"event": event, "kind": to.kind, "record": to.id}
    found: dict[str, Any] | None = session.execute(_MATCH, values).scalar()
    return found


def _tied(
    session: Session,
    org: str,
    action: str,
    event: UUID,
    to: Record,
    match: str,
    before: dict[str, Any] | None,
    by: str,
) -> Step:
    reproject(session, org, [event])
    kept = {"matches": [match], "match": before}
    return noted(session, org, action, by, event=event, kind=to.kind, record=to.id, before=kept)


def undo(session: Session, org: str, step: UUID) -> Step:
    """Take a step back: what it changed is what it was before. Raises CannotDo."""
    taken = hold_to_undo(session, org, step)
    if "identities" in taken.before:
        identities.restore(session, org, taken.id, taken.before["identities"])
    elif "match" in taken.before:
        events = _hold_events(session, org, [UUID(one) for one in taken.matches])
        _restore_tie(session, UUID(taken.matches[0]), taken.before["match"])
        reproject(session, org, events)
    else:
        events = _hold_events(session, org, [UUID(one) for one in taken.matches])
        session.execute(_SUGGEST_AGAIN, {"ids": taken.matches, "authors": taken.before["authors"]})
        if taken.action == "reject":
            values = {"kind": taken.kind, "record": taken.record_id, "evidence": taken.before["evidence"]}
            session.execute(_UNREFUSE, {"org": org, "review": taken.id, **values})
        reproject(session, org, events)
    undone(session, taken.id)
    return taken


def _restore_tie(session: Session, match: UUID, before: dict[str, Any] | None) -> None:
    """Give a match its state back. Whether the record is the author's own is what it is now, not what it was: the
    author may have been linked or unlinked since."""
    now = session.execute(_NOW, {"id": match}).first()
    if now is None:
        return
    by_link = {"state": "live", "how": "identity", "sure": 1, "by": None, "author": True}
    was = before and {name: before[name] for name in ("state", "how", "sure", "by", "author")}
    if was is not None and now.identity_id:
        was["author"] = now.author
    if not now.identity_id:
        pass  # nobody's link says whose it is
    elif now.author and (was is None or was["state"] == "suggested"):
        was = by_link
    elif not now.author and was is not None and was["how"] == "identity" and was["by"] is None:
        was = None
    if was is None:
        session.execute(_FORGET, {"id": match})
    else:
        session.execute(_AS_BEFORE, {"id": match, **was})
