"""What a rule, or a change of it, would have opened on stored history, beside what was opened. Nothing is written.

A case of a replay is the stored one that its post belongs to: so what people said of that one holds for it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.database import opened
from console.refusal import CannotDo
from console.rule_known import Known as Names
from console.rule_values import checked, held
from console.rules import rules, the_rule
from workers.backtest import Replay, incident, replayed
from workers.history import Known, Stretch, read_past, read_posts
from workers.past import Past, Stored
from workers.replayed_case import Case
from workers.rule import RANK, Rule, Rules
from workers.standing import read_rules, rule_of
from workers.verdict import WRONG

if TYPE_CHECKING:
    from workers.alarms import Alarm

Axis = Literal["threshold", "stars", "factor"]

DAY = 86_400.0
STARS = (1, 2, 3, 4, 5)
_STEP = 0.05

_FIRST = text("SELECT min(recorded_at) FROM social_events WHERE org_id = :org AND sightings <> '{}'")
_TOLD = text("""
    SELECT e.id, e.occurred_at, e.platform, coalesce('@' || i.handle, i.name) AS author, e.sentiment, e.rating, e.text,
           e.url, e.held_back
    FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id WHERE e.id = ANY (:events)
""")


@dataclass(frozen=True, slots=True)
class At:
    """What a rule would have opened at one threshold (or number of stars). `wrong` of them were marked wrong, of
    `judged` that are closed or judged; `taken_in` of them by an Incident."""

    value: float
    cases: int
    per_day: float
    wrong: int
    judged: int
    taken_in: int

    @property
    def precision(self) -> float | None:
        """Right ones among the judged; None where none is."""
        return 1 - self.wrong / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Differs:
    """A case that would be new, or missing. `event` is the post that set its level; `was` says what is stored instead,
    or what there would be."""

    what: str
    event: UUID | None
    case: UUID | None
    level: str
    was: str


@dataclass(frozen=True, slots=True)
class Firing:
    """An alarm that would have fired: its figures, and what follows. `again`: it notes itself on the case that is open.
    `case` is the stored one, `number` its ticket's. `missing`: nothing would have fired, but this case was opened."""

    at: datetime
    scope: str
    name: str
    said: str
    n: int | None
    value: float | None
    baseline: float | None
    what: Literal["opens", "again", "tells", "missing"]
    case: UUID | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """A rule against a stretch of `days`: what it would have opened, what it `opened`, how many of those were marked
    `wrong` and how many of these still would be there; then the same at other thresholds (or stars, or factors). Of a
    rule over many posts, the `alarm` that it is and all that it would have `fired`, beside what it opened."""

    rule: Rule
    would: At
    opened: int
    wrong: int
    still: int
    at: Sequence[At]
    differs: Sequence[Differs]
    alarm: Alarm | None = None
    fired: Sequence[Firing] = ()

    @property
    def axis(self) -> Axis:
        """What is varied."""
        if self.alarm is not None and self.alarm.trigger == "spike":
            return "factor"
        return "stars" if by_stars(self.rule) else "threshold"

    def stands(self, before: Mapping[str, Any]) -> float:
        """Where the rule stands that is varied (a row)."""
        return float(before["rating" if self.axis == "stars" else self.axis])


@dataclass(frozen=True, slots=True)
class Stood:
    """What a test stands on: the stretch, how many days of it have posts, what else changed since."""

    stretch: Stretch
    days: float
    known: Known
    lasts: timedelta | None
    never: int
    """Cases that would be there and never were, for which it is not known when anybody would have closed them."""
    late: int = 0
    """Posts that were recorded a day and more after they were written; asked of hours only."""


@contextmanager
def looking() -> Iterator[Session]:
    """A session that sees one moment and writes nothing."""
    with opened() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        yield session


def first_heard(session: Session, org: str) -> datetime | None:
    """When an organisation's first post was recorded."""
    found: datetime | None = session.scalar(_FIRST, {"org": org})
    return found


def changed(
    session: Session, org: str, named: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A rule as it is, and as it would be with other values; checked as `rules set` does. Raises CannotDo."""
    before = the_rule(session, org, named)
    wanted = held(before) | dict(values)
    if wanted["per_day"] == 0:
        wanted["per_day"] = None
    after = before | checked(wanted, Names(session, org)).columns()
    demand_testable(after, f"{before['name']!r}")
    return before, after


def testable(rule: Mapping[str, Any]) -> bool:
    """Can it be told from history what a rule (a row) would have done?"""
    return rule["action"] in RANK or (rule["trigger"] != "post" and rule["action"] == "notify")


def demand_testable(rule: Mapping[str, Any], named: str = "It") -> None:
    """Raises CannotDo where it cannot be told from history what a rule (a row) would have done."""
    if not testable(rule):
        raise CannotDo(f"{named} opens no case, so there is nothing to test.")


class Testing:
    """A rule over a stretch (a row; None: all, as they stand), and at the threshold `also`: `batches` replays it, and what
    came of it is asked afterwards."""

    def __init__(
        self,
        session: Session,
        stretch: Stretch,
        tested: Mapping[str, Any] | None = None,
        also: float | None = None,
    ) -> None:
        self._session, self._stretch = session, stretch
        self.past, self.known = read_past(session, stretch)
        self.held = read_rules(session, stretch.org)
        self.names = {row["id"]: row["name"] for row in rules(session, stretch.org)}
        self._variants: dict[float, Rule] = {}
        self._replays: dict[float | None, Replay] = {}
        self._rules: dict[float | None, Rules] = {}
        if tested is None:
            self._rules[None] = self.held
            self._widest = self.held
            return
        # what is tested counts, whether it is enabled and trusted by now or not
        rule = replace(rule_of(tested), suggests=False)
        others = [one for one in self.held if one.id != rule.id]
        for value in _grid(rule, also):
            varied = replace(rule, rating=int(value)) if by_stars(rule) else replace(rule, threshold=value)
            self._variants[value] = varied
            self._rules[value] = Rules([*others, varied])
        self.value = _value(rule)
        self._widest = Rules([*others, self._variants[max(self._variants)]])

    def batches(self) -> Iterator[float]:
        """Replay the stretch; how much of it is done, from 0 to 1. Where many cases are open the beginning takes long, too."""
        for value, them in self._rules.items():
            self._replays[value] = Replay(them, self.past)
            yield 0.0
        posts = read_posts(self._session, self._stretch)
        begins = self.known.first or self._stretch.since
        whole = (self._stretch.until - begins).total_seconds() or 1.0
        for batch in replayed(posts, list(self._replays.values()), self._stretch.until, self._widest):
            yield min(1.0, (batch.at - begins).total_seconds() / whole)

    @property
    def stood(self) -> Stood:
        """What the test stands on."""
        if not self._replays:  # there was nothing to replay
            return Stood(self._stretch, self._days, self.known, self.past.lasts, 0)
        replay = self._replays[getattr(self, "value", None)]
        known = {case.subject for case in self.past.cases}
        never = sum(case.opened_at >= self.past.since and case.subject not in known for case in replay.cases)
        return Stood(self._stretch, self._days, self.known, self.past.lasts, never)

    @property
    def _days(self) -> float:
        begins = self.known.first or self._stretch.since
        return max((self._stretch.until - max(begins, self._stretch.since)).total_seconds() / DAY, 1.0)

    def of_rule(self) -> Tested:
        """What came of the one that is tested."""
        return self._tested(self._variants[self.value], self._replays[self.value], [
            self._at(value, _opened(replay, self.past, self._variants[value].id))
            for value, replay in self._replays.items() if value is not None
        ])  # fmt: skip

    def of_all(self) -> list[Tested]:
        """What came of each rule that opens cases, as they stand."""
        found = sorted((rule for rule in self.held if rule.action in RANK), key=lambda rule: rule.order)
        return [self._tested(rule, self._replays[None], []) for rule in found]

    def _tested(self, rule: Rule, replay: Replay, at: Sequence[At]) -> Tested:
        would = _opened(replay, self.past, rule.id)
        was = _stored(self.past, rule.id)
        wrong = {case.id for case in was if case.verdict in WRONG}
        return Tested(
            rule,
            self._at(_value(rule), would),
            len(was),
            len(wrong),
            len(wrong & {case.stored for case in would}),
            at,
            self._differs(rule, replay, would, was),
        )

    def _at(self, value: float, cases: Sequence[Case]) -> At:
        stored = {case.id: case for case in self.past.cases}
        known = [stored[one] for one in {case.stored for case in cases} if one in stored]
        judged = [case for case in known if case.closed_at is not None or case.verdict is not None]
        return At(
            value,
            len(cases),
            len(cases) / self._days,
            sum(case.verdict in WRONG for case in known),
            len(judged),
            sum(case.parent is not None for case in cases),
        )

    def _differs(
        self, rule: Rule, replay: Replay, would: Sequence[Case], was: Sequence[Stored]
    ) -> list[Differs]:
        stored = {case.id: case for case in self.past.cases}
        its = {case.id for case in was}
        instead = {case.stored: case for case in replay.cases if case.stored is not None}
        reached = {case.stored for case in would}
        new = []
        for case in would:
            if case.stored in its:
                continue
            held_case = stored.get(case.stored) if case.stored else None
            said = "" if held_case is None else self._called(held_case.level, held_case.rule)
            new.append(Differs("new", case.event, case.stored, case.level, said))
        missing = []
        for one in was:
            if one.id in reached:
                continue
            other = instead.get(one.id)
            said = "" if other is None else self._called(other.level, other.rule)
            missing.append(Differs("missing", one.event, one.id, one.level, said))
        return new + missing

    def _called(self, level: str, rule: UUID | None) -> str:
        by = self.names.get(rule) if rule else None
        return f"{level} by {by}" if by else f"{level} by a rule that is gone"


def told(session: Session, differs: Sequence[Differs]) -> list[dict[str, Any]]:
    """The posts behind them: {what, level, was, case, event, occurred_at, platform, author, sentiment, rating, text, url,
    held_back}."""
    events = [one.event for one in differs if one.event is not None]
    found = {row["id"]: row for row in session.execute(_TOLD, {"events": events}).mappings()}
    none = dict.fromkeys(
        ("occurred_at", "platform", "author", "sentiment", "rating", "text", "url", "held_back")
    )
    return [
        {"what": one.what, "level": one.level, "was": one.was or None, "case": one.case, "event": one.event}
        | none
        | {name: value for name, value in found.get(one.event, {}).items() if name != "id"}
        for one in differs
    ]


def by_stars(rule: Rule) -> bool:
    """Are its stars what is varied, since any score will do? Else it is its threshold."""
    return rule.rating is not None and rule.threshold >= 1


def _value(rule: Rule) -> float:
    return float(rule.rating) if rule.rating is not None and by_stars(rule) else rule.threshold


def _grid(rule: Rule, also: float | None) -> list[float]:
    """The values at which a rule is tested, the strictest first, its own among them."""
    if by_stars(rule):
        return [float(stars) for stars in STARS]
    steps = [round(-0.9 + _STEP * n, 2) for n in range(17)]
    return sorted({*steps, rule.threshold, *([] if also is None else [also])})


def _opened(replay: Replay, past: Past, rule: UUID) -> list[Case]:
    """The cases of a replay whose level a rule set within the stretch."""
    return [
        case
        for case in replay.cases
        if case.set_at >= past.since and case.rule == rule and not incident(case)
    ]


def _stored(past: Past, rule: UUID) -> list[Stored]:
    return [
        case for case in past.cases if case.set_at >= past.since and case.rule == rule and not incident(case)
    ]
