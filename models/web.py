"""Who may sign in to the console, in what role; who is signed in; who tried.

A person is a row of `users`, which the CRM writes as well: what only the console needs stands beside it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Moment, Record, Written, of
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
