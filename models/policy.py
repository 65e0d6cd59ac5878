"""How an organisation escalates beyond its rules: bursts, reopening, what verdicts do to a rule, when tickets are due."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written


class Policy(Record):
    """One row an organisation; without one the defaults hold.

    After `burst_after` Tickets of one theme within `burst_minutes` an Incident takes the rest; after `burst_all` of
    whatever theme one Incident for everything. A crossing reply of the author reopens a case that closed at most
    `reopen_days` ago. A rule whose precision falls below `precision_floor`, once `precision_least` of its cases are
    closed or judged, only suggests. A Ticket is due so many minutes after it was opened as the `due_` of its priority
    says, an Activity as one of low priority.
    """

    __tablename__ = "policies"
    __table_args__ = (
        UniqueConstraint("org_id"),
        CheckConstraint("burst_after > 0", name="burst_after"),
        CheckConstraint("burst_all > 0", name="burst_all"),
        CheckConstraint("burst_minutes > 0", name="burst_minutes"),
        CheckConstraint("reopen_days >= 0", name="reopen_days"),
        CheckConstraint("precision_floor BETWEEN 0 AND 1", name="precision_floor"),
        CheckConstraint("precision_least > 0", name="precision_least"),
        CheckConstraint(
            "0 < due_urgent AND due_urgent <= due_high AND due_high <= due_normal AND due_normal <= due_low",
            name="due",
        ),
    )

    burst_after: Mapped[int] = mapped_column(server_default=text("20"))
    burst_all: Mapped[int] = mapped_column(server_default=text("100"))
    burst_minutes: Mapped[int] = mapped_column(server_default=text("60"))
    reopen_days: Mapped[int] = mapped_column(server_default=text("14"))
    precision_floor: Mapped[float] = mapped_column(server_default=text("0.5"))
    precision_least: Mapped[int] = mapped_column(server_default=text("20"))
    due_urgent: Mapped[int] = mapped_column(server_default=text("60"))
    due_high: Mapped[int] = mapped_column(server_default=text("240"))
    due_normal: Mapped[int] = mapped_column(server_default=text("1440"))
    due_low: Mapped[int] = mapped_column(server_default=text("4320"))
    created_at: Mapped[Written]
