"""A credential that its platform refuses waits for a person (`needs_reauth`); one Activity says so, once.

The Activity names the account, the reason and the command that mends it. It is done by itself when the
way back was taken: a new secret (`earshot credentials add`), or a check or sign-in that succeeds. Sources go
on where they stood, since nothing here touches a cursor. Each step is one statement, because the connections
of polling commit by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from uuid_utils import uuid7

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

OPEN = "('planned', 'in_progress')"
"""States of an Activity that is still to be done."""

WARNED_DAYS = 7
"""Days before its end that ops hear of what only a person can renew."""

REASON = 200
"""Characters of a reason in a subject."""

WAS = """was AS (
    SELECT id, org_id, platform, state, activity_id, expires_at, session IS NOT NULL AS signed_in
    FROM credentials WHERE id = :id AND fence = :fence FOR UPDATE
)"""

WAY_BACK = f"""told AS (
    UPDATE activities a SET status = 'done' FROM mended m WHERE a.id = m.activity_id AND a.status IN {OPEN}
), woken AS (
    -- a source that was refused for its own sake stays so while its credential is in order
    UPDATE sources s SET state = 'active', due_at = now(), last_error = NULL FROM mended m
    WHERE s.credential_id = m.id AND s.state = 'needs_reauth' AND m.state = 'needs_reauth'
)"""
"""What follows for rows of WAS that are `mended`: their Activity is done, and the sources that waited go on."""

_TELL = f"""still AS (
    SELECT a.id FROM activities a JOIN was ON a.id = was.activity_id WHERE a.status IN {OPEN}
), news AS (
    SELECT was.id, was.org_id FROM was
    WHERE was.state = 'ok' AND NOT EXISTS (SELECT FROM still)
), reworded AS (
    UPDATE activities a SET subject = CAST(:subject AS text) FROM still WHERE a.id = still.id
), told AS (
    INSERT INTO activities (id, org_id, subject, channel, activity_type, status)
    SELECT CAST(:activity AS uuid), org_id, CAST(:subject AS text), 'other', 'task', 'planned' FROM news
)"""

_REFUSED = text(f"""
    WITH {WAS}, {_TELL}
    UPDATE credentials c
    SET state = 'needs_reauth', refreshing_until = NULL, last_error = :reason,
        activity_id = CASE WHEN EXISTS (SELECT FROM news) THEN CAST(:activity AS uuid) ELSE c.activity_id END
    FROM was WHERE c.id = was.id
""")
_WARNED = text(f"""
    WITH {WAS}, {_TELL}
    UPDATE credentials c SET activity_id = CAST(:activity AS uuid) FROM news WHERE c.id = news.id
""")


def command(row: Mapping[str, Any]) -> str:
    """What a person types to give a credential (org, platform, host, identifier) a new secret."""
    server = row["host"].partition("://")[2]
    named = row["identifier"].endswith(f"@{server}") or row["host"] == row.get("default_host")
    host = "" if named else f" --host {row['host']}"
    org = "" if row["org"] == "main" else f" --org {row['org']}"
    return f"earshot credentials add {row['platform']} {row['identifier']}{host}{org}"


def subject(row: Mapping[str, Any], reason: str) -> str:
    """The line that ops reads: whose credential, why, and what mends it."""
    words = " ".join(reason.split())
    words = words if len(words) <= REASON else words[: REASON - 1].rstrip() + "…"
    return f"{row['identifier']} on {row['platform']}: {words}. To mend it: {command(row)}"


async def refused(session: AsyncSession, row: Mapping[str, Any], reason: str) -> None:
    """The credential waits for a person from now on, and ops hear of it, unless its fence has moved.

    `row` has id, fence, org, platform, host, identifier and default_host (None where each server is another).
    """
    await session.execute(_REFUSED, _which(row, reason) | {"reason": reason})


async def warned(session: AsyncSession, row: Mapping[str, Any], reason: str) -> None:
    """Ops hear of a credential that is still good; once, whatever they do about it."""
    await session.execute(_WARNED, _which(row, reason))


def _which(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "fence": row["fence"],
        "subject": subject(row, reason),
        "activity": str(uuid7()),
    }
