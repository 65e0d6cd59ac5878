"""Rules as values, and which of them a post crosses. Pure.

Most posts cross nothing, and an organisation may have hundreds of rules: so a post is asked about those rules only
whose scope it can be in, and of these only about those whose threshold it is under.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from workers._language import UNKNOWN
from workers._said import first_said, telling_word, words_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from workers.decide import Heard

Level = Literal["activity", "ticket"]
Audience = Literal["addressed", "customer", "named"]

RANK = {"activity": 1, "ticket": 2}
_PRIORITY = {"low": 0, "normal": 1, "high": 2, "urgent": 3}

NEVER = -2.0
"""No post scores so little."""
CONTENT = 4
"""Who gives so many stars complains of nothing, whatever the words sound like."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When to open what: see models/rule.py for what the words mean. An empty scope is any."""

    id: UUID
    name: str
    audience: Audience
    threshold: float
    action: Level | Literal["lead", "notify"]
    priority: str
    words: tuple[str, ...] = ()
    per_day: int | None = None
    rating: int | None = None
    platforms: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    sources: frozenset[UUID] = frozenset()
    campaigns: frozenset[UUID] = frozenset()
    accounts: frozenset[UUID] = frozenset()
    oldest: timedelta | None = None
    suggests: bool = False
    rotates: bool = False

    @property
    def level(self) -> Level:
        """Of the case that it opens."""
        assert self.action in RANK, "a rule that makes Leads or only tells opens no case"
        return self.action  # type: ignore[return-value]

    @property
    def order(self) -> tuple[int, int, float, UUID]:
        """The strongest first: a Ticket before an Activity before what only tells, then the priority, then the mildest
        threshold."""
        return -RANK.get(self.action, 0), -_PRIORITY.get(self.priority, 1), -self.threshold, self.id

    def covers(self, post: Heard) -> bool:
        """Is a post within the scope, whoever it is for?"""
        return (
            (not self.platforms or post.ref[0] in self.platforms)
            and (not self.languages or (post.lang or UNKNOWN) in self.languages)
            and (not self.kinds or not self.kinds.isdisjoint(post.kinds))
            and (not self.sources or not self.sources.isdisjoint(post.sources))
            and (not self.campaigns or not self.campaigns.isdisjoint(post.about))
            and (not self.accounts or not self.accounts.isdisjoint(post.about))
        )

    def crossed_by(self, post: Heard) -> bool:
        """Does a post cross it?"""
        return (
            low_enough(post, self)
            and post.belongs_to(self.audience)
            and self.covers(post)
            and (not self.words or first_said(post.text, self.words) is not None)
        )


def low_enough(post: Heard, rule: Rule) -> bool:
    """By its stars, if the rule asks for stars; else by its sentiment. A threshold of 1 takes any score, and none."""
    if rule.rating is not None:
        if post.rating is None or post.rating > rule.rating:
            return False
    elif post.rating is not None and post.rating >= CONTENT:
        return False
    return rule.threshold >= 1.0 if post.sentiment is None else post.sentiment <= rule.threshold


class Rules:
    """An organisation's rules over single posts, by what they can be asked about.

    A rule lies in one shelf: of the narrowest of its scopes (campaign, account, source, kind, language, platform), or
    in the one for everything. Rules that make Leads lie in none.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._all = tuple(rules)
        shelved: dict[object, list[Rule]] = defaultdict(list)
        for rule in self._all:
            if rule.action != "lead":
                scopes = (rule.campaigns, rule.accounts, rule.sources, rule.kinds, rule.languages)
                for key in next(filter(None, (*scopes, rule.platforms)), (None,)):
                    shelved[key].append(rule)
        self._shelves = {key: _Shelf(held) for key, held in shelved.items()}
        self._mildest = max((shelf.mildest for shelf in self._shelves.values()), default=NEVER)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def compared_with(self, post: Heard) -> list[Rule]:
        """The rules that a post may cross, as far as the shelves tell; one may be named twice."""
        found: list[Rule] = []
        if post.rating is None and _score(post) > self._mildest:
            return found
        for key in (None, post.ref[0], post.lang or UNKNOWN, *post.kinds, *post.sources, *post.about):
            if (shelf := self._shelves.get(key)) is not None:
                shelf.compare(post, found)
        return found

    def crossed_by(self, post: Heard) -> list[Rule]:
        """The rules that a post crosses, the strongest first; each once. Rules that make Leads are not asked."""
        if not (post.addressed or post.about_us or post.named):
            return []
        crossed = {rule.id: rule for rule in self.compared_with(post) if rule.crossed_by(post)}
        return sorted(crossed.values(), key=lambda rule: rule.order) if crossed else []


class _Shelf:
    """Rules that no scope tells apart: those for stars, those for phrases by a word of each, and the others."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._starred = [rule for rule in rules if rule.rating is not None]
        self._spoken: dict[str, list[Rule]] = defaultdict(list)
        others: list[Rule] = []
        for rule in rules:
            if rule.rating is not None:
                continue
            told_by = {telling_word(phrase) for phrase in rule.words} or {None}
            if None in told_by:
                others.append(rule)
                continue
            for word in filter(None, told_by):
                self._spoken[word].append(rule)
        asking = [rule for spoken in self._spoken.values() for rule in spoken]
        self._mildest = max((rule.threshold for rule in asking), default=NEVER)
        self._others = sorted(others, key=lambda rule: rule.threshold)
        self._thresholds = [rule.threshold for rule in self._others]
        self.mildest = max(self._mildest, *self._thresholds[-1:], NEVER)

    def compare(self, post: Heard, found: list[Rule]) -> None:
        """Add those that a post is low enough for, or has the stars for, and of whose phrases it says a word."""
        if post.rating is not None:
            found += self._starred
        score = _score(post)
        if score > self.mildest:
            return
        found += self._others[bisect_left(self._thresholds, score) :]
        if score <= self._mildest:
            for word in self._spoken.keys() & words_said(post.text):
                found += self._spoken[word]


def _score(post: Heard) -> float:
    """What its threshold must at least be, for a rule that asks for no stars to take it."""
    return 1.0 if post.sentiment is None else post.sentiment


def strongest(post: Heard, rules: Rules | Sequence[Rule]) -> Rule | None:
    """The strongest rule for cases that a post crosses; None where it crosses none."""
    asked = rules if isinstance(rules, Rules) else Rules(rules)
    return next((rule for rule in asked.crossed_by(post) if rule.action in RANK), None)
