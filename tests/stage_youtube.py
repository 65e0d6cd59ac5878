"""YouTube on the contract's stage: what is said are the threads of a channel or video, or the replies of one thread.

Threads are sorted by the time of their top comment, tokens are offsets, a thread carries at most five replies.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.contract_stages import Said, Stage, as_json
from tests.replayer import Asked, Reply

CHANNEL = "UC" + "c" * 22
VIDEO = "v" * 11
TOP = "Ugxxxxxxxxxxxxxxxxx4AaABAg"
CARRIED = 5


@dataclass
class YouTube(Stage):
    """In a thread the first that was said is the top comment, and all others answer it."""

    PLACE = ("pageToken",)
    platform: str = "youtube"

    def term(self) -> str:
        return {"channel": CHANNEL, "video": VIDEO, "thread": TOP}[self.kind]

    def number(self, post_id: str) -> int:
        return int(post_id.rstrip("x").rpartition("-")[2]) if post_id != TOP else 0

    def _comment(self, said: Said) -> dict[str, Any]:
        child = self.kind == "thread" and said is not self.said[0]
        name = f"Ugcomment-{self._n(said)}"
        if self.kind == "thread":
            name = f"{TOP}.reply-{self._n(said)}" if child else TOP
        snippet = {
            "channelId": CHANNEL,
            "videoId": VIDEO,
            "textDisplay": said.text,
            "textOriginal": ["?"] if said.n in self.broken else said.text,
            "authorDisplayName": "@ann",
            "authorChannelId": {"value": "UC" + "a" * 22},
            "publishedAt": _iso(said.written),
            "updatedAt": _iso(said.written),
            "likeCount": 0,
        }
        if child:
            snippet["parentId"] = TOP
        return {"kind": "youtube#comment", "id": name, "snippet": snippet}

    def _thread(self, top: Said, replies: list[Said]) -> dict[str, Any]:
        comment = self._comment(top)
        thread: dict[str, Any] = {
            "kind": "youtube#commentThread",
            "id": comment["id"],
            "snippet": {
                "channelId": CHANNEL,
                "videoId": VIDEO,
                "topLevelComment": comment,
                "totalReplyCount": len(replies),
                "isPublic": True,
            },
        }
        if replies:
            thread["replies"] = {"comments": [self._comment(said) for said in replies[:CARRIED]]}
        return thread

    def unplaced(self) -> Reply:
        reasons = [{"domain": "youtube.parameter", "reason": "invalidPageToken", "location": "pageToken"}]
        return as_json({"error": {"code": 400, "errors": reasons}}, 400)

    def beside(self, asked: Asked) -> Reply | None:
        if asked.path.endswith("/videos"):
            return _json({"items": []})
        if not asked.path.endswith("/comments") or asked.param("id") is None:
            return None
        assert len((asked.param("id") or "").split(",")) <= 50
        return _json({"items": [self._comment(said) for said in self.named(asked.param("id"))]})

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.said, key=lambda said: (said.written, said.n), reverse=True)
        if self.kind == "thread":
            replies = [said for said in self.there(newest) if said is not self.said[0]]
            if asked.path.endswith("/commentThreads"):
                return _json({"items": [self._thread(self.said[0], replies)] if self.said else []})
            return self._page(asked, replies, self._comment)
        return self._page(asked, newest, lambda said: self._thread(said, []))

    def _page(self, asked: Asked, said: list[Said], shown: Callable[[Said], dict[str, Any]]) -> Reply:
        size = int(asked.param("maxResults") or 20)
        start = 0 if self.stuck else int(asked.param("pageToken") or 0)
        items = [shown(one) for one in self.there(said[start : start + size])]
        page: dict[str, Any] = {"pageInfo": {"resultsPerPage": size}, "items": items}
        if self.stuck or start + size < len(said):
            page["nextPageToken"] = str(start + size)
        return _json(page)


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json; charset=UTF-8"})


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stages() -> list[Stage]:
    return [YouTube(kind=kind) for kind in ("channel", "video", "thread")]
