"""An answer before it goes on the wire, and the response that notes it once it has gone out completely."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import Receive, Scope, Send

Pace = Literal["at once", "slow", "drip", "cut"]


@dataclass(frozen=True)
class Item:
    """One thing that an answer tells: which post (or repost, or reject), in which version."""

    kind: Literal["post", "repost", "reject"]
    external_id: str
    version: int = 0


@dataclass(kw_only=True)
class Answer:
    """Status, headers, body, and which items it tells."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    via: str = ""


def encoded(value: Any) -> bytes:
    """JSON as the platforms write it: UTF-8, or escapes where a text cannot be UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def told(
    value: Any, *, status: int = 200, items: Iterable[Item] = (), via: str = "", **headers: str
) -> Answer:
    """An answer in JSON; keyword names become header names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=encoded(value), items=tuple(items), via=via, headers=named)


class Telling:
    """An ASGI response. `done` is called after the last byte was handed over, and not when the reader left.

    pace: `slow` waits before the first byte, `drip` sends a byte or two at a time, `cut` closes the
    connection in the middle of the promised length.
    """

    def __init__(
        self,
        answer: Answer,
        done: Callable[[Answer], None],
        *,
        pace: Pace = "at once",
        seconds: float = 0.0,
    ) -> None:
        self.answer, self.done, self.pace, self.seconds = answer, done, pace, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        leaving = asyncio.ensure_future(_left(receive))
        try:
            if await self._sent(send, leaving) and self.answer.status in (200, 304):
                self.done(self.answer)
        finally:
            leaving.cancel()

    async def _sent(self, send: Send, leaving: asyncio.Future[None]) -> bool:
        """Send it; False when the reader had left before the last of it was handed over."""
        body = self.answer.body
        if self.pace == "slow":
            await asyncio.sleep(self.seconds)
        await send({"type": "http.response.start", "status": self.answer.status, "headers": self._headers()})
        if self.pace == "cut":
            # Less than Content-Length promised: the server closes the connection on us.
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionAbortedError("cut off as ordered")
        if self.pace == "drip":
            steps = max(1, int(self.seconds * 10))
            for index in range(steps):
                await send({"type": "http.response.body", "body": body[index : index + 1], "more_body": True})
                await asyncio.sleep(0.1)
            body = body[steps:]
        # The server goes on swallowing what is sent to a reader that has left: ask before the last of it.
        await asyncio.sleep(0)
        left = leaving.done()
        await send({"type": "http.response.body", "body": body})
        return not left

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers: Mapping[str, str] = self.answer.headers
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if self.answer.status not in (204, 304):
            pairs.append((b"content-type", self.answer.media_type.encode()))
            pairs.append((b"content-length", str(len(self.answer.body)).encode()))
        return pairs


async def _left(receive: Receive) -> None:
    """Returns when the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
