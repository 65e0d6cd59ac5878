"""What a post does: opens, raises, reopens or joins a case, or is held back, and why. Pure.

A case belongs to its subject, the author who complains. It opens when a rule is crossed, only rises, takes in what
answers it, and may open again once it is closed. When too many Tickets of one theme open at once, an Incident takes
the rest. What is open, counted and held at this moment comes in as values, the time among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from workers._said import first_said
from workers.heard import Heard, Ref
from workers.rule import RANK, Crossings, Rules

if TYPE_CHECKING:
    from workers.rule import Level, Rule

Action = Literal["open", "raise", "join", "reopen", "note", "hold", "tell"]
EVERYTHING = "all"
"""The theme of every Ticket: a burst of it is one of the whole organisation."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How an organisation escalates beyond its rules: see models/policy.py."""

    burst_after: int = 20
    burst_all: int = 100
    burst_window: timedelta = timedelta(hours=1)
    reopens_within: timedelta = timedelta(days=14)

    def most(self, theme: str) -> int:
        """So many Tickets of a theme open within the window before an Incident takes the rest."""
        return self.burst_all if theme == EVERYTHING else self.burst_after


class Switch(NamedTuple):
    """The crisis switch for one platform, campaign or rule."""

    id: UUID
    of: Literal["platform", "campaign", "rule"]
    what: str | UUID
    until: datetime


class Closed(NamedTuple):
    """A case that is closed: whose, since when, whether its Ticket is that of the Incident that took it in, its level,
    and its subject as it is stored, where its author was merged into another since."""

    subject: str
    at: datetime
    shared: bool = False
    level: Level = "activity"
    stored: str | None = None


class Open(NamedTuple):
    """An open case: its id, its level, and its subject as it is stored, as of Closed."""

    case: UUID
    level: Level
    stored: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is so at this moment: open cases by subject, open Incidents and the Tickets of the window by theme, what
    each rule has opened in 24 hours, crisis switches that are on, blocked authors (subjects), closed cases by id."""

    now: datetime
    open: Mapping[str, Open] = field(default_factory=dict)
    incidents: frozenset[str] = frozenset()
    tickets: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[UUID, int] = field(default_factory=dict)
    switches: Sequence[Switch] = ()
    blocked: frozenset[str] = frozenset()
    closed: Mapping[UUID, Closed] = field(default_factory=dict)
    policy: Policy = Policy()


class Withheld(NamedTuple):
    """A rule that a post crossed and that does nothing, why, and the crisis switch that held it, if one did."""

    rule: Rule
    reason: str
    switch: UUID | None = None


class Decision(NamedTuple):
    """What a post does: opens, raises, reopens or joins a case, notes itself on a closed one, is held back, or is told.

    `subject` names the case by its author; `case` is the stored one, and `answers` the post of this batch whose case
    it joins by answering. `also` are the other rules that it crossed, `tells` those that only tell. `incident` is the
    theme of the Incident that takes the case in, `own` whether that has a Ticket of its own all the same. `themes` are
    what its Ticket counts for: nothing where an Incident takes it in. `switch` is what held it back. What joins with a
    `reason` joins its author's open case, and was held back from raising it. `withheld` is a rule that would have made
    more of the case than `rule` does, which it stands beside. `took_in`: the case that it reopens took it in when that
    was open, and what would have raised it was held back.
    """

    ref: Ref
    action: Action
    rule: Rule | None = None
    subject: str | None = None
    case: UUID | None = None
    answers: Ref | None = None
    reason: str | None = None
    also: tuple[Rule, ...] = ()
    tells: tuple[Rule, ...] = ()
    incident: str | None = None
    own: bool = True
    themes: tuple[str, ...] = ()
    switch: UUID | None = None
    withheld: Withheld | None = None
    took_in: bool = False

    @property
    def held(self) -> Withheld | None:
        """What is to be decided again, or listed: the whole of it, or what stands beside it."""
        if self.reason is None or self.rule is None:
            return self.withheld
        return Withheld(self.rule, self.reason, self.switch)


OLD = "older than the rule takes"
SUGGESTED = "the rule only suggests"
SPENT = "the rule's number in 24 hours is reached"


def _outranking(withheld: Sequence[Withheld], level: Level | None) -> Withheld | None:
    """Of the rules that would make more of a case of this level: one that a switch holds, which decides again when it is
    released; else the strongest, first those that suggest nothing."""
    rank = RANK[level] if level else 0
    more = [one for one in withheld if RANK.get(one.rule.action, 0) > rank]
    if not more:
        return None
    return min(more, key=lambda one: (one.switch is None, -RANK[one.rule.action], one.reason == SUGGESTED))


def _untold(withheld: Sequence[Withheld], post: Heard) -> Withheld | None:
    """A rule that only tells, has not told of the post yet, and is held by a switch: once that is released it tells."""
    return next(
        (
            one
            for one in withheld
            if one.rule.action == "notify" and one.switch is not None and one.rule.id not in post.told
        ),
        None,
    )


def held_back(post: Heard, blocked: frozenset[str] = frozenset()) -> str | None:
    """Why a post that crossed must not open anything, whatever the rule."""
    if post.ours:
        return "own post"
    if post.occurred_at < post.start_mark:
        return "before the start mark"
    if post.bot:
        return "posted by a bot"
    if post.subject in blocked:
        return "its author is blocked"
    return None


def themes_of(post: Heard, rule: Rule) -> tuple[str, ...]:
    """What a Ticket counts for: its campaign, the phrase that the rule asked for, its account, everything."""
    said = first_said(post.text, rule.words)
    found = [f"campaign:{post.campaign}"] if post.campaign else []
    found += [f"keyword:{said.casefold()}"] if said else []
    found += [f"account:{post.account}"] if post.account else []
    return (*found, EVERYTHING)


def decide(posts: Sequence[Heard], rules: Rules | Crossings, standing: Standing) -> list[Decision]:
    """What each post does, in the order in which they were written; of those that do nothing, nothing.

    A post that crosses opens or raises its own author's case, or joins it where it is no worse; the rules that it
    crossed besides are noted there. One that does not cross and answers a post of an open case, whoever wrote either,
    joins that case.
    """
    taken: dict[Ref, Decision] = {}
    rest: list[Heard] = []
    crossing: list[tuple[Heard, list[Rule]]] = []
    for post in posts:
        crossed = rules.crossed_by(post)
        if not crossed:
            rest.append(post)
        elif _no_worse(post, crossed, standing.closed):
            continue
        elif reason := held_back(post, standing.blocked):
            taken[post.ref] = Decision(post.ref, "hold", rule=crossed[0], reason=reason)
            if post.ours:
                rest.append(post)
        else:
            crossing.append((post, crossed))
    crossing.sort(key=lambda both: (both[0].occurred_at, both[0].ref))
    world = _World(standing)
    for post, crossed in crossing:
        decision = world.take(post, crossed)
        taken[post.ref] = decision
        if decision.action == "tell":
            rest.append(post)
    _attach_answers(rest, taken, standing.closed)
    return list(taken.values())


def _no_worse(post: Heard, crossed: Sequence[Rule], closed: Mapping[UUID, Closed]) -> bool:
    """Was it edited after its case was closed, and crosses nothing that it did not cross before?"""
    return post.closed_case in closed and post.crossed.issuperset(rule.id for rule in crossed)


class _World:
    """What is so after each decision, so that the next one rests on it."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._levels: dict[str, Level] = {subject: held.level for subject, held in standing.open.items()}
        self._stored = {subject: held.stored for subject, held in standing.open.items()}
        self._tickets = Counter(standing.tickets)
        self._incidents = set(standing.incidents)
        self._spent = Counter(standing.spent)

    def take(self, post: Heard, crossed: Sequence[Rule]) -> Decision:
        """What a post does that crossed these rules, the strongest first. What is held back belongs to its author's open
        case all the same; what would make more of that than it is by then stands beside."""
        left, withheld = self._not_held(post, crossed)
        found = self._judge(post, left, withheld)
        level = self._levels.get(post.whose)
        if not withheld:
            return found
        more, untold = _outranking(withheld, level), _untold(withheld, post)
        if found.action not in ("hold", "tell"):
            return found._replace(withheld=more or untold)
        if found.action == "tell" and not any(one.rule.action in RANK for one in withheld):
            return found._replace(withheld=untold)
        held = more or withheld[0]
        if untold and level is None and held.switch is None:
            held = untold
        found = found._replace(action="hold", rule=held.rule, reason=held.reason, switch=held.switch)
        if level is None or held.rule.action not in RANK:
            return found
        stored = self._standing.open.get(post.whose)
        return found._replace(
            action="join",
            subject=self._named(post.whose),
            case=stored.case if stored else None,
            reason=more.reason if more else None,
            switch=more.switch if more else None,
            withheld=untold,
        )

    def _named(self, subject: str) -> str:
        """As the case is stored: an author who was merged into another since may have one of their own."""
        return self._stored.get(subject, subject)

    def _judge(self, post: Heard, left: Sequence[Rule], withheld: list[Withheld]) -> Decision:
        """What the rules do that no switch holds; a hold where none does anything. What they withhold is added."""
        young = [
            rule
            for rule in left
            if rule.oldest is None or (post.heard_at or self._standing.now) - post.occurred_at <= rule.oldest
        ]
        tells: list[Rule] = []
        opening: list[Rule] = []
        chosen: Rule | None = None
        for rule in young:
            if rule.action == "notify":
                tells.append(rule)
                continue
            opening.append(rule)
            if rule.suggests:
                withheld.append(Withheld(rule, SUGGESTED))
            elif chosen is None and self._has_room(post.whose, rule):
                chosen = rule
            elif chosen is None:
                withheld.append(Withheld(rule, SPENT))
        told = tuple(rule for rule in tells if rule.id not in post.told)
        if chosen is not None:
            also = tuple(other for other in opening if other is not chosen)
            joins = Decision(post.ref, "join", chosen, self._named(post.whose), also=also, tells=told)
            return self._case(post, chosen, joins)
        if tells and not opening:
            return Decision(post.ref, "tell", rule=tells[0], tells=told)
        if not young:
            withheld += [Withheld(rule, OLD) for rule in left]
        return Decision(post.ref, "hold", tells=told)

    def _not_held(self, post: Heard, crossed: Sequence[Rule]) -> tuple[Sequence[Rule], list[Withheld]]:
        """The rules that no crisis switch holds, and those that one does."""
        left: Sequence[Rule] = crossed
        withheld: list[Withheld] = []
        for switch in self._standing.switches:
            if switch.of == "rule":
                taken = [rule for rule in left if rule.id == switch.what]
            else:
                taken = list(left) if switch.what == post.ref[0] or switch.what in post.about else []
            if taken:
                reason = f"the crisis switch is on until {switch.until:%Y-%m-%d %H:%M}"
                withheld += [Withheld(rule, reason, switch.id) for rule in taken]
                left = [rule for rule in left if rule not in taken]
        return left, withheld

    def _has_room(self, subject: str, rule: Rule) -> bool:
        """Has a rule left of its number, or does it open nothing because the case is open already?"""
        open_already = RANK.get(self._levels.get(subject, ""), 0) >= RANK[rule.level]
        return open_already or rule.per_day is None or self._spent[rule.id] < rule.per_day

    def _case(self, post: Heard, rule: Rule, joins: Decision) -> Decision:
        level = self._levels.get(post.whose)
        if level is not None and RANK[rule.level] <= RANK[level]:
            return joins
        self._spent[rule.id] += 1
        closed = self._reopens(post) if level is None else None
        reached = max(rule.level, closed.level if closed else rule.level, key=RANK.__getitem__)
        self._levels[post.whose] = reached
        themes = themes_of(post, rule)
        incident = self._incident(themes, reached)
        own = incident is None or (post.customer and post.addressed)
        action: Action = "open" if level is None else "raise"
        if closed is not None and own:
            # within an Incident a Ticket that opens again would be one more
            self._stored[post.whose] = closed.stored or post.whose
            took_in = post.attached and post.heard_at is not None
            joins = joins._replace(case=post.closed_case, subject=self._named(post.whose), took_in=took_in)
            action = "reopen"
        if incident is None and reached == "ticket":
            self._tickets.update(themes)
        counted = themes if incident is None else ()
        return joins._replace(action=action, themes=counted, incident=incident, own=own)

    def _reopens(self, post: Heard) -> Closed | None:
        """The author's own closed case that the post answers, if it was closed lately. Not one that has the Ticket of
        an Incident: that would open the Incident again, and with it everybody's."""
        if post.closed_case is None or (closed := self._standing.closed.get(post.closed_case)) is None:
            return None
        lately = self._standing.now - closed.at <= self._standing.policy.reopens_within
        return closed if closed.subject == post.whose and lately and not closed.shared else None

    def _incident(self, themes: Sequence[str], level: Level) -> str | None:
        """The theme whose Incident takes a new case in: one that is open, or that opens by this Ticket."""
        for theme in themes:
            if theme in self._incidents:
                return theme
        if level == "ticket":
            for theme in themes:
                if self._tickets[theme] >= self._standing.policy.most(theme):
                    self._incidents.add(theme)
                    return theme
        return None


def _attach_answers(
    posts: Sequence[Heard], taken: dict[Ref, Decision], closed: Mapping[UUID, Closed]
) -> None:
    """Attach what answers a post of an open case, and what answers that, until nothing more joins."""
    waiting = [post for post in posts if post.reply_to and not post.attached]
    while waiting:
        left: list[Heard] = []
        for post in waiting:
            assert post.reply_to is not None
            parent = taken.get((post.ref[0], post.reply_to))
            tells = taken[post.ref].tells if post.ref in taken else ()
            withheld = taken[post.ref].withheld if post.ref in taken else None
            own = closed.get(post.closed_case) if post.closed_case else None
            if post.parent_case is not None:
                taken[post.ref] = Decision(
                    post.ref, "join", case=post.parent_case, tells=tells, withheld=withheld
                )
            elif parent is not None and parent.action not in ("hold", "tell", "note"):
                taken[post.ref] = Decision(
                    post.ref,
                    "join",
                    subject=parent.subject,
                    case=parent.case,
                    answers=parent.ref,
                    tells=tells,
                    withheld=withheld,
                )
            elif own is not None and own.subject == post.whose:
                taken[post.ref] = Decision(
                    post.ref, "note", case=post.closed_case, tells=tells, withheld=withheld
                )
            else:
                left.append(post)
        if len(left) == len(waiting):
            return
        waiting = left


def subject_of(platform: str, identity: str | None, thread: str | None, external_id: str) -> str:
    """Whose complaint it is: the author's identity; without a stable author the thread, else the post."""
    if identity is not None:
        return f"identity:{identity}"
    if thread:
        return f"thread:{platform}:{thread}"
    return f"post:{platform}:{external_id}"
