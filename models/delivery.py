"""What a platform delivered to us by itself, so that the same delivery lands once."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from models._base import Record, Written, of


class Delivered(Record):
    """`delivery` is the platform's own name of it, the same when it delivers again."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("org_id", "source_id", "delivery"),
        Index("ix_deliveries_received_at", "received_at"),
    )

    source_id: Mapped[UUID] = of("sources.id")
    delivery: Mapped[str]
    received_at: Mapped[Written]
