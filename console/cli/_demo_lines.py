"""The demo where nobody draws: a line for each thing that happens, and one for the state when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console import fleet
from console.cli import _print

if TYPE_CHECKING:
    from console.watch import NewTicket, Seen
    from local.supervisor import Event

STATE_EVERY = 3.0
"""Seconds between two lines of state at least."""
MOST_TICKETS = 40
"""Tickets that get lines; the rest is counted."""


def about(new: NewTicket, after: float) -> list[tuple[str, str]]:
    """A ticket as (name, words) lines: one for a later one, everything for the first few."""
    from console.cli.explain import facts
    from console.words import one_line, score

    case, told = new.case, new.told
    head = f"#{case['ticket']['number']} {case['priority']}, {after:.0f} s after the start"
    who = f"{one_line(case['author'] or 'somebody', 60)} on {case['platform']}"
    if told is None:
        return [("ticket", f"{head}: {score(case['score'])}  {who}: {one_line(case['text'] or '', 120)}")]
    shown = {"post", "", "score", "words", "match", "rule"}
    lines = [(name, words) for name, words in facts(told) if name in shown]
    return [("ticket", head), *lines]


def event_line(event: Event) -> str | None:
    """What the supervisor did, where a person wants to know it."""
    if event.what in ("step", "up", "crashed", "restarted", "gave_up", "stopping"):
        return event.text
    return None


class Lines:
    """Prints lines; bounded, whatever happens."""

    def __init__(self) -> None:
        self._last: Any = None
        self._at = float("-inf")
        self._tickets = 0

    def event(self, event: Event) -> None:
        if line := event_line(event):
            _print.line(line)
            _flush()

    def ticket(self, new: NewTicket, after: float) -> None:
        self._tickets += 1
        if self._tickets > MOST_TICKETS:
            return
        for name, words in about(new, after):
            _print.fact(name, words)
        if self._tickets == MOST_TICKETS:
            _print.line("More tickets are counted below, and listed by `earshot cases`.")
        _flush()

    def state(self, seen: Seen, seconds: float) -> None:
        told = (seen.ledger, seen.cases, seen.trouble, seen.finished)
        if told == self._last or seconds - self._at < STATE_EVERY:
            return
        self._last, self._at = told, seconds
        for line in state_lines(seen, seconds):
            _print.line(line)
        _flush()

    def close(self) -> None:
        _flush()


def state_lines(seen: Seen, seconds: float) -> list[str]:
    """The state in a line or two."""
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
        f"{seconds:4.0f} s  {fleet.sentence(seen.total)}",
        f"        {steps}, open cases {cases['open']:,}, tickets {cases['tickets']:,}",
    ]
    if seen.reckoning:
        lines.append(f"        {seen.reckoning.sentence()}")
    return lines


def _flush() -> None:
    import sys

    sys.stdout.flush()
