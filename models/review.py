"""What a person decided about matches and identities: each step, so that it can be seen and taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import MATCH_KINDS, REVIEW_ACTIONS, one_of


class Review(Record):
    """`before` is what undoing it restores. `event_id` or `identity_id` say what it was done to."""

    __tablename__ = "reviews"
    __table_args__ = (
        one_of("action", REVIEW_ACTIONS),
        one_of("kind", MATCH_KINDS),
        Index("ix_reviews_org_id_created_at", "org_id", "created_at"),
    )

    action: Mapped[str]
    event_id: Mapped[UUID | None] = to("social_events.id", lost="CASCADE", index=True)
    identity_id: Mapped[UUID | None] = to("identities.id", lost="CASCADE", index=True)
    into_id: Mapped[UUID | None] = to("identities.id", lost="CASCADE")
    kind: Mapped[str | None]
    record_id: Mapped[UUID | None]
    before: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    by: Mapped[str | None]
    created_at: Mapped[Written]
    undone_at: Mapped[datetime | None]


class Refusal(Record):
    """A suggestion that was rejected and is not made again: this evidence does not mean that record."""

    __tablename__ = "refusals"
    __table_args__ = (
        UniqueConstraint("org_id", "kind", "record_id", "evidence"),
        one_of("kind", MATCH_KINDS),
    )

    kind: Mapped[str]
    record_id: Mapped[UUID]
    evidence: Mapped[str]
    review_id: Mapped[UUID | None] = to("reviews.id", lost="CASCADE")
    created_at: Mapped[Written]
