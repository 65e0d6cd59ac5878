"""Leads that rules made, and the posts whose authors would have been one more than their rule makes in a day."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.leads import CAPPED

DAYS = 30
"""How far back held-back posts are looked for."""

_LEADS = text("""
    SELECT l.id, nullif(concat_ws(' ', l.first_name, l.last_name), '') AS name, l.status, l.created_at,
           r.name AS rule, g.name AS campaign, i.platform, i.handle, e.id AS event, e.text, e.url
    FROM leads l
    LEFT JOIN rules r ON r.id = l.rule_id
    LEFT JOIN campaigns g ON g.id = l.campaign_id
    LEFT JOIN identities i ON i.id = l.identity_id
    LEFT JOIN LATERAL (
        SELECT e.* FROM matches m JOIN social_events e ON e.id = m.event_id
        WHERE m.record_id = l.id AND m.kind = 'lead' AND m.how = 'rule' ORDER BY m.created_at LIMIT 1
    ) e ON true
    WHERE l.org_id = :org AND l.identity_id IS NOT NULL
    ORDER BY l.created_at DESC, l.id DESC LIMIT :most
""")
_HELD = text("""
    SELECT e.id AS event, coalesce(i.name, i.handle) AS name, i.platform, i.handle, e.occurred_at, r.name AS rule,
           g.name AS campaign, e.text, e.url
    FROM social_events e
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN rules r ON r.id = e.rule_id
    LEFT JOIN campaigns g ON g.id = e.campaign_id
    WHERE e.org_id = :org AND e.held_back = :reason AND e.occurred_at > now() - make_interval(days => :days)
    ORDER BY e.occurred_at DESC, e.id DESC LIMIT :most
""")


def leads(session: Session, org: str, most: int = 100) -> list[dict[str, Any]]:
    """Leads made by rules, the newest first.

    {id, name, status, created_at, rule, campaign, platform, handle, event, text, url}; the last three are of the
    post that made the lead.
    """
    return [dict(row) for row in session.execute(_LEADS, {"org": org, "most": most}).mappings()]


def held_back(session: Session, org: str, most: int = 100) -> list[dict[str, Any]]:
    """Posts of the last 30 days that came when their rule had made its number of leads, the newest first.

    {event, name, platform, handle, occurred_at, rule, campaign, text, url}.
    """
    values = {"org": org, "reason": CAPPED, "days": DAYS, "most": most}
    return [dict(row) for row in session.execute(_HELD, values).mappings()]
