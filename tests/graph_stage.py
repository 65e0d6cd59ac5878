"""What the stages of Facebook, Instagram and Threads share: edges that page by `after`, and Meta's refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors._base import Watch
from tests.contract_stages import NOW, PAGE, Said, Stage
from tests.replayer import Asked, Reply

GONE: dict[str, dict[str, Any]] = {
    "error": {"message": "Unsupported get request.", "code": 100, "error_subcode": 33}
}


def told(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


@dataclass
class Graph(Stage):
    """An edge, newest first; tokens are offsets. `nextless`: it writes cursors and no address of the next page."""

    nextless: bool = False
    log: list[str] = field(default_factory=list)

    def term(self) -> str:
        return "2121_1" if self.kind == "thread" else "@me"

    def watch(self, base: str, now: datetime = NOW) -> Watch:
        self.host = base
        return Watch(
            kind=self.kind.partition("-")[0],
            term=self.term(),
            host=base,
            now=now,
            token="token",
            me="2121",
            page_size=PAGE,
        )

    def number(self, post_id: str) -> int:
        return int(post_id.rstrip("x").rsplit("_", 1)[1])

    def at(self, when: datetime) -> str:
        return when.strftime("%Y-%m-%dT%H:%M:%S+0000")

    def newest(self) -> list[Said]:
        return sorted(self.said, key=lambda s: (s.written, s.n), reverse=True)

    def item(self, said: Said) -> dict[str, Any]:
        raise NotImplementedError

    def shown(self, said: Said) -> dict[str, Any]:
        return {"id": ["?"], "message": "broken"} if said.n == self.broken else self.item(said)

    def edge(self, asked: Asked, items: list[dict[str, Any]]) -> Reply:
        self.log.append(asked.path)
        assert asked.headers.get("authorization") == "Bearer token"
        assert asked.param("access_token") is None
        limit = int(asked.param("limit") or 25)
        start = 0 if self.stuck else int(asked.param("after") or 0)
        more = self.stuck or start + limit < len(items)
        page: dict[str, Any] = {"data": items[start : start + limit]}
        if page["data"]:
            page["paging"] = {"cursors": {"before": "0", "after": str(start + limit)}}
            if more and not self.nextless:
                query = f"access_token=SECRET-CANARY&limit={limit}&after={start + limit}"
                page["paging"]["next"] = f"https://graph.facebook.com/v25.0/x/y?{query}"
        return told(page)

    def tell(self, asked: Asked) -> Reply:
        if self.kind == "thread" and not asked.path.endswith(("/comments", "/conversation")):
            return told(GONE, 400)
        return self.edge(asked, [self.shown(said) for said in self.newest()])
