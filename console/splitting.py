"""What does not belong to a case: a post of it, or all that one author said in it, goes into a case of its own.

An author's posts go into the case of that author, which is where later ones of theirs go as well: into the one that is
open, else into a new one. A single post of the author whose case it is gets a case that is the post's alone. Our answers
to what goes go along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from console import audit, merging
from console.merging import Piece, below, held, new_work, piece
from console.refusal import CannotDo
from console.words import counted
from workers.project import reproject

What = Literal["post", "author"]

_POST = text("""
    SELECT e.id, e.platform, e.external_id, e.voice, e.identity_id AS identity, coalesce(i.merged_into, i.id) AS person,
           coalesce('@' || i.handle, i.name, 'its author') AS author
    FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id
    WHERE e.org_id = :org AND e.id = :event AND e.case_id = ANY (:cases)
""")
_SAID_BY = text("""
    SELECT e.id FROM social_events e JOIN identities i ON i.id = e.identity_id
    WHERE e.case_id = ANY (:cases) AND coalesce(i.merged_into, i.id) = :person
""")
_ANSWERS = text("""
    WITH RECURSIVE answers AS (
        SELECT id, org_id, platform, external_id, local_ref FROM social_events WHERE id = ANY (:events)
        UNION
        SELECT r.id, r.org_id, r.platform, r.external_id, r.local_ref
        FROM answers p JOIN social_events r ON r.org_id = p.org_id AND r.platform = p.platform
             AND r.reply_to IN (p.external_id, p.local_ref)
        WHERE r.case_id = ANY (:cases) AND r.voice = 'own'
    )
    SELECT id FROM answers
""")
_LEFT = text("""
    SELECT count(*) FROM social_events WHERE case_id = ANY (:cases) AND NOT id = ANY (:events) AND voice <> 'own'
""")
_OPEN = text("""
    SELECT c.id FROM cases c WHERE c.org_id = :org AND c.closed_at IS NULL AND c.subject = ANY (
        ARRAY(SELECT 'identity:' || id FROM identities WHERE id = :person OR merged_into = :person) || CAST(:subject AS text))
    ORDER BY c.level DESC, c.opened_at LIMIT 1
""")
# the post that its case is measured by: one that crossed a rule, the worst of them
_WORST = """
    SELECT e.id, e.sentiment, coalesce((SELECT c.rule_id FROM cases c WHERE c.event_id = e.id LIMIT 1), e.rule_id) AS rule_id,
           coalesce((SELECT c.threshold FROM cases c WHERE c.event_id = e.id LIMIT 1), r.threshold) AS threshold
    FROM social_events e LEFT JOIN rules r ON r.id = e.rule_id
    WHERE {which} AND e.voice <> 'own'
    ORDER BY e.rule_id IS NULL, e.sentiment NULLS LAST, e.occurred_at LIMIT 1
"""
_WORST_OF = text(_WORST.format(which="e.id = ANY (:events)"))
_WORST_LEFT = text(_WORST.format(which="e.case_id = :case"))
_OPENS = text("""
    INSERT INTO cases (id, org_id, subject, level, identity_id, event_id, rule_id, score, threshold, ticket_id, activity_id)
    VALUES (:id, :org, :subject, :level, :person, :event, :rule, :score, :threshold, :ticket, :activity)
    ON CONFLICT (org_id, subject) WHERE closed_at IS NULL DO NOTHING RETURNING id
""")
_MOVE = text("""
    UPDATE social_events e SET case_id = c.id, ticket_id = c.ticket_id,
        case_role = CASE WHEN e.id = c.event_id THEN 'opened' ELSE 'joined' END
    FROM cases c WHERE c.id = :case AND e.id = ANY (:events)
""")
_NOTES_GO = text("""
    UPDATE case_notes n SET case_id = :case WHERE n.org_id = :org AND n.event_id = ANY (:events) AND n.case_id = ANY (:cases)
""")
_MEASURED_BY = text("""
    UPDATE cases SET event_id = :event, score = :score, rule_id = coalesce(:rule, rule_id),
        threshold = coalesce(:threshold, threshold)
    WHERE id = :case
""")


class Split(NamedTuple):
    """Where the posts are now, and what was done, as a sentence."""

    case: UUID
    said: str


def split(session: Session, org: str, case: UUID, event: UUID, what: What, by: str) -> Split:
    """Take a post, or all that its author said there, out of an open case. Raises CannotDo."""
    one = piece(session, org, case)
    if one.merged and one.parent_id:
        case = one.parent_id
    inside = [case, *(each.id for each in below(session, org, case))]
    post = _its_post(session, org, inside, event)
    subject = _subject(session, org, inside, post, what)
    dest = _open_case(session, org, post, subject)
    if dest is not None and dest in inside:
        _not_its_own(dest, case, post)
        said = merging.take_out(session, org, dest, by)
        inside = [each for each in inside if each != dest]
        events = _going(session, inside, post, what)
        if events:
            _move(session, org, held(session, org, dest, *inside)[0], inside, events)
        return Split(dest, said)
    [now, *_] = held(session, org, *inside, *([dest] if dest else []))
    if now.closed:
        raise CannotDo(f"It is closed. Open {now.name} again first.")
    events = _going(session, inside, post, what)
    if not session.scalar(_LEFT, {"cases": inside, "events": events}):
        raise CannotDo("Nothing would be left of the case: it is about just that.")
    opened = dest is None
    to = _opened(session, org, now, post, subject, events) if dest is None else piece(session, org, dest)
    _move(session, org, to, inside, events)
    posts = counted(len(events), "post")
    said = f"{posts} went from {now.name} to {to.name}" + (
        "." if opened else f", which {post.author} has open."
    )
    said = said if opened or len(events) > 1 else f"The post went to {to.name}, which {post.author} has open."
    merging.note(session, org, now.id, by, f"{posts} went to {to.name}")
    merging.note(session, org, to.id, by, f"{posts} came out of {now.name}")
    audit.note(
        session, org, by, "split", said, of="case", of_id=to.id,
        out_of=str(now.id), events=[str(each) for each in events],
    )  # fmt: skip
    return Split(to.id, said)


def _its_post(session: Session, org: str, cases: Sequence[UUID], event: UUID) -> Any:
    post = session.execute(_POST, {"org": org, "cases": list(cases), "event": event}).one_or_none()
    if post is None:
        raise CannotDo("That post is not one of this case.")
    if post.voice == "own":
        raise CannotDo("That is our own answer: it goes with what it answers.")
    return post


def _subject(session: Session, org: str, inside: Sequence[UUID], post: Any, what: What) -> str:
    """Whose case it would be. A single post of somebody whose case is among these is the post's own."""
    alone = f"post:{post.platform}:{post.external_id}"
    if post.person is None:
        return alone
    person = f"identity:{post.person}"
    if what == "author":
        return person
    mine = _open_case(session, org, post, person)
    return alone if mine in inside else person


def _open_case(session: Session, org: str, post: Any, subject: str) -> UUID | None:
    person = post.person if subject.startswith("identity:") else None
    found: UUID | None = session.scalar(_OPEN, {"org": org, "person": person, "subject": subject})
    return found


def _not_its_own(dest: UUID, case: UUID, post: Any) -> None:
    if dest == case:
        raise CannotDo(
            f"The case is {post.author}'s own: split a single post of theirs out of it, or what others said."
        )


def _going(session: Session, inside: Sequence[UUID], post: Any, what: What) -> list[UUID]:
    events: list[UUID] = [post.id]
    if what == "author" and post.person:
        events = list(session.scalars(_SAID_BY, {"cases": list(inside), "person": post.person}))
    return sorted(session.scalars(_ANSWERS, {"events": events, "cases": list(inside)}))


def _opened(
    session: Session, org: str, out_of: Piece, post: Any, subject: str, events: Sequence[UUID]
) -> Piece:
    """A new case of the level of the one that these posts come out of."""
    worst = session.execute(_WORST_OF, {"events": list(events)}).one()
    work = new_work(session, org, out_of.level, events, worst.id, like=out_of.ticket_id)
    made = session.scalar(
        _OPENS,
        {
            "id": UUID(str(uuid7())),
            "org": org,
            "subject": subject,
            "level": out_of.level,
            "person": post.identity,
            "event": worst.id,
            "rule": worst.rule_id,
            "score": worst.sentiment,
            "threshold": worst.threshold,
            "ticket": work if out_of.level == "ticket" else None,
            "activity": None if out_of.level == "ticket" else work,
        },
    )
    if made is None:
        raise CannotDo(f"{post.author} has complained again at this very moment: look again.")
    return piece(session, org, made)


def _move(session: Session, org: str, to: Piece, inside: Sequence[UUID], events: Sequence[UUID]) -> None:
    values = {"org": org, "case": to.id, "events": list(events), "cases": list(inside)}
    session.execute(_MOVE, values)
    session.execute(_NOTES_GO, values)
    if to.ticket_id is None:  # what names a ticket itself is that one's
        reproject(session, org, events)
    for each in inside:
        was = piece(session, org, each)
        if was.event_id in events:
            left = session.execute(_WORST_LEFT, {"case": each}).one_or_none()
            if left is not None:
                measured = {
                    "event": left.id,
                    "score": left.sentiment,
                    "rule": left.rule_id,
                    "threshold": left.threshold,
                }
                session.execute(_MEASURED_BY, measured | {"case": each})
