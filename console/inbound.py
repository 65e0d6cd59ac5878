"""Sources that receive: the address that a sender delivers to, and the secret that it signs with."""

from __future__ import annotations

import secrets
from base64 import b64encode
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from console.web import LISTEN
from models.vocabulary import NEVER_VISITED
from workers._settings import settings
from workers.credentials import seal

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


def receives(kind: str) -> bool:
    """Is a source of this kind delivered to?"""
    return kind == "inbound" and kind in NEVER_VISITED


def own_secret(session: Session, org: str, name: str, *, anew: bool = False) -> str | None:
    """Make and keep the secret that a sender of ours signs with; None where one is kept already, unless `anew`.

    It is told this once: what is kept is encrypted. Raises BadSetting without an encryption key.
    """
    held = session.scalar(_HELD, {"org": org, "name": name})
    if held is not None and not anew:
        return None
    made = "whsec_" + b64encode(secrets.token_bytes(_BYTES)).decode()
    row = held or UUID(str(uuid7()))
    session.execute(_KEEP, {"id": row, "org": org, "name": name, "secret": seal(row, made)})
    return made


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
