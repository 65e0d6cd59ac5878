"""Cases as support sees them: whose complaint, how bad, under which rule, and the Ticket or Activity."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

_CASES = text("""
    SELECT c.id AS case, c.subject, c.level, c.event_id AS event, t.id AS ticket_id, t.number, c.activity_id AS activity, c.score,
           r.name AS rule, c.threshold, coalesce(t.status, a.status) AS status, t.priority,
           c.opened_at, c.risen_at, c.closed_at, e.platform, e.text, e.url,
           coalesce(i.handle, i.name) AS author, k.name AS account,
           nullif(concat_ws(' ', o.first_name, o.last_name), '') AS contact, u.email AS owner,
           c.reopened_at, pt.number AS parent,
           CASE WHEN c.subject LIKE 'burst:%' THEN coalesce(t.subject, c.subject) END AS incident,
           CASE WHEN c.subject LIKE 'burst:%' THEN (SELECT count(*) FROM cases n WHERE n.parent_id = c.id) END AS children,
           (SELECT count(*) FROM social_events n WHERE n.case_id = c.id)
           + (SELECT count(*) FROM cases x JOIN social_events n ON n.case_id = x.id WHERE x.parent_id = c.id) AS posts
    FROM cases c
    LEFT JOIN cases p ON p.id = c.parent_id
    LEFT JOIN tickets pt ON pt.id = p.ticket_id
    LEFT JOIN rules r ON r.id = c.rule_id
    LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN social_events e ON e.id = c.event_id
    LEFT JOIN identities i ON i.id = c.identity_id
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts o ON o.id = coalesce(t.contact_id, a.contact_id)
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    WHERE c.org_id = :org AND (:which = 'all' OR (c.closed_at IS NULL) = (:which = 'open'))
      AND (:children OR p.id IS NULL OR c.ticket_id <> p.ticket_id)
    ORDER BY c.opened_at DESC, c.id DESC LIMIT :most
""")


def cases(
    session: Session,
    org: str,
    which: Literal["open", "closed", "all"] = "open",
    most: int | None = None,
    *,
    children: bool = False,
) -> list[dict[str, Any]]:
    """Cases, the newest first (None: all of them); those that have their Incident's Ticket only with `children`.

    {case, subject, level, ticket: {id, number} or None, activity, score, rule, threshold, status, priority,
    opened_at, risen_at, closed_at, platform, text, url, author, account, contact, owner, posts, event, reopened_at,
    parent: the number of its Incident's ticket, incident: what an Incident is about, children: how many cases it took
    in}; score and text are of the post that set the level. The posts of an Incident, and of what others were merged into, are those of all its cases.
    """
    found = []
    values = {"org": org, "which": which, "most": most, "children": children}
    for row in session.execute(_CASES, values).mappings():
        case = dict(row)
        ticket, number = case.pop("ticket_id"), case.pop("number")
        first = {name: case.pop(name) for name in ("case", "subject", "level")}
        found.append({**first, "ticket": {"id": ticket, "number": number} if ticket else None, **case})
    return found
