"""One visit to a source. With the sums over its pages it is the ledger: view `ledger`.

fetched = new + duplicate + edited + filtered + quarantined + waiting, for every poll and at any time.
A visit without news adds to `visits` of the last row instead of writing another.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, of


class Poll(Record):
    """`uncertain`: the visit was cut off, so one page may have been fetched and not landed.

    `units` and `money` (millionths of a US dollar) are what its pages took; what is `held` was set aside for a request
    that is under way, or that was cut off and may have been paid.
    """

    __tablename__ = "polls"
    __table_args__ = (
        Index("ix_polls_source_id", "source_id", text("started_at DESC")),
        Index("ix_polls_gap", "org_id", "started_at", "id", postgresql_where=text("gap IS NOT NULL")),
    )

    source_id: Mapped[UUID] = of("sources.id")
    fence: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[Written]
    finished_at: Mapped[datetime | None]
    visits: Mapped[int] = mapped_column(server_default=text("1"))
    pages: Mapped[int] = mapped_column(server_default=text("0"))
    fetched: Mapped[int] = mapped_column(server_default=text("0"))
    uncertain: Mapped[bool] = mapped_column(server_default=text("false"))
    units: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    money: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_units: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_money: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    error: Mapped[str | None]
    gap: Mapped[str | None]
