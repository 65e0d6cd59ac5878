"""What one try to tell a receiver came to, and when the next one is. Pure.

A receiver that answers, and says no, is alive: others of its news may be taken. One that does not answer, or says that it
cannot, is left alone for longer each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from workers.outbox import News

PATIENCE = 5
"""So many visits in a row may fail, until the receiver's owner is told."""
STREAK = 3
"""So many failures in a row end a visit."""
FIRST, LONGEST = 5.0, 10_800.0
"""Seconds from the first failure of a piece of news to its second try, and the most that it waits between two."""
ALIVE, AWAY = 60.0, 1_800.0
"""The most that a receiver waits between two visits, when it answers and when it does not."""


@dataclass(frozen=True, slots=True)
class Told:
    """One try. `why` it was not taken, for people, None when it was; `alive`: there was an answer, and it was no;
    `after`: seconds that the receiver asks for, as far as connectors/_limits.py believes it; `gone`: it wants nothing ever again."""

    why: str | None = None
    alive: bool = False
    after: float | None = None
    gone: bool = False


TAKEN = Told()


class Channel(Protocol):
    """A way to a receiver."""

    width: int
    """How many tries may be under way at once."""

    async def tell(self, news: News) -> Told:
        """Tell it once, within the time of a request. Raises nothing that is the receiver's fault."""

    async def aclose(self) -> None:
        """Let go of its connections."""


def news_waits(attempts: int, told: Told, jitter: float) -> float:
    """Seconds until news that was tried so often before is tried again; `jitter` is in [0.8, 1.2]."""
    wait = min(FIRST * 3.0 ** min(attempts, 12), LONGEST) * jitter
    return max(wait, told.after or 0.0)


def receiver_waits(failures: int, told: Told, jitter: float) -> float:
    """Seconds until a receiver that so many visits in a row failed at is visited again."""
    wait = min(FIRST * 3.0 ** min(failures - 1, 12), ALIVE if told.alive else AWAY) * jitter
    return max(wait, told.after or 0.0)


class Standing(NamedTuple):
    """A receiver after a visit: its state, its failures in a row, seconds to the next visit, and why it failed."""

    state: str
    failures: int
    wait: float
    error: str | None
    took: bool


def stands(state: str, failures: int, took: int, last: Told | None, jitter: float) -> Standing:
    """What a visit means for a receiver that took so much of it. `last` is the failure that it ended with, None if it
    ended well."""
    if last is None:
        return Standing("active" if took else state, 0 if took else failures, 0.0, None, bool(took))
    if last.gone:
        return Standing("paused", failures + 1, 0.0, last.why, bool(took))
    failures = 1 if took else failures + 1
    state = "failing" if failures >= PATIENCE else "active" if took else state
    return Standing(state, failures, receiver_waits(failures, last, jitter), last.why, bool(took))
