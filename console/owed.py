"""What is owed to receivers: what waits, what was given up, and owing it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from console.refusal import BadInput, CannotDo
from workers.undelivered import NOTHING_LOST

_LIST = text("""
    SELECT o.id, r.name AS receiver, o.kind, o.case_id AS case, coalesce(o.body ->> 'subject', '') AS subject, o.state,
           o.created_at, o.due_at, o.until, o.attempts, o.delivered_at, o.folded_into, o.last_error
    FROM owed o JOIN receivers r ON r.id = o.receiver_id
    WHERE o.org_id = :org AND (CAST(:receiver AS uuid) IS NULL OR o.receiver_id = :receiver) AND o.state = ANY(:states)
    ORDER BY o.id DESC LIMIT :most
""")
# whose news is owed again is visited at once; what was folded leaves its digest; what was delivered within the hour goes on
# to count against the hour's budget. The receiver is held before its news, as whoever tells it does
_AGAIN = """
    WITH these AS (
        SELECT id, receiver_id, delivered_at FROM owed WHERE org_id = :org AND {which}
    ), held AS MATERIALIZED (
        SELECT id FROM receivers WHERE id IN (SELECT receiver_id FROM these) ORDER BY id FOR NO KEY UPDATE
    ), again AS (
        UPDATE owed o SET state = 'owed', attempts = 0, due_at = now(), until = now() + interval '72 hours',
            last_error = NULL, delivered_at = NULL, folded_into = NULL
        FROM these JOIN held ON held.id = these.receiver_id
        WHERE o.id = these.id AND o.state <> 'owed' RETURNING o.receiver_id, these.delivered_at
    ), woken AS (
        UPDATE receivers r SET due_at = now(), replayed = ARRAY(
            SELECT at FROM (SELECT unnest(r.replayed) AS at
                            UNION ALL SELECT delivered_at FROM again WHERE receiver_id = r.id) AS told
            WHERE at > now() - interval '1 hour' ORDER BY at DESC LIMIT coalesce(r.per_hour, 0))
        WHERE id IN (SELECT receiver_id FROM again)
    )
    SELECT count(*) FROM again
"""
_THESE = text(_AGAIN.format(which="id = ANY(:ids) AND state <> 'owed'"))
_SINCE = text(
    _AGAIN.format(
        which="receiver_id = :receiver AND state = ANY(:states)"
        " AND (CAST(:seconds AS float) IS NULL OR created_at > now() - make_interval(secs => :seconds))"
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
    return _again(session, _THESE, {"org": org, "ids": list(ids)})


def replay_to(
    session: Session, org: str, receiver: UUID, *, ago: timedelta | None = None, failed: bool = False
) -> int:
    """Owe a receiver again what it was told, or did not take, of the time since (None: ever); how much. `failed`: only what
    was given up."""
    states = ["failed"] if failed else ["delivered", "failed"]
    seconds = ago.total_seconds() if ago else None
    return _again(session, _SINCE, {"org": org, "receiver": receiver, "seconds": seconds, "states": states})


def _again(session: Session, statement: TextClause, given: dict[str, Any]) -> int:
    number = int(session.execute(statement, given).scalar_one())
    session.execute(NOTHING_LOST)
    return number


def parsed_span(words: str) -> timedelta:
    """`30m`, `2h`, `3d`. Raises BadInput."""
    number, unit = words.strip()[:-1], words.strip()[-1:].lower()
    if not (number.isascii() and number.isdecimal() and unit in _UNITS and 0 < int(number) <= 10_000):
        raise BadInput(f"{words!r} is no span of time; write it like 30m, 2h or 3d.")
    return timedelta(seconds=int(number) * _UNITS[unit])
