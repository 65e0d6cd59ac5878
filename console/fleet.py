"""How the fleet stands: sources, what waits, who is awake, and the ledger that adds up."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.vocabulary import NEVER_VISITED

_SOURCES = text(f"""
    SELECT s.id, s.platform, s.kind, s.term, s.host, s.state, s.every, s.exclude, s.due_at,
           s.lease_until > now() AS visiting, s.failures, s.last_error, s.last_error_at, s.last_success_at,
           s.escalate_from, s.created_at, c.identifier AS credential, u.email AS owner, g.name AS campaign,
           -- how late the next visit is; a paused source is never late, nor one that nobody visits
           CASE WHEN s.state = 'active' AND s.kind NOT IN {NEVER_VISITED} AND (s.lease_until IS NULL OR s.lease_until < now())
                THEN greatest(0, extract(epoch FROM now() - s.due_at))::double precision ELSE 0 END AS lag,
           -- of this source alone; the same post may be another's as well
           coalesce(w.pages, 0) AS waiting_pages
    FROM sources s
    -- counted once for all: a search for each of many sources, among many pages that wait, takes minutes
    LEFT JOIN (SELECT source_id, count(*) AS pages FROM pages
               WHERE org_id = :org AND state = 'landed' AND (CAST(:source AS uuid) IS NULL OR source_id = :source)
               GROUP BY source_id) w ON w.source_id = s.id
    LEFT JOIN credentials c ON c.id = s.credential_id
    LEFT JOIN users u ON u.id = s.owner_id
    LEFT JOIN campaigns g ON g.id = s.campaign_id
    WHERE s.org_id = :org AND (CAST(:source AS uuid) IS NULL OR s.id = :source) ORDER BY s.platform, s.kind, s.term
""")
_WAITING = text("""
    SELECT count(*) AS pages, coalesce(sum(fetched), 0) AS posts, min(landed_at) AS oldest,
           coalesce(max(attempts), 0) AS attempts
    FROM pages WHERE org_id = :org AND state = 'landed'
""")
_LEDGER = text("""
    WITH per AS (
        SELECT p.platform, count(*) AS pages, sum(p.fetched) AS fetched, sum(p.new) AS new,
               sum(p.duplicate) AS duplicate, sum(p.edited) AS edited, sum(p.quarantined) AS quarantined
        FROM pages p WHERE p.org_id = :org GROUP BY p.platform
    ), sifted AS (
        SELECT p.platform, sum(f.posts::bigint)::bigint AS filtered
        FROM pages p, jsonb_each_text(p.filtered) AS f (reason, posts)
        WHERE p.org_id = :org GROUP BY p.platform
    )
    SELECT platform, pages::bigint, fetched::bigint, new::bigint, duplicate::bigint, edited::bigint,
           coalesce(filtered, 0)::bigint AS filtered, quarantined::bigint,
           (fetched - new - duplicate - edited - coalesce(filtered, 0) - quarantined)::bigint AS waiting
    FROM per LEFT JOIN sifted USING (platform) ORDER BY platform
""")
_EVENTS = text("""
    SELECT e.platform, count(*) AS events, count(e.sentiment) AS scored,
           count(*) FILTER (WHERE e.sentiment IS NULL) AS unscored,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM matches m WHERE m.event_id = e.id AND m.state = 'live')) AS matched,
           count(DISTINCT e.case_id) AS cases, count(DISTINCT e.ticket_id) AS tickets
    FROM social_events e WHERE e.org_id = :org GROUP BY e.platform ORDER BY e.platform
""")
_CASES = text("""
    SELECT count(*) FILTER (WHERE closed_at IS NULL) AS open,
           count(*) FILTER (WHERE closed_at IS NULL AND level = 'ticket') AS tickets,
           count(*) FILTER (WHERE closed_at IS NULL AND level = 'activity') AS activities,
           count(*) FILTER (WHERE closed_at IS NOT NULL) AS closed
    FROM cases WHERE org_id = :org
""")
_BEAT = text("SELECT term, until, until > now() AS awake FROM beat_lease ORDER BY until DESC LIMIT 1")
_HELD = text("SELECT count(*) FROM quarantine WHERE org_id = :org AND state = 'held'")
_SUGGESTED = text("""
    SELECT DISTINCT kind, record_id, evidence, author FROM matches WHERE org_id = :org AND state = 'suggested'
""")
_CAPPED = text("""
    SELECT count(*) FROM social_events
    WHERE org_id = :org AND held_back = :reason AND recorded_at > now() - interval '24 hours'
""")
# whoever adds or imports anything for an organisation gives it its rules
_KNOWN = text("""
    SELECT EXISTS (SELECT FROM rules WHERE org_id = :org) OR EXISTS (SELECT FROM sources WHERE org_id = :org)
        OR EXISTS (SELECT FROM social_events WHERE org_id = :org)
""")

LEDGER = ("fetched", "new", "duplicate", "edited", "filtered", "quarantined", "waiting")
"""The columns of the ledger; the first is the sum of the others."""


def now(session: Session) -> datetime:
    """The database's clock."""
    moment: datetime = session.execute(text("SELECT now()")).scalar_one()
    return moment


def unknown(session: Session, org: str) -> str | None:
    """The sentence for an organisation that was never used, which may be a misspelt one."""
    known = session.execute(_KNOWN, {"org": org}).scalar_one()
    return None if known else f"Nothing is known of organisation {org!r}."


def sources(session: Session, org: str, source: UUID | None = None) -> list[dict[str, Any]]:
    """Every source, or this one, with its state, its lag in seconds, its last error and its next visit."""
    return [dict(row) for row in session.execute(_SOURCES, {"org": org, "source": source}).mappings()]


def waiting(session: Session, org: str) -> dict[str, Any]:
    """Landed pages that are not digested yet: {pages, posts, oldest, attempts}."""
    return _all(session, _WAITING, org)[0]


def ledger(session: Session, org: str) -> list[dict[str, Any]]:
    """Per platform: fetched = new + duplicate + edited + filtered + quarantined + waiting, and pages."""
    return _all(session, _LEDGER, org)


def total(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The sum of a ledger's rows."""
    return {name: sum(row[name] for row in rows) for name in LEDGER}


def adds_up(row: dict[str, Any]) -> bool:
    """Is every fetched post accounted for, and none twice?"""
    return bool(row["waiting"] >= 0 and row["fetched"] == sum(row[name] for name in LEDGER[1:]))


def sentence(row: dict[str, Any]) -> str:
    """The ledger as a line: `fetched 12 = new 9 + duplicate 2 + ...`."""
    parts = [f"{name} {row[name]:,}" for name in LEDGER]
    return f"{parts[0]} = {' + '.join(parts[1:])}"


def events(session: Session, org: str) -> list[dict[str, Any]]:
    """Per platform: events, scored, unscored, matched, cases, tickets."""
    return _all(session, _EVENTS, org)


def case_counts(session: Session, org: str) -> dict[str, int]:
    """Open cases (of them with a ticket, with an activity alone) and closed ones."""
    return _all(session, _CASES, org)[0]


def beat(session: Session) -> dict[str, Any] | None:
    """The beat's lease: {term, until, awake}; None when no beat ever ran here."""
    row = session.execute(_BEAT).mappings().first()
    return dict(row) if row else None


def held(session: Session, org: str) -> int:
    """How many posts are in quarantine."""
    return int(session.execute(_HELD, {"org": org}).scalar_one())


def suggestions(session: Session, org: str) -> int:
    """How many suggestions wait for a person, counted as `earshot review` lists them: the same evidence once."""
    from workers.folding import evidence_key

    rows = session.execute(_SUGGESTED, {"org": org})
    return len({(row.kind, row.record_id, row.author, evidence_key(row.evidence or "")) for row in rows})


def leads_held_back(session: Session, org: str) -> int:
    """How many posts of the last 24 hours made no Lead because their rule had made its number already."""
    from workers.leads import CAPPED

    return int(session.execute(_CAPPED, {"org": org, "reason": CAPPED}).scalar_one())


def _all(session: Session, query: Any, org: str) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(query, {"org": org}).mappings()]
