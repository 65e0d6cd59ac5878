"""What one fetch brought, waiting to be digested: the queue of the fleet is this table.

`body` is a version byte and zstd(msgpack of posts and rejects), stored as it is and dropped after
digestion. `id` is the landing order. What a failed attempt was at stands in `trying`; see
workers/digest.py for how a range of posts that fails is halved.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base, Written, of, to
from models.vocabulary import PAGE_STATES, PLATFORMS, one_of


class Page(Base):
    """`filtered` counts by reason, e.g. {"repost": 3}. Ranges are half-open [start, end) over the items."""

    __tablename__ = "pages"
    __table_args__ = (
        one_of("platform", PLATFORMS),
        one_of("state", PAGE_STATES),
        Index("ix_pages_waiting", "id", postgresql_where=text("state = 'landed'")),
        Index("ix_pages_leased", "source_id", postgresql_where=text("lease_until IS NOT NULL")),
        Index("ix_pages_digested", "digested_at", postgresql_where=text("state = 'digested'")),
        Index("ix_pages_poll_id", "poll_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    org_id: Mapped[str] = mapped_column(server_default="main")
    platform: Mapped[str]
    source_id: Mapped[UUID] = of("sources.id")
    poll_id: Mapped[UUID | None] = to("polls.id")
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(server_default="landed")
    fetched: Mapped[int]
    new: Mapped[int] = mapped_column(server_default=text("0"))
    duplicate: Mapped[int] = mapped_column(server_default=text("0"))
    edited: Mapped[int] = mapped_column(server_default=text("0"))
    filtered: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    quarantined: Mapped[int] = mapped_column(server_default=text("0"))

    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    lease_pid: Mapped[int | None]
    lease_started: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    todo: Mapped[list[Any] | None] = mapped_column(JSONB)
    trying: Mapped[list[Any] | None] = mapped_column(JSONB)
    error: Mapped[str | None]
    landed_at: Mapped[Written]
    digested_at: Mapped[datetime | None]
