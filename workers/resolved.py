"""What was found out about a post: who wrote it, what it is about, and how we know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from workers.escalate import NOT_NAMING

if TYPE_CHECKING:
    from connectors._base import Post
    from workers.lookup import Known, Parent


class Matched(NamedTuple):
    """One record that a post is about, how we know, and how sure that is, in [0, 1].

    `suggested`: for a person to decide. `author`: it is the author's own.
    """

    kind: str
    record: UUID
    how: str
    evidence: str | None
    starts: int | None = None
    ends: int | None = None
    sure: float = 1.0
    suggested: bool = False
    author: bool = False


class Resolved(msgspec.Struct):
    """What resolve found out about one post."""

    post: Post
    platform: str
    author: Known | None = None
    ours: bool = False
    competitor: bool = False
    addressed: bool = False
    about_us: bool = False
    parent: Parent | None = None
    matches: list[Matched] = []
    claims: list[tuple[UUID, str]] = []
    """Handles, by their alias, that are seen for the first time, with this identity."""
    follows: bool = False
    """Was the author, whom we had heard before, linked by this post? Then the earlier ones follow."""
    contact: UUID | None = None
    account: UUID | None = None
    campaign: UUID | None = None
    ticket: UUID | None = None

    @property
    def voice(self) -> str:
        """Whose voice it is: our own, a competitor's, or earned."""
        return "own" if self.ours else "competitor" if self.competitor else "earned"

    @property
    def live(self) -> list[Matched]:
        """The matches that count."""
        return [made for made in self.matches if not made.suggested]

    @property
    def named(self) -> bool:
        """Does it name one of our accounts or campaigns itself?"""
        return any(made.kind in ("account", "campaign") and made.how not in NOT_NAMING for made in self.live)

    @property
    def topic(self) -> UUID | None:
        """The account that what answers this post is about too: the only one that it names."""
        if not self.matches:
            return None
        named = [made.record for made in self.live if made.kind == "account" and made.how != "identity"]
        return named[0] if len(named) == 1 else None
