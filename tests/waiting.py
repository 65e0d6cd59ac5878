"""Waiting for a condition, with a deadline; the one place in the tests that lets time pass."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


def eventually(predicate: Callable[[], T], within: float = 10.0, every: float = 0.05, of: str = "") -> T:
    """The predicate's first true value. Fails after `within` seconds of a machine that does nothing else; `of` says
    what was awaited."""
    began, busiest = monotonic(), 1.0
    pause = Event()
    while True:
        if value := predicate():
            return value
        busiest = max(busiest, how_busy())
        if monotonic() - began > within * busiest:
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
    nothing else, and is multiplied by this. The average lags: in the first minute of a run, whose fleets begin it, nobody
    seems to want any, so who wants one now counts as well."""
    return max(1.0, max(os.getloadavg()[0], _wanting()) / (os.cpu_count() or 1))


def _wanting() -> int:
    """How many run or wait for a core at this moment; 0 where the kernel does not tell."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return 0
