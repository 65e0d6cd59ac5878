"""What rules would have opened on stored history: the same decide, over what is so at each moment by itself. Pure.

    history   what is stored of a stretch, in the order in which it was decided (workers/history.py)
    replay    one set of rules over it: cases open, rise, reopen and close, Incidents take in, and nothing is written

Several sets of rules are replayed side by side, so a history of any length is read once and never held. Cases close when
the stored case of their subject did. One that was never opened has nobody who closed it: it lasts as long as half of
those that were closed in the stretch, or else a bad hour of it would hold back everything that follows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING
from uuid import UUID

from workers.decide import EVERYTHING, Closed, Open, Standing, decide
from workers.lately import Lately, Spent
from workers.past import Post
from workers.replayed_case import Case
from workers.rule import RANK
from workers.standing import INCIDENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from workers.decide import Decision
    from workers.heard import Heard, Ref
    from workers.past import Batch, Change, Past, Stored
    from workers.rule import Level, Rules

AT_ONCE = 500
"""So many posts are decided together when a crisis switch is released."""


class Replay:
    """One set of rules over a stretch. `cases` are those that it opened, Incidents among them, and those that were
    open before; `incident` tells which is which."""

    def __init__(self, rules: Rules, past: Past) -> None:
        self.cases: list[Case] = []
        self._rules, self._past = rules, past
        self._next = 0
        self._due: list[tuple[datetime, int]] = []
        self._last: dict[str, Case] = {}
        self._of_subject: dict[str, list[Case]] = {}
        self._of: dict[Ref, Case] = {}
        self._incidents: dict[str, Case] = {}
        self._children: dict[UUID, list[Case]] = {}
        self._held: dict[UUID, dict[Ref, Post]] = {}
        self._alone: set[Ref] = set()
        self._over: dict[str, datetime] = {}
        self._tickets = Lately(past.policy.burst_window, self._themes, past.since)
        self._spent = Spent({rule.id for rule in rules if rule.per_day is not None})
        earlier = [stored for stored in past.cases if stored.opened_at < past.since]
        self._before = {stored.id: _as_at_start(stored) for stored in earlier}
        for stored in earlier:
            self._begin_with(self._before[stored.id], stored)
        self._spent.before(past.did)

    def hear(self, now: datetime, posts: Sequence[Post], answered: Mapping[Ref, Sequence[Ref]]) -> None:
        """Decide one batch. `answered` has the posts heard so far that answer one."""
        self.until(now, answered)
        self._decide(now, posts)
        self._gather(posts, answered)

    def until(self, now: datetime, answered: Mapping[Ref, Sequence[Ref]]) -> None:
        """What people did before this moment, until which that was `answered`."""
        changes = self._past.changes
        while True:
            change = changes[self._next] if self._next < len(changes) else None
            if self._due and self._due[0][0] < now and (change is None or self._due[0][0] <= change.at):
                at, number = heappop(self._due)
                if self.cases[number].closed_at is None:
                    self._close(self.cases[number], at)
            elif change is not None and change.at < now:
                self._next += 1
                self._follow(change, answered)
            else:
                return

    # --- what people did -----------------------------------------------------------------------------

    def _begin_with(self, case: Case, stored: Stored) -> None:
        """A case from before the stretch."""
        case.parent = self._before.get(stored.parent) if stored.parent else None
        if incident(case) and case.closed_at is not None:
            self._no_more(case.subject.removeprefix(INCIDENT), case.closed_at)
        if self._open(case.subject) is None:
            self._enter(case)
        else:
            self.cases.append(case)

    def _follow(self, change: Change, answered: Mapping[Ref, Sequence[Ref]]) -> None:
        if change.what == "release":
            assert isinstance(change.of, UUID)
            held = self._held.pop(change.of, {}).values()
            waiting = [post for post in held if not (post.gone and post.gone < change.at)]
            waiting.sort(key=lambda post: post.heard.occurred_at)
            for first in range(0, len(waiting), AT_ONCE):
                together = waiting[first : first + AT_ONCE]
                self._decide(change.at, together)
                self._gather(together, answered)
        elif of := self._of_subject.get(str(change.of)):
            if change.what == "close":
                self._close(self._last[of[-1].subject], change.at)
            else:
                self._reopen(next((case for case in of if case.event == change.event), of[-1]), change.at)

    def _close(self, case: Case, at: datetime) -> None:
        """Close a case; an Incident takes with it what has its Ticket."""
        if case.closed_at is not None:
            return
        case.closed_at = at
        if incident(case):
            theme = case.subject.removeprefix(INCIDENT)
            self._incidents.pop(theme, None)
            self._no_more(theme, at)
            for child in self._children.get(case.id, ()):
                if child.shared and child.closed_at is None:
                    child.closed_at = at

    def _reopen(self, case: Case, at: datetime) -> None:
        """Open a case again, and with the Ticket of an Incident all that have it, unless a newer one of its subject is."""
        together = [case]
        if case.shared and case.parent is not None:
            together += [case.parent, *(one for one in self._children[case.parent.id] if one.shared)]
        for one in together:
            if self._open(one.subject) is None:
                one.closed_at = None
                self._tickets.take(one, at)
                self._last[one.subject] = one
                if incident(one):
                    self._incidents[one.subject.removeprefix(INCIDENT)] = one

    # --- what posts do -------------------------------------------------------------------------------

    def _decide(self, now: datetime, posts: Sequence[Post]) -> None:
        known: dict[UUID, Case] = {}
        heard = [self._as_then(post, known) for post in posts]
        self._tickets.until(now)
        self._spent.until(now)
        held = ((post.subject, self._open(post.subject)) for post in heard)
        standing = Standing(
            now=now,
            open={
                subject: Open(case.id, case.level, case.subject) for subject, case in held if case is not None
            },
            incidents=frozenset(self._incidents),
            tickets=self._tickets.counts,
            spent=self._spent.counts,
            switches=[one.switch for one in self._past.switches if one.since <= now < one.until],
            blocked=frozenset(who for who, free in (self._past.blocked or {}).items() if free < now),
            closed={
                case.id: Closed(case.subject, case.closed_at, case.shared, case.level)
                for case in known.values()
                if case.closed_at
            },
            policy=self._past.policy,
        )
        if decisions := decide(heard, self._rules, standing):
            self._carry_out(now, decisions, {post.heard.ref: post for post in posts}, known)

    def _as_then(self, post: Post, known: dict[UUID, Case]) -> Heard:
        """The post with the case of what it answers, as it is by now."""
        heard = post.heard
        if post.answers is None and not heard.attached and heard.ref not in self._of:
            return heard
        attached = heard.ref in self._of
        # one that was held and is released may belong to a case that is closed by now
        case = self._of.get(heard.ref) if heard.heard_at else None
        if case is None:
            case = self._of.get(post.answers) if post.answers else None
        if case is None and post.before is not None:
            case = self._before.get(post.before)
        if case is None:
            return heard if heard.attached == attached else replace(heard, attached=attached)
        known[case.id] = case
        is_open = case.closed_at is None
        return replace(
            heard,
            attached=attached,
            parent_case=case.id if is_open else None,
            closed_case=None if is_open else case.id,
        )

    def _carry_out(
        self,
        now: datetime,
        decisions: Sequence[Decision],
        posts: Mapping[Ref, Post],
        known: Mapping[UUID, Case],
    ) -> None:
        """As workers/escalate.py does it."""
        for one in decisions:
            if one.rule is not None and one.action in ("open", "raise", "reopen"):
                self._spent.take(now, one.rule.id)
            if one.action == "reopen" and one.case is not None:
                self._reopen(known[one.case], now)
                known[one.case].themes = one.themes
                self._tickets.again(known[one.case])
        burst = False
        for one in decisions:
            if one.incident is not None:
                burst = True
                if one.incident not in self._incidents:
                    self._enter(self._new(INCIDENT + one.incident, one, posts[one.ref], now, "ticket"))
        for one in _strongest(decisions).values():
            self._propose(now, one, posts[one.ref])
        for one in decisions:
            for waiting in self._held.values():
                waiting.pop(one.ref, None)
            # a rule that only tells does nothing more to what belongs to a case
            again = one.held is not None and (one.held.rule.action in RANK or one.action in ("hold", "tell"))
            if one.held is not None and one.held.switch is not None and again:
                post = posts[one.ref]
                as_heard = replace(post.heard, heard_at=post.heard.heard_at or now)
                self._held.setdefault(one.held.switch, {})[one.ref] = post._replace(heard=as_heard)
            self._alone.discard(one.ref)
            if one.action in ("hold", "tell"):
                if (one.action == "hold" or one.held is not None) and not posts[one.ref].heard.ours:
                    self._alone.add(one.ref)
                continue
            case = self._open(one.subject) if one.subject else known.get(one.case) if one.case else None
            if case is not None:
                self._of[one.ref] = case
        if burst:
            self._adopt()

    def _propose(self, now: datetime, one: Decision, post: Post) -> None:
        assert one.subject is not None
        assert one.rule is not None
        mild = one.rule.level == "activity"
        parent = self._incidents[one.incident] if one.incident else None
        ticket = not mild or parent is not None
        shared = parent is not None and (mild or not one.own)
        case = self._open(one.subject)
        if case is None:
            case = self._new(one.subject, one, post, now, one.rule.level)
            case.ticket, case.shared, case.parent, case.themes = ticket, shared, parent, one.themes
            self._enter(case)
            return
        if not case.ticket:
            case.parent, case.themes = case.parent or parent, one.themes
            if ticket:
                case.rule, case.event, case.stored, case.set_at = one.rule.id, post.event, post.case, now
                case.ticket, case.shared = True, shared
                self._let_know(case)
        if not mild:
            case.level = "ticket"
        if case.set_at == now:
            self._tickets.take(case, now)
        else:
            self._tickets.again(case)

    def _new(self, subject: str, one: Decision, post: Post, now: datetime, level: Level) -> Case:
        assert one.rule is not None
        # of its own kind, so that it is never a stored one
        number = UUID(int=len(self.cases) + 1)
        return Case(number, subject, level, now, now, one.rule.id, post.event, post.case, ticket=True)

    def _enter(self, case: Case) -> None:
        self.cases.append(case)
        self._of_subject.setdefault(case.subject, []).append(case)
        self._last[case.subject] = case
        self._tickets.take(case, case.ticketed_at or case.opened_at)
        self._let_know(case)
        if incident(case) and case.closed_at is None:
            self._incidents[case.subject.removeprefix(INCIDENT)] = case
        lasts = self._past.lasts
        if lasts is not None and case.id not in self._before and not self._was(case, lasts):
            heappush(self._due, (case.opened_at + lasts, len(self.cases) - 1))

    def _themes(self, case: Case) -> tuple[str, ...]:
        """What a Ticket counts for: not what was before an Incident that is over."""
        if case.level != "ticket":
            return ()
        return tuple(
            theme
            for theme in case.themes
            if theme not in self._over or (case.ticketed_at or case.opened_at) > self._over[theme]
        )

    def _no_more(self, theme: str, at: datetime) -> None:
        """The Incident of a theme is over."""
        self._over[theme] = at
        for case in self._tickets.cases:
            self._tickets.again(case)

    def _let_know(self, case: Case) -> None:
        """Its Incident knows what has its Ticket."""
        if case.shared and case.parent is not None:
            self._children.setdefault(case.parent.id, []).append(case)

    def _was(self, case: Case, lasts: timedelta) -> bool:
        """Was there, or came there soon, a stored case of this subject? Then it closes with that."""
        return any(
            stored.opened_at <= case.opened_at + lasts
            and (stored.closed_at is None or stored.closed_at >= case.opened_at)
            for stored in self._past.of_subject.get(case.subject, ())
        )

    def _adopt(self) -> None:
        """As workers/incident.py does it: Tickets of its theme that opened shortly before an Incident become its own."""
        window = self._past.policy.burst_window
        for case in self._tickets.cases:
            if case.level == "activity" or case.parent is not None or case.closed_at is not None:
                continue
            fits = [
                theme
                for theme, one in self._incidents.items()
                if theme in case.themes
                and (case.ticketed_at or case.opened_at) > one.opened_at - window
                and one is not case
            ]
            if fits:
                case.parent = self._incidents[min(fits, key=lambda theme: theme == EVERYTHING)]
                self._tickets.again(case)

    def _gather(self, posts: Sequence[Post], answered: Mapping[Ref, Sequence[Ref]]) -> None:
        """As workers/gather.py does it: what answers a post of an open case, and what answers that, belongs to it."""
        for post in posts:
            ref = post.heard.ref
            if post.answers in self._of and ref not in self._of and ref not in self._alone:
                case = self._of[post.answers]
                if case.closed_at is None:
                    self._of[ref] = case
        climbing = [post.heard.ref for post in posts if post.heard.ref in answered]
        while climbing:
            ref = climbing.pop()
            held = self._of.get(ref)
            if held is None or held.closed_at is not None:
                continue
            for answer in answered.get(ref, ()):
                if answer not in self._of and answer not in self._alone:
                    self._of[answer] = held
                    climbing.append(answer)

    def _open(self, subject: str) -> Case | None:
        case = self._last.get(subject)
        return case if case is not None and case.closed_at is None else None


def _as_at_start(stored: Stored) -> Case:
    return Case(
        id=stored.id,
        subject=stored.subject,
        level=stored.at_start or stored.level,
        opened_at=stored.opened_at,
        set_at=stored.opened_at,
        rule=stored.rule,
        event=stored.event,
        stored=stored.id,
        ticket=stored.ticket and stored.at_start in (None, stored.level),
        shared=stored.shared,
        themes=stored.themes,
        closed_at=None if stored.at_start else stored.closed_at,
        ticketed_at=stored.ticketed_at,
    )


def _strongest(decisions: Sequence[Decision]) -> dict[str, Decision]:
    """One decision a subject: the first at the highest level."""
    found: dict[str, Decision] = {}
    for one in decisions:
        if one.rule is None or one.subject is None or one.reason is not None:
            continue
        held = found.get(one.subject)
        if held is None or held.rule is None or RANK[held.rule.level] < RANK[one.rule.level]:
            found[one.subject] = one
    return found


def incident(case: Case | Stored) -> bool:
    """Is it the Incident of a burst?"""
    return case.subject.startswith(INCIDENT)


def replayed(
    history: Iterable[Batch], replays: Sequence[Replay], until: datetime, widest: Rules | None = None
) -> Iterator[Batch]:
    """Replay a history, read once, under several sets of rules side by side; each batch once it is done.

    What neither crosses the `widest` of the rules nor answers anything does nothing under any, and is not asked about.
    """
    answered: dict[Ref, list[Ref]] = {}
    for batch in history:
        for one in replays:
            # before this batch is known, which nothing that was released then can be answered by
            one.until(batch.at, answered)
        for post in batch.posts:
            if post.answers is not None:
                answered.setdefault(post.answers, []).append(post.heard.ref)
        posts = batch.posts
        if widest is not None:
            posts = [post for post in posts if post.heard.reply_to or widest.crossed_by(post.heard)]
        for one in replays if posts else ():
            one.hear(batch.at, posts, answered)
        yield batch
    for one in replays:
        one.until(until, answered)
