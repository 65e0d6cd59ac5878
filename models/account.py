"""A company that we do business with."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to


class Account(Record):
    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_org_id_name", "org_id", "name"),)

    name: Mapped[str] = mapped_column(server_default="")
    industry: Mapped[str | None]
    website: Mapped[str | None]
    phone: Mapped[str | None]
    owner_id: Mapped[UUID | None] = to("users.id")
    created_at: Mapped[Written]
