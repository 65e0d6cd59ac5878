"""What a person decided about matches and identities: each step, so that it can be seen and taken back.

An identity may have written a hundred thousand posts, and all of them follow its link: which ones still have to, and
what each was before, are rows here, so that no transaction is long and a crash in between loses nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base, Record, Written, of, to
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


class Following(Base):
    """The posts of an identity that are to follow its link, in the order of their ids, from after `after` on.

    `review_id` is the step for which it is kept what they were; `restores_id` the one that is taken back by it.
    `since`: a second look, `due_at` a while later, at what was being written while the link changed.
    """

    __tablename__ = "followings"
    __table_args__ = (
        Index("ix_followings_org_id", "org_id", "id"),
        Index("ix_followings_identity_id", "identity_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    org_id: Mapped[str]
    identity_id: Mapped[UUID] = of("identities.id")
    review_id: Mapped[UUID | None] = to("reviews.id", lost="CASCADE")
    restores_id: Mapped[UUID | None] = to("reviews.id", lost="CASCADE")
    after: Mapped[UUID | None]
    since: Mapped[datetime | None]
    due_at: Mapped[Written]
    created_at: Mapped[Written]


class ReviewedEvent(Record):
    """What the author of an event was tied to before a step: the event's matches that are the author's own, and the
    suggestions that the step made true. Without any it is an empty list."""

    __tablename__ = "reviewed_events"
    __table_args__ = (UniqueConstraint("org_id", "review_id", "event_id"),)

    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), index=True)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("social_events.id", ondelete="CASCADE"), index=True)
    before: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
