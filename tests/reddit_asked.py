"""A Reddit of a few lines for tests: what it is asked, how it answers, and the things it tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from connectors._base import Http, Watch
from connectors._http import Clients, Requests
from tests.contract_stages import NOW
from tests.replayer import Asked, Replayer, Reply

T = TypeVar("T")
CANARY = "canary-5d1e"


def ask(answer: Callable[[Asked], Reply], what: Callable[[Http, str], Awaitable[T]]) -> tuple[T, list[Asked]]:
    """What came of asking a server that answers so, and what it was asked."""

    async def run(server: Replayer) -> T:
        clients = Clients(trusted={server.netloc})
        try:
            return await what(Requests(clients), server.base)
        finally:
            await clients.aclose()

    with Replayer(answer) as server:
        return asyncio.run(run(server)), server.asked


def watch(base: str, kind: str = "subreddit", term: str = "coffee", **more: Any) -> Watch:
    return Watch(kind=kind, term=term, host=base, now=NOW, **{"token": CANARY, **more})


def told(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def listing(things: list[dict[str, Any]], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "children": things}}


def comment(n: int, **more: Any) -> dict[str, Any]:
    at = NOW.timestamp() - 1000 + n
    data = {"name": f"t1_{n}", "body": f"number {n}", "created_utc": at, "parent_id": "t3_1", "replies": ""}
    return {"kind": "t1", "data": {**data, **more}}


def link(n: int, **more: Any) -> dict[str, Any]:
    at = NOW.timestamp() - 100_000 + n
    return {"kind": "t3", "data": {"name": f"t3_{n}", "title": f"number {n}", "created_utc": at, **more}}


def more(children: list[str], parent: str = "t3_1") -> dict[str, Any]:
    return {"kind": "more", "data": {"count": len(children), "parent_id": parent, "children": children}}
