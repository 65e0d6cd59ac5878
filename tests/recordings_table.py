"""What every file under EARSHOT_RECORDINGS is, and the means to play it.

The table itself is `recordings_table.tsv`: platform, file, what it is (page, error, session, other), the
watch that reads it, posts, reposts, rejects, distinct ids without reposts, and a note. `page` files are
answers that one of our watches gets or reads (a list of statuses is one, whichever timeline it came
from); `error` files end in the class named; `other` files are not ours, and the note says why.

A page is played under a path of its own (`{base}/{slug}`), so that one server can play all of them; what
follows the recorded page is the platform's way to say "no more".
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from connectors import connectors
from connectors._base import Answer, Auth, ConnectorError, Cursor, Judge, Page, Watch
from connectors._http import _settle
from tests.replayer import Asked, Reply

HERE = Path(__file__).parent
ROOT = Path(os.environ.get("EARSHOT_RECORDINGS") or HERE.parent.parent / "shared" / "recordings")
TABLE = HERE / "recordings_table.tsv"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MORE: Mapping[str, Any] = {
    path.stem.removeprefix("recorded_"): import_module(f"tests.{path.stem}")
    for path in sorted(HERE.glob("recorded_*.py"))
}
"""How a platform's recordings are played, where a module `recorded_<platform>.py` says so. It may have: `watch(line,
host, now)` (the watch that reads a line's file), `cursor(line)`, `answers(line, asked)` (a walk's answer to each call;
None: the recorded one), `reply(path)` (a file as an HTTP answer; None: an exchange in JSON), and it has `items(line)`
(how many posts and rejects a count that knows no connector finds)."""
PLATFORMS = ("mastodon", "bluesky", "feeds", *MORE)
COLUMNS = ("platform", "file", "what", "as", "posts", "reposts", "rejects", "distinct", "note")


@dataclass(frozen=True)
class Recorded:
    """One line of the table and the file that it names."""

    platform: str
    file: str
    what: str
    kind: str
    posts: int
    reposts: int
    rejects: int
    distinct: int
    note: str

    @property
    def slug(self) -> str:
        return f"{self.platform}-{self.file}".replace("/", "-")

    @property
    def path(self) -> Path:
        return ROOT / self.platform / self.file

    def reply(self) -> Reply:
        """The recorded answer."""
        return reply_of(self.platform, self.file)

    def answers(self, asked: Asked) -> Reply:
        """The recorded answer to the first call of a walk, and the end of it to all others."""
        more = MORE.get(self.platform)
        if more and hasattr(more, "answers") and (said := more.answers(self, asked)) is not None:
            return cast("Reply", said)
        if self.platform == "mastodon":
            if asked.param("min_id") is not None:
                return _json([])
            if self.kind == "thread" and asked.path.endswith("/context") == self.single:
                return (
                    _json({"ancestors": [], "descendants": []}) if self.single else _json({"error": "x"}, 404)
                )
        if self.platform == "bluesky" and asked.param("cursor") is not None:
            return _json({"notifications" if self.kind == "mentions" else "posts": []})
        if self.platform == "feeds" and asked.headers.get("if-none-match"):
            return Reply(status=304)
        return self.reply()

    @property
    def single(self) -> bool:
        """A status looked up by its id, which is the second call of a thread's watch."""
        if self.platform != "mastodon" or self.kind != "thread" or self.what != "page":
            return False
        return isinstance(body := _exchange(self.path)["body"], dict) and "ancestors" not in body

    @property
    def cursor(self) -> Cursor | None:
        more = MORE.get(self.platform)
        if more and hasattr(more, "cursor"):
            return cast("Cursor | None", more.cursor(self))
        return Cursor("root") if self.single else None

    def watch(self, base: str, *, now: datetime = NOW) -> Watch:
        """The watch that gets this file from a server at `base` that plays it under its slug."""
        host = f"{base}/{self.slug}"
        more = MORE.get(self.platform)
        if more and hasattr(more, "watch"):
            return cast("Watch", more.watch(self, host, now))
        if self.platform == "feeds":
            return Watch(kind="feed", term=f"{host}/feed", host="", now=now)
        term = {"hashtag": "recorded", "search": "recorded", "mentions": "@me"}.get(self.kind, "1")
        if self.platform == "bluesky" and self.kind == "thread":
            term = "at://did:plc:recorded/app.bsky.feed.post/1"
        token = "recorded-token" if self.kind == "mentions" else None
        return Watch(kind=self.kind, term=term, host=host, now=now, token=token)

    def page(self, base: str, *, now: datetime = NOW) -> Page:
        """What the connector makes of it, without a network. Raises the connector's errors."""
        connector = connectors()[self.platform]
        return asyncio.run(connector.fetch(Canned(self.reply()), self.watch(base, now=now), self.cursor))


@dataclass(frozen=True)
class Canned:
    """An `Http` that has one answer."""

    reply: Reply

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
        got = Answer(status=self.reply.status, url=url, headers=self.reply.headers, body=self.reply.body)
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
        return await self.get(url, endpoint=endpoint, judge=judge)


def table() -> tuple[Recorded, ...]:
    """Every line of the table."""
    with TABLE.open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return tuple(
        Recorded(
            platform=r["platform"],
            file=r["file"],
            what=r["what"],
            kind=r["as"],
            posts=int(r["posts"] or 0),
            reposts=int(r["reposts"] or 0),
            rejects=int(r["rejects"] or 0),
            distinct=int(r["distinct"] or 0),
            note=r["note"],
        )
        for r in rows
    )


def recorded_pages() -> Iterator[Recorded]:
    """Every recorded page of a watch, with its counts; `.watch(base)`, `.answers(asked)`, `.page(base)`."""
    return (line for line in table() if line.what == "page")


def play(asked: Asked) -> Reply:
    """The answer of a server that plays the whole table: give it to a `Replayer`."""
    line = _by_slug().get(asked.path.split("/")[1])
    return line.answers(asked) if line is not None else _json({"error": "not recorded"}, 404)


@cache
def _by_slug() -> Mapping[str, Recorded]:
    return {line.slug: line for line in table()}


def files() -> list[tuple[str, str]]:
    """Every file there is: (platform, name under the platform's folder)."""
    return [
        (platform, path.relative_to(ROOT / platform).as_posix())
        for platform in PLATFORMS
        for path in sorted((ROOT / platform).rglob("*"))
        if path.is_file()
    ]


def reply_of(platform: str, file: str) -> Reply:
    """A file as the HTTP answer that it records."""
    path = ROOT / platform / file
    more = MORE.get(platform)
    if more and hasattr(more, "reply") and (said := more.reply(path)) is not None:
        return cast("Reply", said)
    if platform == "feeds":
        found = _index(path.parent / "index.json").get(path.name, {})
        headers = {k.lower(): str(v) for k, v in found.get("headers", {}).items()}
        return Reply(found.get("status", 200), path.read_bytes(), _sendable(headers))
    exchange = _exchange(path)
    body = exchange["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(exchange["status"], raw, _sendable(exchange["headers"]))


def _sendable(headers: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in headers.items() if str(v).isascii() and str(v).isprintable()}


@cache
def _index(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes())) if path.exists() else {}


def _exchange(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json"})


def outcome(line: Recorded, base: str = "http://replayed.example") -> Page | ConnectorError:
    """What became of a file: its page or its error."""
    try:
        return line.page(base)
    except ConnectorError as error:
        return error
