"""One page of what a source would bring, asked of the platform and stored nowhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors import connectors
from connectors._base import Page, Watch
from connectors._http import Clients, Requests
from console.following import Wanted
from workers._settings import settings
from workers.credentials import session_of


def preview(wanted: Wanted) -> Page:
    """The first page. Raises a ConnectorError (TryLater, Denied, Gone, Garbled) as the platform answers.

    A session that the platform wants is signed in to and kept, as a worker would; the source is not.
    """
    return asyncio.run(_first_page(wanted))


async def _first_page(wanted: Wanted) -> Page:
    ours = settings()
    connector = connectors()[wanted.platform]
    clients = Clients(trusted=frozenset(ours.trusted_hosts))
    engine = create_async_engine(ours.database, hide_parameters=True, poolclass=NullPool)
    http = Requests(clients, deadline=ours.request_deadline)
    try:
        key = None
        if wanted.credential is not None:
            key = await session_of(wanted.credential, connector, async_sessionmaker(engine), http)
        watch = Watch(
            kind=wanted.kind,
            term=wanted.term,
            host=key.host if key else wanted.host,
            now=datetime.now(UTC),
            token=key.access if key else None,
            me=key.account_id if key else None,
        )
        async with asyncio.timeout(ours.source_deadline):
            return await connector.fetch(http, watch, None)
    finally:
        await clients.aclose()
        await engine.dispose()
