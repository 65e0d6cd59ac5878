"""One case as a whole: whose complaint, every post, every rule that it crossed, and what happened since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.explain import find
from console.merging import INSIDE
from console.refusal import CannotDo
from console.taken_in import taken

# a ticket that was merged into another has no case of its own any more
_BY_NUMBER = text("""
    SELECT c.id FROM tickets t JOIN cases c ON c.ticket_id IN (t.id, t.parent_id)
    WHERE c.org_id = :org AND t.org_id = :org AND t.number = :number
    ORDER BY c.ticket_id <> t.id, c.parent_id IS NOT NULL, c.opened_at LIMIT 1
""")
_BY_ID = text("""
    SELECT id FROM cases WHERE org_id = :org AND (id::text LIKE :named || '%' OR id::text LIKE '%' || :named) LIMIT 2
""")
_OF_POST = text("SELECT case_id FROM social_events WHERE id = :event")
_CASE = text("""
    SELECT c.id AS case, c.subject, c.level, c.opened_at, c.risen_at, c.reopened_at, c.closed_at, c.score, c.threshold,
           c.themes, c.verdict, c.verdict_by, c.verdict_at, r.name AS rule, t.number AS ticket,
           coalesce(t.status, a.status) AS status, t.priority, coalesce(t.subject, a.subject) AS about,
           k.name AS account, nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact, u.email AS owner,
           CASE WHEN parent.subject LIKE 'burst:%' THEN pt.number END AS incident,
           CASE WHEN parent.subject NOT LIKE 'burst:%' THEN pt.number END AS merged, before.ticket AS previous
    FROM cases c
    LEFT JOIN rules r ON r.id = c.rule_id
    LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts p ON p.id = coalesce(t.contact_id, a.contact_id)
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    LEFT JOIN cases parent ON parent.id = c.parent_id
    LEFT JOIN tickets pt ON pt.id = parent.ticket_id
    LEFT JOIN LATERAL (
        SELECT y.number AS ticket FROM cases x JOIN tickets y ON y.id = x.ticket_id WHERE x.id = c.previous_id
    ) before ON true
    WHERE c.id = :case
""")
_POSTS = text("""
    SELECT e.id AS event, e.occurred_at, e.platform, coalesce('@' || i.handle, i.name) AS author, e.sentiment, e.text,
           e.url, e.case_role AS role, e.voice, e.edited_at, e.gone_at
    FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id
    WHERE e.case_id = ANY (ARRAY(SELECT id FROM cases WHERE id = :case OR parent_id = :case))
    ORDER BY e.occurred_at, e.id LIMIT :most
""")
_NOTES = text(f"""
    SELECT n.at, n.what, n.event_id AS event, r.name AS rule, n.score, n.threshold, n.by, n.said
    FROM case_notes n LEFT JOIN rules r ON r.id = n.rule_id
    WHERE n.case_id = {INSIDE}
    ORDER BY n.at, n.id LIMIT :most
""")


def the_case(session: Session, org: str, named: str) -> UUID:
    """The case of this ticket number (with or without #), or whose id begins or ends so, or that has this post (as
    `earshot explain` takes one). Raises CannotDo."""
    wanted = named.strip().lstrip("#").lower()
    found: Sequence[UUID]
    if wanted.isdecimal() and len(wanted) < 18:
        found = session.scalars(_BY_NUMBER, {"org": org, "number": int(wanted)}).all()
        if found:
            return found[0]
    if len(wanted) >= 4 and set(wanted) <= set("0123456789abcdef-"):
        found = session.scalars(_BY_ID, {"org": org, "named": wanted}).all()
        if len(found) == 1:
            return found[0]
        if found:
            raise CannotDo(f"More than one case of {org} has an id like {named!r}; write more of it.")
    try:
        case = session.scalar(_OF_POST, {"event": find(session, org, named)})
    except CannotDo:
        raise CannotDo(
            f"No case of {org} has the ticket, id or post {named!r}; `earshot cases` lists them."
        ) from None
    if case is None:
        raise CannotDo(f"The post {named!r} belongs to no case; `earshot explain` says why.")
    return UUID(str(case))


def story(session: Session, case: UUID, most: int = 200) -> dict[str, Any]:
    """{case, subject, level, ..., posts: how many, children, said: [post], notes: [note]}; of an Incident, the posts
    of all that it took in."""
    told = facts(session, case)
    told["said"] = [dict(row) for row in session.execute(_POSTS, {"case": case, "most": most}).mappings()]
    told["notes"] = notes(session, case, most)
    return told


def facts(session: Session, case: UUID) -> dict[str, Any]:
    """What `story` says of the case itself."""
    children, posts = taken(session, [case])[case]
    return {**session.execute(_CASE, {"case": case}).mappings().one(), "children": children, "posts": posts}


def notes(session: Session, case: UUID, most: int = 200) -> list[dict[str, Any]]:
    """What happened to it, and to what was merged into it, beside the posts, in that order: {at, what, event, rule, score, threshold, by, said}."""
    return [dict(row) for row in session.execute(_NOTES, {"case": case, "most": most}).mappings()]
