"""Who may sign in to the console: made, given another password or role, turned away, by whoever is at the terminal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.passwords import refused, sealed
from console.refusal import BadInput

_USER = text("SELECT id FROM users WHERE org_id = :org AND lower(btrim(email)) = :email ORDER BY id LIMIT 1")
_NEW_USER = text("INSERT INTO users (org_id, name, email) VALUES (:org, :name, :email) RETURNING id")
_GIVE = text("""
    INSERT INTO sign_ins (org_id, user_id, email, password, role) VALUES (:org, :user, :email, :password, :role)
    ON CONFLICT (org_id, email) DO UPDATE
    SET password = excluded.password, role = excluded.role, user_id = excluded.user_id, disabled_at = NULL
    RETURNING id, xmax = 0 AS new
""")
_END = text("DELETE FROM web_sessions WHERE sign_in_id = :id")
_ROLE = text("UPDATE sign_ins SET role = :role WHERE id = :id AND org_id = :org")
_DISABLE = text("""
    UPDATE sign_ins SET disabled_at = CASE WHEN :off THEN coalesce(disabled_at, now()) END
    WHERE id = :id AND org_id = :org
""")
_PASSWORD = text(
    "UPDATE sign_ins SET password = :password WHERE org_id = :org AND email = :email RETURNING id"
)
_END_OTHERS = text("DELETE FROM web_sessions WHERE sign_in_id = :id AND id <> :but")
_ALL = text("""
    SELECT s.id, s.email, u.name, s.role, s.created_at, s.disabled_at,
           (SELECT max(seen_at) FROM web_sessions w WHERE w.sign_in_id = s.id) AS seen_at
    FROM sign_ins s JOIN users u ON u.id = s.user_id WHERE s.org_id = :org ORDER BY s.email
""")


def give(session: Session, org: str, email: str, name: str, role: str, password: str) -> bool:
    """Let this person sign in; True if nobody of this address could before. Ends the sessions there were.

    The user of the CRM with this address is the person; where there is none, one is made. Raises BadInput.
    """
    address = email.strip().casefold()
    if not address.partition("@")[0] or "." not in address.partition("@")[2] or " " in address:
        raise BadInput(f"{email!r} is no e-mail address.")
    if why := refused(password, address):
        raise BadInput(why)
    user: UUID | None = session.execute(_USER, {"org": org, "email": address}).scalar()
    if user is None:
        user = session.execute(_NEW_USER, {"org": org, "name": name, "email": address}).scalar_one()
    row = session.execute(
        _GIVE, {"org": org, "user": user, "email": address, "password": sealed(password), "role": role}
    ).one()
    session.execute(_END, {"id": row.id})
    return bool(row.new)


def listed(session: Session, org: str) -> list[dict[str, Any]]:
    """Everybody who may sign in, or might: {id, email, name, role, created_at, disabled_at, seen_at}."""
    return [dict(row) for row in session.execute(_ALL, {"org": org}).mappings()]


def set_role(session: Session, org: str, who: UUID, role: str) -> None:
    """Another role, which holds from their next request on."""
    session.execute(_ROLE, {"org": org, "id": who, "role": role})


def turn_away(session: Session, org: str, who: UUID, *, off: bool) -> None:
    """Let somebody in no more (`off`), which ends their sessions, or again."""
    session.execute(_DISABLE, {"org": org, "id": who, "off": off})
    if off:
        session.execute(_END, {"id": who})


def change_password(session: Session, org: str, email: str, password: str, but: UUID) -> None:
    """A new password for this person, which ends all sessions of theirs `but` one. Raises BadInput."""
    if why := refused(password, email):
        raise BadInput(why)
    who = session.execute(_PASSWORD, {"org": org, "email": email, "password": sealed(password)}).scalar_one()
    session.execute(_END_OTHERS, {"id": who, "but": but})
