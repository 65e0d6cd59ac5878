"""A word that stands for somebody: a handle, name, domain, hashtag, keyword, UTM tag or e-mail address."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to, where_set
from models.vocabulary import ALIAS_KINDS, ALIAS_OF, PLATFORMS, one_of


class Alias(Record):
    """`value` is normalised by workers/directory.py. `platform` is set for handles. Valid days inclusive.

    `identity_id` is the identity that a handle was first seen on: another that takes the handle later is not
    meant. `needs` are words of which a post must have one for the name to count.

    Exactly the target that `of` names is set; ourselves and competitors have none (`label` names them).
    """

    __tablename__ = "aliases"
    __table_args__ = (
        UniqueConstraint(
            "org_id",
            "kind",
            "value",
            "platform",
            "of",
            "account_id",
            "contact_id",
            "campaign_id",
            postgresql_nulls_not_distinct=True,
        ),
        where_set("ix_aliases_identity_id", "identity_id"),
        Index("ix_aliases_ourselves", "org_id", postgresql_where=text("of = 'ourselves'")),
        one_of("kind", ALIAS_KINDS),
        one_of("of", ALIAS_OF),
        one_of("platform", PLATFORMS),
        CheckConstraint(
            "(account_id IS NOT NULL) = (of = 'account') AND (contact_id IS NOT NULL) = (of = 'contact')"
            " AND (campaign_id IS NOT NULL) = (of = 'campaign')",
            name="target",
        ),
    )

    kind: Mapped[str]
    value: Mapped[str]
    platform: Mapped[str | None]
    of: Mapped[str]
    label: Mapped[str | None]
    account_id: Mapped[UUID | None] = to("accounts.id", lost="CASCADE", index=True)
    contact_id: Mapped[UUID | None] = to("contacts.id", lost="CASCADE", index=True)
    campaign_id: Mapped[UUID | None] = to("campaigns.id", lost="CASCADE", index=True)
    identity_id: Mapped[UUID | None] = to("identities.id")
    needs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    created_at: Mapped[Written]
