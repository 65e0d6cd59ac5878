"""Which beat is awake. One row; the term rises with every takeover and travels with every tick."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base


class BeatLease(Base):
    __tablename__ = "beat_lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[UUID]
    term: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime]
