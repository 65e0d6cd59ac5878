"""What the stages of Facebook, Instagram and Threads share: edges that page by `after`, and Meta's refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors._base import Held, Login, Watch
from tests.contract_stages import NOW, PAGE, Said, Stage
from tests.replayer import Asked, Reply

GONE: dict[str, dict[str, Any]] = {
    "error": {"message": "Unsupported get request.", "code": 100, "error_subcode": 33}
}

_WORDS = ("message", "caption", "text")
"""Where the words stand: on Facebook, on Instagram, on Threads."""


def told(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


@dataclass
class Graph(Stage):
    """An edge, newest first; tokens are offsets. `nextless`: it writes cursors and no address of the next page."""

    PLACE = ("after",)
    nextless: bool = False
    log: list[str] = field(default_factory=list)

    def held(self) -> Held:
        return Held(account_id="2121", handle="acme")

    def login(self, base: str) -> Login:
        return Login(host=base, identifier="acme", secret="long-lived", now=NOW)

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
        unreadable = {key: ["?"] for key in _WORDS} if said.n in self.broken else {}
        return {**self.item(said), **unreadable}

    def unplaced(self) -> Reply:
        return told(
            {"error": {"message": "(#100) Invalid cursor", "type": "OAuthException", "code": 100}}, 400
        )

    def beside(self, asked: Asked) -> Reply | None:
        version, _, path = asked.path.strip("/").partition("/")
        if path == "me":
            return told({"id": "2121", "user_id": "2121", "name": "acme", "username": "acme"})
        if path == "me/permissions":
            return told({"data": [{"permission": "read", "status": "granted"}]})
        if version == "refresh_access_token":
            return told({"access_token": "token", "token_type": "bearer", "expires_in": 5_183_944})
        if re.fullmatch(r"\d+_\d+", path) and self.kind != "thread":
            found = self.named(path)
            return told(self.item(found[0])) if found else told(GONE, 400)
        if asked.param("ids") is None:
            return None
        wanted = (asked.param("ids") or "").split(",")
        found = self.named(asked.param("ids"))
        return (
            told({self.item(s)["id"]: self.item(s) for s in found})
            if len(found) == len(wanted)
            else told(GONE, 400)
        )

    def edge(self, asked: Asked, items: Sequence[dict[str, Any] | None]) -> Reply:
        """A page of an edge. None: it was removed, and is left out after it has been counted."""
        self.log.append(asked.path)
        assert asked.headers.get("authorization") == "Bearer token"
        assert asked.param("access_token") is None
        limit = int(asked.param("limit") or 25)
        start = 0 if self.stuck else int(asked.param("after") or 0)
        more = self.stuck or start + limit < len(items)
        counted = items[start : start + limit]
        page: dict[str, Any] = {"data": [item for item in counted if item is not None]}
        if counted:
            page["paging"] = {"cursors": {"before": "0", "after": str(start + limit)}}
            if more and not self.nextless:
                query = f"access_token=SECRET-CANARY&limit={limit}&after={start + limit}"
                page["paging"]["next"] = f"https://graph.facebook.com/v25.0/x/y?{query}"
        return told(page)

    def tell(self, asked: Asked) -> Reply:
        if self.kind == "thread" and not asked.path.endswith(("/comments", "/conversation")):
            return told(GONE, 400)
        shown = [None if said.n in self.removed else self.shown(said) for said in self.newest()]
        return self.edge(asked, shown)
