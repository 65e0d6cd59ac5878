"""What answers a post about an account is about it too, also where the answer was heard first.

resolve sees what is stored and what is in its batch; an answer that was stored before the post that it answers is
found here, from the post's side, in a transaction of its own. Ends where an answer names an account itself or is by
somebody who belongs to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers._rows import as_json
from workers.matching import SURE
from workers.project import reproject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.orm import Session

DEEPEST = 20
"""So many answers to answers are followed at once; the sweep goes on from there."""

_ANSWERS = """
    INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence)
    SELECT r.org_id, r.id, 'account', p.account_id, 'thread', :sure, r.reply_to
    FROM {from_}
    JOIN matches m ON m.event_id = p.id AND m.kind = 'account' AND m.record_id = p.account_id
                  AND m.state = 'live' AND m.how <> 'identity'
    WHERE {where}
      AND NOT EXISTS (SELECT FROM matches x WHERE x.event_id = r.id AND x.kind = 'account' AND x.state <> 'suggested')
    ORDER BY r.platform, r.external_id
    ON CONFLICT DO NOTHING
    RETURNING event_id
"""
_UNDER = text(
    _ANSWERS.format(
        from_="""json_to_recordset(CAST(:posts AS json)) AS x(platform text, id text)
    JOIN social_events p ON p.org_id = :org AND p.platform = x.platform AND p.external_id = x.id
    JOIN social_events r ON r.org_id = :org AND r.platform = p.platform AND r.account_id IS NULL
                        AND r.reply_to IN (p.external_id, p.local_ref)""",
        where="p.account_id IS NOT NULL",
    )
)
_LATE = text(
    _ANSWERS.format(
        from_="""social_events r
    JOIN LATERAL (
        SELECT * FROM social_events e
        WHERE e.org_id = :org AND e.platform = r.platform AND e.external_id = r.reply_to
        UNION ALL
        SELECT * FROM social_events e WHERE e.org_id = :org AND e.platform = r.platform AND e.local_ref = r.reply_to
        LIMIT 1
    ) p ON p.account_id IS NOT NULL""",
        where="""r.org_id = :org AND r.reply_to IS NOT NULL AND r.case_id IS NULL AND r.account_id IS NULL
      AND r.recorded_at > now() - interval '1 hour'""",
    )
)
_KEYS = text("SELECT platform, external_id FROM social_events WHERE id = ANY(:events)")


def hand_down(session: Session, org: str, posts: Sequence[tuple[str, str]]) -> None:
    """What was stored before these (platform, external id) posts about accounts, and answers them, is about them."""
    for _ in range(DEEPEST):
        if not posts:
            return
        rows = as_json([{"platform": platform, "id": name} for platform, name in sorted(posts)])
        taken = list(session.scalars(_UNDER, {"org": org, "posts": rows, "sure": SURE["thread"]}))
        posts = _took(session, org, taken)


def hand_down_late(session: Session, org: str) -> None:
    """The same over what was heard in the last hour, for the batch whose worker was killed in between."""
    taken = list(session.scalars(_LATE, {"org": org, "sure": SURE["thread"]}))
    hand_down(session, org, _took(session, org, taken))


def _took(session: Session, org: str, events: list[UUID]) -> list[tuple[str, str]]:
    if not events:
        return []
    reproject(session, org, events)
    return [(row.platform, row.external_id) for row in session.execute(_KEYS, {"events": events})]
