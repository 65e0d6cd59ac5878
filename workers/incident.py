"""The Incident of a burst: the one case, with the one Ticket, that takes in what would else be hundreds.

Its subject is its theme, so the unique index on open cases decides that there is one. A case that it takes in names
it as its parent and shares its Ticket, so it closes with it; a customer who addresses us keeps a Ticket of their own.
How many it has is counted, never kept. Those Tickets that were opened before it are adopted afterwards, in a
transaction of its own: whoever decides holds cases already and must not want other Tickets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers.decide import EVERYTHING
from workers.standing import INCIDENT, TICKETED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


class Incident(NamedTuple):
    """An open Incident: its case and its Ticket."""

    case: UUID
    ticket: UUID


# held until the commit, so that none closes while a case joins it; it does not keep others from joining
_HELD = text("""
    SELECT subject, id, ticket_id FROM cases
    WHERE org_id = :org AND closed_at IS NULL AND ticket_id IS NOT NULL AND subject = ANY (:subjects)
    ORDER BY subject FOR SHARE
""")
_OPEN = text("""
    WITH x AS MATERIALIZED (
        SELECT x.*, coalesce(
                   (SELECT 'campaign ' || name FROM campaigns WHERE 'campaign:' || id = x.theme),
                   (SELECT name FROM accounts WHERE 'account:' || id = x.theme),
                   CASE WHEN x.theme LIKE 'keyword:%' THEN '"' || substr(x.theme, 9) || '"' END,
                   'everything') AS what
        FROM json_to_recordset(CAST(:rows AS json)) AS x(
            id uuid, theme text, ticket_id uuid, event_id uuid, rule_id uuid, score double precision,
            threshold double precision, most integer)
    ), opened AS (
        INSERT INTO cases AS c (id, org_id, subject, level, event_id, rule_id, score, threshold, ticket_id)
        SELECT id, :org, :incident || theme, 'ticket', event_id,
               (SELECT r.id FROM rules r WHERE r.id = x.rule_id), score, threshold, ticket_id
        FROM x ORDER BY theme
        ON CONFLICT (org_id, subject) WHERE closed_at IS NULL DO UPDATE SET level = 'ticket'
        RETURNING subject, id, ticket_id
    ), ticketed AS (
        INSERT INTO tickets (id, org_id, account_id, subject, status, source, priority, owner_id)
        SELECT x.ticket_id, :org, a.id,
               left(format('Incident: more than %s tickets about %s', x.most, x.what), 160),
               'open', 'social', 'urgent', a.owner_id
        FROM x JOIN opened o ON o.ticket_id = x.ticket_id
        LEFT JOIN accounts a ON 'account:' || a.id = x.theme
        ORDER BY x.ticket_id
    )
    SELECT subject, id, ticket_id FROM opened
""")


class First(NamedTuple):
    """The post by which an Incident opens."""

    event: UUID
    rule: UUID
    score: float | None
    threshold: float
    most: int
    """So many Tickets its theme has had."""


def incidents_of(session: Session, org: str, wanted: Mapping[str, First]) -> dict[str, Incident]:
    """The open Incidents of these themes; one that is not there yet opens by its first post. Two statements at most."""
    if not wanted:
        return {}
    subjects = sorted(INCIDENT + theme for theme in wanted)
    found = _by_theme(session.execute(_HELD, {"org": org, "subjects": subjects}))
    rows = [
        {
            "id": str(uuid7()),
            "theme": theme,
            "ticket_id": str(uuid7()),
            "event_id": first.event,
            "rule_id": first.rule,
            "score": first.score,
            "threshold": first.threshold,
            "most": first.most,
        }
        for theme, first in sorted(wanted.items())
        if theme not in found
    ]
    if rows:
        opened = session.execute(_OPEN, {"org": org, "rows": as_json(rows), "incident": INCIDENT})
        found |= _by_theme(opened)
    return found


def _by_theme(rows: Any) -> dict[str, Incident]:
    return {row.subject.removeprefix(INCIDENT): Incident(row.id, row.ticket_id) for row in rows}


# Tickets first, then cases: whoever works on a Ticket holds its row and then wants the case, by the trigger
_ADOPT = text(f"""
    WITH incident AS MATERIALIZED (
        SELECT i.id, i.ticket_id, i.opened_at, substr(i.subject, length(:incident) + 1) AS theme FROM cases i
        WHERE i.org_id = :org AND i.closed_at IS NULL AND i.ticket_id IS NOT NULL
          AND i.subject LIKE :incident || '%'
    ), fits AS MATERIALIZED (
        SELECT DISTINCT ON (c.id) c.id, c.ticket_id, incident.id AS parent_id, incident.ticket_id AS parent_ticket
        FROM incident, cases c
        WHERE c.org_id = :org AND c.level = 'ticket' AND c.parent_id IS NULL AND c.closed_at IS NULL
          AND c.subject NOT LIKE :incident || '%' AND incident.theme = ANY (c.themes)
          AND {TICKETED_AT.format("c")} > incident.opened_at
              - make_interval(mins => coalesce((SELECT burst_minutes FROM policies WHERE org_id = :org), 60))
        ORDER BY c.id, incident.theme = :everything, incident.id
    ), tickets_held AS MATERIALIZED (
        SELECT t.id, f.parent_ticket FROM fits f JOIN tickets t ON t.id = f.ticket_id
        ORDER BY t.id FOR NO KEY UPDATE OF t SKIP LOCKED
    ), ticketed AS (
        UPDATE tickets t SET parent_id = h.parent_ticket FROM tickets_held h
        WHERE t.id = h.id AND t.id <> h.parent_ticket
        RETURNING t.id
    ), held AS MATERIALIZED (
        SELECT c.id, f.parent_id FROM fits f JOIN cases c ON c.id = f.id
        WHERE f.ticket_id IN (SELECT id FROM ticketed)
        ORDER BY c.subject FOR NO KEY UPDATE OF c SKIP LOCKED
    )
    UPDATE cases c SET parent_id = h.parent_id FROM held h WHERE c.id = h.id RETURNING c.id
""")

# a case that joined while its Incident's Ticket was being closed, neither seeing the other
_LEFT = text("""
    WITH held AS MATERIALIZED (
        SELECT c.id FROM cases c JOIN cases i ON i.id = c.parent_id
        WHERE c.org_id = :org AND c.closed_at IS NULL AND i.closed_at IS NOT NULL AND c.ticket_id = i.ticket_id
        ORDER BY c.subject FOR NO KEY UPDATE OF c
    )
    UPDATE cases SET closed_at = now() FROM held WHERE cases.id = held.id
""")


def adopt(session: Session, org: str) -> int:
    """Give the open Incidents those cases of their themes that got their Tickets shortly before them. Returns how many."""
    values = {"org": org, "incident": INCIDENT, "everything": EVERYTHING}
    return len(session.execute(_ADOPT, values).all())


def settle_left(session: Session, org: str) -> None:
    """Close what was taken in by an Incident at the moment when it closed."""
    session.execute(_LEFT, {"org": org})
