"""Answers of X one after the other, without a network, and what the connector makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from connectors import x
from connectors._base import (
    Answer,
    Auth,
    ConnectorError,
    Cursor,
    Judge,
    Page,
    Post,
    Watch,
)
from connectors._http import _settle
from tests.contract_stages import NOW
from tests.stage_x import snowflake

HOST = "https://api.x.example"
T = TypeVar("T")


@dataclass
class Answers:
    """An `Http` that gives these answers one after the other, and remembers what it was asked."""

    told: list[tuple[int, Any]]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: list[tuple[str | None, Auth]] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)

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
        self.asked.append((url.removeprefix(HOST), dict(params or {})))
        self.sent.append((token, auth))
        self.endpoints.append(endpoint)
        status, body = self.told.pop(0)
        got = Answer(status=status, url=url, headers={}, body=json.dumps(body).encode())
        return _settle(got, endpoint, judge, NOW.timestamp())

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
        return await self.get(url, params=form, token=token, auth=auth, endpoint=endpoint, judge=judge)


def run(what: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(what)


def at(**ago: float) -> str:
    """An id that was made so long ago."""
    return str(snowflake(NOW - timedelta(**ago), 1))


def watch(kind: str = "search", term: str = "acme", **more: Any) -> Watch:
    return Watch(**{"kind": kind, "term": term, "host": HOST, "now": NOW, "token": "t0ken", **more})


def page_of(*numbers: str, token: str | None = None, **more: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"result_count": len(numbers)}
    if numbers:
        meta["newest_id"] = numbers[0]
    if token:
        meta["next_token"] = token
    body: dict[str, Any] = {"meta": meta, **more}
    return body | ({"data": [{"id": n, "text": f"acme {n}"} for n in numbers]} if numbers else {})


def walk(*pages: dict[str, Any], since: str, kind: str = "search", **more: Any) -> tuple[list[Page], Answers]:
    """The pages that come of these answers, until the connector has enough."""
    http = Answers([(200, page) for page in pages])
    cursor: Cursor | None = mark(since)
    got: list[Page] = []
    while not got or got[-1].more:
        got.append(run(x.fetch(http, watch(kind, "7" if kind == "mentions" else "acme", **more), cursor)))
        cursor = got[-1].cursor
    return got, http


def mark(since: str, **walking: Any) -> Cursor:
    return Cursor(json.dumps({"since": since, **({"walk": walking} if walking else {})}))


def since_of(page: Page) -> str:
    return str(msgspec.json.decode(page.cursor or "")["since"])


def refused(status: int, body: Any, **more: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        run(x.fetch(Answers([(status, body)]), watch(**more), None))
    return caught.value


def one(**item: Any) -> Post:
    told = page_of()
    told["meta"]["result_count"] = 1
    told["data"] = [{"id": at(hours=1), "text": "", **item}]
    (post,) = run(x.fetch(Answers([(200, told)]), watch(), None)).posts
    return post
