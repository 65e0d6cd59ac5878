"""An event and a record that it is about: how we know, how sure, and the words that showed it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written
from models.vocabulary import MATCH_KINDS, MATCH_STATES, one_of


class Match(Record):
    """`sure` is in [0, 1]. `starts` and `ends` are character offsets of `evidence` in the event's text.

    `author`: the record is the author's own, by the link of the identity. `how` is `identity` where nothing else in
    the post names the record.
    `by` is the person who decided; NULL: found by the machine, which may find otherwise when the post is edited.
    """

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("org_id", "event_id", "kind", "record_id"),
        one_of("kind", MATCH_KINDS),
        one_of("state", MATCH_STATES),
        CheckConstraint("sure BETWEEN 0 AND 1", name="sure"),
        Index("ix_matches_record_id", "record_id"),
        Index("ix_matches_suggested", "org_id", "created_at", postgresql_where=text("state = 'suggested'")),
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("social_events.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    record_id: Mapped[UUID]
    how: Mapped[str]
    sure: Mapped[float]
    evidence: Mapped[str | None]
    starts: Mapped[int | None]
    ends: Mapped[int | None]
    state: Mapped[str] = mapped_column(server_default=text("'live'"))
    author: Mapped[bool] = mapped_column(server_default=text("false"))
    by: Mapped[str | None]
    created_at: Mapped[Written]
