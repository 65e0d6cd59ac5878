"""A file of posts, a page after the other: NDJSON or CSV, each line told by its number, however long the file is.

What a post looks like says connectors/_neutral.py. Where a page ends is a place to go on from: a byte, a line, and
digests of the file's beginning and of what stands just before, so that another file is not taken for this one.
"""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import BinaryIO, Literal, NamedTuple, cast, get_args

import msgspec

from connectors import _neutral
from connectors._base import Post, Reject
from connectors._decode import raw_text
from console import csv_file
from console.refusal import CannotDo

Format = Literal["ndjson", "csv"]

ITEMS = 500
"""Lines of one page."""
LONGEST = 1_000_000
"""Bytes of one line; a longer one is no post."""
_HEAD, _TAIL = 65_536, 4_096
_KEPT = 65_536
_ENDINGS: dict[str, Format] = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv"}
_NOT_UTF8 = "not UTF-8; save the file as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8"


class Place(msgspec.Struct, frozen=True):
    """How far a file was read: bytes and lines, and what it was known by. A cursor, as JSON."""

    at: int
    line: int
    head: tuple[int, str]
    tail: tuple[int, str]


@dataclass
class Part:
    """One page: its posts, the lines that are none with their numbers and reasons, and where the file stands then."""

    posts: list[Post] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    at: int = 0
    line: int = 0


def format_of(name: str, wished: str | None) -> Format:
    """Which format a file has. Raises CannotDo."""
    if wished is not None:
        for known in get_args(Format):
            if wished == known:
                return cast("Format", known)
        raise CannotDo(f"A file of posts is ndjson or csv, not {wished!r}.")
    for ending, found in _ENDINGS.items():
        if name.lower().endswith(ending):
            return found
    raise CannotDo(
        f"What is {name}? Its name ends in none of {', '.join(_ENDINGS)}; say --format ndjson or csv."
    )


class PostsFile:
    """An open file of posts; `name` is what sentences call it, `size` its bytes (None where that is not known).

    `left` is the last line, once it was met, where somebody still writes it: it is no page's, and the next run reads it.
    """

    def __init__(self, stream: BinaryIO, name: str, written: Format) -> None:
        self._stream, self.name, self._format = stream, name, written
        self.size = os.fstat(stream.fileno()).st_size if stream.seekable() else None
        self.left: list[tuple[int, str]] = []

    def place(self, part: Part) -> Place | None:
        """Where to go on after a page; None for what cannot be read twice."""
        if self.size is None:
            return None
        head, tail = min(_HEAD, part.at), min(_TAIL, part.at)
        return Place(
            part.at, part.line, (head, self._digest(0, head)), (tail, self._digest(part.at - tail, tail))
        )

    def changed(self, place: Place) -> str | None:
        """Why this is not the file that was read up to that place; None when it is."""
        if self.size is not None and self.size < place.at:
            return "it is shorter than what was read of it"
        if self._digest(0, place.head[0]) != place.head[1]:
            return "its beginning is another one"
        if self._digest(place.at - place.tail[0], place.tail[0]) != place.tail[1]:
            return "what was read of it has been changed"
        return None

    def parts(self, since: Place | None, now: datetime) -> Iterator[Part]:
        """The pages after a place. Raises CannotDo when this is no file of posts at all."""
        lines = _Lines(self._stream)
        lines.demand_text(self.name)
        items = self._rows(lines, since, now) if self._format == "csv" else self._objects(lines, since, now)
        part = Part()
        for item in items:
            if isinstance(item.found, Post):
                part.posts.append(item.found)
            else:
                part.rejects.append(item.found)
                part.bad.append((item.line, item.found.reason))
            part.at, part.line = item.at, item.ends
            if len(part.posts) + len(part.rejects) >= ITEMS:
                self._demand_posts(part, since)
                since = self.place(part) or Place(part.at, part.line, (0, ""), (0, ""))
                yield part
                part = Part()
        if part.posts or part.rejects:
            yield part

    def _demand_posts(self, part: Part, since: Place | None) -> None:
        """Millions of lines of something else are not for the quarantine."""
        if since is None and not part.posts:
            line, reason = part.bad[0]
            raise CannotDo(
                f"None of the first {len(part.rejects)} lines of {self.name} is a post; nothing was imported."
                f" Line {line}: {reason}."
            )

    def _digest(self, start: int, length: int) -> str:
        found = os.pread(self._stream.fileno(), length, start)
        return blake2b(found, digest_size=12).hexdigest() if len(found) == length else ""

    def _objects(self, lines: _Lines, since: Place | None, now: datetime) -> Iterator[_Item]:
        first = since is None
        if since:
            lines.go_on(since)
        while (line := lines.next()) is not None:
            raw = line.raw.strip()
            if not raw:
                continue
            if first and raw[:1] in (b"[", b"{") and (raw[:1] == b"[" or raw == b"{"):
                raise CannotDo(
                    f"{self.name} is one large JSON value; a post a line is needed: jq -c '.[]' {self.name}"
                )
            first = False
            if self.size is not None and not line.ended and not _whole(raw):
                self.left = [(line.number, "it is not finished; the next run reads it")]
                return
            yield _item(line, line, line.raw, partial(_neutral.read, raw, now))

    def _rows(self, lines: _Lines, since: Place | None, now: datetime) -> Iterator[_Item]:
        first = lines.next()
        heading_text = "" if first is None else first.text
        if "\r" in heading_text.rstrip("\r\n"):
            raise CannotDo(
                f"The lines of {self.name} end with a lone carriage return; save it anew, or: tr '\\r' '\\n' <{self.name} >new.csv"
            )
        for _ in csv_file.rows(heading_text, self.name, _neutral.NEEDED, tuple(_neutral.COLUMNS)):
            break
        delimiter = ";" if ";" in heading_text and "," not in heading_text else ","
        heading = [cell.strip().lower() for cell in next(csv.reader([heading_text], delimiter=delimiter))]
        if since:
            lines.go_on(since)
        records = _Records(lines, delimiter)
        while (record := records.next()) is not None:
            cells, taken, wrong = record
            if not wrong and not any(cell.strip() for cell in cells):
                continue

            def post(cells: list[str] = cells, wrong: str | None = wrong) -> Post:
                if wrong:
                    raise _neutral.Unfit(wrong)
                if any(cell.strip() for cell in cells[len(heading) :]):
                    raise _neutral.Unfit(
                        f"{len(cells)} cells under {len(heading)} columns; is a comma not quoted?"
                    )
                named = zip(heading, cells, strict=False)
                return _neutral.from_row({name: cell for name, cell in named if name}, now)

            yield _item(taken[0], taken[-1], b"".join(line.raw for line in taken), post)


def _whole(raw: bytes) -> bool:
    """Is that JSON to its end?"""
    try:
        _JSON.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


_JSON = msgspec.json.Decoder()


class _Line(NamedTuple):
    """A line as it is, its number, the byte after it, whether all of it is here, and whether a newline ends it."""

    raw: bytes
    number: int
    at: int
    whole: bool
    ended: bool

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @property
    def wrong(self) -> str | None:
        """Why it cannot be read at all."""
        if not self.whole:
            return f"a line of more than {LONGEST:,} bytes"
        try:
            self.raw.decode()
        except UnicodeDecodeError:
            return _NOT_UTF8
        return None


class _Item(NamedTuple):
    """What a line, or a row of several, turned out to be; `at` and `ends` are where it ends."""

    found: Post | Reject
    line: int
    at: int
    ends: int


def _item(first: _Line, last: _Line, raw: bytes, post: Callable[[], Post]) -> _Item:
    found: Post | Reject
    try:
        if first.wrong:
            raise _neutral.Unfit(first.wrong)
        found = post()
    except _neutral.Unfit as unfit:
        reason = str(unfit)
        found = Reject(raw=raw_text(raw.rstrip(b"\r\n"), _KEPT), reason=reason)
    return _Item(found, first.number, last.at, last.number)


class _Lines:
    """Lines one after the other; of a line that is too long only the beginning is kept."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._at = self._number = 0
        self._ahead: bytes | None = None

    def demand_text(self, name: str) -> None:
        """Look at the first line. Raises CannotDo for what is no text in UTF-8 from the start."""
        begins = self._stream.readline(LONGEST + 1)
        if begins[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise CannotDo(f"{name} is UTF-16; save it in UTF-8, or convert it: iconv -f UTF-16 -t UTF-8.")
        if begins[:2] == b"\x1f\x8b":
            raise CannotDo(f"{name} is compressed: gunzip -c {name} | earshot import posts - --format ...")
        if begins[:2] == b"PK":
            raise CannotDo(f"{name} is a ZIP archive or a workbook; save it as CSV in UTF-8.")
        self._ahead = begins

    def go_on(self, since: Place) -> None:
        """Continue after a place."""
        self._stream.seek(since.at)
        self._at, self._number, self._ahead = since.at, since.line, None

    def next(self) -> _Line | None:
        """The next line, with its end; None at the end of the file."""
        raw = self._ahead if self._ahead is not None else self._stream.readline(LONGEST + 1)
        self._ahead = None
        if not raw:
            return None
        self._number += 1
        self._at += len(raw)
        whole = len(raw) <= LONGEST or raw.endswith(b"\n")
        rest = raw
        while not whole and rest and not rest.endswith(b"\n"):
            rest = self._stream.readline(LONGEST)
            self._at += len(rest)
        if self._number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        return _Line(raw if whole else raw[:_KEPT], self._number, self._at, whole, rest.endswith(b"\n"))


class _Records:
    """Rows of a table. One that cannot be read costs its first line alone: what it swallowed is read anew."""

    def __init__(self, lines: _Lines, delimiter: str) -> None:
        csv.field_size_limit(csv_file.LONGEST)
        self._lines = lines
        self._again: deque[_Line] = deque()
        self._taken: list[_Line] = []
        # without strict a quote that is never closed makes one cell of the rest of the file
        self._reader = csv.reader(self, delimiter=delimiter, strict=True)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> str:
        """The next line, for csv's reader."""
        line = self._again.popleft() if self._again else self._lines.next()
        if line is None:
            raise StopIteration
        self._taken.append(line)
        return line.text

    def next(self) -> tuple[list[str], list[_Line], str | None] | None:
        """The cells of a row, the lines that it stands on, and what is wrong with it; None at the end."""
        self._taken = []
        try:
            cells = next(self._reader, None)
        except csv.Error as error:
            first, *rest = self._taken
            self._again.extendleft(reversed(rest))
            return [], [first], _said(error)
        if cells is None:
            return None
        wrong = next((line.wrong for line in self._taken if line.wrong), None)
        return cells, self._taken, wrong


def _said(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end of data" in said:
        return "a quote is opened and never closed"
    if "field larger" in said:
        return f"a cell of more than {csv_file.LONGEST:,} characters; is a quote not closed?"
    if "new-line character" in said:
        return "a lone carriage return stands in an unquoted cell"
    if "expected after" in said:
        return 'words follow a closing quote; a quote inside a quoted cell is written twice ("")'
    return said
