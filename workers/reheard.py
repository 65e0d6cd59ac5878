"""Stored posts as decide sees a post, for whoever decides about them again or only asks what would come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.decide import subject_of
from workers.escalate import NOT_NAMING, Facts
from workers.heard import Heard

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

_NAMING = ", ".join(f"'{how}'" for how in NOT_NAMING)

COLUMNS = """
    e.id, e.platform, e.external_id, e.text, e.sentiment, e.occurred_at, e.addressed, e.about_us, e.voice, e.lang,
    e.rating, e.reply_to, e.thread, e.case_id, e.account_id, e.contact_id, e.campaign_id, e.sightings, e.identity_id,
    e.recorded_at, e.gone_at, i.handle, i.name, coalesce(i.bot, false) AS bot, coalesce(i.ours, e.voice = 'own') AS ours,
    coalesce(i.merged_into, i.id) AS person,
    i.id IS NOT NULL AND coalesce(i.contact_id, i.account_id, i.lead_id) IS NULL AND NOT i.ours
        AND e.voice = 'earned' AS stranger,
    (SELECT c.subject FROM cases c
     WHERE c.id = e.case_id AND c.subject = 'post:' || e.platform || ':' || e.external_id) AS alone,
    heard_by.source, heard_by.start_mark, heard_by.kinds, tied.about, coalesce(tied.named, false) AS named
"""
JOINS = f"""
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN LATERAL (
        SELECT (array_agg(s.id ORDER BY s.escalate_from))[1] AS source, min(s.escalate_from) AS start_mark,
               array_agg(DISTINCT s.kind) AS kinds
        FROM sources s WHERE s.id = ANY (e.sightings)
    ) heard_by ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(m.record_id) AS about, bool_or(m.how NOT IN ({_NAMING})) AS named
        FROM matches m WHERE m.event_id = e.id AND m.state = 'live' AND m.kind IN ('account', 'campaign')
    ) tied ON true
"""
"""To be joined to events `e`. Each is one look into an index a post."""

ANSWERED = """
    LEFT JOIN LATERAL (
        SELECT p.external_id AS answered, p.recorded_at AS answered_at, p.case_id AS answered_case,
               p.voice = 'own' AS answers_ours
        FROM social_events p
        WHERE p.org_id = e.org_id AND p.platform = e.platform AND p.external_id = e.reply_to
        UNION ALL
        SELECT p.external_id, p.recorded_at, p.case_id, p.voice = 'own'
        FROM social_events p
        WHERE p.org_id = e.org_id AND p.platform = e.platform AND p.local_ref = e.reply_to
        LIMIT 1
    ) answered ON e.reply_to IS NOT NULL
"""
"""To be joined as well by who wants to know what a post answers."""


def heard(row: RowMapping, **known: Any) -> Heard:
    """A row of COLUMNS as a post to decide about; `known` says what else is known of it (parent_case, closed_case).

    It counts as heard now, and as answering nothing unless `known` has `reply_to`.
    """
    given: dict[str, Any] = {
        "ref": (row["platform"], row["external_id"]),
        "subject": subject_of(
            row["platform"], str(row["person"]) if row["person"] else None, row["thread"], row["external_id"]
        ),
        "text": row["text"],
        "sentiment": row["sentiment"],
        "occurred_at": row["occurred_at"],
        "addressed": row["addressed"],
        "about_us": row["about_us"],
        "named": row["named"],
        "customer": row["contact_id"] is not None,
        "ours": row["ours"],
        "bot": row["bot"],
        "stranger": row["stranger"],
        "start_mark": row["start_mark"] or row["occurred_at"],
        "reply_to": None,
        "parent_case": None,
        "attached": row["case_id"] is not None,
        "rating": row["rating"],
        "lang": row["lang"],
        "kinds": frozenset(row["kinds"] or ()),
        "sources": frozenset(row["sightings"]),
        "about": frozenset(row["about"] or ()),
        "account": row["account_id"],
        "campaign": row["campaign_id"],
        "alone": row["alone"],
    }
    return Heard(**(given | known))


def facts(row: RowMapping) -> Facts:
    """What a Ticket or Activity would say of it."""
    return Facts(
        event=row["id"],
        identity=str(row["identity_id"]) if row["identity_id"] else None,
        author=f"@{row['handle']}" if row["handle"] else row["name"] or "Somebody",
        platform=row["platform"],
        text=row["text"],
        account=row["account_id"],
        contact=row["contact_id"],
        campaign=row["campaign_id"],
        source=row["source"],
        sentiment=row["sentiment"],
        name=row["name"],
        rating=row["rating"],
    )
