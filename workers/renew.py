"""Sessions are renewed before they end, and ops hear in time of what only a person can renew.

try       sources that were refused although their credential is in order: each hour at first, then each day
tell      where a platform cannot be asked and no source of a credential is left that is not refused; and sources
          that bring nothing though their credential is in order (workers/unheard.py)
warn      what ends within 7 days and renews no more
renew     sessions whose time has come (workers/credentials.py: one process at a time)
ask       credentials that a source was refused with since they were last asked, and each once a day

A credential asks for no more than its platform lets it: the budget stands behind `http`, and a platform that
takes money for requests is asked only where there is a doubt.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from connectors._base import ConnectorError, Watch
from workers import reauth
from workers.checks import ask
from workers.credentials import read, sign_in, stored_session, told_of
from workers.reauth import WARNED_DAYS
from workers.unheard import tell_unheard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Http
    from connectors._http import Requests

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Credentials that one round renews, and asks, at most; drawn by lot, so that none that fails stands before others."""

_DUE = text("""
    SELECT id, platform, fence FROM credentials
    WHERE state = 'ok' AND renew_at <= now() AND platform = ANY(:platforms)
    ORDER BY random() LIMIT :most
""")
_DOUBTED = text("""
    SELECT c.id, c.platform, now() AS now FROM credentials c
    WHERE c.state = 'ok' AND c.platform = ANY(:platforms) AND (
        EXISTS (SELECT FROM sources s
                WHERE s.credential_id = c.id AND s.state = 'needs_reauth'
                  AND s.last_error_at > coalesce(c.checked_at, c.created_at))
        OR c.session IS NOT NULL AND c.me IS NULL AND c.checked_at IS NULL  -- whose it is
        OR c.platform = ANY(:daily) AND (c.checked_at < now() - interval '1 day' OR c.checked_at IS NULL))
    ORDER BY random() LIMIT :most
""")
_AGAIN = text("""
    UPDATE sources s SET state = 'active', due_at = now() FROM credentials c
    WHERE c.id = s.credential_id AND c.state = 'ok' AND s.state = 'needs_reauth' AND s.last_error_at
        < now() - CASE WHEN coalesce(s.last_success_at, s.created_at) > now() - interval '6 hours'
                       THEN interval '1 hour' ELSE interval '1 day' END
""")
_SILENT = text("""
    SELECT c.id, c.platform, c.fence, s.last_error AS reason FROM credentials c, LATERAL (
        SELECT last_error FROM sources
        WHERE credential_id = c.id AND state = 'needs_reauth' ORDER BY last_error_at DESC LIMIT 1
    ) s
    WHERE c.state = 'ok' AND c.platform = ANY(:platforms)
      AND NOT EXISTS (SELECT FROM sources WHERE credential_id = c.id AND state = 'active')
    LIMIT :most
""")
_ENDING = text(f"""
    SELECT id, platform, fence, to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS ends,
           expires_at <= now() AS ended
    FROM credentials
    WHERE state = 'ok' AND platform = ANY(:platforms) AND activity_id IS NULL AND expires_at < now() + interval '{WARNED_DAYS} days'
      AND (renew_at IS NULL
           OR renew_at < now() - interval '1 hour' AND expires_at - renew_at > interval '1 day')
    ORDER BY expires_at LIMIT :most
""")


async def renew(
    sessions: async_sessionmaker[AsyncSession], http: Requests, known: Mapping[str, Connector]
) -> None:
    """One round over the credentials of all organisations; `known` are the connectors by platform."""
    renewing = [name for name, one in known.items() if hasattr(one, "sign_in")]
    asking = [name for name, one in known.items() if hasattr(one, "check")]
    daily = [name for name in asking if not _costs_money(known[name])]
    silent = [name for name in known if name not in asking]
    async with sessions() as session, session.begin():
        await session.execute(_AGAIN)
    await tell_unheard(sessions)
    for row in await _rows(sessions, _SILENT, platforms=silent):
        reason = row["reason"] or "every source of it was refused"
        await _tell(row, known[row["platform"]], sessions, reason, waits=True)
    for row in await _rows(sessions, _ENDING, platforms=list(known)):
        ends = "ended" if row["ended"] else "ends"
        reason = f"what opens it {ends} on {row['ends']} and cannot be renewed by itself"
        await _tell(row, known[row["platform"]], sessions, reason, waits=False)
    due = await _rows(sessions, _DUE, platforms=renewing)
    doubted = await _rows(sessions, _DOUBTED, platforms=asking, daily=daily)
    # all at once: a request may take 8 s, and who is cut off in mid-sign-in may lose a token that was just given
    async with asyncio.TaskGroup() as group:
        for work, rows in ((_renewed, due), (_asked, doubted)):
            for row in rows:
                theirs = http.of(str(row["id"]))
                group.create_task(work(row, known[row["platform"]], sessions, theirs))


def _costs_money(connector: Connector) -> bool:
    """Whether any of its watches does; then its checks are not taken for free either."""
    now = datetime.now(UTC)
    host = connector.default_host or ""
    return any(
        connector.cost(Watch(kind=kind, term=need.example, host=host, now=now)).money > 0
        for kind, need in connector.watches.items()
    )


async def _rows(
    sessions: async_sessionmaker[AsyncSession], statement: Any, **values: Any
) -> list[dict[str, Any]]:
    async with sessions() as session:
        found = await session.execute(statement, {"most": AT_ONCE, **values})
        return [dict(row) for row in found.mappings()]


async def _renewed(
    due: Mapping[str, Any],
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
) -> None:
    row = await read(due["id"], sessions)
    if row["fence"] != due["fence"]:
        return  # somebody else was faster
    try:
        await sign_in(row, stored_session(row), connector, sessions, http)
    except ConnectorError as error:
        # what the platform refused waits for a person by now; all else is tried again in the next round
        log.info("Credential %s was not renewed: %s", row["id"], error, extra={"action": "not_renewed"})
    except Exception:
        log.exception("Credential %s met a defect while it was renewed", row["id"])


async def _asked(
    row: Mapping[str, Any], connector: Connector, sessions: async_sessionmaker[AsyncSession], http: Http
) -> None:
    try:
        standing = await ask(row["id"], connector, sessions, http, now=row["now"])
    except Exception:
        log.exception("Credential %s met a defect while it was checked", row["id"])
        return
    log.info("Credential %s was asked: %s", row["id"], standing.answer, extra={"action": "credential_asked"})


async def _tell(
    found: Mapping[str, Any],
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    reason: str,
    *,
    waits: bool,
) -> None:
    """Only if the credential is still the one that was found: a secret given meanwhile is none of this."""
    row = await read(found["id"], sessions)
    if row["fence"] == found["fence"]:
        async with sessions() as session, session.begin():
            await (reauth.refused if waits else reauth.warned)(session, told_of(row, connector), reason)
