"""Authors whose posts open nothing, because a person said so: blocked, with all that is merged into them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_SET = text("""
    WITH them AS (
        SELECT i.id FROM identities i JOIN identities named ON named.id = :identity
        WHERE i.org_id = :org AND coalesce(i.merged_into, i.id) = coalesce(named.merged_into, named.id)
        ORDER BY i.platform, i.stable_id FOR NO KEY UPDATE OF i
    )
    UPDATE identities i SET blocked = :blocked FROM them WHERE i.id = them.id AND i.blocked <> :blocked RETURNING i.id
""")
_LIST = text("""
    SELECT i.id, i.platform, i.handle, i.name,
           (SELECT max(e.occurred_at) FROM social_events e WHERE e.identity_id = i.id) AS last_heard
    FROM identities i WHERE i.org_id = :org AND i.blocked ORDER BY i.platform, i.handle NULLS LAST, i.id
""")


def block(session: Session, org: str, identity: UUID, *, blocked: bool) -> int:
    """Let an author, on every platform where it is known to be the same, open nothing any more, or again; how many
    identities that changed."""
    return len(session.execute(_SET, {"org": org, "identity": identity, "blocked": blocked}).all())


def blocked_authors(session: Session, org: str) -> list[dict[str, Any]]:
    """{id, platform, handle, name, last_heard} of each."""
    return [dict(row) for row in session.execute(_LIST, {"org": org}).mappings()]
