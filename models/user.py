"""A person of ours: owns records, is assigned activities. The diagram names the table, not its columns."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record


class User(Record):
    __tablename__ = "users"

    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str | None]
