"""The demo on a terminal: what happens scrolls by above, how it stands is drawn below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console import fleet
from console.cli import _print
from console.cli._demo_lines import event_line, everything, head, one_liner, sorted_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from console.watch import NewTicket, Seen
    from local.supervisor import Event

COLUMNS = (*fleet.LEDGER, "scored", "unscored", "matched", "cases", "tickets")
SHORT = {"duplicate": "dupl.", "quarantined": "quarant."}
SPARED = {118: ("duplicate", "edited", "unscored", "cases"), 96: ("filtered", "quarantined")}
"""Columns that a terminal narrower than so many characters does without; the line of the ledger has them."""


class Screen:
    """Draws four times a second. `hint` is the line to type elsewhere."""

    def __init__(self, hint: str, console: Console | None = None) -> None:
        from rich.live import Live

        self._console = console or _print.console()
        self._hint = hint
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._live.start()

    def event(self, event: Event) -> None:
        if line := event_line(event):
            style = "bold red" if event.what in ("crashed", "gave_up") else "dim"
            self._live.console.print(_print.plain(line, style))

    def tickets(self, new: Sequence[NewTicket], after: float) -> None:
        lines, more, told = sorted_out(new)
        for ticket in lines:
            self._live.console.print(_print.plain(one_liner(ticket, after, self._console.width), "red"))
        if more:
            self._live.console.print(_print.plain(f"and {more} more tickets", "dim"))
        for ticket in told:
            self._live.console.print(_ticket(ticket, after))

    def state(self, seen: Seen, seconds: float) -> None:
        self._live.update(drawn(seen, seconds, self._hint, self._console.width))

    def close(self) -> None:
        self._live.stop()


def _ticket(new: NewTicket, after: float) -> RenderableType:
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in everything(new):
        grid.add_row(name, _print.plain(words, "bold" if name == "" else ""))
    return Panel(grid, title=head(new, after), title_align="left", border_style="red", box=ROUNDED)


def drawn(seen: Seen, seconds: float, hint: str, width: int) -> RenderableType:
    """The state as it is drawn: a row a platform, the ledger that adds up, the complaints, what to type."""
    from rich.console import Group

    lines: list[RenderableType] = [_table(seen, width)]
    wrong = "" if all(map(fleet.adds_up, seen.ledger)) else "   DOES NOT ADD UP"
    lines.append(_print.plain(f"ledger: {fleet.sentence(seen.total)}{wrong}", "bold red" if wrong else ""))
    if seen.reckoning:
        lines.append(_print.plain(seen.reckoning.sentence(), "bold"))
    at = f"{seconds:.0f} s since the start"
    if seen.world:
        quiet = "the world has told its story" if seen.world.get("quiet") else "the world goes on"
        at += f"; act {seen.world['act']} of {seen.world['acts']}, {quiet}"
    lines.append(_print.plain(at, "dim"))
    if seen.trouble:
        lines.append(_print.plain(f"this is the last known state: {seen.trouble}", "bold red"))
    lines.append(_print.plain(hint, "cyan"))
    return Group(*lines)


def _table(seen: Seen, width: int) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    spared = {name for least, names in SPARED.items() if width < least for name in names}
    names = [name for name in COLUMNS if name not in spared]
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    made.add_column("platform", no_wrap=True)
    for name in names:
        made.add_column(SHORT.get(name, name), justify="right", no_wrap=True)
    rows = [{**row, **_of(seen, row["platform"])} for row in seen.ledger]
    for row in rows:
        made.add_row(row["platform"], *(f"{row[name]:,}" for name in names))
    if len(rows) > 1:
        made.add_section()
    made.add_row("all", *(f"{sum(row[name] for row in rows):,}" for name in names), style="bold")
    return made


def _of(seen: Seen, platform: str) -> dict[str, int]:
    found = seen.events.get(platform)
    return {name: found[name] if found else 0 for name in COLUMNS[len(fleet.LEDGER) :]}
