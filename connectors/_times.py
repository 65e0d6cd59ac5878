"""Times as platforms write them, and what we believe of them.

A post cannot be older than the platforms it stands on nor younger than the moment we read it. What to
do with a time that is, only the platform's connector knows; here stand the bounds and the reading.
"""

from __future__ import annotations

from datetime import UTC, datetime

FLOOR = datetime(2004, 1, 1, tzinfo=UTC)
"""Nothing was posted before: earlier times are a default value, a broken clock, or a joke."""


def parse(text: str | None) -> datetime | None:
    """An ISO 8601 time as aware UTC, without zone taken as UTC; None where it cannot be read.

    Years before 1 and after 9999, February 30 and nine digits of a second all occur in the wild; only
    the last is a time.
    """
    if not text or len(text) > 64:
        return None
    try:
        when = datetime.fromisoformat(text.strip())
        if when.tzinfo is UTC:
            return when
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def utc(when: datetime) -> datetime | None:
    """The same instant in UTC; None at the edges of the calendar, where there is no such instant."""
    if when.tzinfo is UTC:
        return when
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        return None


def believable(when: datetime | None, now: datetime) -> datetime | None:
    """The time, at the latest `now`; None if it is missing or before FLOOR."""
    if when is None or when < FLOOR:
        return None
    return min(when, now)
