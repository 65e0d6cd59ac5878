"""The crisis switch: hold escalation back for a campaign, a platform or a rule until a time; who, why, and what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import BadInput, CannotDo

_ON = text("""
    INSERT INTO holds (org_id, of, platform, campaign_id, rule_id, until, reason, by)
    SELECT :org, :of, :platform, :campaign, :rule, :until, :reason, :by WHERE :until > now() RETURNING id
""")
_LIST = text("""
    SELECT h.id, h.of, coalesce(h.platform, g.name, r.name) AS what, h.until, h.reason, h.by, h.created_at,
           h.lifted_at, h.lifted_by, h.released_at, h.released_by,
           h.lifted_at IS NULL AND h.until > now() AS active,
           (SELECT count(*) FROM social_events e WHERE e.hold_id = h.id) AS held
    FROM holds h LEFT JOIN campaigns g ON g.id = h.campaign_id LEFT JOIN rules r ON r.id = h.rule_id
    WHERE h.org_id = :org ORDER BY h.created_at DESC, h.id DESC
""")
_POSTS = text("""
    SELECT e.id AS event, e.occurred_at, e.platform, coalesce('@' || i.handle, i.name) AS author, e.sentiment, e.text,
           e.url, r.name AS rule
    FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id LEFT JOIN rules r ON r.id = e.rule_id
    WHERE e.hold_id = :id ORDER BY e.sentiment NULLS LAST, e.occurred_at LIMIT :most
""")
_OFF = text("""
    UPDATE holds SET lifted_at = now(), lifted_by = :by WHERE id = :id AND lifted_at IS NULL RETURNING id
""")
_RELEASED = text("UPDATE holds SET released_at = now(), released_by = :by WHERE id = :id")


def switch_on(
    session: Session,
    org: str,
    *,
    of: str,
    until: datetime,
    reason: str,
    by: str,
    platform: str | None = None,
    campaign: UUID | None = None,
    rule: UUID | None = None,
) -> UUID:
    """Hold back what would open for one platform, campaign or rule. Raises BadInput where the time is over already."""
    values = {"org": org, "of": of, "platform": platform, "campaign": campaign, "rule": rule}
    made: UUID | None = session.scalar(_ON, {**values, "until": until, "reason": reason, "by": by})
    if made is None:
        raise BadInput(f"{until:%Y-%m-%d %H:%M} UTC is over already.")
    return made


def switches(session: Session, org: str) -> list[dict[str, Any]]:
    """Every switch, the newest first: {id, of, what, until, reason, by, created_at, lifted_at, lifted_by, released_at,
    released_by, active, held}; `held` are the posts that wait for it."""
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]


def the_switch(session: Session, org: str, named: str) -> dict[str, Any]:
    """The switch whose id begins or ends so, or which is for this platform, campaign or rule; of several the newest
    that is on or has posts waiting. Raises CannotDo."""
    wanted = named.strip().casefold()
    fits = [
        one
        for one in switches(session, org)
        if str(one["id"]).startswith(wanted)
        or str(one["id"]).endswith(wanted)
        or (one["what"] or "").casefold() == wanted
    ]
    fits.sort(key=lambda one: not (one["active"] or one["held"]))
    if not wanted or not fits:
        raise CannotDo(f"There is no crisis switch {named!r}; `earshot crisis list` shows them.")
    return fits[0]


def held(session: Session, switch: UUID, most: int) -> list[dict[str, Any]]:
    """The posts that wait for a switch, the worst first."""
    return [dict(row) for row in session.execute(_POSTS, {"id": switch, "most": most}).mappings()]


def switch_off(session: Session, switch: UUID, by: str) -> bool:
    """Let escalation go on for what is said from now on; False where it was off already."""
    return session.scalar(_OFF, {"id": switch, "by": by}) is not None


def noted_released(session: Session, switch: UUID, by: str) -> None:
    """Note who had released what a switch held."""
    session.execute(_RELEASED, {"id": switch, "by": by})
