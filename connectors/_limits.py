"""Rate limits as platforms write them into headers -> one shape.

Seen in the wild for the same thing: an ISO 8601 instant (Mastodon), epoch seconds (Bluesky, GoToSocial,
GitHub), epoch milliseconds, seconds left (Reddit, IETF draft), floats in text, percentages in JSON (Meta),
and nothing at all (Pleroma). The answer's own Date is the clock that an instant is measured against, because
it is the platform's clock that the limit runs on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

MAX_WAIT = 900.0
"""Seconds: no header makes us wait longer before we look again."""

MIN_WAIT = 1.0
"""Seconds: a reset of 0 or in the past still means one breath."""


class Family(NamedTuple):
    """Header names (lower-cased) for what a window allows, what is left of it, and when it opens anew."""

    limit: str
    remaining: str
    reset: str


_FAMILIES = [
    Family(f"{start}limit", f"{start}remaining", f"{start}reset")
    for start in ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
]


def told_in(*, limit: str = "", remaining: str = "", reset: str = "") -> None:
    """For a connector whose platform has words of its own: its headers are read like the others, when they are there.

    Called once, where the connector's module is loaded. Counts are numbers; the reset is any of what the module names.
    """
    named = Family(limit.lower(), remaining.lower(), reset.lower())
    if named not in _FAMILIES:
        _FAMILIES.append(named)


USAGE = ("x-app-usage", "x-page-usage", "x-business-use-case-usage", "x-ad-account-usage")
"""Meta's headers: percentages of what is allowed in a rolling hour or day, as JSON."""

SLOW, STOP = 75.0, 95.0
"""Percent of what Meta allows: from the first on what is left is rationed, at the second nothing is asked."""

_RATION = 300.0
"""Seconds over which what is left is rationed where Meta does not say when it lets go."""

_PERCENTAGES = ("call_count", "total_time", "total_cputime", "acc_id_util_pct")


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
        limit = _whole(headers.get(family.limit)) if limit is None else limit
        remaining = _whole(headers.get(family.remaining)) if remaining is None else remaining
        if reset is None:
            reset = seconds_until(headers.get(family.reset), now)
    used = usage(headers)
    if used is not None and limit is None and remaining is None:
        limit, remaining = 100, max(int(STOP - used.percent), 0)
        if used.regain_in is not None:
            reset = min(max(used.regain_in, MIN_WAIT), MAX_WAIT)
        elif used.percent >= SLOW:
            reset = _RATION
    after = seconds_until(headers.get("retry-after"), now)
    wait = after if after is not None else reset
    if limit is None and remaining is None and wait is None:
        return None
    return Limits(limit=limit, remaining=remaining, reset_in=wait)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What Meta's headers said: the highest of all their percentages, and in how many seconds a caller that was
    shut out is let in again (None: it is not, or they do not say)."""

    percent: float
    regain_in: float | None = None


def usage(headers: Mapping[str, str]) -> Usage | None:
    """The use that Meta's headers tell of (lower-cased names); None where there is none to be read.

    https://developers.facebook.com/docs/graph-api/overview/rate-limiting. `estimated_time_to_regain_access` is
    in minutes, `reset_time_duration` (of an advertising account) in seconds; numbers come as text at times.
    """
    percents: list[float] = []
    waits: list[float] = []
    for name in USAGE:
        try:
            told = msgspec.json.decode(headers.get(name) or "null")
        except (msgspec.DecodeError, RecursionError):
            continue
        for one in _uses(told):
            percents += [n for key in _PERCENTAGES if (n := _number(one.get(key))) is not None]
            minutes = _number(one.get("estimated_time_to_regain_access"))
            seconds = _number(one.get("reset_time_duration"))
            if minutes:  # whoever has to be let in again is shut out, whatever the percentages say
                waits.append(minutes * 60)
                percents.append(100.0)
            elif seconds and (_number(one.get("acc_id_util_pct")) or 0) >= STOP:
                waits.append(seconds)
    return Usage(percent=max(percents), regain_in=max(waits, default=None)) if percents else None


def _uses(told: Any) -> Iterator[Mapping[str, Any]]:
    """The objects with numbers: the header itself, or lists of them by the id of whom they are about."""
    if not isinstance(told, dict):
        return
    yield told
    for inner in told.values():
        if isinstance(inner, list):
            yield from (one for one in inner if isinstance(one, dict))


def _number(value: Any) -> float | None:
    """A finite number that is not negative, also from text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e9 else None


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
