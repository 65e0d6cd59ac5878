"""YouTube in an Http of answers that are given one after the other, and the shapes that it answers with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors import youtube
from connectors._base import (
    Answer,
    Auth,
    Cursor,
    Judge,
    Page,
    Watch,
)
from connectors._http import _settle
from tests.contract_stages import NOW

CHANNEL, VIDEO = "UC" + "b" * 22, "v" * 11
ANN = "UC" + "a" * 22
TOP = "UgzAAAAAAAAAAAAAAAA4AaABAg"


@dataclass
class Asked:
    path: str
    params: Mapping[str, str]
    token: str | None
    auth: Auth


@dataclass
class Told:
    """An Http that gives one answer after the other, (status, body), and keeps what it was asked."""

    answers: list[tuple[int, Any]]
    asked: list[Asked] = field(default_factory=list)

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
        self.asked.append(Asked(url.rpartition("/")[2], params or {}, token, auth))
        status, body = self.answers.pop(0)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _settle(Answer(status=status, url=url, headers={}, body=raw), endpoint, judge, NOW.timestamp())

    async def post(self, *args: Any, **more: Any) -> Answer:
        raise AssertionError("YouTube is only read")


def comment(name: str = TOP, **more: Any) -> dict[str, Any]:
    snippet: dict[str, Any] = {
        "textDisplay": "words",
        "authorDisplayName": "@ann",
        "authorChannelId": {"value": ANN},
        "publishedAt": "2026-11-23T10:00:00Z",
        "updatedAt": "2026-11-23T10:00:00Z",
    }
    return {"id": name, "snippet": {k: v for k, v in (snippet | more).items() if v is not None}}


def thread(name: str = TOP, total: int = 0, held: int = 0, **more: Any) -> dict[str, Any]:
    about = {"channelId": CHANNEL, "videoId": VIDEO, "topLevelComment": comment(name, **more)}
    replies = [comment(f"{name}.{n}", parentId=name) for n in range(held)]
    return {"id": name, "snippet": about | {"totalReplyCount": total}, "replies": {"comments": replies}}


def told(*items: Any, token: str | None = None) -> tuple[int, Any]:
    return 200, {"items": list(items)} | ({"nextPageToken": token} if token else {})


def refused(status: int, reason: str, /, **detail: Any) -> tuple[int, Any]:
    details = {"details": [detail]} if detail else {}
    return status, {
        "error": {"code": status, "message": "<b>?</b>", "errors": [{"reason": reason}], **details}
    }


def watch(kind: str = "channel", now: datetime = NOW) -> Watch:
    term = {"channel": CHANNEL, "video": VIDEO, "thread": TOP}[kind]
    return Watch(kind=kind, term=term, host="https://youtube.example/v3", now=now, token="the-secret-key")


def ask(http: Told, cursor: Cursor | None = None, kind: str = "channel", now: datetime = NOW) -> Page:
    return asyncio.run(youtube.fetch(http, watch(kind, now), cursor))


def walk(http: Told, cursor: Cursor | None = None, kind: str = "channel", now: datetime = NOW) -> list[Page]:
    """Pages until there is no more now; every answer is used."""
    pages = [ask(http, cursor, kind, now)]
    while pages[-1].more:
        pages.append(ask(http, pages[-1].cursor, kind, now))
    assert not http.answers, "something was not asked for"
    return pages


def of(pages: list[Page]) -> list[str]:
    return [post.id for page in pages for post in page.posts]
