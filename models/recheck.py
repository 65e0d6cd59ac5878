"""How far the sweep over stored posts has come that asks a platform whether they still stand as they were.

A source looks after the posts that it heard first, because its credential may see what another's does not.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, of
from models.vocabulary import PLATFORMS, one_of


class Recheck(Record):
    """One round after another over a source's posts as they were recorded: `after` is the row of the last looked at.

    `due_at` is when the next batch may be asked for; `asked` and `gone` count over all rounds.
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
    asked: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    gone: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_error: Mapped[str | None]
