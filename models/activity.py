"""A thing to do about a record. Finishing it (done, cancelled) closes its case if that has no Ticket."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import ACTIVITY_CHANNELS, ACTIVITY_STATUS, ACTIVITY_TYPES, one_of


class Activity(Record):
    __tablename__ = "activities"
    __table_args__ = (
        one_of("channel", ACTIVITY_CHANNELS),
        one_of("activity_type", ACTIVITY_TYPES),
        one_of("status", ACTIVITY_STATUS),
        Index("ix_activities_owner_id", "owner_id", "id"),
    )

    owner_id: Mapped[UUID | None] = to("users.id")
    account_id: Mapped[UUID | None] = to("accounts.id", index=True)
    contact_id: Mapped[UUID | None] = to("contacts.id", index=True)
    lead_id: Mapped[UUID | None] = to("leads.id")
    opportunity_id: Mapped[UUID | None] = to("opportunities.id")
    ticket_id: Mapped[UUID | None] = to("tickets.id", index=True)
    campaign_id: Mapped[UUID | None] = to("campaigns.id")
    subject: Mapped[str] = mapped_column(server_default="")
    channel: Mapped[str] = mapped_column(server_default="other")
    activity_type: Mapped[str] = mapped_column(server_default="task")
    status: Mapped[str] = mapped_column(server_default="planned")
    created_at: Mapped[Written]
