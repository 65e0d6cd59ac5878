"""A repetition of a post by somebody else: counted on the original, never an event of its own."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped

from models._base import Base
from models.vocabulary import PLATFORMS, one_of


class Repost(Base):
    """One row a repost, so that hearing it twice counts once. `of` is the original's external id."""

    __tablename__ = "reposts"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "platform", "external_id"),
        one_of("platform", PLATFORMS),
    )

    org_id: Mapped[str]
    platform: Mapped[str]
    external_id: Mapped[str]
    of: Mapped[str]
