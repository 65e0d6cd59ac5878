"""Somebody who may become a customer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to, where_set
from models.vocabulary import LEAD_STATUS, RECORD_SOURCES, one_of


class Lead(Record):
    """`identity_id`: the author whom a rule made a Lead of, once (no foreign key: identities point here);
    `rule_id`: which rule.
    """

    __tablename__ = "leads"
    __table_args__ = (
        one_of("status", LEAD_STATUS),
        one_of("source", RECORD_SOURCES),
        Index(
            "uq_leads_identity_id",
            "org_id",
            "identity_id",
            unique=True,
            postgresql_where=text("identity_id IS NOT NULL"),
        ),
        where_set("ix_leads_rule_id", "rule_id", "created_at"),
    )

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
    identity_id: Mapped[UUID | None]
    rule_id: Mapped[UUID | None] = to("rules.id")
    created_at: Mapped[Written]
