"""A matter that support works on. Closing it (resolved, closed) closes its case, by a trigger."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to, where_set
from models.vocabulary import PRIORITIES, RECORD_SOURCES, TICKET_STATUS, one_of

OPEN = "status NOT IN ('resolved', 'closed')"


class Ticket(Record):
    """`number` is what people say to each other; it is given by the database and never reused. `parent_id` is the Ticket
    of the Incident that took this one in, or that people merged it into."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("org_id", "number"),
        one_of("status", TICKET_STATUS),
        one_of("source", RECORD_SOURCES),
        one_of("priority", PRIORITIES),
        where_set("ix_tickets_parent_id", "parent_id"),
        Index("ix_tickets_open", "org_id", "priority", "created_at", postgresql_where=text(OPEN)),
        Index(
            "ix_tickets_open_owner",
            "org_id",
            "owner_id",
            "priority",
            "created_at",
            postgresql_where=text(OPEN),
        ),
    )

    account_id: Mapped[UUID | None] = to("accounts.id", index=True)
    contact_id: Mapped[UUID | None] = to("contacts.id", index=True)
    subject: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="open")
    source: Mapped[str] = mapped_column(server_default="crm")
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=False, start=1001))
    priority: Mapped[str] = mapped_column(server_default="normal")
    owner_id: Mapped[UUID | None] = to("users.id")
    parent_id: Mapped[UUID | None] = to("tickets.id")
    created_at: Mapped[Written]
