"""What decide needs to know of a post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Ref = tuple[str, str]
"""(platform, external id) of a post."""
Audience = Literal["addressed", "customer", "named"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What decide needs to know of one post. `parent_case` is the stored open case of the post it answers,
    `closed_case` the one that is closed; of a post that was edited, the case that it belongs to, if that is closed.

    `crossed` are the rules that it crossed before it was edited. `heard_at` is when it was heard, where that is not now.
    `told` are the rules that have told of it already. `alone`: the subject of the case that a person split it into, which
    is its own and not its author's: see console/splitting.py.

    `about` are the records that it is tied to (campaigns, accounts), `account` and `campaign` those that it counts for.
    `stranger`: its author is known by a stable id and belongs to nobody: no Contact, Account, Lead or competitor.
    """

    ref: Ref
    subject: str
    text: str
    sentiment: float | None
    occurred_at: datetime
    addressed: bool
    about_us: bool
    named: bool
    customer: bool
    ours: bool
    bot: bool
    stranger: bool
    start_mark: datetime
    reply_to: str | None
    parent_case: UUID | None
    attached: bool
    rating: float | None = None
    closed_case: UUID | None = None
    lang: str | None = None
    kinds: frozenset[str] = frozenset()
    sources: frozenset[UUID] = frozenset()
    about: frozenset[UUID] = frozenset()
    account: UUID | None = None
    campaign: UUID | None = None
    crossed: frozenset[UUID] = frozenset()
    heard_at: datetime | None = None
    told: frozenset[UUID] = frozenset()
    alone: str | None = None

    @property
    def whose(self) -> str:
        """The subject of its case: its author, or the post itself where a person has said that it is another matter."""
        return self.alone or self.subject

    def belongs_to(self, audience: Audience) -> bool:
        """Is it a post of this audience?"""
        if audience == "addressed":
            return self.addressed
        if audience == "customer":
            return self.customer and (self.addressed or self.about_us)
        return self.about_us or self.named
