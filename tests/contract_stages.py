"""Small platforms for the contract: the same words told over HTTP in each platform's own format.

A stage holds what has been said and answers like its platform, newest first and a page at a time; its
switches make it misbehave as platforms do. It shares no code with the connectors.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from connectors._base import Held, Login, Watch
from tests.replayer import Asked, Reply

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PAGE = 10


@dataclass(frozen=True)
class Said:
    """One post: a number, when it claims to be written, when the server got it, and its words."""

    n: int
    written: datetime
    arrived: datetime
    text: str


@dataclass
class Stage:
    """What was said so far and how the server behaves.

    `fault` answers everything. `broken` are the numbers of posts that cannot be read (but for their id and time,
    where they have any), `removed` of those that are gone: a page lacks them as the platform's does (filled up, or
    short; see `there`). `stuck`: every page is the first. `lost`: the next token to a page is not known any more; PLACE
    are the parameters that one goes in. `long_ids`: ids of 600 characters.
    """

    PLACE: ClassVar[tuple[str, ...]] = ()

    platform: str = ""
    kind: str = ""
    said: list[Said] = field(default_factory=list)
    fault: Reply | None = None
    broken: Collection[int] = ()
    removed: set[int] = field(default_factory=set)
    stuck: bool = False
    lost: bool = False
    long_ids: bool = False
    host: str = ""

    def say(self, n: int, at: datetime, *, arrived: datetime | None = None, text: str = "") -> None:
        self.said.append(Said(n, at, arrived or at, text or f"number {n}"))

    def edit(self, n: int, text: str) -> None:
        """Its author changes the words of a post."""
        self.said = [replace(said, text=text) if said.n == n else said for said in self.said]

    def there(self, said: Collection[Said]) -> list[Said]:
        """Those that were not removed. Of a page: pages are short. Of everything: pages are filled up."""
        return [one for one in said if one.n not in self.removed]

    def answer(self, asked: Asked) -> Reply:
        if self.fault is not None:
            return self.fault
        if self.lost and any(asked.param(name) is not None for name in self.PLACE):
            self.lost = False
            return self.unplaced()
        return self.beside(asked) or self.tell(asked)

    def tell(self, asked: Asked) -> Reply:
        """A page of the watch."""
        raise NotImplementedError

    def beside(self, asked: Asked) -> Reply | None:
        """What is no page: a look-up, whose the token is, a token. None: a page was asked for."""
        return None

    def unplaced(self) -> Reply:
        """How the platform refuses a token to a page."""
        return as_json({"error": "InvalidRequest", "message": "Bad cursor"}, 400)

    def watch(self, base: str, now: datetime = NOW) -> Watch:
        self.host = base
        return Watch(kind=self.kind, term=self.term(), host=base, now=now, token="token", page_size=PAGE)

    def term(self) -> str:
        return "1"

    def held(self) -> Held:
        """What `check` is to find out about the token."""
        return Held()

    def login(self, base: str) -> Login:
        """What the stage lets in."""
        return Login(host=base, identifier="acme", secret="key:secret", now=NOW)

    def number(self, post_id: str) -> int:
        """Which post an external id stands for."""
        return int(post_id.rstrip("x").rsplit("/", 1)[1])

    def named(self, ids: str | None) -> list[Said]:
        """The posts that were asked for, joined by commas, as far as they are there."""
        wanted = {self.number(one) for one in (ids or "").split(",")}
        return [said for said in self.there(self.said) if said.n in wanted]

    def _n(self, said: Said) -> str:
        return f"{said.n}{'x' * 600 if self.long_ids else ''}"


def as_json(value: Any, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json"})


def iso(when: datetime) -> str:
    """A time as most platforms write it: in UTC, with milliseconds and a Z."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03}Z"


@dataclass
class Mastodon(Stage):
    """Ids come from the time a post claims, also when that is in the future (the nastier of two habits)."""

    platform: str = "mastodon"

    def held(self) -> Held:
        return Held(
            account_id="https://town.example/users/acme",
            handle="acme@town.example",
            scopes=frozenset({"read"}),
        )

    def beside(self, asked: Asked) -> Reply | None:
        if not asked.path.endswith("/verify_credentials"):
            return None
        if asked.path.endswith("/apps/verify_credentials"):
            return as_json({"name": "Earshot", "scopes": ["read"]})
        return as_json(
            {
                "id": "9",
                "acct": "acme@town.example",
                "uri": "https://town.example/users/acme",
                "url": "https://town.example/@acme",
            }
        )

    def _id(self, said: Said) -> int:
        at = said.arrived if self.kind == "mentions" else said.written
        return (int(at.timestamp() * 1000) << 16) + said.n

    def _status(self, said: Said) -> dict[str, Any]:
        n = said.n
        if n in self.broken:
            return {"id": str(self._id(said)), "created_at": "yesterday", "content": ["?"]}
        account = {"id": "7", "acct": "ann", "url": "https://town.example/@ann", "display_name": "Ann"}
        return {
            "id": str(self._id(said)),
            "uri": f"https://town.example/statuses/{self._n(said)}",
            "created_at": iso(said.written),
            "content": f"<p>{escape(said.text)}</p>",
            "account": account,
        }

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.there(self.said), key=self._id, reverse=True)
        if self.kind == "thread":
            if not asked.path.endswith("/context"):
                return Reply(404, b'{"error":"Record not found"}')
            return as_json({"ancestors": [], "descendants": [self._status(s) for s in reversed(newest)]})
        limit = int(asked.param("limit") or 20)
        floor = asked.param("min_id")
        if floor is not None and not self.stuck:
            newest = [s for s in newest if self._id(s) > int(floor)][-limit:]
        page = newest[:limit]
        if self.kind == "mentions":
            return as_json(
                [{"id": str(self._id(s)), "type": "mention", "status": self._status(s)} for s in page]
            )
        return as_json([self._status(s) for s in page])


@dataclass
class Bluesky(Stage):
    """Sorted by the time a post claims; tokens are offsets."""

    PLACE = ("cursor",)
    platform: str = "bluesky"

    def held(self) -> Held:
        return Held(account_id="did:plc:acme", handle="acme.example")

    def beside(self, asked: Asked) -> Reply | None:
        account = {"did": "did:plc:acme", "handle": "acme.example", "active": True}
        if asked.path.endswith(".getSession"):
            return as_json(account)
        if asked.path.endswith(".createSession"):
            return as_json({**account, "accessJwt": "token", "refreshJwt": "refresh"})
        return None

    def term(self) -> str:
        return "at://did:plc:ann/app.bsky.feed.post/0" if self.kind == "thread" else "acme"

    def _view(self, said: Said) -> dict[str, Any]:
        return {
            "uri": f"at://did:plc:ann/app.bsky.feed.post/{self._n(said)}",
            "cid": "c",
            "author": "?" if said.n in self.broken else {"did": "did:plc:ann", "handle": "ann.example"},
            "record": {"$type": "app.bsky.feed.post", "text": said.text, "createdAt": iso(said.written)},
            "indexedAt": iso(said.arrived),
            "reason": "mention",
        }

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.said, key=lambda s: (s.written, s.n), reverse=True)
        if self.kind == "thread":
            views = [self._view(s) for s in self.there(newest)]
            if not views:
                return as_json({"thread": {"$type": "x#notFoundPost"}})
            replies = [{"$type": "x#threadViewPost", "post": view} for view in views[1:]]
            return as_json({"thread": {"$type": "x#threadViewPost", "post": views[0], "replies": replies}})
        limit = int(asked.param("limit") or 25)
        start = 0 if self.stuck else int(asked.param("cursor") or 0)
        name = "notifications" if self.kind == "mentions" else "posts"
        page: dict[str, Any] = {name: [self._view(s) for s in self.there(newest[start : start + limit])]}
        if self.stuck or start + limit < len(newest):
            page["cursor"] = str(start + limit)
        return as_json(page)


@dataclass
class Feed(Stage):
    """One document; `kind` is always feed, `json` says in which format."""

    platform: str = "feeds"
    kind: str = "feed"
    json: bool = False

    def watch(self, base: str, now: datetime = NOW) -> Watch:
        self.host = base
        return Watch(kind="feed", term=f"{base}/feed", host="", now=now)

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.there(self.said), key=lambda s: (s.written, s.n), reverse=True)
        if self.json:
            items = [self._entry(s) for s in newest]
            return as_json({"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": items})
        items_xml = "".join(self._item(s) for s in newest)
        document = (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items_xml}</channel></rss>'
        )
        return Reply(200, document.encode("utf-8", "xmlcharrefreplace"), {"content-type": "text/xml"})

    def _url(self, said: Said) -> str:
        return f"https://blog.example.com/{self._n(said)}"

    def _entry(self, said: Said) -> dict[str, Any]:
        if said.n in self.broken:
            return {"id": ["?"]}
        return {"id": self._url(said), "content_text": said.text, "date_published": said.written.isoformat()}

    def _item(self, said: Said) -> str:
        if said.n in self.broken:
            return "<item><category>?</category></item>"
        words = escape("".join(c for c in said.text if c >= " " and not "\ud800" <= c <= "\udfff"))
        date = format_datetime(said.written)
        return f"<item><guid>{self._url(said)}</guid><title>{words}</title><pubDate>{date}</pubDate></item>"


def stages() -> dict[str, Stage]:
    """A fresh stage for every kind of watch there is. A platform's own are in `stage_<platform>.py`."""
    made: list[Stage] = [
        *(Mastodon(kind=kind) for kind in ("hashtag", "mentions", "thread")),
        *(Bluesky(kind=kind) for kind in ("search", "mentions", "thread")),
        *(stage for module in _modules() for stage in module.stages()),
    ]
    named = {f"{stage.platform}-{stage.kind}": stage for stage in made}
    return {**named, "feeds-rss": Feed(), "feeds-json": Feed(json=True)}


@cache
def _modules() -> list[Any]:
    return [import_module(f"tests.{path.stem}") for path in sorted(HERE.glob("stage_*.py"))]


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)
