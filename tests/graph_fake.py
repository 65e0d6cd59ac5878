"""Meta in memory: an `Http` whose answers a test writes, and which notes what was asked and with which token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors import connectors
from connectors._base import Answer, Auth, Cursor, Judge, Page, Post, Watch
from connectors._http import _settle
from tests.contract_stages import NOW


@dataclass(frozen=True)
class Got:
    """A request as it was made: the path below the host, its parameters, and the token that went along."""

    path: str
    params: Mapping[str, str]
    token: str | None

    @property
    def url(self) -> str:
        return f"{self.path}?{self.params}"


@dataclass(frozen=True)
class Says:
    """An answer: a body as JSON or as it is, a status, headers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Meta:
    """`answer(Got) -> Says` for every request."""

    answer: Callable[[Got], Says]
    asked: list[Got] = field(default_factory=list)

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
        got = Got(
            urlsplit(url).path.removeprefix("/v25.0/").removeprefix("/v1.0/"), dict(params or {}), token
        )
        self.asked.append(got)
        said = self.answer(got)
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        answer = Answer(status=said.status, url=url, headers=said.headers, body=body)
        return _settle(answer, endpoint, judge, NOW.timestamp())

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
        raise AssertionError("nothing is ever written to Meta")


def watch(
    kind: str, term: str = "@me", *, now: datetime = NOW, host: str = "https://meta.example", **more: Any
) -> Watch:
    """A watch as the account 2121."""
    return Watch(kind=kind, term=term, host=host, now=now, token="CANARY", **{"me": "2121", **more})


def fetch(platform: str, meta: Meta, what: Watch, cursor: Cursor | None = None) -> Page:
    """One call."""
    return asyncio.run(connectors()[platform].fetch(meta, what, cursor))


def visit(
    platform: str, meta: Meta, what: Watch, cursor: Cursor | None = None
) -> tuple[list[Post], Cursor | None]:
    """All pages until there is no more now."""
    posts: list[Post] = []
    for _ in range(200):
        page = fetch(platform, meta, what, cursor)
        assert "CANARY" not in (page.cursor or "")
        posts += page.posts
        cursor = page.cursor
        if not page.more:
            return posts, cursor
    raise AssertionError("the walk does not end")


def error(code: int, subcode: int | None = None, status: int = 400, **more: Any) -> Says:
    """A refusal of Meta's."""
    headers = more.pop("headers", {})
    told = {
        "message": f"(#{code}) no",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "A190x4z32",
        **more,
    }
    if subcode is not None:
        told["error_subcode"] = subcode
    return Says({"error": told}, status, headers)
