"""Reads a workbook with nothing but the standard library: what stands in each cell, and as what."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from xml.etree import ElementTree
from zipfile import ZipFile

NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ESCAPED = re.compile("_x([0-9A-F]{4})_")


class Cell(NamedTuple):
    """A cell: `kind` is its type attribute ("n" for a number), `formula` whether there is one."""

    kind: str
    said: str
    style: str
    formula: bool

    @property
    def moment(self) -> datetime:
        """A date's number, as the moment in UTC that it means."""
        assert self.kind == "n", self
        return datetime(1899, 12, 30, tzinfo=UTC) + timedelta(seconds=round(float(self.said) * 86_400))


def cells(workbook: bytes, sheet: int = 1) -> list[dict[str, Cell]]:
    """The rows of a sheet, each {column's letters: cell}."""
    with ZipFile(io.BytesIO(workbook)) as parts:
        root = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{sheet}.xml"))
    return [
        {re.sub(r"\d", "", cell.attrib["r"]): _cell(cell) for cell in row} for row in root.iter(f"{NS}row")
    ]


def part(workbook: bytes, name: str) -> str:
    """A part of the workbook's archive."""
    with ZipFile(io.BytesIO(workbook)) as parts:
        return parts.read(name).decode()


def table(workbook: bytes, sheet: int = 1) -> list[dict[str, Cell]]:
    """The rows under the heading, each {heading: cell}."""
    heading, *rows = cells(workbook, sheet)
    names = {column: cell.said for column, cell in heading.items()}
    return [{names[column]: cell for column, cell in row.items()} for row in rows]


def _cell(cell: ElementTree.Element) -> Cell:
    kind = cell.attrib.get("t", "n")
    told = cell.find(f"{NS}is/{NS}t") if kind == "inlineStr" else cell.find(f"{NS}v")
    said = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), (told.text or "") if told is not None else "")
    return Cell(kind, said, cell.attrib.get("s", ""), cell.find(f"{NS}f") is not None)
