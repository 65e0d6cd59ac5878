"""Who complains: whom Earshot takes the author for and how it knows, what they said elsewhere and complained of before.

A person is all authors that were merged into one; what the first of them is linked to counts for all.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.records import called

_AUTHOR = text("""
    SELECT i.id, i.platform, coalesce('@' || i.handle, i.name) AS name, i.bot, i.blocked, i.handle, r.id AS root, r.decided,
           r.contact_id, coalesce(r.account_id, p.account_id) AS account_id, r.account_id IS NULL AS through_contact, r.ours,
           (SELECT count(*) FROM (SELECT FROM social_events e WHERE e.identity_id = i.id LIMIT 1001) x) AS posts
    FROM cases c JOIN identities i ON i.id = c.identity_id JOIN identities r ON r.id = coalesce(i.merged_into, i.id)
    LEFT JOIN contacts p ON p.id = r.contact_id
    WHERE c.id = :case
""")
_PERSON = "ARRAY(SELECT id FROM identities WHERE id = :root OR merged_into = :root)"
_ALSO = text("""
    SELECT platform, coalesce('@' || handle, name, stable_id) AS name FROM identities
    WHERE (id = :root OR merged_into = :root) AND id <> :author ORDER BY platform LIMIT 10
""")
_OTHER_POSTS = text(f"""
    SELECT e.id, e.occurred_at, e.platform, e.sentiment, e.text, e.url, e.case_id FROM social_events e
    WHERE e.identity_id = ANY ({_PERSON}) AND e.case_id IS DISTINCT FROM :case ORDER BY e.id DESC LIMIT 5
""")
_OTHER_CASES = text(f"""
    SELECT c.id, t.number, coalesce(t.subject, a.subject) AS about, coalesce(t.status, a.status) AS status, c.opened_at, c.closed_at
    FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id LEFT JOIN activities a ON a.id = c.activity_id
    WHERE c.org_id = :org AND c.id <> :case
      AND c.subject = ANY (ARRAY(SELECT 'identity:' || x FROM unnest({_PERSON}) AS x) || CAST(:subject AS text))
    ORDER BY c.opened_at DESC LIMIT 5
""")
_OTHER_TICKETS = text("""
    SELECT t.id, t.number, t.subject AS about, t.status, t.created_at FROM tickets t
    WHERE t.org_id = :org AND t.contact_id = :contact AND NOT EXISTS (SELECT FROM cases c WHERE c.ticket_id = t.id)
      AND t.parent_id IS NULL
    ORDER BY t.id DESC LIMIT 5
""")
_SAID_SO = text("""
    SELECT r.id, r.by, r.created_at, r.action FROM reviews r
    WHERE r.org_id = :org AND r.identity_id = :root AND r.undone_at IS NULL AND r.kind = :kind AND r.record_id = :record
      AND r.action IN ('link', 'accept') ORDER BY r.id DESC LIMIT 1
""")
_LAST_STEP = text("""
    SELECT r.id, r.action, r.by, r.kind, r.record_id FROM reviews r
    WHERE r.org_id = :org AND r.identity_id = :root AND r.undone_at IS NULL AND r.action IN ('link', 'unlink')
    ORDER BY r.id DESC LIMIT 1
""")
_ALIAS = text("""
    SELECT a.value FROM aliases a JOIN identities i ON i.id = :root
    WHERE a.org_id = :org AND a.kind = 'handle' AND coalesce(a.contact_id, a.account_id) = :record
      AND (a.platform IS NULL OR a.platform = i.platform)
      AND lower(a.value) IN (lower(i.handle), lower(i.stable_id)) LIMIT 1
""")


def author(session: Session, org: str, case: UUID, subject: str) -> dict[str, Any] | None:
    """Whoever complains: {id, platform, name, bot, blocked, posts, also: the same person elsewhere, links: whom they are
    taken for, with the evidence, others: posts elsewhere, cases: others of theirs, tickets: of their contact and without a
    post, undone: the last step if that took a link away}."""
    row = session.execute(_AUTHOR, {"case": case}).mappings().first()
    if row is None:
        return None
    values = {"org": org, "root": row["root"], "author": row["id"], "case": case, "subject": subject}
    values["contact"] = row["contact_id"]

    def rows(query: Any) -> list[dict[str, Any]]:
        return [dict(one) for one in session.execute(query, values).mappings()]

    last = session.execute(_LAST_STEP, values).mappings().first()
    return dict(row) | {
        "also": rows(_ALSO),
        "links": _links(session, org, dict(row)),
        "others": rows(_OTHER_POSTS),
        "cases": rows(_OTHER_CASES),
        "tickets": rows(_OTHER_TICKETS) if row["contact_id"] else [],
        "undone": dict(last) | {"record": called(session, org, last["kind"], last["record_id"]).name}
        if last and last["action"] == "unlink" and last["record_id"]
        else None,
    }


def _links(session: Session, org: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """{kind, id, name, how: how that is known, step: a person's that said so, own: may it be undone by itself}."""
    links = []
    for kind in ("contact", "account"):
        record = row[f"{kind}_id"]
        if record is None:
            continue
        values = {"org": org, "root": row["root"], "kind": kind, "record": record}
        step = session.execute(_SAID_SO, values).mappings().first()
        if kind == "account" and row["through_contact"]:
            how = "the contact’s account"
        elif step:
            how = f"says {step['by'] or 'somebody'}"
        elif alias := session.scalar(_ALIAS, values):
            how = f"by the handle “{alias}”, which is a name of the {kind}"
        else:
            how = "decided by a person" if row["decided"] else "by an earlier link"
        own = kind == "contact" or not row["through_contact"]
        links.append(
            {
                "kind": kind,
                "id": record,
                "name": called(session, org, kind, record).name,
                "how": how,
                "own": own,
            }
        )
    return links
