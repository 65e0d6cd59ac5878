"""Rules as values, and which of them a post crosses. Pure.

Most posts cross nothing, and an organisation may have hundreds of rules: so a post is asked about those rules only
whose scope it can be in, and of these only about those whose threshold it is under.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from workers._language import UNKNOWN
from workers._said import first_said, telling_word, words_said
from workers.heard import Audience

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from workers.heard import Heard

Level = Literal["activity", "ticket"]
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
        return low_enough(post, self) and self.concerns(post)

    def concerns(self, post: Heard) -> bool:
        """Is a post for its audience, within the scope, and does it say one of the phrases, however it sounds?"""
        return (
            post.belongs_to(self.audience)
            and self.covers(post)
            and (not self.words or first_said(post.text, self.words) is not None)
        )


def low_enough(post: Heard, rule: Rule) -> bool:
    """By its stars, if the rule asks for stars, and by its sentiment. A threshold of 1 takes any score, and none."""
    if rule.rating is None:
        return rule.threshold >= _wants(post)
    return post.rating is not None and post.rating <= rule.rating and rule.threshold >= _score(post)


def _score(post: Heard) -> float:
    """What a threshold must at least be to take it."""
    return 1.0 if post.sentiment is None else post.sentiment


def _wants(post: Heard) -> float:
    """What the threshold of a rule that asks for no stars must at least be to take it."""
    return inf if post.rating is not None and post.rating >= CONTENT else _score(post)


Placed = tuple[int, Rule]
"""A rule and its place among all, the strongest first."""


class Rules:
    """An organisation's rules over single posts, by what they can be asked about.

    A rule lies in one shelf: of the narrowest of its scopes (campaign, account, source, kind, language, platform), or
    in the one for everything. Rules that make Leads lie in none.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._all = tuple(rules)
        shelved: dict[object, list[Placed]] = defaultdict(list)
        asked = sorted((rule for rule in self._all if rule.action != "lead"), key=lambda rule: rule.order)
        for place, rule in enumerate(asked):
            scopes = (rule.campaigns, rule.accounts, rule.sources, rule.kinds, rule.languages, rule.platforms)
            for key in next(filter(None, scopes), (None,)):
                shelved[key].append((place, rule))
        self._shelves = {key: _Shelf(held) for key, held in shelved.items()}
        self._keys = frozenset(self._shelves)
        self._mildest = max((shelf.mildest for shelf in self._shelves.values()), default=NEVER)
        self._stars = max((rule.rating for rule in asked if rule.rating is not None), default=0)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def compared_with(self, post: Heard) -> list[Rule]:
        """The rules that a post may cross, as far as the shelves tell; one may be named twice."""
        return [rule for _, rule in self._compared(post)]

    def _compared(self, post: Heard) -> list[Placed]:
        found: list[Placed] = []
        wants, stars = _wants(post), post.rating
        if wants > self._mildest and (stars is None or stars > self._stars):
            return found
        said: list[str] | None = None
        keys: list[object] = [None, post.ref[0], post.lang or UNKNOWN]
        for scope in (post.kinds, post.sources, post.about):
            keys += self._keys & scope
        for key in keys:
            if (shelf := self._shelves.get(key)) is None:
                continue
            if stars is not None:
                found += shelf.starred(post)
            if wants <= shelf.mildest:
                found += shelf.scored(wants)
            if wants <= shelf.mildest_spoken:
                said = words_said(post.text) if said is None else said
                found += shelf.spoken(said, wants)
        return found

    def crossed_by(self, post: Heard) -> list[Rule]:
        """The rules that a post crosses, the strongest first; each once. Rules that make Leads are not asked."""
        if not (post.addressed or post.about_us or post.named):
            return []
        crossed = {place: rule for place, rule in self._compared(post) if rule.concerns(post)}
        return [crossed[place] for place in sorted(crossed)] if crossed else []


class _Shelf:
    """Rules that no scope tells apart: those for stars, those for phrases by a word of each, and the others. Each kind
    by what a post must have to be low enough."""

    def __init__(self, rules: Sequence[Placed]) -> None:
        self._starred = [both for both in rules if both[1].rating is not None]
        self._spoken: dict[str, list[Placed]] = defaultdict(list)
        self._scored: list[Placed] = []
        for both in rules:
            if both[1].rating is None:
                told_by = {telling_word(phrase) for phrase in both[1].words} or {None}
                if None in told_by:
                    self._scored.append(both)
                else:
                    for word in filter(None, told_by):
                        self._spoken[word].append(both)
        self._words = frozenset(self._spoken)
        self._scored.sort(key=lambda both: both[1].threshold)
        self._thresholds = [rule.threshold for _, rule in self._scored]
        self.mildest_spoken = max(
            (rule.threshold for spoken in self._spoken.values() for _, rule in spoken), default=NEVER
        )
        self.mildest = max(self.mildest_spoken, *self._thresholds[-1:], NEVER)

    def starred(self, post: Heard) -> list[Placed]:
        """Those for so few stars."""
        return [both for both in self._starred if low_enough(post, both[1])]

    def scored(self, wants: float) -> list[Placed]:
        """Those that ask for no phrase and whose threshold is so mild."""
        return self._scored[bisect_left(self._thresholds, wants) :]

    def spoken(self, said: Iterable[str], wants: float) -> list[Placed]:
        """Those whose threshold is so mild and one of whose phrases has a word of these."""
        words = self._words.intersection(said)
        return [both for word in words for both in self._spoken[word] if both[1].threshold >= wants]


class Crossings:
    """Which rules each of some posts crosses: asked once, for all who want to know."""

    def __init__(self, rules: Rules, posts: Iterable[Heard]) -> None:
        self._crossed = {post.ref: rules.crossed_by(post) for post in posts}

    def crossed_by(self, post: Heard) -> list[Rule]:
        """As of Rules, of one of these posts."""
        return self._crossed[post.ref]

    def only_tell(self, post: Heard) -> Rule | None:
        """Let a post cross none but those that tell; the strongest of the others, if it crossed any."""
        crossed = self._crossed[post.ref]
        self._crossed[post.ref] = [rule for rule in crossed if rule.action == "notify"]
        return next((rule for rule in crossed if rule.action in RANK), None)


def strongest(post: Heard, rules: Rules | Sequence[Rule]) -> Rule | None:
    """The strongest rule for cases that a post crosses; None where it crosses none."""
    asked = rules if isinstance(rules, Rules) else Rules(rules)
    return next((rule for rule in asked.crossed_by(post) if rule.action in RANK), None)
