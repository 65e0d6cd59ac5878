"""How far the sweep over stored posts has come that asks a platform whether they still stand as they were."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, of
from models.vocabulary import PLATFORMS, one_of


class Recheck(Record):
    """One round after another over the posts that a source brought last, oldest first: `after` is the last looked at.

    `due_at` is when the next batch may be asked for.
    """

    __tablename__ = "rechecks"
    __table_args__ = (
        UniqueConstraint("org_id", "source_id"),
        one_of("platform", PLATFORMS),
    )

    platform: Mapped[str]
    source_id: Mapped[UUID] = of("sources.id")
    after: Mapped[UUID | None]
    due_at: Mapped[Written]
    round_at: Mapped[Written]
    lease_until: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(server_default=text("0"))
    gone: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
