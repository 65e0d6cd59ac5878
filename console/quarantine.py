"""What was set aside: shown, replayed through the same journey, or dropped.

A post that failed in digest is replayed by landing it again, as a page of its own from the same source. A
reject was never a post: the platform sent something that its connector could not read, and only a connector that
can would make a post of it; until then it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from connectors._base import Post
from console.refusal import CannotDo
from workers.land import pack

_LIST = text("""
    SELECT q.id, q.platform, q.stage, q.external_id, q.reason, q.state, q.held_at, q.settled_at,
           s.kind AS source_kind, s.term AS source_term, length(q.payload) AS bytes
    FROM quarantine q LEFT JOIN sources s ON s.id = q.source_id
    WHERE q.org_id = :org AND (:all OR q.state = 'held') ORDER BY q.id DESC LIMIT :most
""")
_FIND = text("""
    SELECT q.*, s.kind AS source_kind, s.term AS source_term
    FROM quarantine q LEFT JOIN sources s ON s.id = q.source_id
    WHERE q.org_id = :org AND (q.id::text LIKE :begins OR q.id::text LIKE :ends OR q.external_id = :named)
    ORDER BY q.id LIMIT 3
""")
_HELD = text(
    "SELECT id FROM quarantine WHERE org_id = :org AND state = 'held' AND stage = ANY(:stages) ORDER BY id"
)
_LOCK = text("SELECT * FROM quarantine WHERE id = :id AND state = 'held' FOR UPDATE")
# the ledger of this visit is its own: one post fetched, and what became of it
_LAND = text("""
    WITH visit AS (
        INSERT INTO polls (org_id, source_id, fence, finished_at, pages, fetched)
        SELECT org_id, id, fence, now(), 1, 1 FROM sources WHERE id = :source
        RETURNING id, org_id, source_id
    )
    INSERT INTO pages (org_id, platform, source_id, poll_id, body, fetched)
    SELECT org_id, :platform, source_id, id, :body, 1 FROM visit RETURNING id
""")
_SETTLE = text("UPDATE quarantine SET state = :state, settled_at = now() WHERE id = :id AND state = 'held'")


def quarantined(
    session: Session, org: str, *, everything: bool = False, most: int = 100
) -> list[dict[str, Any]]:
    """What is held (`everything`: what was replayed or dropped too), the newest first."""
    rows = session.execute(_LIST, {"org": org, "all": everything, "most": most})
    return [dict(row) for row in rows.mappings()]


def find(session: Session, org: str, named: str) -> dict[str, Any]:
    """The one whose id begins or ends so, or whose post has this id. Raises CannotDo."""
    part = named.strip().lower()
    is_id = len(part) >= 4 and set(part) <= set("0123456789abcdef-")
    found = session.execute(
        _FIND,
        {
            "org": org,
            "begins": f"{part}%" if is_id else "",
            "ends": f"%{part}" if is_id else "",
            "named": named,
        },
    )
    rows = [dict(row) for row in found.mappings()]
    if not rows:
        raise CannotDo(f"Nothing in quarantine is called {named!r}; see `earshot quarantine list --all`.")
    if len(rows) > 1:
        raise CannotDo(f"{named!r} fits more than one; give more of the id.")
    return rows[0]


def held(session: Session, org: str, stages: Sequence[str]) -> list[UUID]:
    """The ids of all that is held in these stages (reject, digest)."""
    return list(session.scalars(_HELD, {"org": org, "stages": list(stages)}))


def readable(row: dict[str, Any]) -> Any:
    """The payload as a value or text: the post that failed, or the item as the platform sent it."""
    if row["stage"] == "digest":
        try:
            return msgspec.to_builtins(msgspec.msgpack.decode(row["payload"], type=Post))
        except (msgspec.DecodeError, msgspec.ValidationError):
            return bytes(row["payload"]).hex()
    raw = bytes(row["payload"]).decode("utf-8", "replace")
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw


def replay(session: Session, row: UUID) -> None:
    """Land a post that failed again; a worker takes it through the same steps. Raises CannotDo."""
    found = session.execute(_LOCK, {"id": row}).mappings().first()
    if found is None:
        raise CannotDo("It is not held any more: it was replayed or dropped already.")
    if found["stage"] == "reject":
        raise CannotDo(
            "This is not a post: the platform sent what its connector could not read"
            f" ({found['reason']}). Replaying would read it the same way; it takes a connector that reads it."
            " It stays here until you drop it."
        )
    if found["source_id"] is None:
        raise CannotDo("The source that brought it is gone, so there is nothing to replay it from.")
    try:
        post = msgspec.msgpack.decode(found["payload"], type=Post)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CannotDo(f"Its payload is not a post of this version of Earshot: {error}.") from None
    values = {"source": found["source_id"], "platform": found["platform"], "body": pack((post,), ())}
    if session.execute(_LAND, values).first() is None:
        raise CannotDo("The source that brought it is gone, so there is nothing to replay it from.")
    session.execute(_SETTLE, {"id": row, "state": "replayed"})


def drop(session: Session, row: UUID) -> None:
    """Give up on it. The row and its payload stay, marked as dropped. Raises CannotDo."""
    settled = session.execute(_SETTLE, {"id": row, "state": "dropped"})
    if not getattr(settled, "rowcount", 0):
        raise CannotDo("It is not held any more: it was replayed or dropped already.")
