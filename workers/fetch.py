"""One page of a source: what it may cost is set aside first, and given back when nothing was asked or answered.

What nobody knows (no answer within the time, a connection lost, a process killed) stays set aside, because the
platform may have counted it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from connectors._base import ConnectorError
from workers import quotas

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, Cursor, Http, Page, Watch
    from workers.quotas import Hold
    from workers.visit import Visit


async def fetch_page(
    visit: Visit,
    connector: Connector,
    watch: Watch,
    cursor: Cursor | None,
    http: Http,
    sessions: async_sessionmaker[AsyncSession],
    until: float,
) -> tuple[Page, Hold | None]:
    """The page at the cursor, and what is still set aside for it: whoever lands it settles that. It may take until that
    time of the loop. Raises as a connector does, TryLater when a quota or the money does not allow it, and
    TimeoutError."""
    held = await _held(visit, connector, watch, sessions)
    try:
        async with asyncio.timeout_at(until):
            return await connector.fetch(http, watch, cursor), held
    except ConnectorError as error:
        spent = held and quotas.after_error(error, held.most)
        if held and spent:
            async with sessions() as session, session.begin():
                await quotas.settle(session, visit.org, visit.platform, held, spent)
        raise


async def _held(
    visit: Visit, connector: Connector, watch: Watch, sessions: async_sessionmaker[AsyncSession]
) -> Hold | None:
    most = connector.cost(watch)
    if not quotas.metered(connector, most):
        return None
    async with sessions() as session, session.begin():
        return await quotas.hold(
            session,
            org=visit.org,
            platform=visit.platform,
            credential=visit.credential,
            connector=connector,
            poll=visit.poll,
            most=most,
            urgent=visit.urgent,
            now=visit.now,
        )
