"""Who is asking: sessions in PostgreSQL, a cookie that names one, and how often a password may be tried.

The cookie is `<id>.<secret>`, the row has the secret's SHA-256. A session ends 12 hours after it was last used, and after
7 days in any case. A person's password may be wrong TRIES times in WINDOW; then nobody signs in under that address until
the oldest of these is over. Who forges a form knows neither the session's secret nor what is derived from it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.passwords import LONGEST, fits

COOKIE = "__Host-earshot"
IDLE = timedelta(hours=12)
LONGEST_SESSION = timedelta(days=7)
TRIES = 8
WINDOW = timedelta(minutes=15)

_FAILED = text("SELECT count(*) FROM sign_in_attempts WHERE email = :email AND at > now() - :window")
_NOTE = text("INSERT INTO sign_in_attempts (org_id, email) VALUES (:org, :email)")
_FORGET = text("DELETE FROM sign_in_attempts WHERE email = :email OR at < now() - interval '1 day'")
_KNOWN = text("""
    SELECT id, org_id AS org, password FROM sign_ins
    WHERE email = :email AND disabled_at IS NULL ORDER BY created_at, id LIMIT 5
""")
_OPEN = text("""
    INSERT INTO web_sessions (org_id, sign_in_id, secret, until)
    VALUES (:org, :who, :secret, now() + :longest) RETURNING id
""")
_FIND = text("""
    SELECT w.secret, s.org_id AS org, s.email, s.role, u.name, w.seen_at < now() - interval '1 minute' AS stale
    FROM web_sessions w JOIN sign_ins s ON s.id = w.sign_in_id JOIN users u ON u.id = s.user_id
    WHERE w.id = :id AND w.until > now() AND w.seen_at > now() - :idle AND s.disabled_at IS NULL
""")
_SEEN = text("UPDATE web_sessions SET seen_at = now() WHERE id = :id")
_CLOSE = text("DELETE FROM web_sessions WHERE id = :id OR until < now()")
_ANYBODY = text("SELECT EXISTS (SELECT FROM sign_ins WHERE disabled_at IS NULL)")


@dataclass(frozen=True)
class Person:
    """Who is signed in. `form` is what every form of theirs has to bring along."""

    session: UUID
    org: str
    email: str
    name: str
    role: str
    form: str


class TooOften(Exception):
    """Wrong so often that nobody may try for a while."""


def anybody(session: Session) -> bool:
    """May anybody sign in at all?"""
    return bool(session.execute(_ANYBODY).scalar_one())


def sign_in(session: Session, email: str, password: str) -> str | None:
    """The cookie of a new session, or None where address and password do not belong together. Raises TooOften.

    Of several organisations that know the address it is the first in which the password is right.
    """
    address = email.strip().casefold()[:LONGEST]
    found = _right(session, address, password)
    return _opened(session, found.org, found.id) if found else None


def knows(session: Session, who: Person, password: str) -> bool:
    """Is this the password of somebody who is signed in? Raises TooOften."""
    return _right(session, who.email, password, who.org) is not None


def _right(session: Session, address: str, password: str, org: str | None = None) -> Any:
    if session.execute(_FAILED, {"email": address, "window": WINDOW}).scalar_one() >= TRIES:
        raise TooOften
    known = [one for one in session.execute(_KNOWN, {"email": address}) if org in (None, one.org)]
    for one in known:
        if fits(one.password, password):
            session.execute(_FORGET, {"email": address})
            return one
    if not known:
        fits(None, password)
    session.execute(_NOTE, {"org": known[0].org if known else "main", "email": address})
    return None


def person(session: Session, cookie: str | None, *, seen: bool = True) -> Person | None:
    """Whose cookie this is; None if nobody's, or no more. `seen`: they did something, not only their open page."""
    name, _, secret = (cookie or "").partition(".")
    try:
        which = UUID(name)
    except ValueError:
        return None
    row = session.execute(_FIND, {"id": which, "idle": IDLE}).one_or_none()
    if row is None or not hmac.compare_digest(row.secret, _hashed(secret)):
        return None
    if row.stale and seen:
        session.execute(_SEEN, {"id": which})
    return Person(which, row.org, row.email, row.name or row.email, row.role, derived(secret))


def sign_out(session: Session, who: Person) -> None:
    """End this session; what has run out goes with it."""
    session.execute(_CLOSE, {"id": who.session})


def derived(secret: str) -> str:
    """What a form brings along, made of what only the cookie has."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _opened(session: Session, org: str, who: UUID) -> str:
    secret = secrets.token_urlsafe(32)
    values = {"org": org, "who": who, "secret": _hashed(secret), "longest": LONGEST_SESSION}
    return f"{session.execute(_OPEN, values).scalar_one()}.{secret}"
