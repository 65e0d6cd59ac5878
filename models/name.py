"""The index that resolve looks names up in: one row a way in which a record may be named.

Made by workers/names.py from aliases, accounts and contacts and never written by hand; `renamed` says whose
rows are due. `owner` is the row that the name comes from.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base, Written
from models.vocabulary import NAME_KINDS, NAME_OWNERS, one_of

TRANSACTION = "((pg_current_xact_id())::text)::bigint"
"""Spelt as PostgreSQL gives it back."""


class Name(Base):
    """`written_by` is the transaction: a reader that knows a horizon asks only for what came after it."""

    __tablename__ = "names"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "kind", "key", "platform", "owner_id"),
        one_of("kind", NAME_KINDS),
        one_of("owner", NAME_OWNERS),
        Index("ix_names_owner_id", "owner_id"),
        Index("ix_names_written_by", "org_id", "written_by"),
    )

    org_id: Mapped[str]
    kind: Mapped[str]
    key: Mapped[str]
    platform: Mapped[str] = mapped_column(server_default="")
    owner: Mapped[str]
    owner_id: Mapped[UUID]
    written_by: Mapped[int] = mapped_column(BigInteger, server_default=text(TRANSACTION))


class Renamed(Base):
    """A record whose names may have changed; written by triggers, a row a change, taken by workers/names.py.

    Of an alias that had been seen on an identity (`identity_id`): whom it stood for before the change.
    """

    __tablename__ = "renamed"
    __table_args__ = (one_of("owner", NAME_OWNERS), Index("ix_renamed_org_id", "org_id", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    org_id: Mapped[str]
    owner: Mapped[str]
    owner_id: Mapped[UUID]
    identity_id: Mapped[UUID | None]
    of: Mapped[str | None]
    record_id: Mapped[UUID | None]
    noted_at: Mapped[Written]
