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
           nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact, u.email AS owner,
           (SELECT count(*) FROM social_events n WHERE n.case_id = c.id) AS posts
    FROM cases c
    LEFT JOIN rules r ON r.id = c.rule_id
    LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN social_events e ON e.id = c.event_id
    LEFT JOIN identities i ON i.id = c.identity_id
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts p ON p.id = coalesce(t.contact_id, a.contact_id)
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    WHERE c.org_id = :org AND (:which = 'all' OR (c.closed_at IS NULL) = (:which = 'open'))
    ORDER BY c.opened_at DESC, c.id DESC LIMIT :most
""")


def cases(
    session: Session, org: str, which: Literal["open", "closed", "all"] = "open", most: int | None = None
) -> list[dict[str, Any]]:
    """Cases, the newest first (None: all of them).

    {case, subject, level, ticket: {id, number} or None, activity, score, rule, threshold, status, priority,
    opened_at, risen_at, closed_at, platform, text, url, author, account, contact, owner, posts, event}; score and
    text are of the post that set the level.
    """
    found = []
    for row in session.execute(_CASES, {"org": org, "which": which, "most": most}).mappings():
        case = dict(row)
        ticket, number = case.pop("ticket_id"), case.pop("number")
        first = {name: case.pop(name) for name in ("case", "subject", "level")}
        found.append({**first, "ticket": {"id": ticket, "number": number} if ticket else None, **case})
    return found
