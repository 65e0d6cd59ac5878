"""The crisis switch: until when nothing is opened for a campaign, on a platform or by a rule, and who said so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from models._base import Moment, Record, Written, to
from models.vocabulary import HOLD_OF, PLATFORMS, one_of


class Hold(Record):
    """`of` says which of the three it concerns. Lifted at `until`, or at `lifted_at` by a person; what was held back
    is released by a person, at `released_at`."""

    __tablename__ = "holds"
    __table_args__ = (
        one_of("of", HOLD_OF),
        one_of("platform", PLATFORMS),
        CheckConstraint(
            "(of = 'platform') = (platform IS NOT NULL) AND (of = 'campaign' OR campaign_id IS NULL)"
            " AND (of = 'rule' OR rule_id IS NULL)",
            name="concerns",
        ),
    )

    of: Mapped[str]
    platform: Mapped[str | None]
    campaign_id: Mapped[UUID | None] = to("campaigns.id")
    rule_id: Mapped[UUID | None] = to("rules.id")
    until: Mapped[Moment]
    reason: Mapped[str]
    by: Mapped[str]
    created_at: Mapped[Written]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
