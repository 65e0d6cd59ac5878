"""What a back-test is told of a stretch: its posts in the order in which they were decided, and what people did. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from workers.decide import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from workers.decide import Switch
    from workers.heard import Heard, Ref
    from workers.rule import Level


class Post(NamedTuple):
    """A stored post as it is decided: its event, the stored case that it belongs to, and the post that it answers,
    with that one's stored case where it was heard before the stretch. `gone` is when its platform said so."""

    heard: Heard
    event: UUID
    case: UUID | None = None
    answers: Ref | None = None
    before: UUID | None = None
    gone: datetime | None = None


class Batch(NamedTuple):
    """What was decided together, and when."""

    at: datetime
    posts: Sequence[Post]


class Stored(NamedTuple):
    """A case that was opened. `at_start` is its level when the stretch begins, None where it was not open then;
    `set_at` is when its present level was set. `ticket`: it has a Ticket, of its own unless it is `shared`."""

    id: UUID
    subject: str
    level: Level
    opened_at: datetime
    set_at: datetime
    closed_at: datetime | None
    rule: UUID | None
    event: UUID | None
    at_start: Level | None = None
    ticket: bool = True
    shared: bool = False
    parent: UUID | None = None
    ticketed_at: datetime | None = None
    themes: tuple[str, ...] = ()
    verdict: str | None = None


class Change(NamedTuple):
    """What people did meanwhile: closed the case of a subject, opened one of them again (the one that rests on `event`),
    released what a switch held."""

    at: datetime
    what: Literal["close", "reopen", "release"]
    of: str | UUID
    event: UUID | None = None


class Spell(NamedTuple):
    """A crisis switch, and from when to when it was on."""

    switch: Switch
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored of a stretch beside its posts. `blocked` are blocked authors (subjects) with the last moment at
    which they surely were not yet; `lasts` is how long a case lasts, if any was closed; `did` is when a rule opened,
    raised or reopened a case before the stretch."""

    since: datetime
    policy: Policy = field(default_factory=Policy)
    cases: Sequence[Stored] = ()
    changes: Sequence[Change] = ()
    switches: Sequence[Spell] = ()
    blocked: Mapping[str, datetime] | None = None
    lasts: timedelta | None = None
    did: Sequence[tuple[datetime, UUID]] = ()
    of_subject: dict[str, list[Stored]] = field(init=False, default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for one in self.cases:
            self.of_subject.setdefault(one.subject, []).append(one)
