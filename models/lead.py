"""Somebody who may become a customer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import LEAD_STATUS, RECORD_SOURCES, one_of


class Lead(Record):
    __tablename__ = "leads"
    __table_args__ = (one_of("status", LEAD_STATUS), one_of("source", RECORD_SOURCES))

    account_id: Mapped[UUID | None] = to("accounts.id")
    owner_id: Mapped[UUID | None] = to("users.id")
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    company: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="new")
    source: Mapped[str] = mapped_column(server_default="crm")
    contact_id: Mapped[UUID | None] = to("contacts.id")
    campaign_id: Mapped[UUID | None] = to("campaigns.id")
    created_at: Mapped[Written]
