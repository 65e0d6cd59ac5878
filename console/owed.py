"""What is owed to receivers: what waits, what was given up, and owing it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import BadInput, CannotDo

_LIST = text("""
    SELECT o.id, r.name AS receiver, o.kind, o.case_id AS case, coalesce(o.body ->> 'subject', '') AS subject, o.state,
           o.created_at, o.due_at, o.until, o.attempts, o.delivered_at, o.folded_into, o.last_error
    FROM owed o JOIN receivers r ON r.id = o.receiver_id
    WHERE o.org_id = :org AND (CAST(:receiver AS uuid) IS NULL OR o.receiver_id = :receiver) AND o.state = ANY(:states)
    ORDER BY o.id DESC LIMIT :most
""")
# whose news is owed again is visited at once; what was folded leaves its digest
_AGAIN = """
    WITH again AS (
        UPDATE owed SET state = 'owed', attempts = 0, due_at = now(), until = now() + interval '72 hours',
            last_error = NULL, delivered_at = NULL, folded_into = NULL
        WHERE org_id = :org AND {which} RETURNING receiver_id
    ), woken AS (
        UPDATE receivers SET due_at = now() WHERE id IN (SELECT receiver_id FROM again)
    )
    SELECT count(*) FROM again
"""
_THESE = text(_AGAIN.format(which="id = ANY(:ids) AND state <> 'owed'"))
_SINCE = text(
    _AGAIN.format(
        which="receiver_id = :receiver AND state IN ('delivered', 'failed')"
        " AND created_at > now() - make_interval(secs => :seconds)"
    )
)
_KNOWN = text("SELECT id FROM owed WHERE org_id = :org AND id = ANY(:ids)")
_STANDS = text("""
    SELECT count(*) FILTER (WHERE o.state = 'owed') AS waiting,
           count(*) FILTER (WHERE o.state = 'failed') AS failed,
           min(o.created_at) FILTER (WHERE o.state = 'owed') AS oldest,
           max(extract(epoch FROM now() - greatest(o.due_at, r.due_at)))
               FILTER (WHERE o.state = 'owed' AND r.state = 'active')::float AS late
    FROM owed o JOIN receivers r ON r.id = o.receiver_id WHERE o.org_id = :org AND o.state IN ('owed', 'failed')
""")
_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def owed(
    session: Session, org: str, *, receiver: UUID | None = None, states: Sequence[str], most: int = 100
) -> list[dict[str, Any]]:
    """News in these states, the newest first."""
    given = {"org": org, "receiver": receiver, "states": list(states), "most": most}
    return [dict(row) for row in session.execute(_LIST, given).mappings()]


def standing(session: Session, org: str) -> dict[str, Any]:
    """{waiting, failed, oldest, late}: `late` is for how many seconds the oldest should have been told by now."""
    return dict(session.execute(_STANDS, {"org": org}).mappings().one())


def replay(session: Session, org: str, ids: Sequence[int]) -> int:
    """Owe these again; how many. Raises CannotDo where there is no such news, and changes nothing then."""
    known = set(session.scalars(_KNOWN, {"org": org, "ids": list(ids)}))
    if missing := sorted(set(ids) - known):
        raise CannotDo(
            f"There is no news {', '.join(map(str, missing))} in {org}; see `earshot owed list --all`."
        )
    return int(session.execute(_THESE, {"org": org, "ids": list(ids)}).scalar_one())


def replay_since(session: Session, org: str, receiver: UUID, ago: timedelta) -> int:
    """Owe a receiver again what it was told, or did not take, of the time since; how much."""
    given = {"org": org, "receiver": receiver, "seconds": ago.total_seconds()}
    return int(session.execute(_SINCE, given).scalar_one())


def parsed_span(words: str) -> timedelta:
    """`30m`, `2h`, `3d`. Raises BadInput."""
    number, unit = words.strip()[:-1], words.strip()[-1:].lower()
    if not (number.isascii() and number.isdecimal() and unit in _UNITS and 0 < int(number) <= 10_000):
        raise BadInput(f"{words!r} is no span of time; write it like 30m, 2h or 3d.")
    return timedelta(seconds=int(number) * _UNITS[unit])
