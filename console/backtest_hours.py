"""What a rule over many posts (a mean, a spike), or a change of it, would have fired on the stored hours, beside what it
opened. Nothing is written.

The function that decides live decides here. A case of a replay is the stored one that was opened within the same hour: it
closes when that did. One that never was lasts as long as half of those did that were closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.backtest import DAY, At, Differs, Firing, Stood, Tested, Testing
from console.rules import rules
from workers.alarms import Alarm, alarm_of, sentence
from workers.history import Known, Stretch
from workers.past_hours import WARM, Fired, Look, PastHours, read_hours, walked
from workers.rule import RANK
from workers.verdict import WRONG

NEAR = timedelta(hours=1)
"""A replay knows the hour in which an alarm fired, not the minute."""
FACTORS = (1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)
_AROUND, _STEP = 8, 0.05
_FOREVER = datetime.max.replace(tzinfo=UTC)

_CASES = text("""
    SELECT c.id, substr(c.subject, length(:subject) + 1) AS scope, c.level, c.opened_at, c.closed_at, c.verdict, t.number,
           coalesce(t.subject, a.subject, '') AS said, c.threshold IS DISTINCT FROM r.threshold AS ruled
    FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN rules r ON r.id = c.rule_id
    WHERE c.org_id = :org AND c.subject LIKE :subject || '%' AND c.opened_at < :until
      AND (c.closed_at IS NULL OR c.closed_at >= :since)
    ORDER BY c.opened_at, c.id
""")
_NAMES = text("""
    SELECT 'campaign:' || id AS scope, name FROM campaigns WHERE id = ANY (:records)
    UNION ALL SELECT 'account:' || id, name FROM accounts WHERE id = ANY (:records)
""")


@dataclass(slots=True)
class _Scope:
    """A scope of the rule: what was so at each look, and what was opened."""

    name: str
    alarm: Alarm
    looks: list[Look]
    past: PastHours
    stored: Sequence[Any]


class HoursTesting:
    """A rule over many posts (a row) over a stretch, and at the threshold or factor `also`: as Testing is of a rule over
    single posts."""

    def __init__(
        self, session: Session, stretch: Stretch, tested: Mapping[str, Any], also: float | None = None
    ) -> None:
        self._session, self._stretch = session, stretch
        self._alarms = [alarm_of(tested, scope) for scope in _scopes(tested)]
        self._scopes: list[_Scope] = []
        of = {
            "org": stretch.org,
            "subject": f"rule:{tested['id']}:",
            "since": stretch.since,
            "until": stretch.until,
        }
        self._stored = session.execute(_CASES, of).all()
        self.value = _value(self._alarms[0])
        self._values = _grid(self._alarms[0], also)
        self.known = Known(0, None, 0, 0, 0)

    def batches(self) -> Iterator[float]:
        """Read the hours, a scope after the other; how much is done, from 0 to 1."""
        since, until = self._stretch.since, self._stretch.until
        records = [UUID(alarm.scope.partition(":")[2]) for alarm in self._alarms if ":" in alarm.scope]
        names = {row.scope: row.name for row in self._session.execute(_NAMES, {"records": records})}
        firsts: list[datetime] = []
        for nth, alarm in enumerate(self._alarms):
            past = read_hours(self._session, self._stretch, alarm)
            looks = list(past.looks(alarm, since - timedelta(days=WARM), until))
            firsts += [past.first(since)] if past.posts else []
            stored = [row for row in self._stored if row.scope == alarm.scope]
            name = names.get(alarm.scope, "everything")
            self._scopes.append(_Scope(name, alarm, looks, past, stored))
            yield (nth + 1) / len(self._alarms)
        ruled = sum(row.ruled for row in self._stored if row.opened_at >= since)
        posts = sum(one.past.posts for one in self._scopes)
        self.known = Known(posts, min(firsts, default=None), 0, 0, ruled)

    @property
    def stood(self) -> Stood:
        """What the test stands on."""
        found = self._firings(self._alarms[0], told=False)
        never = sum(one.what == "opens" and one.case is None for one in found)
        late = sum(one.past.came_late for one in self._scopes)
        return Stood(self._stretch, self._days, self.known, self._lasts, never, late)

    @property
    def _days(self) -> float:
        begins = max(self.known.first or self._stretch.since, self._stretch.since)
        return max((self._stretch.until - begins).total_seconds() / DAY, 1.0)

    @property
    def _lasts(self) -> timedelta | None:
        lasted = [row.closed_at - row.opened_at for row in self._stored if row.closed_at]
        return median(lasted) if lasted else None

    def of_rule(self) -> Tested:
        """What came of it."""
        alarm = self._alarms[0]
        found = self._firings(alarm, told=True)
        at = [self._at(value, self._firings(_varied(alarm, value), told=False)) for value in self._values]
        was = [row for row in self._stored if row.opened_at >= self._stretch.since]
        reached = {one.case for one in found if one.what == "opens"}
        wrong = {row.id for row in was if row.verdict in WRONG}
        level = alarm.rule.action
        new = [
            Differs("new", None, None, level, "") for one in found if one.what == "opens" and one.case is None
        ]
        missing = [Differs("missing", None, row.id, row.level, "") for row in was if row.id not in reached]
        return Tested(
            alarm.rule, self._at(self.value, found), len(was), len(wrong), len(wrong & reached), at, [*new, *missing],
            alarm, found,
        )  # fmt: skip

    def _at(self, value: float, found: Sequence[Firing]) -> At:
        stored = {row.id: row for row in self._stored}
        opens = [one for one in found if one.what in ("opens", "tells")]
        known = [stored[one.case] for one in opens if one.case is not None]
        judged = sum(row.closed_at is not None or row.verdict is not None for row in known)
        wrong = sum(row.verdict in WRONG for row in known)
        return At(value, len(opens), len(opens) / self._days, wrong, judged, 0)

    def _firings(self, like: Alarm, *, told: bool) -> list[Firing]:
        """Of all scopes, in the order of time; with what was opened and would not have been, and each in words, if they
        are to be `told`."""
        found: list[Firing] = []
        for scope in self._scopes:
            alarm = replace(like, scope=scope.alarm.scope)
            fired = [one for one in walked(alarm, scope.looks) if one.at >= self._stretch.since]
            firings = _followed(alarm, scope, fired, self._lasts, self._stretch.since)
            if told:
                firings = [replace(one, said=one.said or self._said(alarm, one)) for one in firings]
            found += firings if told else [one for one in firings if one.what != "missing"]
        return sorted(found, key=lambda one: (one.at, one.scope))

    def _said(self, alarm: Alarm, one: Firing) -> str:
        return sentence(self._session, alarm, one.n or 0, one.value, one.baseline, one.at)


def testing(
    session: Session, stretch: Stretch, tested: Mapping[str, Any], before: Mapping[str, Any]
) -> Testing | HoursTesting:
    """The test of a rule (a row), with the value that it has now (`before`) among those that it is tried at."""
    if tested["trigger"] == "post":
        return Testing(session, stretch, tested, before["threshold"])
    return HoursTesting(
        session, stretch, tested, before["factor"] if tested["trigger"] == "spike" else before["threshold"]
    )


def of_all(session: Session, stretch: Stretch) -> list[Tested]:
    """What came of each rule over many posts that opens cases, as they stand."""
    found = []
    for rule in rules(session, stretch.org):
        if rule["trigger"] != "post" and rule["action"] in RANK and rule["enabled"] and not rule["suggests"]:
            test = HoursTesting(session, stretch, rule)
            for _ in test.batches():
                pass
            found.append(test.of_rule())
    return found


def _followed(
    alarm: Alarm, scope: _Scope, fired: Sequence[Fired], lasts: timedelta | None, since: datetime
) -> list[Firing]:
    """What follows from each, case by case, and the stored cases that nothing would have opened."""
    found: list[Firing] = []
    left = [row for row in scope.stored if row.opened_at >= since]
    case: Any = next((row for row in scope.stored if row.opened_at < since), None)
    until = case.closed_at or _FOREVER if case else since
    for one in fired:
        at = (one.at, alarm.scope, scope.name, "", one.n, one.value, one.baseline)
        if alarm.rule.action not in RANK:
            found.append(Firing(*at, "tells"))
            continue
        if one.at < until:
            found.append(Firing(*at, "again", case and case.id, case and case.number))
            continue
        case = next((row for row in left if abs(row.opened_at - one.at) <= NEAR), None)
        if case is not None:
            left.remove(case)
            until = case.closed_at or _FOREVER
        else:
            until = one.at + (lasts or timedelta(0))
        found.append(Firing(*at, "opens", case and case.id, case and case.number))
    for row in left:
        missing = Firing(
            row.opened_at, alarm.scope, scope.name, row.said, None, None, None, "missing", row.id, row.number
        )
        found.append(missing)
    return found


def _scopes(rule: Mapping[str, Any]) -> list[str]:
    """As workers/alarms.py has them."""
    found = [f"campaign:{one}" for one in rule["campaigns"]] + [f"account:{one}" for one in rule["accounts"]]
    return found or ["all"]


def _value(alarm: Alarm) -> float:
    """What is varied: of a mean its threshold, of a spike its factor."""
    return alarm.factor or 0.0 if alarm.trigger == "spike" else alarm.rule.threshold


def _varied(alarm: Alarm, value: float) -> Alarm:
    if alarm.trigger == "spike":
        return replace(alarm, factor=value)
    above = alarm.rearm if alarm.rearm is not None and alarm.rearm > value else None
    return replace(alarm, rule=replace(alarm.rule, threshold=value), rearm=above)


def _grid(alarm: Alarm, also: float | None) -> list[float]:
    """The values at which it is tested, in order, its own among them."""
    own = {_value(alarm)} | ({also} if also is not None else set())
    if alarm.trigger == "spike":
        return sorted({*FACTORS, *own})
    near = round(alarm.rule.threshold / _STEP)
    steps = (round(_STEP * n, 2) for n in range(near - _AROUND, near + _AROUND + 1))
    return sorted({*(one for one in steps if -1 <= one < 1), *own})
