"""The crisis switch: hold escalation back for a campaign, a platform or a rule until a time; who, why, and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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
_SAME = text("""
    SELECT id, until FROM holds
    WHERE org_id = :org AND lifted_at IS NULL AND until > now() AND of = :of AND platform IS NOT DISTINCT FROM :platform
      AND campaign_id IS NOT DISTINCT FROM CAST(:campaign AS uuid) AND rule_id IS NOT DISTINCT FROM CAST(:rule AS uuid)
    ORDER BY until DESC LIMIT 1
""")
_PROLONG = text("""
    UPDATE holds SET until = :until, reason = reason || CAST(:more AS text) WHERE id = :id AND until < :until RETURNING id
""")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot.holds.' || :org, 0))")
_OVER = text("""
    SELECT count(*) FROM social_events e JOIN holds h ON h.id = e.hold_id
    WHERE h.org_id = :org AND (h.lifted_at IS NOT NULL OR h.until <= now())
""")
_OFF = text("""
    UPDATE holds SET lifted_at = now(), lifted_by = :by WHERE id = :id AND lifted_at IS NULL RETURNING id
""")
_WHICH = text("""
    SELECT e.id AS event, e.occurred_at, e.platform, coalesce('@' || i.handle, i.name) AS author, e.sentiment, e.text, e.url
    FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id
    WHERE e.id = ANY (:events) ORDER BY e.sentiment NULLS LAST, e.occurred_at
""")
_RELEASED = text(
    "UPDATE holds SET released_at = now(), released_by = :by WHERE id = :id AND released_at IS NULL"
)
LONGEST = timedelta(days=366)
LEAST = 4
"""Characters of an id at least; fewer fit too much by chance."""


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
    prolong: bool = False,
) -> UUID:
    """Hold back what would open for one platform, campaign or rule; with `prolong`, longer than it is held back already,
    and the reason for that is added. Raises BadInput where the time is over already, or too far, CannotDo where a switch is on
    that nobody said to prolong, or that lasts as long."""
    if until - datetime.now(UTC) > LONGEST + timedelta(hours=1):
        raise BadInput(
            f"{LONGEST.days} days are the longest that a switch is on; prolong it then, or disable the rule."
        )
    values = {"org": org, "of": of, "platform": platform, "campaign": campaign, "rule": rule}
    session.execute(_ALONE, {"org": org})
    if (same := session.execute(_SAME, values).first()) is not None:
        lasts = f"A switch for it is on until {same.until:%Y-%m-%d %H:%M} UTC ({str(same.id)[-8:]})"
        if not prolong:
            raise CannotDo(f"{lasts}; --prolong moves its end.")
        more = f"; until {until:%Y-%m-%d %H:%M} UTC, says {by}: {reason}"
        if session.execute(_PROLONG, {"id": same.id, "until": until, "more": more}).first() is None:
            raise CannotDo(f"{lasts}, which is no earlier; `earshot crisis off` ends it.")
        return UUID(str(same.id))
    made: UUID | None = session.scalar(_ON, {**values, "until": until, "reason": reason, "by": by})
    if made is None:
        raise BadInput(f"{until:%Y-%m-%d %H:%M} UTC is over already.")
    return made


def switches(session: Session, org: str) -> list[dict[str, Any]]:
    """Every switch, the newest first: {id, of, what, until, reason, by, created_at, lifted_at, lifted_by, released_at,
    released_by, active, held}; `held` are the posts that wait for it."""
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]


def the_switch(session: Session, org: str, named: str) -> dict[str, Any]:
    """The switch for this platform, campaign or rule, of several the newest that is on or has posts waiting; or the one
    whose id has this part. Raises CannotDo."""
    wanted, every = named.strip().casefold(), switches(session, org)
    fits = [one for one in every if wanted and (one["what"] or "").casefold() == wanted]
    fits.sort(key=lambda one: not (one["active"] or one["held"]))
    if fits:
        return fits[0]
    fits = [one for one in every if len(wanted) >= LEAST and wanted in str(one["id"])]
    if len(fits) > 1:
        ids = ", ".join(str(one["id"])[-8:] for one in fits)
        raise CannotDo(f"{named!r} fits {len(fits)} crisis switches ({ids}); write more of the id.")
    if not fits:
        raise CannotDo(f"There is no crisis switch {named!r}; `earshot crisis list` shows them.")
    return fits[0]


def waits_in_vain(session: Session, org: str) -> int:
    """How many posts a switch holds that is over, or was turned off."""
    return int(session.execute(_OVER, {"org": org}).scalar_one())


def held(session: Session, switch: UUID, most: int) -> list[dict[str, Any]]:
    """The posts that wait for a switch, the worst first."""
    return [dict(row) for row in session.execute(_POSTS, {"id": switch, "most": most}).mappings()]


def switch_off(session: Session, switch: UUID, by: str) -> bool:
    """Let escalation go on for what is said from now on; False where it was off already."""
    return session.scalar(_OFF, {"id": switch, "by": by}) is not None


def noted_released(session: Session, switch: UUID, by: str) -> None:
    """Note who had released what a switch held; the first time counts."""
    session.execute(_RELEASED, {"id": switch, "by": by})


def opened_nothing(session: Session, why: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """The posts that were released and opened nothing, the worst first, each with the reason (`why`)."""
    rows = session.execute(_WHICH, {"events": list(why)}).mappings()
    return [{**row, "why": why[row["event"]]} for row in rows]
