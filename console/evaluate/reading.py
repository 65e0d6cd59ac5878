"""A file of judged texts as rows that know their line: tab-separated, a header, UTF-8, nothing quoted.

A quotation mark is a character like any other, so a text can hold neither a tab nor a line end. Columns
are found by their name; those that an evaluation does not know stay, for --rows to choose by. In a file of `corrections
export` the apostrophe goes that keeps a text from being computed by a spreadsheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from console.csv_file import read_file
from console.refusal import CannotDo
from console.spreadsheet import unguarded

CORRECTIONS: Final = ("id", "label", "text", "lang", "sentiment", "scorer", "platform", "by", "note")
"""The columns of a file of `corrections export`."""


@dataclass(frozen=True)
class Row:
    """One row: cells by column. `line` counts from 1, the header being the first."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class Sheet:
    """A file: what it is called, its columns in lower case, its rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def chosen(self, conditions: Iterable[str]) -> Sheet:
        """The rows that meet every condition: COLUMN=PATTERN or COLUMN!=PATTERN, with * and ? in the pattern.

        Case counts. Raises CannotDo for what is no condition, for a missing column, and when no row is left.
        """
        rows = self.rows
        for condition in conditions:
            column, equals, pattern = condition.partition("=")
            unlike = column.endswith("!")
            column = column.removesuffix("!").strip().lower()
            if not equals or not column:
                raise CannotDo(f"{condition!r} chooses no rows: write COLUMN=PATTERN or COLUMN!=PATTERN.")
            self.demand([column])
            rows = tuple(row for row in rows if fnmatchcase(row[column], pattern) != unlike)
        if not rows:
            raise CannotDo(f"No row of {self.name} is left by that choice.")
        return Sheet(self.name, self.columns, rows)

    def demand(self, columns: Sequence[str]) -> None:
        """Raises CannotDo, with what there is, for a column that is missing."""
        if missing := [column for column in columns if column not in self.columns]:
            raise self.lacks(", ".join(missing))

    def lacks(self, columns: str) -> CannotDo:
        """What to raise where columns are missing."""
        there = ", ".join(column for column in self.columns if column)
        return CannotDo(f"{self.name} has no column {columns} (it has: {there}). Tabs separate columns.")

    def wrong(self, row: Row, reason: str) -> CannotDo:
        """What to raise for a row that will not do."""
        return CannotDo(f"{self.name}, line {row.line}: {reason}.")


def read(path: Path, needed: Sequence[str] = ("text",)) -> Sheet:
    """The rows of a file that has the `needed` columns.

    Raises CannotDo, with the line and the reason, for a file that cannot be read, is not UTF-8, has no header
    or no rows, lacks a column or has one twice, and for a row with more or fewer cells than the header.
    """
    lines = read_file(path).split("\n")
    name = str(path)
    columns = tuple(cell.strip().lower() for cell in lines[0].removesuffix("\r").split("\t"))
    if not any(columns):
        raise CannotDo(f"{name} is empty: its first line names the columns, separated by tabs.")
    if twice := [column for column in columns if column and columns.count(column) > 1]:
        raise CannotDo(f"{name} has the column {twice[0]!r} twice.")
    sheet = Sheet(name, columns, tuple(_rows(name, columns, lines)))
    sheet.demand(needed)
    if not sheet.rows:
        raise CannotDo(f"{name} has a header and no rows.")
    return sheet


def _rows(name: str, columns: tuple[str, ...], lines: Sequence[str]) -> Iterable[Row]:
    exported = set(CORRECTIONS) <= set(columns)
    for number, line in enumerate(lines[1:], start=2):
        line = line.removesuffix("\r")
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise CannotDo(
                f"{name}, line {number}: {len(cells)} cells under {len(columns)} columns;"
                " a text may hold no tab and no line end."
            )
        cells = [unguarded(cell) for cell in cells] if exported else cells
        yield Row(number, dict(zip(columns, cells, strict=True)))
