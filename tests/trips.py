"""How long a request may be under way at a time: what lateness is measured by.

Measured four times a second, all the while something else is tried: how long a request takes to the simulator and back,
and for how long the processes that fetch were ready and had no processor (`schedstat` of Linux; elsewhere nothing is
known of that, and none is allowed for).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

EVERY = 0.25
AROUND = 1.0
"""Seconds before and after, in which what was measured may have been what mattered."""


class Trips:
    """`made`: when each trip began and ended, in epoch seconds; `waits`: when, and the seconds for which each process has
    waited for a processor since it began."""

    def __init__(self) -> None:
        self.made: list[tuple[float, float]] = []
        self.waits: list[tuple[float, dict[int, float]]] = []

    def longest(self, since: float, until: float) -> float:
        """Seconds that the slowest trip took of those that were under way then, and that a process waited."""
        since, until = since - AROUND, until + AROUND
        trips = [ended - began for began, ended in self.made if ended > since and began < until]
        seen: dict[int, list[float]] = {}
        for at, waits in self.waits:
            if since <= at <= until:
                for pid, waited in waits.items():
                    seen.setdefault(pid, []).append(waited)
        return max(trips, default=0.0) + max((max(all_) - min(all_) for all_ in seen.values()), default=0.0)


def waited(pid: int) -> float:
    """Seconds for which the threads of a process were ready and did not run."""
    total = 0
    with contextlib.suppress(OSError, IndexError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[1])
    return total / 1e9


@contextmanager
def measured(address: str, fetching: Callable[[], list[int]]) -> Iterator[Trips]:
    """Ask the address, and look at the processes that fetch, until the block ends."""
    trips, over = Trips(), threading.Event()

    def go() -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not over.wait(EVERY):
                began = time.time()
                client.get(address)
                trips.made.append((began, time.time()))
                trips.waits.append((time.time(), {pid: waited(pid) for pid in fetching()}))

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield trips
    finally:
        over.set()
        thread.join(30)
