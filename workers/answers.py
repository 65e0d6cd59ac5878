"""Answers to a post of ours that were stored before it: nobody could know then that they address us.

When our post arrives they become addressed, and are decided with its batch as if they came now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers.reheard import COLUMNS, JOINS, facts, heard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.orm import Session

    from workers.escalate import Facts
    from workers.heard import Heard

_LATE = text(f"""
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
    SELECT {COLUMNS} FROM held e {JOINS} WHERE heard_by.source IS NOT NULL
""")


def late_answers(session: Session, org: str, ours: Sequence[UUID]) -> list[tuple[Heard, Facts]]:
    """Mark the stored answers to these events of ours as addressed; what decide and carry_out need of them."""
    rows = session.execute(_LATE, {"org": org, "ours": list(ours)}).mappings() if ours else ()
    return [(heard(row, addressed=True), facts(row)) for row in rows]
