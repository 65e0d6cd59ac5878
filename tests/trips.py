"""How long a request takes to a simulator and back, all the while something else is tried: what its lateness is measured by."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

EVERY = 0.25
AROUND = 1.0
"""Seconds before and after, in which a trip may have been the one that mattered."""


class Trips:
    """When each trip began and ended, in epoch seconds."""

    def __init__(self) -> None:
        self.made: list[tuple[float, float]] = []

    def slowest(self, since: float, until: float) -> float:
        """Seconds that the slowest trip took of those that were under way then."""
        those = (
            (began, ended) for began, ended in self.made if ended > since - AROUND and began < until + AROUND
        )
        return max((ended - began for began, ended in those), default=0.0)


@contextmanager
def measured(address: str) -> Iterator[Trips]:
    """Ask the address four times a second until the block ends."""
    trips, over = Trips(), threading.Event()

    def go() -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not over.wait(EVERY):
                began = time.time()
                client.get(address)
                trips.made.append((began, time.time()))

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield trips
    finally:
        over.set()
        thread.join(30)
