"""A filter's posts as a workbook: texts are texts whatever they begin with, numbers are numbers, moments are dates (UTC).

Rows go to a temporary file as they come (XlsxWriter's constant_memory), so memory does not grow with them. What XML cannot
hold is left out of a text, and one that is longer than a cell may be is cut, which the second sheet tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import IO, Any

from sqlalchemy.orm import Session
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from console.stream import Filter
from console.stream_file import COLUMNS, MOST, Cell, table
from console.words import counted

LONGEST = 32_767
"""UTF-16 units of a cell at most; the file format's own limit."""
EXACT = 2**53
"""From here on a spreadsheet rounds a whole number."""

_MOMENTS = ("posted_at", "edited_at", "gone_at")
_WIDTHS = {"id": 12, "author": 24, "author_name": 20, "text": 80, "account": 24, "campaign": 24, "url": 40}
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Sheet(Worksheet):  # type: ignore[misc]  # the package has no types
    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        # the package writes a text as markup that begins with <r> and ends with </r>: a stranger's would be the file's
        self._xml_inline_string(string, True, attributes)


def write_xlsx(
    session: Session, of: Filter, to: IO[bytes], about: Mapping[str, str | datetime], most: int = MOST
) -> int:
    """Write the workbook; how many posts it has. `about` is what its second sheet says of it, by name."""
    with TemporaryDirectory(prefix="earshot-export-") as folder:
        book = Workbook(
            to,
            {
                "constant_memory": True,
                "tmpdir": folder,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        told, n, cut = _Told(book), 0, 0
        sheet = book.add_worksheet("Posts", _Sheet)
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(COLUMNS):
            sheet.set_column(column, column, 19 if name in _MOMENTS else _WIDTHS.get(name, 11))
            sheet.write_string(0, column, f"{name} (UTC)" if name in _MOMENTS else name, told.bold)
        for cells in table(session, of, most):
            n += 1
            cut += sum([told.write(sheet, n, column, cell) for column, cell in enumerate(cells)])
        sheet.autofilter(0, 0, n, len(COLUMNS) - 1)
        more = {"posts": f"{n:,}" + (f", the newest; a file has {most:,} at most" if n >= most else "")}
        if cut:
            more["cut"] = f"{counted(cut, 'text')}, at {LONGEST:,} characters"
        _about(book, told, {**about, **more})
        book.close()
    return n


class _Told:
    """Writes a cell as what it is."""

    def __init__(self, book: Any) -> None:
        self.bold = book.add_format({"bold": True})
        self._moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
        score = book.add_format({"num_format": "+0.00;-0.00;0.00"})
        self._numbers = {COLUMNS.index("sentiment"): score}

    def write(self, sheet: Any, row: int, column: int, cell: Cell) -> bool:
        """Write it; True where it had to be cut."""
        if cell is None:
            return False
        if isinstance(cell, datetime):
            sheet.write_datetime(row, column, cell.replace(tzinfo=None), self._moment)
        elif isinstance(cell, float) or (isinstance(cell, int) and abs(cell) < EXACT):
            sheet.write_number(row, column, cell, self._numbers.get(column))
        else:
            return bool(sheet.write_string(row, column, cleaned(str(cell))))
        return False


def cleaned(words: str) -> str:
    """A text as XML can hold it."""
    return _NO_XML.sub("", words.replace("\r\n", "\n").replace("\r", "\n"))


def _about(book: Any, told: _Told, about: Mapping[str, str | datetime]) -> None:
    sheet = book.add_worksheet("About", _Sheet)
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 100)
    for row, (name, words) in enumerate(about.items()):
        sheet.write_string(row, 0, f"{name} (UTC)" if isinstance(words, datetime) else name, told.bold)
        told.write(sheet, row, 1, words)
