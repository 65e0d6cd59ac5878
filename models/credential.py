"""A key to a platform. Secret and session are encrypted, and bound to this row."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to
from models.vocabulary import CREDENTIAL_STATES, PLATFORMS, one_of


class Credential(Record):
    """`secret` is what its owner gave us; `session` what the platform gave us for it, with `me`, whose it is.

    `scopes` are what the platform says it has granted (NULL: never asked, or it does not tell); `expires_at` is when the
    session, or a token without one, ends, `renew_at` when the session is due to be renewed before that (NULL: it cannot
    be, or does not end). `activity_id` is what tells ops that a person is needed, now or soon.

    One process at a time refreshes a session: `refreshing_until` is its lease, `fence` counts sessions.
    """

    __tablename__ = "credentials"
    __table_args__ = (
        UniqueConstraint("org_id", "platform", "host", "identifier"),
        one_of("platform", PLATFORMS),
        one_of("state", CREDENTIAL_STATES),
    )

    platform: Mapped[str]
    host: Mapped[str]
    identifier: Mapped[str]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    session: Mapped[bytes | None] = mapped_column(LargeBinary)
    me: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="ok")
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refreshing_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    checked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    renew_at: Mapped[datetime | None]
    activity_id: Mapped[UUID | None] = to("activities.id")
    created_at: Mapped[Written]
