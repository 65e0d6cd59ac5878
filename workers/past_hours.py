"""The hours of a stretch as a rule over many posts would have found them: at the begin of each hour, and at its end.

In between nothing is known: the hours keep no minutes. A post counts from the end of the hour in which it was recorded,
as far as it is kept: what a source brought of the time before it was followed was not there then, though the hours
have it by now. The marks of sources are those of the sources that there were. Surprising: sums are added up as whole
millionths, since a mean that is exactly at its threshold has to be there whatever the order. Nothing is written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from workers.alarms import DAYS, HISTORY, LEAST_DAYS, LEAST_SHARE, Measure, is_held, judged
from workers.hours import NEGATIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from workers.alarms import Alarm
    from workers.history import Stretch

WARM = 14
"""Days before a stretch from which an alarm is followed, so that it is known whether it had fired already."""
_HOUR = 3_600
_MILLION = 1_000_000

_OF_SCOPE = """AND (CAST(:platforms AS text[]) = '{{}}' OR {0}.platform = ANY (CAST(:platforms AS text[])))
      AND (CAST(:languages AS text[]) = '{{}}' OR {1} = ANY (CAST(:languages AS text[]))) AND {0}.voice <> 'own'"""
_HOURS = text(f"""
    SELECT h.hour, h.platform, sum(h.n) AS n, sum(h.scored) AS scored, sum(h.sum) AS sum, sum(h.negative) AS negative
    FROM hours h
    WHERE h.org_id = :org AND h.scope = :scope AND h.hour >= :first AND h.hour < :until {_OF_SCOPE.format("h", "h.language")}
    GROUP BY h.hour, h.platform
""")
_LATE = text(f"""
    SELECT date_trunc('hour', e.occurred_at, 'UTC') AS hour, date_trunc('hour', e.recorded_at, 'UTC') AS recorded,
           e.platform, count(*) AS n, count(e.sentiment) AS scored, coalesce(sum(e.sentiment), 0) AS sum,
           count(*) FILTER (WHERE e.sentiment <= {NEGATIVE}) AS negative
    FROM social_events e
    WHERE e.org_id = :org AND e.occurred_at >= :first AND e.occurred_at < :until
      AND e.recorded_at >= date_trunc('hour', e.occurred_at, 'UTC') + interval '1 hour'
      AND CASE WHEN CAST(:kind AS text) = 'account' THEN e.account_id = CAST(:record AS uuid)
               WHEN :kind = 'campaign' THEN e.campaign_id = CAST(:record AS uuid) ELSE true END
      {_OF_SCOPE.format("e", "coalesce(e.lang, 'und')")}
    GROUP BY 1, 2, 3
""")
_SOURCES = text("""
    SELECT platform, kind, created_at, escalate_from, last_success_at FROM sources WHERE org_id = :org
""")
_HOLDS = text("""
    SELECT of, coalesce(platform, campaign_id::text, rule_id::text) AS what, created_at AS since,
           least(until, lifted_at) AS until
    FROM holds WHERE org_id = :org
""")


class Look(NamedTuple):
    """What was so at a moment, when `share` of its hour had gone by. `held`: a crisis switch was on for the alarm."""

    at: datetime
    share: float
    measure: Measure
    held: bool


class Fired(NamedTuple):
    """An alarm that fires as an hour begins, or within the one that ends at `at`."""

    at: datetime
    n: int
    value: float
    baseline: float | None


@dataclass(slots=True)
class _Counts:
    """A platform's hours, from the first on: posts, scored, the sum of these in millionths, negative."""

    n: list[int]
    scored: list[int]
    micro: list[int]
    negative: list[int]

    def add(self, nth: int, sign: int, row: Any) -> None:
        self.n[nth] += sign * row.n
        self.scored[nth] += sign * row.scored
        self.micro[nth] += sign * round(row.sum * _MILLION)
        self.negative[nth] += sign * row.negative


class _Marks(NamedTuple):
    """Of a platform at a moment: the first start mark of all its sources, the newest that was reached."""

    first: datetime | None
    newest: datetime | None


@dataclass(slots=True)
class PastHours:
    """What is stored of an organisation for one alarm's scope. To be walked once, from the begin."""

    begins: int
    counts: Mapping[str, _Counts]
    late: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    sources: Sequence[Any] = ()
    holds: Sequence[Any] = ()
    posts: int = 0
    """Of the stretch."""
    came_late: int = 0
    """Posts of the stretch that were recorded a day and more after they were written."""

    def first(self, since: datetime) -> datetime:
        """The first hour of a stretch that has a post; it has one."""
        hours = range(_index(since), self.begins + max(len(one.n) for one in self.counts.values()))
        late = {_index(row.hour) for rows in self.late.values() for row in rows}
        found = next(
            hour for hour in hours
            if hour in late or any(one.n[hour - self.begins] for one in self.counts.values())
        )  # fmt: skip
        return datetime.fromtimestamp(found * _HOUR, UTC)

    def looks(self, alarm: Alarm, since: datetime, until: datetime) -> Iterator[Look]:
        """From `since` until `until`, at each hour's begin and end."""
        moments = sorted({at for one in self.sources for at in (one.created_at, one.escalate_from, one.last_success_at) if at})  # fmt: skip
        known: dict[int, dict[str, _Marks]] = {}
        for hour in range(_index(since), ceil(until.timestamp() / _HOUR)):
            for at, share in _moments(hour, until):
                if share:
                    for row in self.late.get(hour, ()):
                        self.counts[row.platform].add(_index(row.hour) - self.begins, 1, row)
                nth = bisect_right(moments, at)
                if nth not in known:
                    known[nth] = _marks(self.sources, at)
                held = [(one.of, one.what) for one in self.holds if one.since <= at < one.until]
                yield Look(at, share, self._measure(alarm, hour, share, known[nth]), is_held(alarm, held))

    def _measure(self, alarm: Alarm, hour: int, share: float, marks: Mapping[str, _Marks]) -> Measure:
        """As `workers.alarms` asks it of the database."""
        nth = hour - self.begins
        last = nth if share else nth - 1
        part = max(share, LEAST_SHARE)
        n = scored = micro = negative = 0
        before = negative_before = 0.0
        days = max((self._days(platform, nth, marks.get(platform)) for platform in self.counts), default=0)
        for platform, counts in self.counts.items():
            mark = marks.get(platform)
            newest = ceil(mark.newest.timestamp() / _HOUR) - self.begins if mark and mark.newest else 0
            first = max(nth - alarm.hours + 1, newest)
            if first > nth:
                continue
            n += sum(counts.n[first : last + 1])
            scored += sum(counts.scored[first : last + 1])
            micro += sum(counts.micro[first : last + 1])
            negative += sum(counts.negative[first : last + 1])
            for ago in range(24, 24 * days + 1, 24):
                before += sum(counts.n[first - ago : nth - ago]) + part * counts.n[nth - ago]
                negative_before += (
                    sum(counts.negative[first - ago : nth - ago]) + part * counts.negative[nth - ago]
                )
        based = days >= LEAST_DAYS
        return Measure(
            n,
            scored,
            micro / _MILLION / scored if scored else None,
            negative,
            before / days if based else None,
            negative_before / days if based else None,
        )

    def _days(self, platform: str, nth: int, mark: _Marks | None) -> int:
        """Since how many days a platform is counted, a baseline's at most."""
        first = nth - 24 * HISTORY + 1
        if mark and mark.first:
            first = max(first, int(mark.first.timestamp() // _HOUR) - self.begins)
        counted = self.counts[platform].n
        for one in range(max(first, 0), nth - 24 * LEAST_DAYS + 1):
            if counted[one]:
                return min(DAYS, (nth - one) // 24)
        return 0


def read_hours(session: Session, stretch: Stretch, alarm: Alarm) -> PastHours:
    """What is stored for an alarm, from so long before the stretch on that its first looks have their baseline."""
    org, since, until = stretch
    window = timedelta(hours=alarm.hours)
    first = _hour(since - timedelta(days=WARM + max(HISTORY, DAYS)) - window)
    begins, many = _index(first), _index(until) - _index(first) + 2
    kind, _, record = alarm.scope.partition(":")
    of: dict[str, Any] = {"org": org, "scope": alarm.scope, "kind": kind, "record": record or None}
    of |= {"platforms": sorted(alarm.rule.platforms), "languages": sorted(alarm.rule.languages)}
    of |= {"first": first, "until": until}
    counts: dict[str, _Counts] = defaultdict(lambda: _Counts(*([0] * many for _ in range(4))))
    posts = came_late = 0
    for row in session.execute(_HOURS, of):
        counts[row.platform].add(_index(row.hour) - begins, 1, row)
        posts += row.n if row.hour + timedelta(hours=1) > since else 0
    late: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(_LATE, of):
        counts[row.platform].add(_index(row.hour) - begins, -1, row)
        late[_index(row.recorded)].append(row)
        came_late += row.n if row.hour >= since and row.recorded - row.hour > timedelta(days=1) else 0
    sources, holds = (session.execute(query, {"org": org}).all() for query in (_SOURCES, _HOLDS))
    return PastHours(begins, dict(counts), _caught_up(late, _index(since) - 24 * WARM), sources, holds, posts, came_late)  # fmt: skip


def walked(alarm: Alarm, looks: Iterable[Look]) -> Iterator[Fired]:
    """When it would have fired. Pure."""
    fired = False
    for one in looks:
        does = judged(alarm, one.measure, fired, one.share, held=one.held)
        if does is not None:
            fired = does == "fire"
        if does == "fire":
            value, baseline = alarm.value(one.measure)
            assert value is not None
            yield Fired(one.at, one.measure.n, value, baseline)


def _caught_up(late: Mapping[int, list[Any]], first: int) -> dict[int, list[Any]]:
    """What was recorded before the first look is there at that."""
    known: dict[int, list[Any]] = defaultdict(list)
    for hour, rows in late.items():
        known[max(hour, first)] += rows
    return dict(known)


def _moments(hour: int, until: datetime) -> Iterator[tuple[datetime, float]]:
    begins = datetime.fromtimestamp(hour * _HOUR, UTC)
    yield begins, 0.0
    if until > begins:
        last = timedelta(hours=1) - timedelta(seconds=1)  # of the hour, and of no other
        share = min(1.0, (until - begins).total_seconds() / _HOUR)
        yield min(begins + last, until), share


def _marks(sources: Sequence[Any], at: datetime) -> dict[str, _Marks]:
    """As of then. A file is all of the past, and was read when it was last read."""
    first: dict[str, datetime] = {}
    newest: dict[str, datetime] = {}
    for one in sources:
        if one.created_at > at:
            continue
        mark = one.last_success_at if one.kind == "file" else one.escalate_from
        if one.kind != "file":
            first[one.platform] = min(mark, first.get(one.platform, mark))
        if mark is not None and mark <= at:
            newest[one.platform] = max(mark, newest.get(one.platform, mark))
    return {platform: _Marks(first.get(platform), newest.get(platform)) for platform in {*first, *newest}}


def _index(at: datetime) -> int:
    return int(at.timestamp() // _HOUR)


def _hour(at: datetime) -> datetime:
    return datetime.fromtimestamp(_index(at) * _HOUR, UTC)
