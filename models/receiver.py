"""Who is told of what was opened: a webhook or an e-mail address, and what is still owed to each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import DateTime, Text

from models._base import Base, Record, Written, of, to
from models.vocabulary import OWED_STATES, RECEIVER_KINDS, RECEIVER_STATES, one_of


class Receiver(Record):
    """`address` is an https URL or an e-mail address; `secret` signs what a webhook gets, encrypted and bound to this row.

    `tells`: the kinds of news wanted, none listed is all. At most `per_hour` deliveries in an hour (NULL: no limit);
    what is beyond it waits and goes out as one digest. `owner_id` is told when it does not take what it is sent, by the
    Activity `activity_id`, and when news was given up by `lost_id`. While it is paused, news is written down for it and
    waits. `replayed`: when what is owed again was delivered before, which the hour's budget still counts. A lease holds as
    a source's does.
    """

    __tablename__ = "receivers"
    __table_args__ = (
        UniqueConstraint("org_id", "name"),
        one_of("kind", RECEIVER_KINDS),
        one_of("state", RECEIVER_STATES),
        CheckConstraint("per_hour > 0", name="per_hour"),
    )

    name: Mapped[str]
    kind: Mapped[str]
    address: Mapped[str]
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    tells: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    per_hour: Mapped[int | None]
    owner_id: Mapped[UUID | None] = to("users.id")
    state: Mapped[str] = mapped_column(server_default="active")
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    last_success_at: Mapped[datetime | None]
    due_at: Mapped[Written]
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    lease_pid: Mapped[int | None]
    lease_started: Mapped[datetime | None]
    replayed: Mapped[list[datetime]] = mapped_column(
        ARRAY(DateTime(timezone=True)), server_default=text("'{}'")
    )
    activity_id: Mapped[UUID | None] = to("activities.id")
    lost_id: Mapped[UUID | None] = to("activities.id")
    created_at: Mapped[Written]


class Owed(Base):
    """News that one receiver is owed; `id` is their order within a case, since whoever writes one holds the case.

    `body` is what was true when it was written. `until`: given up when it is not delivered by then. `folded_into` is the
    digest that told it instead.
    """

    __tablename__ = "owed"
    __table_args__ = (
        one_of("state", OWED_STATES),
        Index("ix_owed_waiting", "receiver_id", "id", postgresql_where=text("state = 'owed'")),
        Index("ix_owed_case_id", "case_id", "receiver_id", "id"),
        Index(
            "ix_owed_delivered", "receiver_id", "delivered_at", postgresql_where=text("state = 'delivered'")
        ),
        Index("ix_owed_ended", "created_at", postgresql_where=text("state IN ('failed', 'folded')")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    org_id: Mapped[str]
    receiver_id: Mapped[UUID] = of("receivers.id")
    case_id: Mapped[UUID | None] = to("cases.id")
    kind: Mapped[str]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(server_default="owed")
    created_at: Mapped[Written]
    due_at: Mapped[Written]
    until: Mapped[datetime] = mapped_column(server_default=text("now() + interval '72 hours'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    folded_into: Mapped[int | None] = mapped_column(BigInteger)
