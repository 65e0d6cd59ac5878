"""News to a webhook: one POST a piece, over connections that stay open, each request within its deadline.

The address is judged by the guard of connectors/_guard.py and the connection goes to the address that was judged. Redirects
are not followed, and of an answer no more than a few kilobytes are read, however they are dressed. It is h11 on asyncio's own streams: httpx costs
ten times as much for a request, and offers nothing that is wanted here. Surprising: 200 with a page of HTML is a no, since
it is what a login page, a parked domain or a mistyped address answers to anything.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import h11
import httpcore

from connectors._base import Denied
from connectors._guard import check_url, public_addresses
from connectors._limits import read_limits
from workers import signed
from workers.outbox import News
from workers.telling import TAKEN, Told

WIDTH = 16
MOST = 16_384
"""Bytes of an answer's body that are read."""
HEARD = 4 * MOST
"""Bytes that are read until there is an answer: interim answers and the frames of chunks are bytes, too."""
_PADDING = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n\f"
"""What may stand before the first character of a page: the marks of UTF-8 and UTF-16, half a character, blanks."""
_BROKEN = (OSError, EOFError, h11.ProtocolError)


class _Endless(OSError):
    """More came than an answer needs, and no end of it."""


class Answered(NamedTuple):
    """Status, headers in lower case, and the beginning of the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Webhook:
    """The way to one webhook. `kept` is its secret as signed.py has it."""

    width = WIDTH

    def __init__(
        self,
        address: str,
        kept: str,
        *,
        trusted: Collection[str] = frozenset(),
        agent: str,
        deadline: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Raises Gone and Denied for an address that may not be asked at all."""
        self._scheme, self._netloc = check_url(address, trusted)
        parts = urlsplit(address)
        self.host, self._port = parts.hostname or "", int(self._netloc.rpartition(":")[2])
        if self._scheme != "https" and self._netloc not in trusted:
            raise Denied(
                f"{self.host} is not told anything without TLS: its address must begin with https",
                refreshable=False,
            )
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._kept, self._trusted, self._deadline = kept, trusted, deadline
        self._fixed = [("host", parts.netloc), ("user-agent", agent), ("content-type", "application/json")]
        self._tls = (context or ssl.create_default_context()) if self._scheme == "https" else None
        self._idle: list[_Connection] = []

    async def tell(self, news: News) -> Told:
        """As `Channel` says."""
        answer = await self.ask(signed.name_of(news), signed.payload(news))
        return answer if isinstance(answer, Told) else judged(self.host, answer)

    async def ask(self, name: str, body: bytes) -> Answered | Told:
        """The answer to one signed request; a Told when there was none."""
        now = datetime.now(UTC)
        sent = [*self._fixed, *signed.headers(name, body, signed.keys(self._kept, now), now)]
        sent.append(("content-length", str(len(body))))
        request = h11.Request(method="POST", target=self._target, headers=sent)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchanged(request, body)
        except TimeoutError:
            return Told(f"{self.host} did not answer within {self._deadline:g} s")
        except Denied as denied:
            return Told(str(denied))
        except httpcore.ConnectError as error:
            return Told(str(error))
        except _BROKEN as error:
            return Told(f"{self.host} could not be told: {_happened(error)}")

    async def _exchanged(self, request: h11.Request, body: bytes) -> Answered:
        """Over a connection that is open, where there is one; it may have been closed meanwhile, which is no failure."""
        while self._idle:
            connection = self._idle.pop()
            try:
                return await self._over(connection, request, body)
            except _BROKEN:
                if connection.heard:
                    raise
        return await self._over(await self._connect(), request, body)

    async def _over(self, connection: _Connection, request: h11.Request, body: bytes) -> Answered:
        try:
            answer = await connection.exchange(request, body)
        except BaseException:
            connection.close()
            raise
        if connection.again():
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self) -> _Connection:
        addresses = (
            [self.host] if self._netloc in self._trusted else await public_addresses(self.host, self._port)
        )
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                reader, writer = await asyncio.open_connection(
                    address, self._port, ssl=self._tls, server_hostname=self.host if self._tls else None
                )
            except OSError as error:
                failure = error
            else:
                return _Connection(reader, writer)
        raise failure

    async def aclose(self) -> None:
        """As `Channel` says."""
        while self._idle:
            self._idle.pop().close()


class _Connection:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST)
        self.heard = False
        """Has anything been heard of the present answer?"""

    async def exchange(self, request: h11.Request, body: bytes) -> Answered:
        self.heard = False
        head = self._http.send(request) or b""
        self._writer.write(head + body)
        self._http.send(h11.Data(data=body))
        self._http.send(h11.EndOfMessage())
        await self._writer.drain()
        status, headers, out, size, heard = 0, {}, [], 0, 0
        while size < MOST:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if heard >= HEARD:
                    raise _Endless
                data = await self._reader.read(MOST)
                heard += len(data)
                self.heard = self.heard or bool(data)
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                size += len(event.data)
                out.append(bytes(event.data))
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                break
        return Answered(status, headers, b"".join(out)[:MOST])

    def again(self) -> bool:
        """Can another request follow?"""
        if (
            self._http.our_state is h11.DONE
            and self._http.their_state is h11.DONE
            and not self._reader.at_eof()
        ):
            self._http.start_next_cycle()
            return True
        return False

    def close(self) -> None:
        # whatever is still to come is nothing that we want
        self._writer.transport.abort()


def judged(host: str, answer: Answered) -> Told:
    """What an answer means. Pure but for the clock that a Retry-After without a Date is held against."""
    status = answer.status
    if 200 <= status < 300:
        if _is_page(answer):
            return Told(f"{host} answered with a web page: is this the address of a webhook?", alive=True)
        return TAKEN
    if status == 410:
        return Told(f"{host} answered 410: it wants no more news", alive=True, gone=True)
    if 300 <= status < 400:
        return Told(
            f"{host} answered {status}, a redirect, which is not followed: give the address it leads to",
            alive=True,
        )
    said = f"{host} answered {status}"
    if status in (408, 429) or status >= 500:
        limits = read_limits(
            {n: v for n, v in answer.headers.items() if n in ("date", "retry-after")}, time.time()
        )
        return Told(said, after=limits.reset_in if limits else None)
    return Told(said, alive=True)


def _is_page(answer: Answered) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    begins = answer.body.lstrip(_PADDING)[:14].lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return begins.startswith(b"<")  # many a receiver says "ok" and calls it text/html
    return begins.startswith((b"<!doctype html", b"<html"))


def _happened(error: BaseException) -> str:
    match error:
        case _Endless():
            return "what it answered had no end"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not valid ({error.verify_message})"
        case ssl.SSLError():
            return "no TLS connection could be agreed on"
        case ConnectionRefusedError():
            return "the connection was refused"
        case h11.ProtocolError():
            return "what it answered was no HTTP, or broke off"
    return "the connection was lost, or there is no way to it"
