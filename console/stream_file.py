"""A filter's posts as a table that a spreadsheet opens: texts are never computed there, numbers stay numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy.orm import Session

from console.spreadsheet import guarded
from console.stream import Filter, posts

MOST = 50_000
"""Rows of a file at most, the newest."""
COLUMNS = (
    *(
        "id",
        "platform",
        "posted_at",
        "author",
        "author_name",
        "text",
        "language",
        "voice",
        "sentiment",
        "unscored",
    ),
    *(
        "corrected",
        "corrected_by",
        "account",
        "campaign",
        "stars",
        "likes",
        "answers",
        "reposts",
        "shares",
        "views",
    ),
    *("edited_at", "gone_at", "url", "heard_by"),
)
_COUNTED = {
    "likes": ("likes",),
    "answers": ("replies", "comments"),
    "shares": ("shares",),
    "views": ("views", "plays"),
}
PART = 2_000
"""Posts that are held at once."""

Cell = str | int | float | datetime | None


def table(session: Session, of: Filter, most: int = MOST) -> Iterator[list[Cell]]:
    """A row a post under COLUMNS, the newest first; `most` at most. Moments are in UTC."""
    left, before = most, None
    while left > 0:
        found = posts(session, of, before, min(PART, left))
        yield from map(_row, found.rows)
        left, before = left - len(found.rows), found.next
        if before is None:
            return


def write_csv(session: Session, of: Filter, to: IO[bytes], most: int = MOST) -> int:
    """Write the file; how many posts it has. It begins with a byte order mark, or Excel takes it for Windows-1252."""
    made = io.TextIOWrapper(to, encoding="utf-8-sig", newline="")
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    n = 0
    for row in table(session, of, most):
        n += 1
        writer.writerow([_written(cell) for cell in row])
    made.detach()
    return n


def _written(cell: Cell) -> str | int | float | None:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds").replace("+00:00", "Z")
    return guarded(cell) if isinstance(cell, str) else cell


def _row(post: dict[str, Any]) -> list[Cell]:
    counts = post["counts"] or {}
    number = {name: _number(counts, of) for name, of in _COUNTED.items()}
    number["reposts"] = max(post["reposts"], _number(counts, ("reposts",)) or 0)
    given = (
        post
        | number
        | {
            "posted_at": post["occurred_at"],
            "author": post["handle"] or post["author"],
            "author_name": post["author"],
            "language": post["lang"] or "und",
            "stars": post["rating"],
            "heard_by": "; ".join(post["heard_by"]),
        }
    )
    return [_cell(given[name]) for name in COLUMNS]


def _number(counts: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((counts[name] for name in names if isinstance(counts.get(name), int)), None)


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, UUID):
        return str(value)
    return value if value is None or isinstance(value, int | float | str) else str(value)
