"""One request; the answer becomes a value or one of the four errors.

Behind it: the budget (asked before, told after), a deadline over the whole exchange, a cap on the bytes
that a body unpacks to, the address guard, and redirects that are walked by hand. Not for: retries, which
are the workers', and meaning, which is the connector's. A message of an error names the host and what
was asked, never a path, query or token.

Surprising: httpx's timeouts are per read, so a server that drips would never meet them; and its own unpacking
of gzip happens before any cap could see it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urljoin

import httpcore
import httpx

from connectors._base import Answer, Auth, ConnectorError, Denied, Garbled, Gone, Judge, TryLater
from connectors._guard import GuardedNetwork, check_url
from connectors._limits import Limits, read_limits

USER_AGENT = "Earshot/0.1 (social listening; respects robots and deletes)"
DEADLINE = 8.0
MAX_BODY = 10_000_000
MAX_HOPS = 3
BLOCKED = 300.0
"""Seconds until what stands before a platform and blocks us is met again, where it does not say."""

_DOCUMENTS = frozenset({"feed"})
"""Endpoint classes without an API behind them: a page of HTML may well be the refusal itself."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Budget(Protocol):
    """May this request be made now, and what the answer said about the next ones."""

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        """Returns when the request may be made; raises TryLater(limited=True) when it may not. `whose`: a credential's
        id, else the token, None for anybody's."""

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        """Takes in what an answer's headers said."""


class Unlimited:
    """A budget that never says no: where there is no broker, and for tests."""

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        return None

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        return None


class Clients:
    """One connection pool per host, all behind the guard and with one TLS context. Belongs to one event loop.

    They are httpx's transports rather than its clients: what a client adds for each request (cookies,
    authentication flows, redirects, proxies) is just what a connector must not have.
    """

    def __init__(
        self,
        *,
        trusted: Collection[str] = frozenset(),
        context: ssl.SSLContext | None = None,
        max_connections: int = 20,
        user_agent: str = USER_AGENT,
    ) -> None:
        self.trusted = frozenset(trusted)
        self.headers = {"user-agent": user_agent, "accept": "*/*", "accept-encoding": "gzip, deflate"}
        self._context = context
        self._max_connections = max_connections
        self._transports: dict[str, GuardedTransport] = {}

    def transport(self, netloc: str, *, tls: bool) -> GuardedTransport:
        """The transport for a `host:port`. The TLS context is made when the first host needs one."""
        found = self._transports.get(netloc)
        if found is None:
            if tls and self._context is None:
                self._context = ssl.create_default_context()
            found = self._transports[netloc] = GuardedTransport(
                self.trusted, self._context, self._max_connections
            )
        return found

    async def aclose(self) -> None:
        """Closes every connection."""
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.aclose()


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a connection pool whose network is guarded."""

    def __init__(self, trusted: Collection[str], context: ssl.SSLContext | None, connections: int) -> None:
        # httpx offers no parameter for the network; its base class would load the CA bundle a second time
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30.0,
            network_backend=GuardedNetwork(trusted),
        )
        self.free = asyncio.Semaphore(connections)
        """Connections that nobody uses: who has to wait for one asks the budget only then, since it may have changed."""


class Requests:
    """The `Http` that connectors are given. See the module for what it holds off."""

    def __init__(
        self,
        clients: Clients,
        *,
        budget: Budget | None = None,
        deadline: float = DEADLINE,
        max_body: int = MAX_BODY,
        clock: Callable[[], float] = time.time,
        whose: str | None = None,
    ) -> None:
        """`whose` requests these are: a name of the credential that outlives its tokens."""
        self._whose = whose
        self._clients = clients
        self._budget: Budget = budget or Unlimited()
        self._deadline = deadline
        self._max_body = max_body
        self._clock = clock

    def of(self, whose: str | None) -> Requests:
        """The same, on behalf of a credential: its windows are its own, whatever token it has just now."""
        return Requests(
            self._clients,
            budget=self._budget,
            deadline=self._deadline,
            max_body=self._max_body,
            clock=self._clock,
            whose=whose,
        )

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "read",
        judge: Judge | None = None,
    ) -> Answer:
        """GET, through up to three redirects; a token does not leave the origin it was meant for."""
        try:
            target = httpx.URL(url, params=params) if params else httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            raise Gone("this is not a web address that can be read") from None
        origin = _origin(target)
        until = asyncio.get_running_loop().time() + self._deadline
        for _ in range(MAX_HOPS + 1):
            request = _Request("GET", target, headers or {}, _token(token, auth))
            answer = await self._exchange(request, token, endpoint, until)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return await self._settled(answer, token, endpoint, judge)
            try:
                target = httpx.URL(urljoin(str(target), answer.headers["location"]))
            except (httpx.InvalidURL, ValueError):
                raise Garbled(f"{target.host} redirects to what is no address") from None
            if _origin(target) != origin:
                token = None
        raise Garbled(f"{target.host} redirects more than {MAX_HOPS} times")

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "write",
        judge: Judge | None = None,
    ) -> Answer:
        """POST with a JSON body, a form, or nothing; redirects are not followed."""
        until = asyncio.get_running_loop().time() + self._deadline
        request = _Request("POST", url, headers or {}, _token(token, auth), json, form)
        answer = await self._exchange(request, token, endpoint, until)
        return await self._settled(answer, token, endpoint, judge)

    async def _settled(self, answer: Answer, token: str | None, endpoint: str, judge: Judge | None) -> Answer:
        """The answer, or its error; a limit that only the body tells of closes the window as a header would."""
        try:
            return _settle(answer, endpoint, judge, self._clock())
        except TryLater as error:
            if error.limited and error.after is not None and answer.status != 429:
                await self._budget.learn(
                    host=httpx.URL(answer.url).netloc.decode(),
                    endpoint=endpoint,
                    whose=self._whose or token,
                    limits=Limits(remaining=0, reset_in=error.after),
                    status=429,
                )
            raise

    async def _exchange(
        self,
        asked: _Request,
        token: str | None,
        endpoint: str,
        until: float,
    ) -> Answer:
        """One request and its whole answer, whatever its status, before the loop's time `until`."""
        url = str(asked.target)
        scheme, netloc = check_url(url, self._clients.trusted)
        host = netloc.rpartition(":")[0]
        if token and scheme != "https" and netloc not in self._clients.trusted:
            raise Denied(f"a token is not sent to {host} without TLS", refreshable=False)
        transport = self._clients.transport(netloc, tls=scheme == "https")
        sent = {**self._clients.headers, **asked.headers, **asked.token}
        try:
            async with asyncio.timeout_at(until):
                await transport.free.acquire()
        except TimeoutError:
            raise TryLater(f"{host} had no connection free for {endpoint}") from None
        try:
            await self._budget.ask(host=netloc, endpoint=endpoint, whose=self._whose or token)
            async with asyncio.timeout_at(until):
                # no timeouts of its own: the deadline over everything is the one that holds
                request = httpx.Request(
                    asked.method, asked.target, headers=sent, json=asked.json, data=asked.form
                )
                response = await transport.handle_async_request(request)
                try:
                    body = await self._body(response, host, endpoint)
                finally:
                    await response.aclose()
            answer = Answer(status=response.status_code, url=url, headers=_headers(response), body=body)
            # before the connection is free: who waits for it asks the budget next
            await self._budget.learn(
                host=netloc,
                endpoint=endpoint,
                whose=self._whose or token,
                limits=read_limits(answer.headers, self._clock()),
                status=answer.status,
            )
        except (TimeoutError, httpx.TimeoutException):
            said = f"{host} did not answer {endpoint} within {self._deadline:g} s"
            raise TryLater(said, uncertain=True) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise Gone("this is not a web address that can be read") from None
        except httpx.HTTPError as error:
            said = f"{host} could not be asked for {endpoint}: {_happened(error)}"
            reached = not isinstance(error, httpx.ConnectError)
            raise TryLater(said, uncertain=reached, sent=reached) from None
        finally:
            transport.free.release()
        return answer

    async def _body(self, response: httpx.Response, host: str, endpoint: str) -> bytes:
        coding = response.headers.get("content-encoding", "").strip().lower()
        try:
            return await _unpacked(_stream(response), coding, self._max_body)
        except _TooLarge:
            raise Garbled(f"{host} answered {endpoint} with more than {self._max_body} bytes") from None
        except zlib.error:
            said = f"{host} answered {endpoint} with a damaged {coding or 'gzip'} body"
            raise TryLater(said, uncertain=True) from None


class _Request(NamedTuple):
    """What is sent: `token` is the header that the token goes in, if there is one."""

    method: str
    target: httpx.URL | str
    headers: Mapping[str, str]
    token: Mapping[str, str]
    json: Any = None
    form: Mapping[str, str] | None = None


def _token(token: str | None, auth: Auth) -> dict[str, str]:
    if token and auth != "basic" and not (token.isascii() and token.isprintable()):
        # what failed later would have it in its repr
        raise Denied("the token has characters that no header can carry", refreshable=False)
    match auth:
        case _ if not token:
            return {}
        case "bearer":
            return {"authorization": f"Bearer {token}"}
        case "basic":
            return {"authorization": f"Basic {b64encode(token.encode()).decode()}"}
        case "x-goog-api-key":
            return {"x-goog-api-key": token}


def _happened(error: httpx.HTTPError) -> str:
    """A failed exchange in words; its own message may hold addresses, so what it grew out of is named."""
    for cause in _causes(error):
        match cause:
            case socket.gaierror() | UnicodeError():
                return "its name was not found"
            case ssl.SSLCertVerificationError():
                return f"its certificate is not valid ({cause.verify_message})"
            case ssl.SSLError():
                return "no TLS connection could be agreed on"
            case ConnectionRefusedError():
                return "the connection was refused"
            case ConnectionError():
                return "the connection was lost"
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
                return "there is no way to it in the network"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the answer broke off, or was no HTTP"
    return "no connection was made" if isinstance(error, httpx.ConnectError) else "the connection was lost"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it grew out of, where several grew together the first of them."""
    step: BaseException | None = error
    while step is not None:
        yield step
        step = (
            step.exceptions[0] if isinstance(step, BaseExceptionGroup) else step.__cause__ or step.__context__
        )


class _TooLarge(Exception):
    """A body is larger than the caller allows."""


def _stream(response: httpx.Response) -> AsyncIterator[bytes]:
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    return aiter(stream)


async def _unpacked(chunks: AsyncIterator[bytes], coding: str, cap: int) -> bytes:
    """A body without its content coding, never holding more than `cap` bytes of it.

    A body that claims gzip and is not is taken as it is; one that ends too early is zlib.error.
    """
    out: list[bytes] = []
    size = 0
    unpack = None
    packed = coding in {"gzip", "x-gzip", "deflate"}
    begun = False
    async for chunk in chunks:
        if packed and not begun and chunk:
            begun = True
            if coding == "deflate":
                unpack = zlib.decompressobj(zlib.MAX_WBITS if chunk[0] & 0x0F == 8 else -zlib.MAX_WBITS)
            elif chunk[:1] == b"\x1f":
                unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
        while chunk:
            if unpack is None:
                piece, chunk = chunk, b""
            else:
                piece = unpack.decompress(chunk, cap + 1 - size)
                chunk = unpack.unconsumed_tail
            size += len(piece)
            if size > cap:
                raise _TooLarge
            out.append(piece)
            if unpack is not None and unpack.eof:
                break
    if unpack is not None and not unpack.eof:
        raise zlib.error("the body ends in the middle")
    return b"".join(out)


def _settle(answer: Answer, endpoint: str, judge: Judge | None, now: float) -> Answer:
    """The answer if it is a success, else the error that says how to recover."""
    status = answer.status
    if 200 <= status < 300 or status == 304:
        return answer
    said = f"{httpx.URL(answer.url).host} answered {status} to {endpoint}"
    verdict = (judge(answer) if judge is not None else None) or _error(answer, said, now)
    if isinstance(verdict, Denied) and endpoint not in _DOCUMENTS and _is_a_page(answer):
        limits = _told_to_wait(answer, now)
        wait = limits.reset_in if limits else BLOCKED
        raise TryLater(f"{said} with a page of HTML: what stands before it blocks us", after=wait)
    raise verdict


def _is_a_page(answer: Answer) -> bool:
    """Whether HTML was answered where an API speaks JSON: a CDN, a firewall or a captive portal, which know nothing of
    credentials. A challenge for a bearer token is the API's whatever is below it."""
    if "bearer" in answer.headers.get("www-authenticate", "").lower():
        return False
    begins = answer.body[:200].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    html = answer.headers.get("content-type", "").lower().startswith("text/html")
    return begins == b"<" or (html and begins not in (b"", b"{", b"["))


def _error(answer: Answer, said: str, now: float) -> ConnectorError:
    """What a status means on any platform, unless its connector knows better."""
    status = answer.status
    if status == 429 or status >= 500:
        limits = read_limits(answer.headers, now) if status == 429 else _told_to_wait(answer, now)
        return TryLater(said, after=limits.reset_in if limits else None, limited=status == 429)
    if status == 408:
        return TryLater(said)
    if status in {401, 403}:
        return Denied(said, refreshable=False)
    if status in {404, 410}:
        return Gone(said)
    return Garbled(said)


def _told_to_wait(answer: Answer, now: float) -> Limits | None:
    """The rate window travels with every answer; only Retry-After is about this failure."""
    headers = answer.headers
    return read_limits({name: headers[name] for name in ("date", "retry-after") if name in headers}, now)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
