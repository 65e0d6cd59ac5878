"""The list that support works from: open matters, the one that is due first at the top; closed ones, the newest first.

When a matter is due follows from its priority, the policy and when it was opened; it is not stored, so that the order is
right at once when the priority or the policy changes. Each priority is a list in order already, by an index; the page is the front of these, merged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from console.lately import Lately
from console.policy import due_times
from console.taken_in import taken
from models.ticket import OPEN
from models.vocabulary import PRIORITIES

Show = Literal["mine", "unassigned", "all", "tickets", "incidents", "activities", "closed"]
SHOWS: tuple[Show, ...] = ("mine", "unassigned", "all", "tickets", "incidents", "activities", "closed")
SEARCHED = 20_000
"""Among how many of the newest tickets words are looked for; an account, an author and a number are found among all."""
COUNTED = 1_000
"""Counts beside filters go this far: whoever has more has enough."""
NEWEST = 500
"""Of so many closed cases it is told how long they took."""
LATELY = 20.0
"""Seconds for which it is shown again how long so many took."""

# the case that a ticket was opened for, and not those that its Incident took in
_OWN = "(c.parent_id IS NULL OR c.ticket_id <> (SELECT p.ticket_id FROM cases p WHERE p.id = c.parent_id))"
# a ticket that people opened in the CRM has no case: it stands for itself
_TICKETS = f"""
    SELECT coalesce(c.id, t.id) AS id, t.created_at + CAST(:span AS interval) AS due
    FROM {{these}} LEFT JOIN LATERAL (SELECT c.id FROM cases c WHERE c.ticket_id = t.id AND {_OWN} LIMIT 1) c ON true
    WHERE t.org_id = :org AND t.{OPEN} AND t.priority = :priority {{which}}
      AND (CAST(:after AS timestamptz) IS NULL OR t.created_at >= CAST(:after AS timestamptz) - CAST(:span AS interval)
           AND (t.created_at > CAST(:after AS timestamptz) - CAST(:span AS interval) OR coalesce(c.id, t.id) < :after_id))
    ORDER BY t.created_at, coalesce(c.id, t.id) DESC LIMIT :most
"""
_ACTIVITIES = """
    SELECT c.id, c.opened_at + CAST(:span AS interval) AS due FROM {these}
    WHERE c.org_id = :org AND c.closed_at IS NULL AND c.ticket_id IS NULL {which}
      AND (CAST(:after AS timestamptz) IS NULL OR c.opened_at >= CAST(:after AS timestamptz) - CAST(:span AS interval)
           AND (c.opened_at > CAST(:after AS timestamptz) - CAST(:span AS interval) OR c.id < :after_id))
    ORDER BY c.opened_at, c.id DESC LIMIT :most
"""
# OFFSET 0: a person or an account has few, and joined the other way round everybody's are read
_EVERYBODYS = "cases c JOIN activities t ON t.id = c.activity_id"
_SOMEBODYS = """activities t CROSS JOIN LATERAL (
        SELECT * FROM cases o WHERE o.activity_id = t.id OFFSET 0) c"""
# words find few: these are read, and not the list through
_FOUND_TICKETS = "(SELECT * FROM tickets WHERE id = ANY (:tickets) OFFSET 0) t"
_FOUND_ACTIVITIES = """(SELECT * FROM activities WHERE id = ANY (:activities) OFFSET 0) t CROSS JOIN LATERAL (
        SELECT * FROM cases o WHERE o.activity_id = t.id OFFSET 0) c"""
_ALL_INCIDENTS = """
    SELECT c.id, t.created_at + CAST(CAST(:spans AS jsonb) ->> t.priority AS interval) AS due
    FROM cases c JOIN tickets t ON t.id = c.ticket_id
    WHERE c.org_id = :org AND c.closed_at IS NULL AND c.subject LIKE 'burst:%' {which}
    ORDER BY c.opened_at DESC LIMIT 1000
"""
_CLOSED = f"""
    SELECT c.id, c.closed_at AS due FROM cases c LEFT JOIN tickets k ON k.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    CROSS JOIN LATERAL (SELECT coalesce(k.owner_id, a.owner_id) AS owner_id,
                               coalesce(k.account_id, a.account_id) AS account_id,
                               coalesce(k.subject, a.subject) AS subject) t
    WHERE c.org_id = :org AND c.closed_at IS NOT NULL AND {_OWN} {{which}}
      AND (CAST(:after AS timestamptz) IS NULL OR c.closed_at <= :after AND (c.closed_at < :after OR c.id < :after_id))
    ORDER BY c.closed_at DESC, c.id DESC LIMIT :most
"""
_WHICH = {
    "mine": "AND t.owner_id = :me",
    "unassigned": "AND t.owner_id IS NULL",
    "account": "AND t.account_id = :account",
    "words": "AND (c.ticket_id = ANY (:tickets) OR c.activity_id = ANY (:activities))",
    "words of tickets": "AND t.id = ANY (:tickets)",
}
_ROWS = text("""
    SELECT w.id, c.id IS NOT NULL AS heard, coalesce(c.subject LIKE 'burst:%', false) AS incident, t.number, coalesce(t.status, a.status) AS status, t.priority,
           coalesce(t.subject, a.subject, '') AS about, coalesce(t.created_at, c.opened_at) AS opened_at, c.closed_at,
           c.reopened_at, c.score, c.level, c.verdict, e.platform, e.text, coalesce('@' || i.handle, i.name) AS author,
           k.name AS account, k.id AS account_id, nullif(concat_ws(' ', o.first_name, o.last_name), '') AS contact,
           coalesce(nullif(u.name, ''), u.email) AS owner, u.id AS owner_id, pt.number AS parent, c.parent_id,
           EXISTS (SELECT FROM cases x WHERE x.parent_id = c.id) AS parted,
           (SELECT count(*) FROM social_events n WHERE n.case_id = c.id) AS posts
    FROM unnest(CAST(:ids AS uuid[])) AS w(id) LEFT JOIN cases c ON c.id = w.id
    LEFT JOIN tickets t ON t.id = CASE WHEN c.id IS NULL THEN w.id ELSE c.ticket_id END
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN social_events e ON e.id = c.event_id
    LEFT JOIN identities i ON i.id = c.identity_id
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts o ON o.id = coalesce(t.contact_id, a.contact_id)
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    LEFT JOIN cases p ON p.id = c.parent_id
    LEFT JOIN tickets pt ON pt.id = p.ticket_id
""")
_ALONE = "FROM cases c JOIN activities a ON a.id = c.activity_id WHERE c.org_id = :org AND c.closed_at IS NULL AND c.ticket_id IS NULL"
_MINE_ALONE = """
    FROM (SELECT id FROM activities WHERE owner_id = :me) t CROSS JOIN LATERAL (
        SELECT org_id, closed_at, ticket_id FROM cases o WHERE o.activity_id = t.id OFFSET 0) c
    WHERE c.org_id = :org AND c.closed_at IS NULL AND c.ticket_id IS NULL
"""
_TICKETED = f"FROM tickets t WHERE t.org_id = :org AND t.{OPEN}"


def _upto(*parts: str) -> str:
    counted = [f"(SELECT count(*) FROM (SELECT {part} LIMIT :most) x)" for part in parts]
    return f"least({' + '.join(counted)}, :most)"


_MINE = text(f"""
    SELECT {_upto(f"{_TICKETED} AND t.owner_id = :me", _MINE_ALONE)} AS mine
""")
_COUNTS = text(f"""
    SELECT {_upto(f"{_TICKETED} AND t.owner_id IS NULL", f"{_ALONE} AND a.owner_id IS NULL")} AS unassigned,
           least(n.tickets + n.activities, :most) AS all, n.*,
           {_upto("FROM cases c WHERE c.org_id = :org AND c.closed_at IS NULL AND c.subject LIKE 'burst:%'")} AS incidents,
           {_upto(f"FROM cases c WHERE c.org_id = :org AND c.closed_at IS NOT NULL AND {_OWN}")} AS closed
    FROM (SELECT {_upto(_TICKETED)} AS tickets, {_upto(_ALONE)} AS activities OFFSET 0) n
""")
_INCIDENTS = text("""
    SELECT c.id, t.number, t.subject AS about FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id
    WHERE c.org_id = :org AND c.closed_at IS NULL AND c.subject LIKE 'burst:%' AND c.opened_at <= :until
    ORDER BY c.opened_at DESC LIMIT 5
""")
_FRESH = text(f"""
    SELECT least(:most, (SELECT count(*) FROM (
               SELECT FROM cases c WHERE c.org_id = :org AND c.closed_at IS NULL AND c.parent_id IS NULL
                                     AND c.opened_at > :since LIMIT :most) x) + (SELECT count(*) FROM (
               SELECT FROM tickets t WHERE t.org_id = :org AND t.{OPEN} AND t.priority = ANY (:priorities)
                 AND t.created_at > :since AND NOT EXISTS (SELECT FROM cases c WHERE c.ticket_id = t.id) LIMIT :most) x))
""")
_TIMES = text("""
    WITH lately AS (
        SELECT id, subject, ticket_id, opened_at, closed_at FROM cases
        WHERE org_id = :org AND closed_at > now() - interval '30 days' AND parent_id IS NULL ORDER BY closed_at DESC LIMIT :most
    ), answered AS (
        SELECT (SELECT min(e.occurred_at) FROM social_events e WHERE e.case_id = ANY (inside.cases) AND e.voice = 'own'
                         AND e.occurred_at > (SELECT min(o.occurred_at) FROM social_events o
                                              WHERE o.case_id = ANY (inside.cases) AND o.voice <> 'own')) AS at, l.opened_at
        FROM lately l CROSS JOIN LATERAL (
            -- what people merged into it is answered with it; what an Incident took in stays somebody's own
            SELECT l.id || array_agg(x.id) FILTER (WHERE x.id IS NOT NULL) AS cases
            FROM cases x WHERE x.parent_id = l.id AND x.ticket_id = l.ticket_id AND l.subject NOT LIKE 'burst:%'
        ) inside
    )
    SELECT (SELECT count(*) FROM lately) AS closed,
           (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_at - opened_at) FROM lately) AS resolved,
           (SELECT count(at) FROM answered) AS answered,
           (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY greatest(at, opened_at) - opened_at)
            FROM answered WHERE at IS NOT NULL) AS first
""")
_TICKETS_MEANT = text("""
    SELECT id FROM (
        SELECT id, subject FROM tickets WHERE org_id = :org ORDER BY id DESC LIMIT :newest
    ) n WHERE subject ILIKE :words
    UNION SELECT t.id FROM (SELECT id FROM accounts WHERE org_id = :org AND name ILIKE :words LIMIT 50) k
    JOIN LATERAL (SELECT id FROM tickets WHERE account_id = k.id ORDER BY id DESC LIMIT 200) t ON true
    UNION SELECT c.ticket_id FROM identities i JOIN cases c ON c.org_id = i.org_id AND c.subject = 'identity:' || i.id
    WHERE i.org_id = :org AND lower(i.handle) = :handle AND c.ticket_id IS NOT NULL
    LIMIT 500
""")
_ACTIVITIES_MEANT = text("""
    SELECT id FROM (
        SELECT id, subject FROM activities WHERE org_id = :org ORDER BY id DESC LIMIT :newest
    ) n WHERE subject ILIKE :words
    UNION SELECT c.activity_id FROM identities i JOIN cases c ON c.org_id = i.org_id AND c.subject = 'identity:' || i.id
    WHERE i.org_id = :org AND lower(i.handle) = :handle AND c.activity_id IS NOT NULL
    LIMIT 500
""")
# a ticket that was merged into another leads to that one's case, and one without any to itself
_NUMBER = text("""
    SELECT coalesce(c.id, t.id) FROM tickets t LEFT JOIN cases c ON c.ticket_id IN (t.id, t.parent_id)
    WHERE t.org_id = :org AND t.number = :number
    ORDER BY c.ticket_id <> t.id, c.parent_id IS NOT NULL, c.opened_at LIMIT 1
""")


class Place(NamedTuple):
    """Where a page of the list ends: the last row's moment (due, or closed) and case."""

    at: datetime
    case: UUID


def listed(
    session: Session,
    org: str,
    show: Show,
    me: UUID | None,
    *,
    account: UUID | None = None,
    words: str = "",
    after: Place | None = None,
    most: int = 50,
) -> tuple[list[dict[str, Any]], Place | None]:
    """A page of the list, and where it ends if it goes on: {id, incident, number, status, priority, about, due, late, ...}."""
    found = _found(session, org, show, me, account, words, after, most + 1)
    more, found = len(found) > most, found[:most]
    rows = {
        row["id"]: dict(row) for row in session.execute(_ROWS, {"ids": [one.id for one in found]}).mappings()
    }
    taken_in = taken(session, [name for name, row in rows.items() if row.pop("parted")])
    for name, row in rows.items():
        children, posts = taken_in.get(name, (0, row["posts"]))
        row |= {"children": children, "posts": posts}
    told = [rows[one.id] | {"due": one.due if show != "closed" else None} for one in found]
    return told, Place(found[-1].due, found[-1].id) if more else None


def _found(
    session: Session,
    org: str,
    show: Show,
    me: UUID | None,
    account: UUID | None,
    words: str,
    after: Place | None,
    most: int,
) -> list[Any]:
    values: dict[str, Any] = {
        "org": org,
        "most": most,
        "after": after and after.at,
        "after_id": after and after.case,
    }
    which = _WHICH.get(show, "")
    values |= {"me": me} if show == "mine" else {}
    if account:
        which, values = f"{which} {_WHICH['account']}", values | {"account": account}
    of_tickets = which
    if words:
        values |= _meant(session, org, words)
        if not (values["tickets"] or values["activities"]):
            return []
        which, of_tickets = f"{which} {_WHICH['words']}", f"{which} {_WHICH['words of tickets']}"
    due = due_times(session, org)
    if show == "closed":
        return list(session.execute(_query(_CLOSED, which), values))
    if show == "incidents":
        spans = json.dumps({priority: f"{span.total_seconds()} s" for priority, span in due.items()})
        every = session.execute(_query(_ALL_INCIDENTS, of_tickets), values | {"spans": spans})
        return _in_order(one for one in every if after is None or _behind(one, after))[:most]
    found: list[Any] = []
    for priority, span in {} if show == "activities" else due.items():
        asked = values | {"priority": priority, "span": span}
        found += session.execute(
            _query(_TICKETS, of_tickets, _FOUND_TICKETS if words else "tickets t"), asked
        )
    if show != "tickets":
        these = _SOMEBODYS if show == "mine" or account else _FOUND_ACTIVITIES if words else _EVERYBODYS
        found += session.execute(_query(_ACTIVITIES, which, these), values | {"span": due["low"]})
    return _in_order(found)[:most]


def _in_order(found: Iterable[Any]) -> list[Any]:
    newest_first = sorted(found, key=lambda one: one.id, reverse=True)
    return sorted(newest_first, key=lambda one: one.due)


def _behind(one: Any, place: Place) -> bool:
    return bool(one.due > place.at or (one.due == place.at and one.id < place.case))


def _query(query: str, which: str, these: str = "") -> TextClause:
    return text(query.format(which=which, these=these))


def _meant(session: Session, org: str, words: str) -> dict[str, Any]:
    like = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values = {"org": org, "words": f"%{like}%", "handle": words.lstrip("@").lower(), "newest": SEARCHED}
    return {
        "tickets": list(session.scalars(_TICKETS_MEANT, values)),
        "activities": list(session.scalars(_ACTIVITIES_MEANT, values)),
    }


def numbered(session: Session, org: str, words: str) -> UUID | None:
    """The case of the ticket that is meant by `1004` or `#1004`; the ticket itself where it has none."""
    number = words.strip().removeprefix("#")
    if not (number.isascii() and number.isdecimal() and len(number) < 18):
        return None
    found: UUID | None = session.scalar(_NUMBER, {"org": org, "number": int(number)})
    return found


def counts(session: Session, org: str) -> dict[str, int]:
    """How many each filter but "mine" shows, by its name; more than COUNTED are COUNTED + 1."""
    found = session.execute(_COUNTS, {"org": org, "most": COUNTED + 1}).mappings().one()
    return dict(found)


def mine(session: Session, org: str, me: UUID | None) -> int:
    """How many are somebody's; more than COUNTED are COUNTED + 1."""
    return int(session.execute(_MINE, {"org": org, "me": me, "most": COUNTED + 1}).scalar_one())


def incidents(session: Session, org: str, until: datetime) -> list[dict[str, Any]]:
    """Open Incidents that were there at `until`, the newest five: {id, number, about, cases, posts}, counted now."""
    found = session.execute(_INCIDENTS, {"org": org, "until": until}).mappings().all()
    taken_in = taken(session, [row["id"] for row in found])
    return [{**row, "cases": taken_in[row["id"]].cases, "posts": taken_in[row["id"]].posts} for row in found]


def fresh(session: Session, org: str, since: datetime) -> int:
    """How many cases, and tickets without one, were opened since; more than COUNTED are COUNTED + 1."""
    values = {"org": org, "since": since, "most": COUNTED + 1, "priorities": list(PRIORITIES)}
    return int(session.execute(_FRESH, values).scalar_one())


_OF_LATELY = Lately()


def times(session: Session, org: str) -> dict[str, Any]:
    """Of the newest 500 cases that were closed in 30 days: {closed, resolved, answered, first}, how many and the median
    time until they were closed, how many we answered and the median time until our first answer; None without any."""

    def made() -> dict[str, Any]:
        return dict(session.execute(_TIMES, {"org": org, "most": NEWEST}).mappings().one())

    return dict(
        _OF_LATELY.value(session, org, made, lambda found, ago: found["closed"] == NEWEST and ago < LATELY)
    )
