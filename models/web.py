"""The console: who may sign in, in what role; who is signed in; who tried; what people changed; what a page has to ask for again.

A person is a row of `users`, which the CRM writes as well: what only the console needs stands beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Base, Moment, Record, Written, of, where_set
from models.vocabulary import ROLES, one_of


class SignIn(Record):
    """`email` is in lower case; `password` is argon2's own notation, with its salt and its costs."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        UniqueConstraint("org_id", "email"),
        one_of("role", ROLES),
        Index("ix_sign_ins_email", "email"),
        Index("ix_sign_ins_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = of("users.id")
    email: Mapped[str]
    password: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[Written]
    disabled_at: Mapped[datetime | None]


class WebSession(Record):
    """The cookie holds the id and a secret; here is the SHA-256 of that secret, so that a dump signs nobody in."""

    __tablename__ = "web_sessions"
    __table_args__ = (
        Index("ix_web_sessions_sign_in_id", "sign_in_id"),
        Index("ix_web_sessions_until", "until"),
    )

    sign_in_id: Mapped[UUID] = of("sign_ins.id")
    secret: Mapped[bytes]
    created_at: Mapped[Written]
    seen_at: Mapped[Written]
    until: Mapped[Moment]


class SignInAttempt(Record):
    """One that failed. The address was perhaps nobody's, and then the row is of the organisation `main`."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        Index("ix_sign_in_attempts_email_at", "email", "at"),
        Index("ix_sign_in_attempts_at", "at"),
    )

    email: Mapped[str] = mapped_column()
    at: Mapped[Written]


class Audit(Record):
    """What somebody changed in the console: `what` they did to which record (`of`, `of_id`), as a sentence (`said`) and, where
    it is worth keeping, what it was and what it is (`detail`). `by` is an e-mail address: it outlives the person's sign-in."""

    __tablename__ = "audits"
    __table_args__ = (
        Index("ix_audits_org_id_at", "org_id", "at"),
        where_set("ix_audits_of_id_at", "of_id", "at"),
    )

    at: Mapped[Written]
    by: Mapped[str]
    what: Mapped[str]
    of: Mapped[str]
    of_id: Mapped[UUID | None]
    said: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class Change(Base):
    """A transaction (`xid`, the whole 64 bits) that touched a topic of the console's pages. Triggers write it.

    Ids of rows are not in the order of commits, and neither are those of transactions: who reads remembers
    pg_snapshot_xmin, below which nothing can appear any more, and takes everything from there.
    """

    __tablename__ = "changes"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "xid", "topic"),
        Index("ix_changes_xid", "xid"),
        Index("ix_changes_at", "at"),
    )

    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()::text::bigint"))
    org_id: Mapped[str]
    topic: Mapped[str]
    at: Mapped[Written]
