"""A case as a back-test opens it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from workers.rule import Level


@dataclass(slots=True, eq=False)
class Case:
    """A case of a replay. `stored` is the stored case that the post which set its level belongs to; `set_at` when that
    was, `ticketed_at` when its Ticket opened last; `parent` the Incident that took it in, whose Ticket it has if it is `shared`."""

    id: UUID
    subject: str
    level: Level
    opened_at: datetime
    set_at: datetime
    rule: UUID | None
    event: UUID | None
    stored: UUID | None = None
    ticket: bool = False
    shared: bool = False
    parent: Case | None = None
    themes: tuple[str, ...] = ()
    closed_at: datetime | None = None
    ticketed_at: datetime | None = None
