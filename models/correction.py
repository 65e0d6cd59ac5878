"""What a person says of a post's sentiment, beside the number, which stays."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written
from models.vocabulary import SENTIMENTS, one_of


class Correction(Record):
    """The newest of an event that was not undone counts. `sentiment` and `scorer` are what stood there when it
    was corrected."""

    __tablename__ = "corrections"
    __table_args__ = (one_of("label", SENTIMENTS),)

    event_id: Mapped[UUID] = mapped_column(ForeignKey("social_events.id", ondelete="CASCADE"), index=True)
    label: Mapped[str]
    sentiment: Mapped[float | None]
    scorer: Mapped[str | None]
    by: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[Written]
    undone_at: Mapped[datetime | None]
