"""The demo where nobody draws: a line for each thing that happens, and one for the state when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console import fleet
from console.cli import _print

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.watch import NewTicket, Seen
    from local.supervisor import Event

STATE_EVERY = 3.0
QUIET_EVERY = 30.0
"""Seconds between two lines of state: where something was new, and where all visits brought what was known."""
AT_ONCE = 6
"""Tickets of one look that get a line; the rest of them is counted."""


def head(new: NewTicket, after: float) -> str:
    """Number, priority and moment of a ticket."""
    when = "from an earlier run" if new.earlier else f"{after:.0f} s after the start"
    return f"ticket #{new.case['ticket']['number']}, {new.case['priority']} priority, {when}"


def one_liner(new: NewTicket, after: float, most: int) -> str:
    """A ticket in a line of at most so many characters."""
    from console.words import one_line, score

    case = new.case
    who = f"{one_line(case['author'] or 'somebody', 40)} on {case['platform']}"
    return one_line(
        f"ticket #{case['ticket']['number']}  {score(case['score'])}  {who}: {case['text'] or ''}", most
    )


def everything(new: NewTicket) -> list[tuple[str, str]]:
    """The post, the score, the words that weighed, the matches and how they were made, and the rule."""
    from console.cli.explain import facts

    shown = {"post", "", "score", "words", "match", "tied to", "undecided", "rule"}
    return [(name, words) for name, words in facts(new.told or {}) if name in shown]


def sorted_out(new: Sequence[NewTicket]) -> tuple[list[NewTicket], int, list[NewTicket]]:
    """The tickets that get a line, how many get none, and those that are told with everything."""
    told = [ticket for ticket in new if ticket.told is not None]
    rest = [ticket for ticket in new if ticket.told is None]
    return rest[:AT_ONCE], len(rest[AT_ONCE:]), told


def event_line(event: Event) -> str | None:
    """What the supervisor did, where a person wants to know it."""
    if event.what in ("step", "up", "crashed", "restarted", "gave_up"):
        return event.text
    return None


class Lines:
    """Prints lines; bounded, whatever happens."""

    def __init__(self) -> None:
        self._last: Any = None
        self._at = float("-inf")

    def event(self, event: Event) -> None:
        if line := event_line(event):
            _print.line(line)
            _flush()

    def tickets(self, new: Sequence[NewTicket], after: float) -> None:
        lines, more, told = sorted_out(new)
        for ticket in lines:
            _print.line(one_liner(ticket, after, 160))
        if more:
            _print.line(f"and {more} more tickets (earshot cases)")
        for ticket in told:
            _print.line(head(ticket, after))
            for name, words in everything(ticket):
                _print.fact(f"  {name}", words)
        _flush()

    def state(self, seen: Seen, seconds: float) -> None:
        told = (seen.total["new"], seen.total["edited"], seen.cases, seen.trouble, seen.finished)
        if seconds - self._at < (QUIET_EVERY if told == self._last else STATE_EVERY):
            return
        self._last, self._at = told, seconds
        for line in state_lines(seen, seconds):
            _print.line(line)
        _flush()

    def close(self) -> None:
        _flush()


def state_lines(seen: Seen, seconds: float) -> list[str]:
    """The state in a few lines."""
    from console.cli.status import width
    from console.words import in_lines

    if seen.trouble:
        return [f"{seconds:4.0f} s  the last state stands: {seen.trouble}"]
    if not seen.ledger:
        return []
    cases = seen.cases
    scored = sum(row["scored"] for row in seen.events.values())
    unscored = sum(row["unscored"] for row in seen.events.values())
    matched = sum(row["matched"] for row in seen.events.values())
    steps = f"scored {scored:,}, unscored {unscored:,}, matched {matched:,}"
    lines = [
        in_lines(f"{seconds:4.0f} s  {fleet.sentence(seen.total)}", width(), 8),
        f"        {steps}, open cases {cases['open']:,}, tickets {cases['tickets']:,}",
    ]
    if seen.reckoning:
        lines.append(f"        {seen.reckoning.sentence()}")
    return lines


def _flush() -> None:
    import sys

    sys.stdout.flush()
