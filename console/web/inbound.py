"""`/in/{source}`: what a platform delivers by itself is verified, landed and only then answered with 200.

    404  no source that receives has this id, or it is off
    413  more than MOST_BYTES        408  the body took more than BODY_SECONDS
    401  the signature does not hold 400  it does, and the body cannot be read
    503  the database is away, or the source is paused: the platform delivers again

A delivery that was heard before is answered like the first. Who may not know learns nothing: every 401 is the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from connectors import connectors
from connectors._base import ConnectorError, Delivery, Denied, Received, Receives
from workers._settings import BadSetting
from workers.credentials import Locked, unseal
from workers.receive import receive

log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000
BODY_SECONDS = 10.0
DATABASE_SECONDS = 8.0
AGAIN = 30
"""Seconds after which a platform may deliver again what we could not take."""

_AWAY = (DBAPIError, PoolTimeout, OSError, TimeoutError)

_DOOR = text("""
    SELECT s.id, s.platform, s.state, s.credential_id AS credential, c.secret, now() AS now
    FROM sources s JOIN credentials c ON c.id = s.credential_id
    WHERE s.id = :source AND s.state <> 'off'
""")
# at most once a minute: whoever knows the address could write here
_REFUSED = text("""
    UPDATE sources SET last_error = :error, last_error_at = now()
    WHERE id = :source AND coalesce(last_error_at < now() - interval '1 minute', true)
""")


class _Door(NamedTuple):
    """The source that a delivery is for, and the sealed secret that opens it."""

    id: UUID
    platform: str
    state: str
    credential: UUID
    secret: bytes
    now: datetime


class Inbound:
    """The endpoint. `landed` is called whenever posts have landed; a body has `patience` seconds."""

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], landed: Callable[[], None], patience: float
    ) -> None:
        self._sessions, self._landed, self._patience = sessions, landed, patience

    async def answer(self, request: Request) -> Response:
        """Answer one delivery."""
        if request.method not in ("GET", "POST"):
            return _said(405)
        try:
            door = await self._door(request.path_params["source"])
            if door is None:
                return _said(404)
            body = await _body(request, self._patience)
            return body if isinstance(body, Response) else await self._heard(door, request, body)
        except _AWAY as away:
            log.warning("A delivery waits for the database (%s)", type(away).__name__)
            return _said(503, again=AGAIN)
        except ClientDisconnect:
            return _said(400)

    async def _door(self, named: str) -> _Door | None:
        try:
            source = UUID(named)
        except ValueError:
            return None
        async with asyncio.timeout(DATABASE_SECONDS), self._sessions() as session:
            row = (await session.execute(_DOOR, {"source": source})).one_or_none()
        door = None if row is None else _Door(*row)
        return door if door and hasattr(connectors().get(door.platform), "receive") else None

    async def _heard(self, door: _Door, request: Request, body: bytes) -> Response:
        try:
            secret = unseal(door.credential, door.secret)
        except (Locked, BadSetting) as closed:
            # ours to mend, and nothing that the platform could do differently
            log.error("Source %s cannot receive: %s", door.id, closed)
            return _said(503, again=AGAIN)
        delivery = Delivery(
            method=cast('Literal["GET", "POST"]', request.method),
            query=dict(request.query_params),
            headers=_headers(request),
            body=body,
        )
        platform = cast("Receives", connectors()[door.platform])
        try:
            received = platform.receive(delivery, secret, door.now)
        except ConnectorError as error:
            denied = isinstance(error, Denied)
            await self._refused(door, f"a delivery was refused: {error}")
            return _said(401 if denied else 400)
        if door.state == "paused":
            return _said(503, again=AGAIN * 10)
        await self._land(door, received, body)
        return Response(received.answer, 200, _PLAIN, "text/plain")

    async def _land(self, door: _Door, received: Received, body: bytes) -> None:
        if received.page is None and received.id is None:
            return  # a handshake
        async with asyncio.timeout(DATABASE_SECONDS), self._sessions() as session:
            new = await receive(session, door.id, received, body)
        if new and received.page and (received.page.posts or received.page.rejects):
            self._landed()

    async def _refused(self, door: _Door, error: str) -> None:
        async with asyncio.timeout(DATABASE_SECONDS), self._sessions() as session:
            await session.execute(_REFUSED, {"source": door.id, "error": error[:500]})


_PLAIN = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_WORDS = {
    400: "This cannot be read.",
    401: "This is not signed as it should be.",
    404: "Nothing is received here.",
    405: "Deliver with POST.",
    408: "The body did not come in time.",
    413: f"More than {MOST_BYTES:,} bytes.",
    503: "Not now. Deliver it again.",
}


def _said(status: int, *, again: int | None = None) -> Response:
    headers = _PLAIN | ({"retry-after": str(again)} if again else {})
    return Response(_WORDS[status], status, headers, "text/plain")


async def _body(request: Request, patience: float) -> bytes | Response:
    """The body as it came, or why not."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > MOST_BYTES:
        return _said(413)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    return _said(413)
                parts.append(part)
    except TimeoutError:
        return _said(408)
    return b"".join(parts)


def _headers(request: Request) -> dict[str, str]:
    """Lower-cased; what comes twice stands behind each other, so that no signature fits one of them alone."""
    headers: dict[str, Any] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
