"""What people decide about what a post is about: the queue of suggestions, and ties made and undone by hand.

A step holds the posts that it changes, in the order in which everybody does, writes their matches, and has what they
are tied to follow. A tie that a person made stays through later edits, and so does one that a person undid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console import identities
from console.records import Record, called
from console.refusal import CannotDo
from console.steps import Step, hold_to_undo, noted, undone
from workers.folding import evidence_key
from workers.project import lock, reproject

DECIDED = "It is no suggestion any more: it was decided already, or its post was edited."
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
_ACCEPT = text("""
    UPDATE matches SET state = 'live', by = :by WHERE id = ANY(:ids) AND state = 'suggested' RETURNING id
""")
_REJECT = text("""
    UPDATE matches SET state = 'undone', by = :by, author = false WHERE id = ANY(:ids) AND state = 'suggested'
    RETURNING id
""")
_AUTHORS = text("""
    SELECT m.id = :id AS meant, e.identity_id FROM matches m JOIN social_events e ON e.id = m.event_id
    WHERE m.id = ANY(:ids) AND e.identity_id IS NOT NULL ORDER BY meant DESC, e.identity_id
""")
_SUGGESTED = text("SELECT state = 'suggested' FROM matches WHERE id = :id")
# what answers it was about the record because of it, and what answers those
_BELOW = text("""
    WITH RECURSIVE below AS (
        SELECT id, org_id, platform, external_id, local_ref, CAST(NULL AS uuid) AS match FROM social_events WHERE id = :event
        UNION
        SELECT r.id, r.org_id, r.platform, r.external_id, r.local_ref, m.id
        FROM below p, LATERAL (
            SELECT * FROM social_events r
            WHERE r.org_id = p.org_id AND r.platform = p.platform AND r.reply_to = p.external_id
            UNION ALL
            SELECT * FROM social_events r
            WHERE r.org_id = p.org_id AND r.platform = p.platform AND r.reply_to = p.local_ref
        ) r JOIN matches m ON m.event_id = r.id AND m.kind = 'account' AND m.record_id = :record
        WHERE m.how = 'thread' AND m.state = 'live' AND m.by IS NULL
    )
    SELECT DISTINCT id FROM below WHERE match IS NOT NULL AND id <> :event
""")
_UNTIE_BELOW = text("""
    UPDATE matches SET state = 'undone', by = :by
    WHERE event_id = ANY(:events) AND kind = 'account' AND record_id = :record AND how = 'thread' AND state = 'live'
      AND by IS NULL
    RETURNING id::text
""")
_TIE_BELOW = text("""
    UPDATE matches SET state = 'live', by = NULL
    WHERE id = ANY(CAST(:matches AS uuid[])) AND how = 'thread' AND state = 'undone'
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
    to = called(session, org, row["kind"], row["record_id"])
    if row["author"] and row["kind"] in ("contact", "account"):
        return _accept_authors(session, org, suggestion, ids, to, by)
    events = _hold_events(session, org, ids)
    ids = _still(session.scalars(_ACCEPT, {"ids": ids, "by": by}), suggestion)
    reproject(session, org, events)
    return [_decided(session, org, "accept", row, ids, by)]


def _accept_authors(
    session: Session, org: str, suggestion: UUID, ids: Sequence[UUID], to: Record, by: str
) -> list[Step]:
    """Link each person once, however many of the authors are one. Its posts follow, and the suggestions with them."""
    people = _authors(session, org, suggestion, ids)
    steps = [identities.link(session, org, person.id, to, by, action="accept") for person in people[:1]]
    for person in people[1:]:
        if not (person.decided and to.id in (person.contact_id, person.account_id)):
            steps.append(identities.link(session, org, person.id, to, by, action="accept"))
    return steps


def _authors(session: Session, org: str, suggestion: UUID, ids: Sequence[UUID]) -> list[identities.Identity]:
    """Hold the people whom these suggestions are about, each once, the one of `suggestion` first; identities are held
    before events, as in a digest."""
    found = session.execute(_AUTHORS, {"id": suggestion, "ids": list(ids)}).all()
    authors = list(dict.fromkeys(row.identity_id for row in found))
    people = [group[0] for group in identities.held(session, org, *authors)] if authors else []
    if not session.scalar(_SUGGESTED, {"id": suggestion}):
        raise CannotDo(DECIDED)
    return list({person.id: person for person in people}.values())


def reject(session: Session, org: str, suggestion: UUID, by: str, *, alike: bool = False) -> list[Step]:
    """Say that a suggestion is wrong; this evidence is not taken for that record again. Raises CannotDo."""
    row, ids = _suggested(session, org, suggestion, alike)
    if row["author"]:
        people = _authors(session, org, suggestion, ids)
        if people and row["record_id"] in (people[0].contact_id, people[0].account_id):
            raise CannotDo(DECIDED)  # it was accepted, and its posts are about to follow
    _hold_events(session, org, ids)
    ids = _still(session.scalars(_REJECT, {"ids": ids, "by": by}), suggestion)
    step = _decided(session, org, "reject", row, ids, by)
    session.execute(
        _REFUSE,
        {
            "org": org,
            "kind": row["kind"],
            "record": row["record_id"],
            "evidence": evidence_key(row["evidence"]),
            "review": step.id,
        },
    )
    return [step]


def _still(ids: Iterable[UUID], suggestion: UUID) -> list[UUID]:
    """Those that waited until we held them. Raises CannotDo when somebody else was quicker with this one."""
    changed = sorted(ids)
    if suggestion not in changed:
        raise CannotDo(DECIDED)
    return changed


def _suggested(
    session: Session, org: str, suggestion: UUID, alike: bool
) -> tuple[dict[str, Any], list[UUID]]:
    found = session.execute(
        text("SELECT * FROM matches WHERE id = :id AND org_id = :org AND state = 'suggested'"),
        {"id": suggestion, "org": org},
    )
    row = found.mappings().first()
    if row is None:
        raise CannotDo(DECIDED)
    ids = [row["id"]]
    if alike:
        values = {
            "org": org,
            "kind": row["kind"],
            "record": row["record_id"],
            "author": row["author"],
        }
        same = evidence_key(row["evidence"])
        ids += [
            other.id
            for other in session.execute(_ALIKE, values)
            if other.id != row["id"] and evidence_key(other.evidence) == same
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
            "evidence": evidence_key(row["evidence"]),
        },
    )


def link(session: Session, org: str, event: UUID, to: Record, by: str) -> Step:
    """Tie a post to a record. A Contact is the author's: all posts of the author follow. Raises CannotDo."""
    # whoever holds an author may not hold its posts before
    if to.kind == "contact" and (author := _heard(session, event).identity_id):
        return identities.link(session, org, author, to, by)
    held = _event(session, org, event)
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
    """Take a post's tie to a record away; no edit brings it back. What answers it was about the account because of it,
    and is so no longer. Raises CannotDo."""
    below: list[UUID] = []
    if whom.kind == "account":
        below = list(session.scalars(_BELOW, {"event": event, "record": whom.id}))
    held = _event(session, org, event, below)
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
    untied = {"events": below, "record": whom.id, "by": by}
    answers = sorted(session.scalars(_UNTIE_BELOW, untied)) if below else []
    return _tied(session, org, "unlink", event, whom, match, before, by, below, answers)


def _event(session: Session, org: str, event: UUID, with_: Sequence[UUID] = ()) -> Any:
    lock(session, org, [event, *with_])
    return _heard(session, event)


def _heard(session: Session, event: UUID) -> Any:
    held = session.execute(_EVENT, {"id": event}).first()
    if held is None:
        raise CannotDo("That post is no longer there.")
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
    below: Sequence[UUID] = (),
    answers: Sequence[str] = (),
) -> Step:
    reproject(session, org, [event, *below])
    kept = {"matches": [match, *answers], "match": before}
    return noted(session, org, action, by, event=event, kind=to.kind, record=to.id, before=kept)


def undo(session: Session, org: str, step: UUID) -> Step:
    """Take a step back: what it changed is what it was before. Raises CannotDo."""
    taken = hold_to_undo(session, org, step)
    if "identities" in taken.before:
        identities.restore(session, org, taken.id, taken.before["identities"])
    elif "match" in taken.before:
        events = _hold_events(session, org, [UUID(one) for one in taken.matches])
        _restore_tie(session, UUID(taken.matches[0]), taken.before["match"])
        if len(taken.matches) > 1:
            session.execute(_TIE_BELOW, {"matches": taken.matches[1:]})
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
