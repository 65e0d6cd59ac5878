"""How a table fits the terminal: as it is, else without what is empty, with broken headings, wrapping; else as cards.

A heading with > in front stands right, one with ~ takes what room is left and wraps. A card is a row alone: what is
short in a line, what wraps below it, each with its heading before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"
LEAST = 14
"""Columns that a text which wraps needs at least, to be read rather than spelled."""
SHORT = 20
"""A column of longer texts wraps too before its table becomes cards."""
BETWEEN, EDGES = 3, 2
"""Columns between two cells, and beside the outer ones."""


@dataclass(frozen=True)
class Layout:
    """What is shown: the headings as they are written (a line end where one is broken), and the rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cards: bool = False


def layout(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Layout:
    """The first way of showing these rows that fits `width` columns of characters; cards fit always."""
    whole = Layout(tuple(columns), tuple(tuple(row) for row in rows))
    if _fits(whole, width, least=None):
        return whole
    told = _without_empty(whole)
    broken = Layout(tuple(name.replace(" ", "\n") for name in told.columns), told.rows)
    for shorter in (told, broken, _soft(told), _soft(broken)):
        if _fits(shorter, width):
            return shorter
    return Layout(told.columns, told.rows, cards=True)


def _without_empty(table: Layout) -> Layout:
    """Without the columns that say nothing in any row; the first stays."""
    kept = [at for at in range(len(table.columns)) if not at or any(row[at] != NOTHING for row in table.rows)]
    return Layout(
        tuple(table.columns[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in table.rows)
    )


def _soft(table: Layout) -> Layout:
    """Where long words of a short column, such as a kind's, wrap as well."""
    long = [at for at, name in enumerate(table.columns) if name[0] not in ">~" and _widest(table, at) > SHORT]
    return Layout(
        tuple(f"~{name}" if at in long else name for at, name in enumerate(table.columns)), table.rows
    )


def _widest(table: Layout, at: int) -> int:
    return max(_longest(row[at]) for row in table.rows)


def _fits(table: Layout, width: int, least: int | None = LEAST) -> bool:
    """Does it, with so many columns of characters for each text? None: with each text in a line."""
    needed = BETWEEN * (len(table.columns) - 1) + EDGES
    for at, name in enumerate(table.columns):
        heading = _longest(name.lstrip(">~"))
        widest = max(heading, _widest(table, at))
        needed += max(min(widest, least), heading) if name[0] == "~" and least else widest
    return needed <= width


def _longest(words: str) -> int:
    """Columns of characters that the longest line of a cell takes."""
    from rich.cells import cell_len

    return max(map(cell_len, words.split("\n")))


def card(columns: Sequence[str], row: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """A row as a card: its head, and what stands below as (heading, text); no heading where it is said in the text.

    The head is the first column where that is a text, else all that is short.
    """
    told = [(name, cell) for name, cell in zip(columns, row, strict=True) if cell != NOTHING]
    short = "  ".join(f"{name.lstrip('>')} {cell}" for name, cell in told if name[0] != "~")
    texts = [(name[1:], cell) for name, cell in told if name[0] == "~"]
    if columns[0][0] != "~" or not texts:
        return short, texts
    return texts[0][1], [*([("", short)] if short else ()), *texts[1:]]
