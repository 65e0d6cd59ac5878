"""A deal in the making. Amounts are in `currency` (ISO 4217), probability in percent."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to
from models.vocabulary import OPPORTUNITY_STAGES, one_of


class Opportunity(Record):
    __tablename__ = "opportunities"
    __table_args__ = (
        one_of("stage", OPPORTUNITY_STAGES),
        CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
    )

    account_id: Mapped[UUID | None] = to("accounts.id")
    contact_id: Mapped[UUID | None] = to("contacts.id")
    owner_id: Mapped[UUID | None] = to("users.id")
    name: Mapped[str] = mapped_column(server_default="")
    amount: Mapped[Decimal | None] = mapped_column(Numeric)
    currency: Mapped[str | None]
    stage: Mapped[str] = mapped_column(server_default="prospecting")
    probability: Mapped[int | None]
    campaign_id: Mapped[UUID | None] = to("campaigns.id")
    created_at: Mapped[Written]
