"""What it takes to play a platform here, and the list of those that are played this way.

A platform is a class in a file of its own: it takes the stage, tells its posts in the platform's own wire format, and
knows that platform's window, its headers and its 429. What a source asks for (a subreddit, a channel, a query) is the
`feed` of a line. Faults, windows and the log of what was told are the application's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from simulator.answers import Answer
from simulator.asked import Asked
from simulator.graph_platforms import Facebook, Instagram, Threads
from simulator.limits import Window
from simulator.reddit import Reddit
from simulator.stage import Stage
from simulator.stores import AppStore, GooglePlay
from simulator.x import X
from simulator.youtube import YouTube


class Plays(Protocol):
    """A platform on the stage. `window` is its limit for one token; a copy is counted for each."""

    platform: str
    window: Window

    def answer(self, asked: Asked) -> Answer:
        """What it answers, its items noted; limits and faults have been seen to."""

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """The headers that tell of the window."""

    def too_many(self, window: Window, now: float) -> Answer:
        """Its 429 (or whatever it says instead)."""


PLAYED: dict[str, Callable[[Stage], Plays]] = {
    "appstore": AppStore,
    "facebook": Facebook,
    "googleplay": GooglePlay,
    "instagram": Instagram,
    "reddit": Reddit,
    "threads": Threads,
    "x": X,
    "youtube": YouTube,
}
"""By the platform's name. A platform's class is added here."""


UNDER_WAY = 1.0
"""Seconds for which requests that were sent before an answer said "no more" may still come in."""


class Counters:
    """The windows of all tokens, and how often somebody went on after having been told to stop."""

    def __init__(self, kinds: Mapping[str, Plays]) -> None:
        self._kinds = kinds
        self._windows: dict[tuple[str, str], Window] = {}
        self._closed: dict[tuple[str, str], tuple[float, float]] = {}
        self.exceeded: Counter[str] = Counter()
        self.late: list[tuple[str, float, float]] = []
        """Each of those: the platform, when it came in, and how many seconds after the word to wait."""

    def set(self, platform: str, limit: int, seconds: int) -> None:
        """Another limit from now on, for every token."""
        kind = self._kinds[platform]
        kind.window = replace(kind.window, limit=limit, seconds=seconds, used=0, until=0.0)
        for key in [key for key in self._windows if key[0] == platform]:
            del self._windows[key]

    def take(self, platform: str, token: str | None, now: float) -> tuple[Window, bool]:
        """Count a request; False when it is one too many. One that follows an answer which said so is noted."""
        key = (platform, token or "")
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = replace(self._kinds[platform].window)
        self.met(platform, token, now)
        return window, window.take(now)

    def met(self, platform: str, token: str | None, now: float) -> None:
        """Somebody asks: is it one who was told to wait?"""
        since, until = self._closed.get((platform, token or ""), (math.inf, 0.0))
        if since + UNDER_WAY < now < until:
            self.exceeded[platform] += 1
            self.late.append((platform, now, now - since))

    def told(self, platform: str, token: str | None, until: float, now: float) -> None:
        """An answer has gone out that said "no more until then"."""
        since, before = self._closed.get((platform, token or ""), (now, 0.0))
        self._closed[platform, token or ""] = (since if now < before else now, until)
