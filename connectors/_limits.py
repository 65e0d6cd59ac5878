"""Rate limits as platforms write them into headers -> one shape.

Seen in the wild for the same thing: an ISO 8601 instant (Mastodon), epoch seconds (Bluesky, GoToSocial,
GitHub), epoch milliseconds, seconds left (Reddit, IETF draft), floats in text, and nothing at all
(Pleroma). The answer's own Date is the clock that an instant is measured against, because it is the
platform's clock that the limit runs on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

MAX_WAIT = 900.0
"""Seconds: no header makes us wait longer before we look again."""

MIN_WAIT = 1.0
"""Seconds: a reset of 0 or in the past still means one breath."""

_FAMILIES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer said about its window. `reset_in`: seconds until it opens anew (1 to 900)."""

    limit: int | None = None
    remaining: int | None = None
    reset_in: float | None = None


def read_limits(headers: Mapping[str, str], now: float) -> Limits | None:
    """The window that an answer's headers tell of (lower-cased names), None if they tell nothing.

    `now` is in epoch seconds and used only where the answer has no Date. Retry-After goes before a
    reset, because it is about this very request.
    """
    instant = _instant(headers.get("date"))
    now = instant if instant is not None else now
    limit = remaining = None
    reset = None
    for family in _FAMILIES:
        limit = _whole(headers.get(family + "limit")) if limit is None else limit
        remaining = _whole(headers.get(family + "remaining")) if remaining is None else remaining
        if reset is None:
            reset = seconds_until(headers.get(family + "reset"), now)
    after = seconds_until(headers.get("retry-after"), now)
    wait = after if after is not None else reset
    if limit is None and remaining is None and wait is None:
        return None
    return Limits(limit=limit, remaining=remaining, reset_in=wait)


def seconds_until(value: str | None, now: float) -> float | None:
    """Seconds from `now` to what a header names, between MIN_WAIT and MAX_WAIT; None if unreadable."""
    if not value:
        return None
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        at = _instant(value)
        if at is None:
            return None
        number = at - now
    else:
        if number != number:
            return None
        if number >= 1e12:
            number = number / 1000 - now
        elif number >= 1e9:
            number -= now
    return min(max(number, MIN_WAIT), MAX_WAIT)


def _instant(value: str | None) -> float | None:
    """Epoch seconds of an ISO 8601 time or an HTTP date."""
    if not value:
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, IndexError, TypeError):
            return None
    try:
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _whole(value: str | None) -> int | None:
    """A count, also where it is written `598.0` or `100, 100;w=60`."""
    if not value:
        return None
    try:
        return max(int(float(value.split(",")[0].split(";")[0])), 0)
    except (ValueError, OverflowError):
        return None
