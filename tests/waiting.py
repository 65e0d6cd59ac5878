"""Waiting for a condition, with a deadline; the one place in the tests that lets time pass."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], within: float = 10.0, every: float = 0.05, of: str = "") -> T:
    """The predicate's first true value. Fails after `within` seconds of a machine that does nothing else; `of` says
    what was awaited."""
    began = monotonic()
    pause = Event()
    while True:
        if value := predicate():
            return value
        if monotonic() - began > within * how_busy():
            raise AssertionError(f"{of or 'the awaited condition'} did not come within {within:.0f} s")
        pause.wait(every)


def throughout(predicate: Callable[[], object], during: float, every: float = 0.1, of: str = "") -> None:
    """Fails as soon as the predicate is false within these seconds."""
    deadline = monotonic() + during
    pause = Event()
    while monotonic() < deadline:
        assert predicate(), f"{of or 'the condition'} did not hold for {during:.0f} s"
        pause.wait(every)


def how_busy() -> float:
    """How many want a core for each that there is, at least 1. What is promised in seconds is for a machine that does
    nothing else, and is multiplied by this."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
