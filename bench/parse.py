"""A page of every platform and kind of watch into posts: CPU beside a plain decoding of the same bytes.

`python -m bench parse` reads EARSHOT_RECORDINGS. The recorded page with the most posts is taken, and of a kind of which none
is recorded one that was written by hand, its texts made as long as people's are. Where it has fewer than 100 posts, its
items that are posts are copied under other ids until there are 100. All are measured in turn in one process, the best of
many rounds: only the ratio means anything on a shared machine. Exits 1 when a bar is missed. The bar is for pages as they
usually are, of at most 5 kB a post, and for what is decoded by type: not for feeds, which feedparser reads.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, islice
from math import inf
from typing import Any, cast
from xml.etree import ElementTree

import msgspec
from rich.console import Console
from rich.table import Table

from connectors import connectors, webhook
from connectors._base import ConnectorError, Cursor, Delivery, Page, Watch
from tests import recordings_table as rt
from tests.replayer import Reply
from tests.serving import SECRET, signed
from tests.test_mutations import pages as written_pages

POSTS, FEW, LONG = 100, 50, 5_000
RECORDED, WRITTEN = "recorded", "by hand"
BAR_PLAIN, BAR_MARKED = 1.5, 4.0
"""Milliseconds of CPU for 100 posts."""

MARKED = frozenset({"mastodon", "reddit"})
"""Where a text is HTML or markdown. Of the others some have a little of it."""

UNTYPED = frozenset({"feeds"})

USUAL = 200
"""Characters of a text as most are."""

TEXTS = frozenset({"message", "text", "caption"})

_HOST = "http://replayed.example"


@dataclass(frozen=True, slots=True)
class Played:
    """A page that there is, and how to have a connector read a body in its place."""

    platform: str
    kind: str
    origin: str
    posts: int
    body: bytes
    parse: Callable[[bytes], Callable[[], Page | ConnectorError]]


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: milliseconds of CPU for it, and for a plain decoding of its bytes (of a feed in XML: into a tree).
    `origin` is who wrote the page: recorded, or by hand."""

    platform: str
    kind: str
    origin: str
    posts: int
    size: int
    cpu: float
    yardstick: float

    @property
    def each(self) -> float:
        """Milliseconds for 100 posts."""
        return self.cpu / self.posts * 100

    @property
    def bar(self) -> float | None:
        if self.posts < FEW or self.size > LONG * self.posts or self.platform in UNTYPED:
            return None
        return BAR_MARKED if self.platform in MARKED else BAR_PLAIN

    @property
    def over(self) -> bool:
        return self.bar is not None and self.each > self.bar


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench parse", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="the best of so many")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    if not rt.ROOT.is_dir():
        raise SystemExit(f"no recordings at EARSHOT_RECORDINGS (looked in {rt.ROOT})")
    rows = measured(pages(), options.rounds)
    _print(sorted(rows, key=lambda row: (row.platform, row.kind)), as_json=options.json)
    raise SystemExit(any(row.over for row in rows))


def pages() -> list[Played]:
    """One for every kind of watch, with 100 posts where it can be filled; none of our own hand where a recorded one will do."""
    fullest: dict[tuple[str, str, str], Played] = {}
    for one in (*_recorded(), *_written()):
        key = one.platform, one.kind, one.origin
        had = fullest.get(key)
        if had is None or (one.posts, len(one.body)) > (had.posts, len(had.body)):
            fullest[key] = one
    full = [_full(one) for one in fullest.values()]
    real = {(one.platform, one.kind) for one in full if one.origin == RECORDED and one.posts >= FEW}
    return [one for one in full if (one.origin == RECORDED) == ((one.platform, one.kind) in real)] + [
        _delivery()
    ]


def _recorded() -> Iterator[Played]:
    for line in rt.recorded_pages():
        had = line.reply()
        parse = _fetching(line.platform, line.watch(_HOST), line.cursor, had.headers)
        yield Played(line.platform, line.kind, RECORDED, line.posts, had.body, parse)


def _written() -> Iterator[Played]:
    for posts, one in written_pages():
        parse = _fetching(one.platform, one.watch, one.cursor, one.reply.headers)
        body = one.reply.body
        if body.lstrip()[:1] != b"<":
            body = json.dumps(_lengthened(json.loads(body)), ensure_ascii=False).encode("utf-8", "replace")
        yield Played(one.platform, one.watch.kind, WRITTEN, posts, body, parse)


def _lengthened(value: Any) -> Any:
    """The same with texts as long as people's are: what is written for a test says no more than it has to."""
    if isinstance(value, list):
        return [_lengthened(held) for held in value]
    if not isinstance(value, dict):
        return value
    return {
        name: (held + " ") * -(-USUAL // (len(held) + 1))
        if name in TEXTS and isinstance(held, str) and held
        else _lengthened(held)
        for name, held in value.items()
    }


def _delivery() -> Played:
    """A hundred posts in one delivery, signed."""
    post = {
        "id": "0",
        "text": "The parcel came late and the box was torn. " * 4,
        "author": {"id": "u7", "handle": "ann"},
    }
    told = {"posted_at": "2026-11-20T10:00:00Z", "url": "https://a.example/7", "counts": {"likes": 3}}
    body = json.dumps({"posts": [{**post, **told, "id": f"p{n}"} for n in range(POSTS)]}).encode()
    delivery = Delivery(method="POST", query={}, headers=signed(body, "msg_1", rt.NOW), body=body)

    def page() -> Page | ConnectorError:
        received = webhook.receive(delivery, SECRET, rt.NOW).page
        assert received is not None
        return received

    return Played("webhook", "inbound", WRITTEN, POSTS, body, lambda _: page)


def _full(one: Played) -> Played:
    """The page, with at least 100 posts where it can be filled."""
    if one.posts >= POSTS:
        return one
    body = _filled(one)
    full = getattr(one.parse(body)(), "posts", ()) if body is not None else ()
    return replace(one, posts=len(full), body=body) if body is not None and len(full) > one.posts else one


def _filled(one: Played) -> bytes | None:
    """Its body with 100 of those items that are posts by themselves; None where it has no list of items."""
    try:
        told = json.loads(one.body)
    except ValueError:
        return None
    items = _items_in(told)

    def written(held: Sequence[Any]) -> bytes:
        items[:] = held
        return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")

    posts = [item for item in list(items) if getattr(one.parse(written([item]))(), "posts", ())]
    return written([*posts, *islice(_copies(posts), max(POSTS - len(posts), 0))]) if posts else None


def _items_in(value: Any) -> list[Any]:
    """The longest list of objects of those that lie the least deep."""
    level = [value]
    while level:
        lists = [held for held in level if isinstance(held, list) and held and isinstance(held[0], dict)]
        if lists:
            return max(lists, key=len)
        level = [inner for held in level if isinstance(held, dict) for inner in held.values()]
    return []


def _copies(items: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """The same items again and again, each time under other ids of the same length."""
    for n in count():
        for item in items:
            inner = item.get("data")
            named = inner.get("name") if isinstance(inner, dict) else None
            name = item.get("id") or item.get("uri") or item.get("reviewId") or named
            text = json.dumps(item)
            yield json.loads(text.replace(name, f"{name[:-2]}{n:02}") if isinstance(name, str) else text)


def _fetching(
    platform: str, watch: Watch, cursor: Cursor | None, headers: Mapping[str, str]
) -> Callable[[bytes], Callable[[], Page | ConnectorError]]:
    """What the connector makes of a body, without an event loop: nothing is waited for."""
    fetch = connectors()[platform].fetch

    def parse(body: bytes) -> Callable[[], Page | ConnectorError]:
        http = rt.Canned(Reply(200, body, headers))

        def page() -> Page | ConnectorError:
            try:
                fetch(http, watch, cursor).send(None)
            except StopIteration as done:
                return cast("Page", done.value)
            except ConnectorError as error:
                return error
            raise RuntimeError(f"{platform} waited for something")

        return page

    return parse


def measured(played: Sequence[Played], rounds: int) -> list[Parsed]:
    """All in turn, so that a bad minute of the machine falls on all of them alike."""
    work = [(one.parse(one.body), _plainly(one.body)) for one in played]
    made = [page() for page, _ in work]
    best = [(inf, inf)] * len(played)
    for _ in range(rounds):
        for n, (page, plainly) in enumerate(work):
            best[n] = min(best[n][0], _cpu(page)), min(best[n][1], _cpu(plainly))
    rows = []
    for one, came, (cpu, yardstick) in zip(played, made, best, strict=True):
        assert isinstance(came, Page), f"{one.platform} {one.kind}: {came}"
        rows.append(
            Parsed(one.platform, one.kind, one.origin, len(came.posts), len(one.body), cpu, yardstick)
        )
    return rows


def _plainly(body: bytes) -> Callable[[], object]:
    decode: Callable[[bytes], object] = (
        ElementTree.fromstring if body.lstrip()[:1] == b"<" else msgspec.json.decode
    )
    return lambda: decode(body)


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e3


def _print(rows: Sequence[Parsed], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{**asdict(row), "each": row.each, "bar": row.bar} for row in rows]))
        return
    table = Table(title="A page into posts, CPU")
    for name in ("platform", "watch", "page"):
        table.add_column(name)
    for name in ("posts", "kB", "ms / 100 posts", "bar", "verdict", "x plain decoding"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.platform,
            row.kind,
            row.origin,
            f"{row.posts}",
            f"{row.size / 1e3:.0f}",
            f"{row.each:.2f}",
            f"{row.bar:.1f}" if row.bar else "none",
            "" if row.bar is None else "missed" if row.over else "met",
            f"{row.cpu / row.yardstick:.1f}",
        )
    Console(width=110).print(table)
