"""The demo on a terminal: what happens scrolls by above, how it stands is drawn below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console import fleet
from console.cli import _print
from console.cli._demo_lines import MOST_TICKETS, about, event_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from console.watch import NewTicket, Seen
    from local.supervisor import Event

COLUMNS = (*fleet.LEDGER, "scored", "unscored", "matched", "cases", "tickets")


class Screen:
    """Draws four times a second. `hint` is the line to type elsewhere."""

    def __init__(self, hint: str, console: Console | None = None) -> None:
        from rich.live import Live

        self._console = console or _print.console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._live.start()
        self._hint, self._tickets = hint, 0

    def event(self, event: Event) -> None:
        if line := event_line(event):
            style = "bold red" if event.what in ("crashed", "gave_up") else "dim"
            self._live.console.print(_print.plain(line, style))

    def ticket(self, new: NewTicket, after: float) -> None:
        self._tickets += 1
        if self._tickets > MOST_TICKETS:
            return
        self._live.console.print(_ticket(new, after))
        if self._tickets == MOST_TICKETS:
            self._live.console.print(_print.plain("More tickets are counted below.", "dim"))

    def state(self, seen: Seen, seconds: float) -> None:
        self._live.update(drawn(seen, seconds, self._hint, self._console.width))

    def close(self) -> None:
        self._live.stop()


def _ticket(new: NewTicket, after: float) -> RenderableType:
    from rich.box import ROUNDED
    from rich.panel import Panel
    from rich.table import Table

    (_, head), *rest = about(new, after)
    if new.told is None:
        return _print.plain(f"ticket {head}", "red")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in rest:
        grid.add_row(name, _print.plain(words, "bold" if name == "" else ""))
    return Panel(grid, title=f"ticket {head}", title_align="left", border_style="red", box=ROUNDED)


def drawn(seen: Seen, seconds: float, hint: str, width: int) -> RenderableType:
    """The state as it is drawn: a table a platform, the ledger that adds up, the complaints, what to type."""
    from rich.console import Group

    lines: list[RenderableType] = [_table(seen, narrow=width < 110)]
    wrong = "" if all(map(fleet.adds_up, seen.ledger)) else "   DOES NOT ADD UP"
    lines.append(_print.plain(f"ledger: {fleet.sentence(seen.total)}{wrong}", "bold red" if wrong else ""))
    if seen.reckoning:
        lines.append(_print.plain(seen.reckoning.sentence(), "bold"))
    world = seen.world
    at = f"{seconds:.0f} s since the start"
    if world:
        quiet = "the world has told its story" if world.get("quiet") else "the world goes on"
        at += f"; act {world['act']} of {world['acts']}, {quiet}"
    lines.append(_print.plain(at, "dim"))
    if seen.trouble:
        lines.append(_print.plain(f"this is the last known state: {seen.trouble}", "bold red"))
    lines.append(_print.plain(hint, "cyan"))
    return Group(*lines)


def _table(seen: Seen, *, narrow: bool) -> RenderableType:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names = [
        name for name in COLUMNS if not narrow or name not in ("duplicate", "edited", "unscored", "cases")
    ]
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    made.add_column("platform", no_wrap=True)
    for name in names:
        made.add_column(name[:11], justify="right", no_wrap=True)
    rows = [({**row, **_of(seen, row["platform"])}) for row in seen.ledger]
    for row in rows:
        made.add_row(row["platform"], *(f"{row[name]:,}" for name in names))
    if rows:
        made.add_section()
        made.add_row("all", *(f"{sum(row[name] for row in rows):,}" for name in names), style="bold")
    else:
        made.add_row("nothing fetched yet", *("" for _ in names))
    return made


def _of(seen: Seen, platform: str) -> dict[str, int]:
    found = seen.events.get(platform)
    return {name: found[name] if found else 0 for name in COLUMNS[len(fleet.LEDGER) :]}
