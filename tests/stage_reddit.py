"""A small Reddit for the contract: listings by `after`, an inbox, and a thread that hides what is beyond a page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from connectors._base import Held
from tests.contract_stages import Said, Stage
from tests.replayer import Asked, Reply

FIRST = 1_000
"""The id of post number 0, in Reddit's base 36 as anywhere."""


@dataclass
class Reddit(Stage):
    """Sorted by the time that a post claims; a name that is not in the listing (any more) leads to nothing."""

    PLACE = ("after",)
    platform: str = "reddit"

    def held(self) -> Held:
        return Held(account_id="t2_7", handle="acme")

    def unplaced(self) -> Reply:
        return _json(_listing([], None))

    def beside(self, asked: Asked) -> Reply | None:
        if asked.path.endswith("/api/v1/me"):
            return _json({"id": "7", "name": "acme"})
        if asked.path.endswith("/api/v1/access_token"):
            return _json({"access_token": "token", "expires_in": 86_400})
        if not asked.path.endswith("/api/info"):
            return None
        assert len((asked.param("id") or "").split(",")) <= 100
        return _json(_listing([self._thing(said) for said in self.named(asked.param("id"))], None))

    def term(self) -> str:
        return {"thread": f"t3_{FIRST}", "search": "r/coffee+espresso acme", "mentions": "@me"}.get(
            self.kind, "coffee+espresso"
        )

    def number(self, post_id: str) -> int:
        return int(post_id[3:].rstrip("x")) - FIRST

    def _id(self, said: Said) -> str:
        return f"{FIRST + said.n}{'x' * 600 if self.long_ids else ''}"

    def _kind(self, said: Said) -> str:
        submission = (
            said is min(self.said, key=lambda s: s.n) if self.kind == "thread" else self.kind in _LINKS
        )
        return "t3" if submission else "t1"

    def _thing(self, said: Said) -> dict[str, Any]:
        kind = self._kind(said)
        name = f"{kind}_{self._id(said)}"
        text: Any = ["?"] if said.n in self.broken else said.text
        data: dict[str, Any] = {
            "id": self._id(said),
            "name": name,
            "author": "ann",
            "author_fullname": "t2_7",
            "subreddit": "coffee",
            "created_utc": said.written.timestamp(),
            "edited": False,
            "permalink": f"/r/coffee/comments/{FIRST}/x/",
        }
        if kind == "t3":
            return {"kind": kind, "data": {**data, "title": text, "selftext": "", "is_self": True}}
        return {
            "kind": kind,
            "data": {
                **data,
                "body": text,
                "link_id": f"t3_{FIRST}",
                "parent_id": f"t3_{FIRST}",
                "replies": "",
            },
        }

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.there(self.said), key=lambda s: (s.written, s.n), reverse=True)
        limit = int(asked.param("limit") or 25)
        if self.kind == "thread":
            return self._thread(asked, newest, limit)
        after = asked.param("after")
        if after is not None and not self.stuck:
            names = [f"{self._kind(s)}_{self._id(s)}" for s in newest]
            newest = newest[names.index(after) + 1 :] if after in names else []
        things = [self._thing(s) for s in newest[:limit]]
        more = self.stuck or len(newest) > limit
        return _json(
            _listing(
                things, f"{self._kind(newest[limit - 1])}_{self._id(newest[limit - 1])}" if more else None
            )
        )

    def _thread(self, asked: Asked, newest: list[Said], limit: int) -> Reply:
        comments = [s for s in newest if self._kind(s) == "t1"]
        if asked.path.endswith("/api/morechildren"):
            wanted = set((asked.param("children") or "").split(","))
            things = [self._thing(s) for s in comments if self._id(s) in wanted]
            if self.stuck:
                things = [_more(sorted(wanted))]
            return _json({"json": {"errors": [], "data": {"things": things}}})
        top = [self._thing(s) for s in newest if self._kind(s) == "t3"]
        shown = [self._thing(s) for s in comments[:limit]]
        if comments[limit:] or self.stuck:
            shown.append(_more([self._id(s) for s in comments[limit:]]))
        return _json([_listing(top, None), _listing(shown, None)])


_LINKS = frozenset({"search", "subreddit"})


def _more(children: list[str]) -> dict[str, Any]:
    data = {
        "count": len(children),
        "id": "m",
        "name": "t1_m",
        "parent_id": f"t3_{FIRST}",
        "children": children,
    }
    return {"kind": "more", "data": data}


def _listing(things: list[dict[str, Any]], after: str | None) -> dict[str, Any]:
    return {
        "kind": "Listing",
        "data": {"after": after, "before": None, "dist": len(things), "children": things},
    }


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json; charset=UTF-8"})


def stages() -> list[Stage]:
    """One of each kind of watch."""
    return [Reddit(kind=kind) for kind in ("search", "subreddit", "comments", "mentions", "thread")]
