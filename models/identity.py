"""An author on a platform: a stable id, the handle now and those before, and whose it is if we know."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to, where_set
from models.vocabulary import PLATFORMS, one_of


class Identity(Record):
    """Linked to a Contact, an Account, a Lead, to ourselves, or to nobody."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("org_id", "platform", "stable_id"),
        one_of("platform", PLATFORMS),
        where_set("ix_identities_contact_id", "contact_id"),
        where_set("ix_identities_account_id", "account_id"),
    )

    platform: Mapped[str]
    stable_id: Mapped[str]
    handle: Mapped[str | None]
    former_handles: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    name: Mapped[str | None]
    bot: Mapped[bool] = mapped_column(server_default=text("false"))
    ours: Mapped[bool] = mapped_column(server_default=text("false"))
    contact_id: Mapped[UUID | None] = to("contacts.id")
    account_id: Mapped[UUID | None] = to("accounts.id")
    lead_id: Mapped[UUID | None] = to("leads.id")
    created_at: Mapped[Written]
