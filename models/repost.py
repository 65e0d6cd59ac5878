"""A repetition of a post by somebody else: counted on the original, never an event of its own."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base
from models.vocabulary import PLATFORMS, one_of


class Repost(Base):
    """One row a repost, so that hearing it twice counts once. `of` is the original's external id; it may be
    heard after its repost, which is `counted` then."""

    __tablename__ = "reposts"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "platform", "external_id"),
        one_of("platform", PLATFORMS),
        Index("ix_reposts_owed", "org_id", "of", postgresql_where=text("NOT counted")),
    )

    org_id: Mapped[str]
    platform: Mapped[str]
    external_id: Mapped[str]
    of: Mapped[str]
    counted: Mapped[bool] = mapped_column(server_default=text("false"))
