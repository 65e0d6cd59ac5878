"""A post set aside with its payload and the reason: nothing that a platform returned is thrown away."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Computed, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import PLATFORMS, QUARANTINE_STAGES, QUARANTINE_STATES, one_of


class Quarantined(Record):
    """A source that shows the same item at every visit fills one row: its `fingerprint` tells, and `nth` counts
    equal items of one page from 0.

    `payload` is the raw item of a reject (UTF-8), or the msgpack of the Post that failed in digest."""

    __tablename__ = "quarantine"
    __table_args__ = (
        UniqueConstraint("org_id", "source_id", "fingerprint", "nth"),
        one_of("platform", PLATFORMS),
        one_of("stage", QUARANTINE_STAGES),
        one_of("state", QUARANTINE_STATES),
        Index("ix_quarantine_held", "org_id", "id", postgresql_where=text("state = 'held'")),
        Index(
            "ix_quarantine_held_platform", "org_id", "platform", "id", postgresql_where=text("state = 'held'")
        ),
    )

    platform: Mapped[str]
    source_id: Mapped[UUID | None] = to("sources.id")
    page_id: Mapped[int] = mapped_column(BigInteger)
    item: Mapped[int]
    stage: Mapped[str]
    external_id: Mapped[str | None]
    reason: Mapped[str]
    trace: Mapped[str | None]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    fingerprint: Mapped[str] = mapped_column(Computed("md5(payload)", persisted=True))
    nth: Mapped[int] = mapped_column(server_default=text("0"))
    state: Mapped[str] = mapped_column(server_default="held")
    held_at: Mapped[Written]
    settled_at: Mapped[datetime | None]
