"""An author on a platform: a stable id, the handle now and those before, and whose it is if we know."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, Index, UniqueConstraint, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to, where_set
from models.vocabulary import PLATFORMS, one_of

LOWERED = """
CREATE FUNCTION lowered(words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_agg(lower(word)) FROM unnest(words) AS t(word)
$$
"""
"""PostgreSQL has nothing that lowers a list and may stand in an index."""


class Identity(Record):
    """Linked to a Contact, an Account, a Lead, to ourselves, or to nobody.

    `merged_into`: the same person as that identity, on another platform; what that one is linked to counts, and it is
    merged into none itself. `decided`: a person said whose it is, so no handle does. `blocked`: a person said that
    nothing it writes opens a case.
    """

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("org_id", "platform", "stable_id"),
        one_of("platform", PLATFORMS),
        where_set("ix_identities_contact_id", "contact_id"),
        where_set("ix_identities_account_id", "account_id"),
        where_set("ix_identities_merged_into", "merged_into"),
        # the handle leads, or the planner may take this index where the stable id is asked for
        Index("ix_identities_handle", text("lower(handle)"), "org_id", "platform"),
        Index(
            "ix_identities_former_handles",
            text("lowered(former_handles)"),
            postgresql_using="gin",
            postgresql_with={
                "fastupdate": "off"
            },  # a list of what is not sorted in yet would be read at each look
            postgresql_where=text("former_handles <> '{}'::text[]"),
        ),
        CheckConstraint("merged_into <> id", name="merged_into"),
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
    merged_into: Mapped[UUID | None] = to("identities.id")
    decided: Mapped[bool] = mapped_column(server_default=text("false"))
    blocked: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[Written]


event.listen(Identity.__table__, "before_create", DDL(LOWERED))  # type: ignore[no-untyped-call]
