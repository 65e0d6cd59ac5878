"""`Server-Timing: total;dur=12.3`: milliseconds from a request's arrival to its answer's first byte, on every answer.

A browser shows it beside each request, and a proxy may log it: so ops sees which page is slow without anything installed.
"""

from __future__ import annotations

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Timed:
    """An app that says how long its answers took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = f"total;dur={(perf_counter() - began) * 1e3:.1f}".encode()
                message["headers"] = [*message.get("headers", ()), (b"server-timing", took)]
            await send(message)

        await self._app(scope, receive, told)
