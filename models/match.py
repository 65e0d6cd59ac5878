"""An event and a record that it is about: how we know, how sure, and the words that showed it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written
from models.vocabulary import MATCH_KINDS, MATCH_STATES, one_of


class Match(Record):
    """`sure` is in [0, 1]. `starts` and `ends` are character offsets of `evidence` in the event's text."""

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("org_id", "event_id", "kind", "record_id"),
        one_of("kind", MATCH_KINDS),
        one_of("state", MATCH_STATES),
        CheckConstraint("sure BETWEEN 0 AND 1", name="sure"),
        Index("ix_matches_record_id", "record_id"),
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
    created_at: Mapped[Written]
