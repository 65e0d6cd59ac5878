"""A source's visits as a strip of bars, the oldest at the left: how tall is how many posts, and each kind has a shape of its own.

Lengths are those of the SVG's own box; what a bar is stands in its class, and what it says in its title.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

from console.words import counted, one_line

SLOTS, WIDE, HIGH, BAR = 100, 10, 72, 7
LEAST, MOST = 6, 52
"""A bar's height at least and at most; above the tallest there is place for the mark of a gap."""
NAMES = {
    "fine": "brought posts",
    "empty": "brought nothing new",
    "gap": "left a gap",
    "error": "failed",
    "going": "under way",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `x`, `y` is its upper left corner."""

    kind: str
    x: int
    y: int
    high: int
    title: str


def kind_of(visit: dict[str, Any]) -> str:
    """The key of NAMES that says what a visit was."""
    if visit["error"]:
        return "error"
    if visit["gap"]:
        return "gap"
    if visit["finished_at"] is None:
        return "going"
    return "fine" if visit["fetched"] else "empty"


def bars(visits: Sequence[dict[str, Any]]) -> list[Bar]:
    """The bars of these visits, which are given the newest first. The newest stands at the right end."""
    most = log1p(max((visit["fetched"] for visit in visits), default=0)) or 1.0
    made = []
    for number, visit in enumerate(visits[:SLOTS]):
        high = LEAST + round((MOST - LEAST) * log1p(visit["fetched"]) / most)
        x = (SLOTS - 1 - number) * WIDE + (WIDE - BAR) // 2
        made.append(Bar(kind_of(visit), x, HIGH - high, high, _said(visit)))
    return made[::-1]


def summary(visits: Sequence[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """How many of which kind there are: (kind, its words, number)."""
    kinds = Counter(kind_of(visit) for visit in visits)
    return [(kind, words, kinds[kind]) for kind, words in NAMES.items() if kinds[kind]]


def _said(visit: dict[str, Any]) -> str:
    began = f"{visit['started_at']:%Y-%m-%d %H:%M} UTC"
    if visit["visits"] > 1:
        return f"{began}: {visit['visits']:,} visits in a row brought nothing new"
    what = f"{counted(visit['fetched'], 'post')}, {visit['new']:,} new"
    told = [part for part in (visit["error"], visit["gap"] and f"gap: {visit['gap']}") if part]
    return one_line("; ".join([f"{began}: {what}", *told]), 300)
