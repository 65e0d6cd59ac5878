"""What a campaign brought: its whole days against the weeks before them.

Counted is everything but our own posts, since before its first day nobody could mention a campaign. The interval is Welch's, at
95 %, over the numbers of single days: it knows how much days differ and not what else happened on them, and days that resemble
their neighbours make it narrower than it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from statistics import mean, variance
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.stream import DAY, Filter
from console.stream_hours import Count, counted_hours, merged

BEFORE = 28
"""Days before a campaign, at most: four weeks have each weekday as often."""
LEAST = 3
"""Whole days that both sides need."""
MOST = 366

_DATES = text("SELECT starts_on, ends_on FROM campaigns WHERE org_id = :org AND id = :id")
# the 0.975 quantile of Student's t for 1 to 30 degrees of freedom
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


class Difference(NamedTuple):
    """Two means of days, and between what their difference lies at 95 %."""

    now: float
    before: float
    low: float
    high: float


class Lift(NamedTuple):
    """`since` and `until` are the campaign's first day and the day after its last whole one; `days` and `before` how many days
    were counted. `posts` a day and the `mean` sentiment of days are None where too few days were heard."""

    since: date
    until: date
    days: int
    before: int
    posts: Difference | None
    mean: Difference | None


def lift(session: Session, of: Filter, now: datetime) -> Lift | None:
    """The lift of the campaign that a filter is about, by its platform and language; None where there is none or it has no
    first day, or that is not over yet."""
    if not of.scope.startswith("campaign:"):
        return None
    found = {"org": of.org, "id": UUID(of.scope.partition(":")[2])}
    starts, ends = session.execute(_DATES, found).one_or_none() or (None, None)
    today = now.astimezone(UTC).date()
    if starts is None or starts >= today:
        return None
    until = min(today, starts + timedelta(days=MOST), ends + timedelta(days=1) if ends else today)
    first, last = _midnight(starts), _midnight(until)
    whole = replace(of, scope="all", voice="", sentiment="", words=(), author=None, until=last)
    hours, known = counted_hours(session, whole, first - BEFORE * DAY)
    days = merged(hours, DAY)
    heard = [
        first + n * DAY for n in range(-BEFORE, (until - starts).days) if known and first + n * DAY >= known
    ]
    during = [days.get(day, Count()) for day in heard if day >= first]
    before = [days.get(day, Count()) for day in heard if day < first]
    return Lift(
        starts,
        until,
        len(during),
        len(before),
        welch([day.n for day in during], [day.n for day in before]),
        welch(
            [day.mean for day in during if day.mean is not None],
            [day.mean for day in before if day.mean is not None],
        ),
    )


def welch(now: Sequence[float], before: Sequence[float]) -> Difference | None:
    """The means of two samples, and Welch's interval of their difference; None where either has fewer than LEAST."""
    if min(len(now), len(before)) < LEAST:
        return None
    a, b = mean(now), mean(before)
    share = variance(now) / len(now), variance(before) / len(before)
    error = sqrt(sum(share))
    if not error:
        return Difference(a, b, a - b, a - b)
    freedom = sum(share) ** 2 / (share[0] ** 2 / (len(now) - 1) + share[1] ** 2 / (len(before) - 1))
    reach = _T[min(int(freedom), len(_T)) - 1] * error
    return Difference(a, b, a - b - reach, a - b + reach)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
