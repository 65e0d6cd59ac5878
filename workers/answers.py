"""Answers to a post of ours that were stored before it: nobody could know then that they address us.

When our post arrives they become addressed, and are decided with its batch as if they came now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers.escalate import Facts, Heard, subject_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.orm import Session

_LATE = text("""
    WITH answers AS MATERIALIZED (
        SELECT r.id FROM social_events o, LATERAL (
            SELECT r.* FROM social_events r
            WHERE r.org_id = :org AND r.platform = o.platform AND r.reply_to = o.external_id
            UNION ALL
            SELECT r.* FROM social_events r
            WHERE r.org_id = :org AND r.platform = o.platform AND r.reply_to = o.local_ref
        ) r
        WHERE o.id = ANY(:ours) AND NOT r.addressed AND r.direction = 'inbound'
    ), held AS (
        SELECT e.* FROM social_events e JOIN answers a ON a.id = e.id
        ORDER BY e.platform, e.external_id FOR UPDATE OF e
    ), marked AS (
        UPDATE social_events e SET addressed = true FROM held WHERE e.id = held.id
    )
    SELECT e.*, i.handle, i.name, i.bot, i.ours, s.id AS source, s.escalate_from,
           coalesce(i.merged_into, i.id) AS person,
           i.id IS NOT NULL AND coalesce(i.contact_id, i.account_id, i.lead_id) IS NULL AND NOT i.ours
               AND e.voice = 'earned' AS stranger
    FROM held e LEFT JOIN identities i ON i.id = e.identity_id, LATERAL (
        SELECT id, escalate_from FROM sources WHERE id = ANY (e.sightings) ORDER BY escalate_from LIMIT 1
    ) s
""")


def late_answers(session: Session, org: str, ours: Sequence[UUID]) -> list[tuple[Heard, Facts]]:
    """Mark the stored answers to these events of ours as addressed; what decide and carry_out need of them."""
    found = []
    for row in session.execute(_LATE, {"org": org, "ours": list(ours)}) if ours else ():
        identity = str(row.identity_id) if row.identity_id else None
        heard = Heard(
            ref=(row.platform, row.external_id),
            subject=subject_of(
                row.platform, str(row.person) if row.person else None, row.thread, row.external_id
            ),
            text=row.text,
            sentiment=row.sentiment,
            occurred_at=row.occurred_at,
            addressed=True,
            about_us=row.about_us,
            named=row.account_id is not None or row.campaign_id is not None,
            customer=row.contact_id is not None,
            ours=bool(row.ours),
            bot=bool(row.bot),
            stranger=bool(row.stranger),
            start_mark=row.escalate_from,
            reply_to=None,
            parent_case=None,
            attached=row.case_id is not None,
            rating=row.rating,
        )
        facts = Facts(
            event=row.id,
            identity=identity,
            author=f"@{row.handle}" if row.handle else row.name or "Somebody",
            platform=row.platform,
            text=row.text,
            account=row.account_id,
            contact=row.contact_id,
            campaign=row.campaign_id,
            source=row.source,
            sentiment=row.sentiment,
            name=row.name,
            rating=row.rating,
        )
        found.append((heard, facts))
    return found
