"""What marketing runs, within its dates (both inclusive; NULL is open)."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written
from models.vocabulary import CAMPAIGN_STATUS, CAMPAIGN_TYPES, one_of


class Campaign(Record):
    __tablename__ = "campaigns"
    __table_args__ = (one_of("type", CAMPAIGN_TYPES), one_of("status", CAMPAIGN_STATUS))

    name: Mapped[str] = mapped_column(server_default="")
    type: Mapped[str] = mapped_column(server_default="other")
    status: Mapped[str] = mapped_column(server_default="planned")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    created_at: Mapped[Written]
