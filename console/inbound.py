"""Sources that receive: the address that a sender delivers to, and the secret that it signs with."""

from __future__ import annotations

import secrets
from base64 import b64encode
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from console.address import LISTEN
from console.refusal import CannotDo
from workers._settings import settings
from workers.credentials import seal

INBOUND = "inbound"
"""The kind of a source that is delivered to."""
PORT_FILE = "web.port"
"""In the data folder of an instance: the port that its web app has, the same at every start while it is free."""
_BYTES = 32

_HELD = text("""
    SELECT id FROM credentials
    WHERE org_id = :org AND platform = 'webhook' AND host = '' AND identifier = :name FOR UPDATE
""")
_KEEP = text("""
    INSERT INTO credentials (id, org_id, platform, host, identifier, secret)
    VALUES (:id, :org, 'webhook', '', :name, :secret)
    ON CONFLICT (org_id, platform, host, identifier) DO UPDATE
    SET secret = excluded.secret, state = 'ok', last_error = NULL
""")
_SOURCE = text("""
    SELECT id FROM sources WHERE org_id = :org AND platform = :platform AND kind = :kind AND term = :term
    ORDER BY created_at LIMIT 1
""")


def secret_of(session: Session, org: str, platform: str, name: str) -> UUID | None:
    """The credential with which a sender is known."""
    found: UUID | None = session.scalar(_HELD, {"org": org, "name": _identifier(platform, name)})
    return found


def keep_secret(session: Session, org: str, platform: str, name: str, secret: str) -> UUID:
    """Keep what a sender signs with, encrypted; its credential. Raises BadSetting without an encryption key.

    It stands by itself, apart from the credentials that we fetch with: a platform signs with its app's secret, which is
    no token. So the platform of its row is webhook, whoever delivers.
    """
    if not secret.strip() or any(c in secret for c in "\0\n"):
        raise CannotDo("The secret is empty, or more than one line.")
    row = secret_of(session, org, platform, name) or UUID(str(uuid7()))
    values = {"id": row, "org": org, "name": _identifier(platform, name), "secret": seal(row, secret.strip())}
    session.execute(_KEEP, values)
    return row


def new_secret() -> str:
    """One that nobody has, as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(_BYTES)).decode()


def _identifier(platform: str, name: str) -> str:
    return name if platform == "webhook" else f"{platform}/{name}"


def source_of(session: Session, org: str, platform: str, kind: str, term: str) -> UUID | None:
    """The source that follows this already."""
    found: UUID | None = session.scalar(
        _SOURCE, {"org": org, "platform": platform, "kind": kind, "term": term}
    )
    return found


def address(source: UUID) -> str:
    """Where this machine takes what is delivered to a source; from outside, the proxy's name comes in front."""
    try:
        port = (settings().home / PORT_FILE).read_text().strip()
    except OSError:
        port = LISTEN.rpartition(":")[2]
    return f"http://127.0.0.1:{port}/in/{source}"
