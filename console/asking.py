"""Requests as a command makes them: in the windows that the fleet learned, where there is a fleet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
from redis.exceptions import RedisError

from connectors._http import Clients, Requests
from workers._settings import BadSetting, Settings
from workers.budget import Budget

PATIENCE = 2.0
"""Seconds until a broker that does not answer counts as none."""


@asynccontextmanager
async def requests(ours: Settings) -> AsyncIterator[Requests]:
    """What to ask platforms with. Without a broker, or while it is away, nobody knows of a window and nothing is held
    back: whoever asks once by hand has no use for a word about it, and `earshot doctor` says it."""
    clients = Clients(trusted=frozenset(ours.trusted_hosts), user_agent=ours.user_agent)
    server = await _broker(ours)
    try:
        yield Requests(clients, budget=Budget(server) if server else None, deadline=ours.request_deadline)
    finally:
        await clients.aclose()
        if server:
            await server.aclose()


async def _broker(ours: Settings) -> redis.asyncio.Redis | None:
    try:
        server = redis.asyncio.from_url(ours.redis, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    except (BadSetting, ValueError):
        return None
    try:
        await server.ping()
    except (RedisError, OSError):
        await server.aclose()
        return None
    return server
