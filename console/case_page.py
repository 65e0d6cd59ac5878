"""What stands on the page of one case beside its story: posts with why, what was merged into it, what an Incident took in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.explain import weighed
from console.lately import Lately
from console.merging import INSIDE
from console.scorers import scorer_then
from console.taken_in import LATELY, MANY
from workers.score import Scorer

MOST_POSTS = 30
_PAGE = text("""
    SELECT e.id FROM social_events e
    WHERE e.case_id = ANY (ARRAY(SELECT CAST(:case AS uuid) UNION ALL SELECT id FROM cases WHERE parent_id = :case))
      AND (CAST(:after AS timestamptz) IS NULL OR (e.occurred_at, e.id) > (:after, CAST(:after_id AS uuid)))
    ORDER BY e.occurred_at, e.id LIMIT :most
""")
_PAGES = Lately()
_POSTS = text("""
    SELECT e.id, e.occurred_at, e.platform, e.verb, coalesce('@' || i.handle, i.name) AS author, i.id AS author_id,
           e.sentiment, e.unscored, e.scorer, e.rating, e.text, e.lang, e.url, e.case_role AS role, e.voice, e.edited_at,
           e.gone_at, e.case_id, r.name AS rule, r.id AS rule_id,
           CASE WHEN c.event_id = e.id THEN c.score ELSE e.sentiment END AS crossed_at,
           CASE WHEN c.event_id = e.id THEN c.threshold ELSE r.threshold END AS threshold
    FROM social_events e JOIN cases c ON c.id = e.case_id LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN rules r ON r.id = e.rule_id
    WHERE e.id = ANY (:events) AND (c.id = :case OR c.parent_id = :case) ORDER BY e.occurred_at, e.id
""")
_MATCHES = text("""
    SELECT m.event_id, m.kind, m.record_id, m.how, m.sure, m.evidence, m.state, m.author, m.by,
           coalesce(k.name, g.name, nullif(concat_ws(' ', p.first_name, p.last_name), ''), p.email,
                    nullif(concat_ws(' ', l.first_name, l.last_name), ''), '#' || t.number, 'deleted') AS record,
           (SELECT r.id FROM reviews r WHERE r.event_id = m.event_id AND r.kind = m.kind AND r.record_id = m.record_id
            AND r.undone_at IS NULL ORDER BY r.id DESC LIMIT 1) AS step
    FROM matches m
    LEFT JOIN accounts k ON m.kind = 'account' AND k.id = m.record_id
    LEFT JOIN contacts p ON m.kind = 'contact' AND p.id = m.record_id
    LEFT JOIN campaigns g ON m.kind = 'campaign' AND g.id = m.record_id
    LEFT JOIN tickets t ON m.kind = 'ticket' AND t.id = m.record_id
    LEFT JOIN leads l ON m.kind = 'lead' AND l.id = m.record_id
    WHERE m.event_id = ANY (:events)
    ORDER BY m.state = 'undone', m.sure DESC, m.kind, m.created_at, m.id
""")
_NOTED = text("""
    SELECT n.event_id, n.what, n.at, n.said, n.score, n.threshold, r.name AS rule, r.id AS rule_id
    FROM case_notes n LEFT JOIN rules r ON r.id = n.rule_id
    WHERE n.case_id = ANY (:cases) AND n.event_id = ANY (:events) AND n.what IN ('rule', 'edited') ORDER BY n.at, n.id
""")
_OF_ACCOUNT = text("""
    SELECT t.number, t.subject AS about, t.status, coalesce(c.id, t.id) AS id FROM tickets t
    LEFT JOIN LATERAL (SELECT c.id FROM cases c WHERE c.ticket_id = t.id ORDER BY c.parent_id IS NOT NULL LIMIT 1) c ON true
    WHERE t.account_id = :account AND t.org_id = :org AND coalesce(c.id, t.id) <> :case ORDER BY t.id DESC LIMIT 5
""")
_CHILDREN = text("""
    SELECT c.id, c.opened_at, c.score, c.closed_at, t.number, e.platform, e.text, coalesce('@' || i.handle, i.name) AS author
    FROM (SELECT * FROM cases WHERE parent_id = :case ORDER BY score, id LIMIT 20) c
    LEFT JOIN tickets t ON t.id = c.ticket_id AND c.ticket_id <> CAST(:ticket AS uuid)
    LEFT JOIN social_events e ON e.id = c.event_id LEFT JOIN identities i ON i.id = c.identity_id
    ORDER BY c.score, c.id
""")
_ANSWERED = text(f"""
    SELECT min(e.occurred_at) FROM social_events e
    WHERE e.case_id = {INSIDE} AND e.voice = 'own' AND e.occurred_at > (
        SELECT min(o.occurred_at) FROM social_events o WHERE o.case_id = {INSIDE} AND o.voice <> 'own')
""")
_HERE = text(
    f"SELECT EXISTS (SELECT FROM social_events WHERE org_id = :org AND case_id = {INSIDE} AND id = :event)"
)
_INSIDE = text(f"""
    SELECT c.id, (SELECT t.number FROM audits a JOIN tickets t ON t.id = CAST(a.detail ->> 'ticket' AS uuid)
                  WHERE a.org_id = :org AND a.of_id = c.id AND a.what = 'merged' ORDER BY a.at DESC LIMIT 1) AS number
    FROM cases c WHERE c.id = {INSIDE}
""")
_COUNT = text(f"SELECT count(*) FROM social_events WHERE case_id = {INSIDE}")
_LIKELY = text("""
    SELECT c.id, t.number, t.subject AS about FROM cases me
    JOIN tickets mine ON mine.id = me.ticket_id
    JOIN tickets t ON t.account_id = mine.account_id AND t.org_id = me.org_id
    JOIN cases c ON c.ticket_id = t.id AND c.closed_at IS NULL
    WHERE me.id = :case AND t.id <> mine.id ORDER BY t.id DESC LIMIT 10
""")


def posts(
    session: Session, org: str, case: UUID, after: tuple[datetime, UUID] | None = None, *, children: int = 0
) -> tuple[list[dict[str, Any]], bool]:
    """A page of the posts of a case, or of all that an Incident took in, in the order in which they were written, and whether
    more follow. Each with `words` that weighed (None without a score), `matches`, `crossed` rules, and `was`: its texts before
    edits, the oldest first. `children`: how many cases the Incident took in; of more than MANY, the page begins and ends where
    it did LATELY seconds ago at most."""
    page = _page(session, case, after, children)
    more = len(page) > MOST_POSTS
    values = {"case": case, "events": page[:MOST_POSTS]}
    found = [dict(row) for row in session.execute(_POSTS, values).mappings()]
    events, scorers = [post["id"] for post in found], dict[str | None, Scorer]()
    by_event: dict[UUID, dict[str, list[dict[str, Any]]]] = {
        one: {"matches": [], "rule": [], "edited": []} for one in events
    }
    for row in session.execute(_MATCHES, {"events": events}).mappings():
        by_event[row["event_id"]]["matches"].append(dict(row))
    cases = list({post["case_id"] for post in found})
    for row in session.execute(_NOTED, {"cases": cases, "events": events}).mappings():
        by_event[row["event_id"]][row["what"]].append(dict(row))
    for post in found:
        told = by_event[post["id"]]
        crossed = [one for one in told["rule"] if one["rule_id"] != post["rule_id"]]
        if post["rule"]:
            first = {"rule": post["rule"], "score": post["crossed_at"], "threshold": post["threshold"]}
            crossed.insert(0, first)
        post |= {
            "matches": told["matches"],
            "crossed": crossed,
            "was": [one for one in told["edited"] if one["said"]],
        }
        post["words"] = None
        if post["sentiment"] is not None:
            if post["scorer"] not in scorers:
                scorers[post["scorer"]] = scorer_then(session, org, post["scorer"])
            post["words"] = weighed(scorers[post["scorer"]], post["text"])
    return found, more


def _page(session: Session, case: UUID, after: tuple[datetime, UUID] | None, children: int) -> Sequence[UUID]:
    at, last = after or (None, None)

    def asked() -> Sequence[UUID]:
        values = {"case": case, "after": at, "after_id": last, "most": MOST_POSTS + 1}
        return session.scalars(_PAGE, values).all()

    if children <= MANY:
        return asked()
    # the first 31 of 10,000 are known only after all are read
    return _PAGES.value(session, (case, after), asked, lambda _, ago: ago < LATELY)


def of_account(session: Session, org: str, case: UUID, account: UUID) -> list[dict[str, Any]]:
    """The newest five other tickets of an account: {id of the case, number, about, status}."""
    values = {"org": org, "case": case, "account": account}
    return [dict(row) for row in session.execute(_OF_ACCOUNT, values).mappings()]


def children(session: Session, case: UUID, ticket: UUID | None) -> list[dict[str, Any]]:
    """The worst twenty that an Incident took in; `number` where they have a ticket of their own."""
    return [dict(row) for row in session.execute(_CHILDREN, {"case": case, "ticket": ticket}).mappings()]


def answered_at(session: Session, case: UUID) -> datetime | None:
    """When we first answered on a platform; that may be before the case was opened, if its posts were heard late."""
    found: datetime | None = session.scalar(_ANSWERED, {"case": case})
    return found


def inside(session: Session, org: str, case: UUID) -> dict[UUID, int | None]:
    """The case and those that people merged into it, each with the number of the ticket that it had before."""
    return {row.id: row.number for row in session.execute(_INSIDE, {"org": org, "case": case})}


def count(session: Session, case: UUID) -> int:
    """How many posts it has, with those of what was merged into it."""
    return int(session.execute(_COUNT, {"case": case}).scalar_one())


def likely(session: Session, case: UUID) -> list[dict[str, Any]]:
    """Open tickets of the same account, into which it may be merged: {id of the case, number, about}, the newest ten."""
    return [dict(row) for row in session.execute(_LIKELY, {"case": case}).mappings()]


def belongs(session: Session, org: str, case: UUID, event: UUID) -> bool:
    """Is this a post of the case, or of what was merged into it?"""
    return bool(session.scalar(_HERE, {"org": org, "case": case, "event": event}))
