"""A stage's answers without a socket: everything of `Requests` runs as it does, and only the network is left out.

For tests that ask many hundred times. That the network works too is what `Replayer` and the simulator show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx

from connectors._http import Clients, GuardedTransport
from tests.replayer import Asked, Reply

NETLOC = "127.0.0.1:9"
BASE = f"http://{NETLOC}"


class Unwired(Clients):
    """Connections to nobody: what is sent to BASE is answered by a function. `asked` is its log."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        super().__init__(trusted={NETLOC})
        self._answering = _Answering(answer)

    @property
    def asked(self) -> list[Asked]:
        return self._answering.asked

    def transport(self, netloc: str, *, tls: bool) -> GuardedTransport:
        assert netloc == NETLOC, f"{netloc} was asked"
        return self._answering


class _Answering(GuardedTransport):
    """A transport that has no connections; so its base class, which would make a pool, is not set up."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self._answer = answer
        self.asked: list[Asked] = []
        self.free = asyncio.Semaphore(20)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = urlsplit(request.url.raw_path.decode("ascii"))
        query = parse_qs(target.query, keep_blank_values=True)
        asked = Asked(request.method, target.path, query, dict(request.headers), request.read())
        self.asked.append(asked)
        reply = self._answer(asked)
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    async def aclose(self) -> None:
        return None
