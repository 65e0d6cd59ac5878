"""Counts per hour: what charts, baselines and rolling means read instead of the events."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base
from models.vocabulary import PLATFORMS, VOICES, one_of


class Hour(Base):
    """`scope` is `all`, `account:<id>` or `campaign:<id>`; `hour` its start in UTC; `sum` over the scored.

    n = scored + unscored; negative counts sentiment <= -0.05, positive >= 0.05; reposts are not in n.
    """

    __tablename__ = "hours"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "scope", "hour", "platform", "language", "voice"),
        one_of("platform", PLATFORMS),
        one_of("voice", VOICES),
    )

    org_id: Mapped[str]
    scope: Mapped[str]
    hour: Mapped[datetime]
    platform: Mapped[str]
    language: Mapped[str]
    voice: Mapped[str]
    n: Mapped[int] = mapped_column(server_default=text("0"))
    scored: Mapped[int] = mapped_column(server_default=text("0"))
    sum: Mapped[float] = mapped_column(server_default=text("0"))
    negative: Mapped[int] = mapped_column(server_default=text("0"))
    positive: Mapped[int] = mapped_column(server_default=text("0"))
    unscored: Mapped[int] = mapped_column(server_default=text("0"))
    reposts: Mapped[int] = mapped_column(server_default=text("0"))
