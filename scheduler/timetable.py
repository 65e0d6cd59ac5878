"""What beat rings, and how often. Pure.

One entry per platform (`earshot.poll`, which claims what is due on that platform) and the sweeps that find
whatever a lost message left behind. A bell that nobody heard for a few intervals expires: the next one
asks the same question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

LIVES = 6
"""Intervals that a bell lives. With less, a platform whose visits are long would starve those that come after
it in each tick: theirs would expire behind it every time. Where even this is too short, see workers/overdue.py."""


class Intervals(Protocol):
    """The settings that matter here, in seconds."""

    @property
    def digest_every(self) -> float: ...
    @property
    def notify_every(self) -> float: ...
    @property
    def sweep_every(self) -> float: ...


def timetable(platforms: Mapping[str, float], settings: Intervals) -> dict[str, dict[str, Any]]:
    """Celery beat entries by name. `platforms`: seconds between two looks at each platform's sources."""
    polls = {
        f"poll {platform}": entry("earshot.poll", every, "fetch", platform=platform)
        for platform, every in sorted(platforms.items())
    }
    return polls | {
        "digest": entry("earshot.digest", settings.digest_every, "digest"),
        "notify": entry("earshot.notify", settings.notify_every, "notify"),
        "recheck": entry("earshot.recheck", settings.sweep_every, "fetch"),
        "renew": entry("earshot.renew", settings.sweep_every, "fetch"),
        "sweep": entry("earshot.sweep", settings.sweep_every, "maintenance"),
    }


def entry(task: str, every: float, queue: str, **kwargs: str) -> dict[str, Any]:
    """One beat entry, whose message lives for LIVES intervals."""
    return {
        "task": task,
        "schedule": every,
        "kwargs": kwargs,
        "options": {"queue": queue, "expires": LIVES * every},
    }
