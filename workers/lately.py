"""Counts of a back-test over the time just before: Tickets by theme, what a rule has done. Pure."""

from __future__ import annotations

from collections import Counter, deque
from datetime import timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Set
    from datetime import datetime

    from workers.replayed_case import Case

DAY = timedelta(hours=24)


class Lately:
    """Cases whose Tickets opened within a span of time before now, which is never before `since`, counted by what each counts for."""

    def __init__(self, span: timedelta, counts_for: Callable[[Case], Iterable[str]], since: datetime) -> None:
        self.counts: Counter[str] = Counter()
        self._span, self._counts_for = span, counts_for
        self._taken: list[tuple[datetime, int, Case]] = []
        self._counted: dict[UUID, tuple[str, ...]] = {}
        self._number, self._since = 0, since

    @property
    def cases(self) -> Iterator[Case]:
        """Each of them."""
        return (case for at, _, case in self._taken if at == case.ticketed_at)

    def take(self, case: Case, at: datetime) -> None:
        """A case that opened, rose or opened again."""
        self.counts.subtract(self._counted.pop(case.id, ()))
        case.ticketed_at = at
        if at <= self._since - self._span:
            return
        self._number += 1
        heappush(self._taken, (at, self._number, case))
        self._counted[case.id] = keys = tuple(self._counts_for(case))
        self.counts.update(keys)

    def again(self, case: Case) -> None:
        """A case that may count for something else by now."""
        if case.id in self._counted:
            self.counts.subtract(self._counted[case.id])
            self._counted[case.id] = keys = tuple(self._counts_for(case))
            self.counts.update(keys)

    def until(self, now: datetime) -> None:
        """Forget what opened too long before this moment."""
        while self._taken and self._taken[0][0] <= now - self._span:
            at, _, case = heappop(self._taken)
            if at == case.ticketed_at:
                self.counts.subtract(self._counted.pop(case.id, ()))


class Spent:
    """What rules with a number opened, raised and reopened within 24 hours before now."""

    def __init__(self, numbered: Set[UUID]) -> None:
        self.counts: Counter[UUID] = Counter()
        self._numbered = numbered
        self._taken: deque[tuple[datetime, UUID]] = deque()

    def before(self, did: Iterable[tuple[datetime, UUID]]) -> None:
        """What each had done before the stretch."""
        for at, rule in sorted(did):
            self.take(at, rule)

    def take(self, at: datetime, rule: UUID) -> None:
        """Later than what was taken before."""
        if rule in self._numbered:
            self._taken.append((at, rule))
            self.counts[rule] += 1

    def until(self, now: datetime) -> None:
        """Forget what was done too long before this moment."""
        while self._taken and self._taken[0][0] <= now - DAY:
            self.counts[self._taken.popleft()[1]] -= 1
