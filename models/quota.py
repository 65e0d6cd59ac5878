"""What may be spent: an allowance by the day or the month, and what has been taken of it.

Counted are requests, the platform's own units, or money in millionths of a US dollar. An allowance without a
credential holds for all of the organisation's on that platform together.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import PLATFORMS, QUOTA_OF, QUOTA_PERIODS, one_of


class Quota(Record):
    """At most `amount` of `of` in each day or month of the calendar of `zone`, an IANA name."""

    __tablename__ = "quotas"
    __table_args__ = (
        UniqueConstraint(
            "org_id", "platform", "credential_id", "of", "period", postgresql_nulls_not_distinct=True
        ),
        one_of("platform", PLATFORMS),
        one_of("of", QUOTA_OF),
        one_of("period", QUOTA_PERIODS),
        CheckConstraint("amount >= 0", name="amount"),
    )

    platform: Mapped[str]
    credential_id: Mapped[UUID | None] = to("credentials.id", lost="CASCADE")
    of: Mapped[str]
    period: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    zone: Mapped[str] = mapped_column(server_default="UTC")
    created_at: Mapped[Written]


class Spending(Record):
    """What one credential (NULL: nobody's) has taken since the period began: `spent` for pages that landed, `held` for
    requests that are under way or were cut off, which may have been taken and count as if they were."""

    __tablename__ = "spendings"
    __table_args__ = (
        UniqueConstraint(
            "org_id", "platform", "credential_id", "of", "starts_on", "period",
            name="uq_spendings_window",
            postgresql_nulls_not_distinct=True,
        ),
        one_of("platform", PLATFORMS),
        one_of("of", QUOTA_OF),
        one_of("period", QUOTA_PERIODS),
        Index("ix_spendings_credential_id", "credential_id", postgresql_where=text("credential_id IS NOT NULL")),
    )  # fmt: skip

    platform: Mapped[str]
    credential_id: Mapped[UUID | None] = to("credentials.id", lost="CASCADE")
    of: Mapped[str]
    period: Mapped[str]
    starts_on: Mapped[date]
    spent: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    first_at: Mapped[Written]
