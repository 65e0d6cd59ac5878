"""Lengths of time and hours of the day, as people write them for a rule. All raise ValueError with the reason."""

from __future__ import annotations

import re
from datetime import time, timedelta

from console.words import parsed_span


def parsed_hours(words: str) -> int | None:
    """A length of time in whole hours, like 3h, 24h, 7d or 2w; None for none ("")."""
    if not words.strip():
        return None
    return parsed_span(words, "h d w", "3h, 7d or 2w", zero=True) // timedelta(hours=1)


def parsed_quiet(words: str) -> tuple[time, time] | None:
    """When it begins and ends, like 22:00-07:00; None for none ("")."""
    if not words.strip():
        return None
    begins, _, ends = (part.strip() for part in words.partition("-"))
    if not begins or not ends:
        raise ValueError(
            f"{words.strip()!r} has no {'end' if begins else 'beginning'}; say both, like 22:00-07:00"
        )
    both = _clock(begins), _clock(ends)
    if both[0] == both[1]:
        raise ValueError(
            f"from {begins} to {ends} is no time at all, or all of it; disable a rule that tells nobody"
        )
    return both


def _clock(words: str) -> time:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", words)
    if found is None:
        raise ValueError(f"{words!r} is no time of day; they are like 22:00 and 07:30")
    return time(int(found[1]), int(found[2]))


def span_said(hours: int) -> str:
    """3 hours, 24 hours, 3 days."""
    if hours > 24 and hours % 24 == 0:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"
