"""All secrets and sessions under the first key of the setting, so that an older key can be thrown away.

One row a transaction, under its lock: a rotation that is stopped has lost nothing, and the next one goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from console.keys import mending
from workers.credentials import Locked, resealed
from workers.undelivered import command

_ALL = text(
    "SELECT id FROM credentials UNION ALL SELECT id FROM receivers WHERE secret IS NOT NULL ORDER BY id"
)
_ONE = text("""
    SELECT id, org_id AS org, platform, host, identifier, secret, session FROM credentials WHERE id = :id FOR UPDATE
""")
_RECEIVER = text("""
    SELECT id, org_id AS org, 'webhook' AS platform, name AS identifier, secret FROM receivers
    WHERE id = :id AND secret IS NOT NULL FOR NO KEY UPDATE
""")
_REKEY = text("UPDATE receivers SET secret = :secret WHERE id = :id")
_WRITE = text("UPDATE credentials SET secret = :secret, session = :session WHERE id = :id")


@dataclass(frozen=True)
class Turned:
    """A credential (or a receiver), and what became of it: moved to the first key, there already, or locked for want of its key; `mends` is the
    command that gives the secret anew."""

    org: str
    platform: str
    identifier: str
    what: Literal["moved", "there", "locked"]
    mends: str


def everything(session: Session) -> list[Any]:
    """The ids of all credentials and receivers with a secret, of all organisations: a key is the installation's."""
    return list(session.scalars(_ALL))


def rotate(sessions: sessionmaker[Session], ids: list[Any]) -> Iterator[Turned]:
    """Encrypt these anew where they need it, one by one. Raises BadSetting without a usable key."""
    for one in ids:
        with sessions() as session, session.begin():
            row = session.execute(_ONE, {"id": one}).mappings().one_or_none()
            what = _turn(session, row) if row is not None else None
            if row is None:
                yield from _receiver(session, one)
        if row is not None and what is not None:
            yield Turned(row["org"], row["platform"], row["identifier"], what, mending(dict(row)))


def _receiver(session: Session, one: Any) -> Iterator[Turned]:
    """The secret that signs what a receiver gets."""
    row = session.execute(_RECEIVER, {"id": one}).one_or_none()
    if row is None:
        return
    what: Literal["moved", "there", "locked"] = "there"
    try:
        if (secret := resealed(row.id, row.secret)) is not None:
            session.execute(_REKEY, {"id": row.id, "secret": secret})
            what = "moved"
    except Locked:
        what = "locked"
    yield Turned(row.org, row.platform, row.identifier, what, command(row.identifier, row.org, "rotate"))


def _turn(session: Session, row: Any) -> Literal["moved", "there", "locked"]:
    try:
        secret = resealed(row["id"], row["secret"])
    except Locked:
        return "locked"
    try:
        kept = resealed(row["id"], row["session"]) if row["session"] else None
    except Locked:
        kept = b""  # a session that does not open is worth nothing: the secret makes another
    if secret is None and kept is None:
        return "there"
    session.execute(
        _WRITE,
        {
            "id": row["id"],
            "secret": secret or row["secret"],
            "session": row["session"] if kept is None else kept or None,
        },
    )
    return "moved"
