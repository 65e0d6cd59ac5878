"""A post on its way into the table, and what became of it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID

from workers.score import Sentiment

if TYPE_CHECKING:
    from workers.resolved import Resolved
    from workers.score import Unscored

Fate = Literal["new", "edited", "duplicate"]


class Before(NamedTuple):
    """What an event counted as before it was edited."""

    sentiment: float | None
    lang: str | None
    voice: str
    account: UUID | None
    campaign: UUID | None
    occurred_at: datetime
    reposts: int
    text: str
    rating: float | None
    addressed: bool
    about_us: bool
    held: bool = False
    """Did a crisis switch hold it? `held_rule`: only that rule; else all that it crossed."""
    held_rule: UUID | None = None
    alone: str | None = None
    """The subject of the case that a person split it into."""


class Recorded(NamedTuple):
    """What became of one post: its event's row, whether it is new, the case it belonged to, what it was."""

    event: UUID
    fate: Fate
    case: UUID | None
    before: Before | None = None
    heard: bool = False
    """Is it known, and heard by a source for the first time?"""


@dataclass(slots=True)
class Draft:
    """A post on its way into the table: collapsed by key, scored and resolved."""

    key: tuple[str, str]
    resolved: Resolved
    score: Sentiment | Unscored
    sources: list[UUID]
    sentiment: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.sentiment = self.score.compound if isinstance(self.score, Sentiment) else None
