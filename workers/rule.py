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

from workers._said import first_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from workers.decide import Heard

Level = Literal["activity", "ticket"]
Audience = Literal["addressed", "customer", "named"]

RANK = {"activity": 1, "ticket": 2}
_PRIORITY = {"low": 0, "normal": 1, "high": 2, "urgent": 3}

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
            and (not self.languages or post.lang in self.languages)
            and (not self.kinds or not self.kinds.isdisjoint(post.kinds))
            and (not self.sources or not self.sources.isdisjoint(post.sources))
            and (not self.campaigns or not self.campaigns.isdisjoint(post.about))
            and (not self.accounts or not self.accounts.isdisjoint(post.about))
        )

    def crossed_by(self, post: Heard) -> bool:
        """Does a post cross it? By its stars, if the rule asks for stars; else by its sentiment."""
        return (
            low_enough(post, self)
            and post.belongs_to(self.audience)
            and self.covers(post)
            and (not self.words or first_said(post.text, self.words) is not None)
        )


def low_enough(post: Heard, rule: Rule) -> bool:
    """By its stars, if the rule asks for stars; else by its sentiment. Without a score no threshold is crossed."""
    if rule.rating is not None and (post.rating is None or post.rating > rule.rating):
        return False
    if post.sentiment is None:
        return rule.rating is not None and rule.threshold >= 1.0
    content = post.rating is not None and post.rating >= CONTENT
    return post.sentiment <= rule.threshold and not (content and rule.rating is None)


class Rules:
    """An organisation's rules over single posts, by what they can be asked about.

    A rule lies in one shelf: of the narrowest of its scopes (campaign, account, source, language, platform), or in the
    one for everything. In a shelf they lie by threshold, so a post is compared with those only that it is under.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._all = tuple(rules)
        shelves: dict[object, list[Rule]] = defaultdict(list)
        for rule in self._all:
            if rule.action == "lead":
                continue
            scopes = (rule.campaigns, rule.accounts, rule.sources, rule.languages, rule.platforms)
            for key in next(filter(None, scopes), (None,)):
                shelves[key].append(rule)
        self._shelves: dict[object, tuple[list[float], list[Rule]]] = {}
        for key, shelf in shelves.items():
            shelf.sort(key=lambda rule: rule.threshold)
            self._shelves[key] = ([rule.threshold for rule in shelf], shelf)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def crossed_by(self, post: Heard) -> list[Rule]:
        """The rules that a post crosses, the strongest first; each once. Rules that make Leads are not asked."""
        if not (post.addressed or post.about_us or post.named):
            return []
        found: dict[UUID, Rule] = {}
        for key in (None, post.ref[0], post.lang, *post.about, *post.sources):
            if (shelf := self._shelves.get(key)) is None:
                continue
            thresholds, rules = shelf
            # without a score only a rule that takes any may be crossed, by its stars
            first = bisect_left(thresholds, 1.0 if post.sentiment is None else post.sentiment)
            for rule in rules[first:]:
                if rule.id not in found and rule.crossed_by(post):
                    found[rule.id] = rule
        return sorted(found.values(), key=lambda rule: rule.order) if found else []


def strongest(post: Heard, rules: Rules | Sequence[Rule]) -> Rule | None:
    """The strongest rule for cases that a post crosses; None where it crosses none."""
    asked = rules if isinstance(rules, Rules) else Rules(rules)
    return next((rule for rule in asked.crossed_by(post) if rule.action in RANK), None)
