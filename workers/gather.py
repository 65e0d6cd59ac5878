"""Attach the replies that were there before the case of what they answer.

A reply may land before its parent, or be written by another worker at the same moment, neither seeing the
other's row. So after each batch, in a transaction of its own, both sides look again: its replies for a
parent with an open case, its attached posts for replies without one. Whoever commits later finds the
pair. A post that crosses a threshold has a case of its own and is not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.orm import Session

_CLIMB = """
    WITH RECURSIVE late AS (
        {seeds}
        UNION
        SELECT r.id, l.case_id
        FROM late l JOIN social_events p ON p.id = l.id, {answers}
    ), held AS (
        SELECT e.id, l.case_id FROM social_events e JOIN late l ON l.id = e.id
        WHERE e.case_id IS NULL ORDER BY e.id FOR UPDATE OF e SKIP LOCKED
    )
    UPDATE social_events e
    SET case_id = h.case_id, case_role = 'joined', ticket_id = coalesce(c.ticket_id, e.ticket_id)
    FROM held h JOIN cases c ON c.id = h.case_id
    WHERE e.id = h.id
"""

# a complaint that was held back is listed as that, and is nobody else's
_FREE = "(r.held_back IS NULL OR r.direction = 'outbound')"
# one look into the index for each of a post's two names; an IN over both would walk the whole of another
_ANSWERS = f"""LATERAL (
        SELECT r.id FROM social_events r
        WHERE r.org_id = p.org_id AND r.platform = p.platform AND r.reply_to = p.external_id
          AND r.case_id IS NULL AND {_FREE}
        UNION ALL
        SELECT r.id FROM social_events r
        WHERE r.org_id = p.org_id AND r.platform = p.platform AND r.reply_to = p.local_ref
          AND r.case_id IS NULL AND {_FREE}
    ) r"""

_REPLIES = """
    SELECT r.id, p.case_id
    FROM social_events r
    JOIN LATERAL (
        SELECT case_id FROM social_events p
        WHERE p.org_id = r.org_id AND p.platform = r.platform AND p.external_id = r.reply_to
        UNION ALL
        SELECT case_id FROM social_events p
        WHERE p.org_id = r.org_id AND p.platform = r.platform AND p.local_ref = r.reply_to
        LIMIT 1
    ) p ON true
    JOIN cases c ON c.id = p.case_id AND c.closed_at IS NULL
    WHERE r.org_id = :org AND r.case_id IS NULL AND r.reply_to IS NOT NULL AND {free} AND {which}
"""

_ANSWERED = f"""
    SELECT r.id, p.case_id
    FROM social_events p JOIN cases c ON c.id = p.case_id AND c.closed_at IS NULL, {_ANSWERS}
    WHERE p.org_id = :org AND p.id = ANY(:attached)
"""

_BOTH_SIDES = text(
    _CLIMB.format(
        answers=_ANSWERS,
        seeds=_REPLIES.format(free=_FREE, which="r.id = ANY(:replies)") + " UNION " + _ANSWERED,
    )
)
_LATE = text(
    _CLIMB.format(
        answers=_ANSWERS, seeds=_REPLIES.format(free=_FREE, which="r.recorded_at > now() - interval '1 hour'")
    )
)


# A case that has risen: what belongs to it so far hears of its Ticket. Not in the transaction that raises it:
# that one holds the case, and whoever hears a post again holds the event and may want the case.
_RISEN = """
    WITH held AS (
        SELECT e.id, c.ticket_id FROM cases c JOIN social_events e ON e.case_id = c.id
        WHERE c.org_id = :org AND c.ticket_id IS NOT NULL AND e.ticket_id IS DISTINCT FROM c.ticket_id AND {which}
        ORDER BY e.platform, e.external_id FOR UPDATE OF e
    )
    UPDATE social_events e SET ticket_id = held.ticket_id FROM held WHERE e.id = held.id
"""
_RISEN_NOW = text(_RISEN.format(which="c.id = ANY(:cases)"))
_RISEN_LATELY = text(_RISEN.format(which="c.risen_at > now() - interval '1 hour'"))
# an answer that joined a case while a person gave that another ticket, neither seeing the other
_MERGED_LATELY = text(
    _RISEN.format(
        which="""c.id IN (
            SELECT of_id FROM audits WHERE org_id = :org AND at > now() - interval '1 hour' AND what IN ('merged', 'split'))"""
    )
)


def gather(
    session: Session,
    org: str,
    *,
    replies: Sequence[UUID],
    attached: Sequence[UUID],
    risen: Sequence[UUID] = (),
) -> None:
    """Join what this batch wrote with what was written beside it: its unattached replies, the posts that it
    attached to a case, the cases that rose."""
    if replies or attached:
        session.execute(_BOTH_SIDES, {"org": org, "replies": list(replies), "attached": list(attached)})
    if risen:
        session.execute(_RISEN_NOW, {"org": org, "cases": list(risen)})


def gather_late(session: Session, org: str) -> None:
    """The same over the last hour, for the batch whose worker was killed in between."""
    session.execute(_LATE, {"org": org})
    session.execute(_RISEN_LATELY, {"org": org})
    session.execute(_MERGED_LATELY, {"org": org})
