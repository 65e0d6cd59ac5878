"""A person whom we know. No post ever creates one."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Mapped

from models._base import Record, Written, to


class Contact(Record):
    __tablename__ = "contacts"

    account_id: Mapped[UUID | None] = to("accounts.id", index=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    owner_id: Mapped[UUID | None] = to("users.id")
    created_at: Mapped[Written]
