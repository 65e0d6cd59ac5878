"""How lists, values and sentences look: tables for people, JSON for programs.

Every text for people goes through `safe`, whoever wrote it and whichever command shows it: what would steer the
terminal is made visible here, once. JSON is exactly what is stored.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from console.cli._terminal_table import NOTHING, card, layout
from console.words import safe

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

WIDE = 160
"""Columns of a table that goes into a file or a pipe."""


@cache
def console() -> Console:
    """Standard output. Not being a terminal, it is wide and without colour."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else WIDE)


def show(*what: RenderableType) -> None:
    """Print renderables, or lines whose markup is ours; texts of others go through `plain`."""
    for thing in what:
        console().print(thing)


def line(words: str) -> None:
    """Print one line, however long, without reading markup in it."""
    console().print(safe(words), markup=False, soft_wrap=True)


def wrapped(words: str, indent: int = 0) -> None:
    """Print a line; a terminal that is too narrow gets it broken at word ends, the rest set in further."""
    lead, words = " " * indent, safe(words)
    if console().is_terminal:
        words = textwrap.fill(
            words, console().width, subsequent_indent=f"{lead}  ", initial_indent=lead, break_on_hyphens=False
        )
        lead = ""
    line(f"{lead}{words}")


def plain(words: str, style: str = "") -> Text:
    """A text in which no markup is read and no character steers the terminal."""
    from rich.text import Text

    return Text(safe(words), style=style)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table, or the sentence that says what to do when there is nothing in it.

    A heading with > in front stands right, one with ~ takes what room is left and wraps. What fits no line is shown
    without the columns that are empty, and what does not fit then either as a card a row.
    """
    shown = [[safe(_cell(cell)) for cell in row] for row in rows]
    if not shown:
        line(empty)
        return
    made = layout(columns, shown, console().width)
    if not made.cards:
        show(_table(made.columns, made.rows))
        return
    for row in made.rows:
        _card(*card(made.columns, row))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(
            name.lstrip(">~"),
            justify="right" if name[0] == ">" else "left",
            overflow="fold" if name[0] == "~" else "ellipsis",
            no_wrap=name[0] != "~",
        )
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def _card(head: str, texts: Sequence[tuple[str, str]]) -> None:
    from rich.padding import Padding
    from rich.table import Table

    show(plain(head, "bold"))
    below = Table.grid(padding=(0, 2), pad_edge=False)
    below.add_column(no_wrap=True)
    below.add_column(overflow="fold")
    for name, words in texts:
        if name:
            below.add_row(plain(f"    {name}", "dim"), plain(words))
        else:
            show(Padding(plain(words), (0, 0, 0, 4)))
    if below.row_count:
        show(below)


def as_json(value: object) -> None:
    """Print a value as JSON: moments in ISO 8601, ids as text."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(value, indent=2, default=plainer, ensure_ascii=not utf8) + "\n")
    sys.stdout.flush()


def post(head: str, words: str, ties: str, score: float | None) -> None:
    """Print one post: when and how bad, who said what, and what it is tied to."""
    colour = "red" if score is not None and score <= -0.25 else "green" if (score or 0) >= 0.25 else ""
    made = plain(head, colour) + plain("  ") + plain(words)
    if ties:
        made += plain("  [") + plain(ties, "cyan") + plain("]")
    console().print(made, soft_wrap=True)


def fact(name: str, words: str) -> None:
    """Print a name and what is to be said under it; lines of `words` stand under each other."""
    for at, part in enumerate(words.split("\n")):
        console().print(plain(f"{'' if at else name:<11}", "dim") + plain(part), soft_wrap=True)


def finding(mark: str, style: str, name: str, found: str, remedy: str) -> None:
    """Print what a check found, and under it what to do."""
    console().print(plain(f"{mark:<6}", style) + plain(f"{name:<16}{found}"), soft_wrap=True)
    if remedy:
        console().print(plain(f"{'':<22}{remedy}", "cyan"), soft_wrap=True)


def said(words: str) -> None:
    """A remark to the person, beside the output."""
    print(safe(words), file=sys.stderr)


def _cell(value: object) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def plainer(value: object) -> Any:
    """What JSON has no word for, in one that it has."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    raise TypeError(f"{type(value).__name__} has no JSON")
