"""A page of every platform and kind of watch into posts: CPU beside a plain decoding of the same bytes.

`python -m bench parse` reads EARSHOT_RECORDINGS. The recorded page with the most posts is taken; one with fewer than 100 is
filled up with copies of its items under other ids. Both are measured in turn in one process, the best of many: only the
ratio means anything on a shared machine. Exits 1 when a bar is missed. The bar is for pages as they usually are, of at least 50
posts and at most 5 kB a post, and for what is decoded by type: not for feeds, which feedparser reads.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count, islice
from typing import Any, cast
from xml.etree import ElementTree

import msgspec
from rich.console import Console
from rich.table import Table

from connectors import connectors
from connectors._base import ConnectorError, Page
from tests import recordings_table as rt
from tests.replayer import Reply

POSTS, FEW, LONG = 100, 50, 5_000
BAR_PLAIN, BAR_MARKED = 1.5, 4.0
"""Milliseconds of CPU for 100 posts."""

MARKED = frozenset({"mastodon", "reddit"})
"""Where a text is HTML or markdown. Of the others some have a little of it."""

UNTYPED = frozenset({"feeds"})

_HOST = "http://replayed.example"


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: milliseconds of CPU for it, and for a plain decoding of its bytes (of a feed in XML: into a tree)."""

    platform: str
    kind: str
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
    parser.add_argument("--rounds", type=int, default=50, help="the best of so many")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    if not rt.ROOT.is_dir():
        raise SystemExit(f"no recordings at EARSHOT_RECORDINGS (looked in {rt.ROOT})")
    by_kind: defaultdict[tuple[str, str], list[rt.Recorded]] = defaultdict(list)
    for line in rt.recorded_pages():
        by_kind[line.platform, line.kind].append(line)
    rows = [_measure(*_fullest(lines), options.rounds) for lines in by_kind.values()]
    _print(sorted(rows, key=lambda row: (row.platform, row.kind)), as_json=options.json)
    raise SystemExit(any(row.over for row in rows))


def _fullest(lines: Sequence[rt.Recorded]) -> tuple[rt.Recorded, bytes]:
    """The recorded page with the most posts, and its body, with at least 100 of them where it can be filled."""
    line = max(lines, key=lambda line: (line.posts, line.path.stat().st_size))
    body = line.reply().body
    if line.posts < POSTS:
        full = _filled(body)
        if full is not None and len(getattr(_fetching(line, full)(), "posts", ())) > line.posts:
            return line, full
    return line, body


def _filled(body: bytes) -> bytes | None:
    """The body with 100 items; None where it has no list of them."""
    try:
        told = json.loads(body)
    except ValueError:
        return None
    items = _items_in(told)
    items += islice(_copies(list(items)), max(POSTS - len(items), 0))
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") if items else None


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
            name = (
                item.get("id") or item.get("uri") or (inner.get("name") if isinstance(inner, dict) else None)
            )
            text = json.dumps(item)
            yield json.loads(text.replace(name, f"{name[:-2]}{n:02}") if isinstance(name, str) else text)


def _fetching(line: rt.Recorded, body: bytes) -> Callable[[], Page | ConnectorError]:
    """What the connector makes of a body, without an event loop: nothing is waited for."""
    had, watch, cursor = line.reply(), line.watch(_HOST), line.cursor
    http, fetch = rt.Canned(Reply(had.status, body, had.headers)), connectors()[line.platform].fetch

    def page() -> Page | ConnectorError:
        try:
            fetch(http, watch, cursor).send(None)
        except StopIteration as done:
            return cast("Page", done.value)
        except ConnectorError as error:
            return error
        raise RuntimeError(f"{line.platform} waited for something")

    return page


def _measure(line: rt.Recorded, body: bytes, rounds: int) -> Parsed:
    parse = _fetching(line, body)
    page = parse()
    assert isinstance(page, Page), page
    decode: Callable[[bytes], object] = (
        ElementTree.fromstring if body.lstrip()[:1] == b"<" else msgspec.json.decode
    )
    both = [(_cpu(parse), _cpu(lambda: decode(body))) for _ in range(rounds)]
    cpu, yardstick = (min(one) for one in zip(*both, strict=True))
    return Parsed(line.platform, line.kind, len(page.posts), len(body), cpu, yardstick)


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e3


def _print(rows: Sequence[Parsed], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{**asdict(row), "each": row.each, "bar": row.bar} for row in rows]))
        return
    table = Table(title="A page into posts, CPU")
    for name in ("platform", "watch"):
        table.add_column(name)
    for name in ("posts", "kB", "ms / 100 posts", "bar", "x plain decoding"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.platform,
            row.kind,
            f"{row.posts}",
            f"{row.size / 1e3:.0f}",
            f"{row.each:.2f}" + (" over" if row.over else ""),
            f"{row.bar:.1f}" if row.bar else "none",
            f"{row.cpu / row.yardstick:.1f}",
        )
    Console().print(table)
