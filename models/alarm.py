"""Where a rule over many posts stands: has its mean or its number crossed, and since when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, of, to


class Alarm(Record):
    """One row a rule and scope (as in hours) that was ever looked at. While `fired_at` is set, the rule opens nothing
    more for that scope; it is taken away once the value has come back over the rule's own mark."""

    __tablename__ = "alarms"
    __table_args__ = (UniqueConstraint("org_id", "rule_id", "scope"),)

    rule_id: Mapped[UUID] = of("rules.id")
    scope: Mapped[str]
    fired_at: Mapped[datetime | None]
    looked_at: Mapped[Written]
    n: Mapped[int] = mapped_column(server_default=text("0"))
    value: Mapped[float | None]
    baseline: Mapped[float | None]
    case_id: Mapped[UUID | None] = to("cases.id")
