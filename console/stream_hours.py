"""Posts per hour or day against what is usual, figures against the span before, and spikes.

What is usual for an hour is the median of the same hour of the 7 days before, for a day that of the 7 days before. Whether that
is a spike says the function that alarms are judged by (`workers.alarms.judged`), over one hour (or day), without our own posts
unless they are asked for. A day before the first that was heard is no day with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.lately import Lately
from console.stream import DAY, HOUR, SAMPLE, Filter, kind_of, reached, whole_day
from workers.alarms import DAYS, LEAST_DAYS, Alarm, Measure, judged
from workers.hours import NEGATIVE, POSITIVE
from workers.rule import Rule

LATELY = 10.0
"""Seconds for which figures that are of the newest SAMPLE posts alone are shown again."""
_LOOKED_THROUGH = Lately(200)
LONG = 20_000
"""So many rows of `hours`, and more, are many: what was read of them is shown again."""
LONG_AGO = 30.0
"""Seconds for which that holds, of the days before yesterday."""
_PAST = Lately(100)

FACTOR, LEAST = 3.0, 10
"""A spike has so many times what is usual, and at least so many posts."""

_ALARM = Alarm(
    rule=Rule(UUID(int=0), "the stream's spike", "named", 1.0, "notify", "normal"),
    scope="all",
    trigger="spike",
    hours=1,
    minimum=LEAST,
    rearm=None,
    factor=FACTOR,
)


class Count(NamedTuple):
    """The posts of a stretch. `added` is the sum of the scores of the `scored`; `reposts` are not in `n`."""

    n: int = 0
    scored: int = 0
    added: float = 0.0
    negative: int = 0
    positive: int = 0
    unscored: int = 0
    reposts: int = 0

    @property
    def mean(self) -> float | None:
        """The mean sentiment of the scored."""
        return self.added / self.scored if self.scored else None

    @property
    def share(self) -> float | None:
        """The negative among the scored, in [0, 1]."""
        return self.negative / self.scored if self.scored else None

    @property
    def praise(self) -> float | None:
        """The positive among the scored, in [0, 1]."""
        return self.positive / self.scored if self.scored else None

    @property
    def neutral(self) -> int:
        """The scored that are neither."""
        return self.scored - self.negative - self.positive


class Step(NamedTuple):
    """One point of the chart: from `at` on for an hour or a day. `usual` is None where too little is known; `heard` is
    False before the first that was counted."""

    at: datetime
    had: Count
    usual: float | None
    heard: bool = True


class Spike(NamedTuple):
    """Steps that belong together, from the one that stood out to the last before it was over; `top` is the highest."""

    since: datetime
    until: datetime
    n: int
    usual: float
    top: Step


@dataclass(frozen=True)
class Measured:
    """A stretch as the page shows it. `known` is from when on posts were counted; `read_back_to` is set where only the
    newest SAMPLE posts were."""

    steps: list[Step]
    now: Count
    before: Count | None
    spikes: list[Spike]
    known: datetime | None
    read_back_to: datetime | None = None


_FROM_HOURS = """
    SELECT h.hour AS at, sum(n) AS n, sum(scored) AS scored, sum(h.sum) AS added, sum(negative) AS negative,
           sum(positive) AS positive, sum(unscored) AS unscored, sum(reposts) AS reposts, count(*) AS read
    FROM hours h WHERE h.org_id = :org AND h.scope = :scope AND {kind} AND h.hour >= :since AND h.hour < :until GROUP BY h.hour
"""
_EARLIER = text("SELECT EXISTS (SELECT FROM hours WHERE org_id = :org AND scope = :scope AND hour < :since)")
_FIRST = text("SELECT min(hour) FROM hours WHERE org_id = :org AND scope = :scope AND hour >= :since")


def measured(session: Session, of: Filter, step: timedelta) -> Measured:
    """The filter's stretch by hours or days (`step`), with its baseline, the stretch before, and its spikes."""
    reach = of.since - max(of.until - of.since, DAYS * DAY)
    back_to = None
    if of.counted:
        counts, known = counted_hours(session, of, reach)
    else:
        counts, known, back_to = _LOOKED_THROUGH.value(
            session,
            (of, reach),
            lambda: _examined(session, of, reach),
            # where all posts were read it is exact
            lambda found, ago: found[2] is not None and ago < LATELY,
        )
    by_step = merged(counts, step)
    steps = [
        Step(at, by_step.get(at, Count()), usual(by_step, at, known), known is None or at + step > known)
        for at in _from(of.since, of.until, step)
    ]
    started = of.since - (of.until - of.since)
    before = total(count for at, count in by_step.items() if started <= at < of.since)
    whole = known is not None and known <= started
    now = total(one.had for one in steps)
    return Measured(steps, now, before if whole else None, spikes(steps, step), known, back_to)


def usual(by_step: dict[datetime, Count], at: datetime, known: datetime | None) -> float | None:
    """The median of the same hour (or of the days) before; None with fewer than LEAST_DAYS of them."""
    days = [at - n * DAY for n in range(1, DAYS + 1)]
    numbers = [by_step.get(day, Count()).n for day in days if known is not None and day >= known]
    return float(median(numbers)) if len(numbers) >= LEAST_DAYS else None


def spikes(steps: Sequence[Step], step: timedelta) -> list[Spike]:
    """What stands out, the newest first."""
    found: list[Spike] = []
    under_way: list[Step] = []
    for one in steps:
        count = one.had
        measure = Measure(count.n, count.scored, count.mean, count.negative, one.usual, None)
        does = judged(_ALARM, measure, bool(under_way))
        if does == "rearm" or (under_way and one.usual is None):
            found.append(_spike(under_way, step))
            under_way = []
        elif does == "fire" or under_way:
            under_way.append(one)
    if under_way:
        found.append(_spike(under_way, step))
    return found[::-1]


def _spike(steps: list[Step], step: timedelta) -> Spike:
    top = max(steps, key=lambda one: one.had.n)
    n, before = sum(one.had.n for one in steps), sum(one.usual or 0.0 for one in steps)
    return Spike(steps[0].at, steps[-1].at + step, n, before, top)


def total(counts: Iterable[Count]) -> Count:
    """All of them together."""
    found = list(counts)
    return Count(*map(sum, zip(*found, strict=True)))


def merged(counts: dict[datetime, Count], step: timedelta) -> dict[datetime, Count]:
    """Hours as they are, or as the days (in UTC) that they are of."""
    if step == HOUR:
        return counts
    days: dict[datetime, list[Count]] = {}
    for at, count in counts.items():
        days.setdefault(whole_day(at), []).append(count)
    return {day: total(found) for day, found in days.items()}


def counted_hours(
    session: Session, of: Filter, reach: datetime
) -> tuple[dict[datetime, Count], datetime | None]:
    """The hours of the first half of a filter from `reach` on, and from when on posts were counted at all. Where they are
    very many, the days before yesterday are as they were LONG_AGO seconds ago at most."""
    values = of.values(scope=of.scope, since=reach)
    recent = max(reach, whole_day(of.until) - DAY)
    past, _ = _PAST.value(
        session,
        (of.org, of.scope, of.platform, of.language, of.voice, reach, recent),
        lambda: _summed(session, of, reach, recent),
        lambda found, ago: found[1] >= LONG and ago < LONG_AGO,
    )
    counts = past | _summed(session, of, recent, of.until)[0]
    known: datetime | None = reach
    if not session.execute(_EARLIER, values).scalar_one():
        known = session.execute(_FIRST, values).scalar_one()
    return counts, known


def _summed(
    session: Session, of: Filter, since: datetime, until: datetime
) -> tuple[dict[datetime, Count], int]:
    """The hours of a stretch, and of how many rows they were made."""
    if since >= until:
        return {}, 0
    values = of.values(scope=of.scope, since=since) | {"until": until}
    rows = session.execute(text(_FROM_HOURS.format(kind=kind_of(of, "h"))), values).all()
    return {row.at.astimezone(UTC): _count(row) for row in rows}, sum(row.read for row in rows)


def _examined(
    session: Session, of: Filter, reach: datetime
) -> tuple[dict[datetime, Count], datetime | None, datetime | None]:
    """The same from the posts themselves, as far back as SAMPLE of them reach."""
    of = reached(session, replace(of, since=reach))
    # whether a text has the words is asked before the posts are sorted, without carrying the text along
    inner = of.examined(f"e.occurred_at, e.sentiment, e.reposts, {of.second()} AS fits")
    found = text(f"""
        SELECT date_trunc('hour', occurred_at, 'UTC') AS at, count(*) FILTER (WHERE fits) AS n,
               count(sentiment) FILTER (WHERE fits) AS scored,
               coalesce(sum(sentiment) FILTER (WHERE fits), 0) AS added,
               count(*) FILTER (WHERE fits AND sentiment <= {NEGATIVE}) AS negative,
               count(*) FILTER (WHERE fits AND sentiment >= {POSITIVE}) AS positive,
               count(*) FILTER (WHERE fits AND sentiment IS NULL) AS unscored,
               coalesce(sum(reposts) FILTER (WHERE fits), 0) AS reposts,
               count(*) AS examined, min(occurred_at) AS oldest
        FROM ({inner}) x GROUP BY 1
    """)
    rows = session.execute(found, of.values()).all()
    oldest = min((row.oldest for row in rows), default=None)
    counts = {row.at.astimezone(UTC): _count(row) for row in rows}
    if sum(row.examined for row in rows) < SAMPLE:
        if of.stops_at:
            return counts, of.stops_at, of.stops_at
        earlier = session.execute(_EARLIER, {"org": of.org, "scope": of.scope, "since": reach}).scalar_one()
        return counts, reach if earlier else oldest, None
    return counts, oldest, oldest


def _count(row: Any) -> Count:
    return Count(
        int(row.n),
        int(row.scored),
        float(row.added),
        int(row.negative),
        int(row.positive),
        int(row.unscored),
        int(row.reposts),
    )


def _from(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    steps = int((until - since) / step)
    return [since + nth * step for nth in range(steps)]
