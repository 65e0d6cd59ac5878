"""A CSV file as rows that know their line: what Excel writes is read, what cannot be read is said.

UTF-8 with or without a byte order mark; commas, or semicolons where the heading has no comma.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.refusal import CannotDo

LONGEST = 100_000
"""Characters that one cell may have."""


@dataclass(frozen=True)
class Row:
    """One row: cells by column, trimmed, "" where empty. `line` is where it begins, from 1."""

    line: int
    cells: Mapping[str, str]
    wrong: str | None = None

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read_file(path: Path) -> str:
    """The text of a file. Raises CannotDo with the line that is not UTF-8."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CannotDo(f"{path} cannot be read: {error.strerror or error}.") from None
    return decoded(raw, str(path))


def decoded(raw: bytes, name: str) -> str:
    """Bytes as text. `name` is what the sentence calls them."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CannotDo(f"{name} is UTF-16; save it as CSV in UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = raw.count(b"\n", 0, error.start) + 1
        raise CannotDo(
            f"{name} is not UTF-8 (line {at}); save it as UTF-8,"
            " or convert it: iconv -f WINDOWS-1252 -t UTF-8."
        ) from None


def rows(text: str, name: str, needed: Sequence[str], known: Sequence[str]) -> Iterator[Row]:
    """The rows under a heading that has the `needed` columns and no other than the `known` ones.

    Raises CannotDo when the heading will not do; a row that will not do has its reason in `wrong`.
    """
    first = text.split("\n", 1)[0]
    # without strict a quote that is never closed makes one cell of the rest of the file
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=";" if ";" in first and "," not in first else ",",
        strict=True,
    )
    csv.field_size_limit(LONGEST)
    try:
        heading = [cell.strip().lower() for cell in next(reader, [])]
    except csv.Error as error:
        raise CannotDo(f"{name}, line 1: {_said(error, 1, reader.line_num)}.") from None
    _demand(heading, name, needed, known)
    begins = reader.line_num + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(begins, {}, _said(error, begins, reader.line_num))
            begins = reader.line_num + 1
            continue
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield _row(begins, heading, cells)
        begins = reader.line_num + 1


def _said(error: csv.Error, begins: int, ends: int) -> str:
    """What csv could not read, for whoever has to mend the file."""
    lines = f"; lines {begins} to {ends} were not taken" if ends > begins else ""
    if "unexpected end of data" in str(error):
        return f"a quote is opened and never closed{lines}"
    if "expected after" in str(error):
        return f'words follow a closing quote; a quote inside a quoted cell is written twice (""){lines}'
    if "field larger" in str(error):
        return f"a cell of more than {LONGEST:,} characters; is a quote not closed{lines}?"
    return f"{error}{lines}"


def _demand(heading: list[str], name: str, needed: Sequence[str], known: Sequence[str]) -> None:
    columns = f"known: {', '.join(set_aside(known, needed))}"
    if needed:
        columns = f"needed: {', '.join(needed)}; also {columns}"
    if not any(heading):
        raise CannotDo(f"{name} is empty: its first line names the columns ({columns}).")
    if missing := [column for column in needed if column not in heading]:
        raise CannotDo(f"{name} has no column {_quoted(missing)} ({columns}).")
    if unknown := [column for column in heading if column and column not in known]:
        which = "a column {} that means" if len(unknown) == 1 else "columns {} that mean"
        raise CannotDo(f"{name} has {which.format(_quoted(unknown))} nothing here ({columns}).")
    if twice := [column for column in known if heading.count(column) > 1]:
        raise CannotDo(f"{name} has the column {twice[0]!r} twice.")


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f"'{column}'" for column in columns)


def set_aside(known: Sequence[str], needed: Sequence[str]) -> list[str]:
    """The known columns that are not needed."""
    return [column for column in known if column not in needed]


def _row(line: int, heading: list[str], cells: list[str]) -> Row:
    named = {column: cell.strip() for column, cell in zip(heading, cells, strict=False) if column}
    if any(cell.strip() for cell in cells[len(heading) :]):
        return Row(line, named, f"{len(cells)} cells under {len(heading)} columns; is a comma not quoted?")
    if any("\0" in cell for cell in cells):
        return Row(line, named, "a NUL character, which no text may hold")
    return Row(line, named)
