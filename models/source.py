"""Our decision to follow something: what, where we stand in it, when to look again, who is looking.

A lease holds while `lease_until` has not passed and the database session that took it lives;
`fence` counts the leases, and a write with an older fence is refused.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to, where_set
from models.vocabulary import PLATFORMS, SOURCE_STATES, one_of


class Source(Record):
    """`every` is in seconds. Posts before `escalate_from`, the start mark, never open a case."""

    __tablename__ = "sources"
    __table_args__ = (
        UniqueConstraint("org_id", "platform", "kind", "host", "term"),
        one_of("platform", PLATFORMS),
        one_of("state", SOURCE_STATES),
        Index("ix_sources_due", "platform", "priority", "due_at", postgresql_where=text("state = 'active'")),
        where_set("ix_sources_credential_id", "credential_id"),
    )

    platform: Mapped[str]
    kind: Mapped[str]
    term: Mapped[str]
    host: Mapped[str] = mapped_column(server_default="")
    exclude: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    credential_id: Mapped[UUID | None] = to("credentials.id")
    owner_id: Mapped[UUID | None] = to("users.id")
    campaign_id: Mapped[UUID | None] = to("campaigns.id")
    priority: Mapped[int] = mapped_column(server_default=text("100"))
    every: Mapped[float]
    escalate_from: Mapped[Written]
    state: Mapped[str] = mapped_column(server_default="active")

    cursor: Mapped[str | None]
    due_at: Mapped[Written]
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    lease_pid: Mapped[int | None]
    lease_started: Mapped[datetime | None]
    poll_id: Mapped[UUID | None]
    page_size: Mapped[int | None]

    failures: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    created_at: Mapped[Written]
