"""A receiver that does not take what it is owed: its owner hears of it once, by an Activity with the reason in plain words.

The Activity is done by itself when the receiver takes something again. News that nobody took within its time is given up:
it stays, with its reason, and can be owed again by hand (console/owed.py). Of that an Activity of its own tells, which is
done when nothing that was given up is left. Surprising: what is under a lease is not given up, it may be under way.
"""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers.lease import LEASE_FREE
from workers.reauth import OPEN, REASON

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
    from sqlalchemy.orm import Session, sessionmaker

    from workers._settings import Settings
    from workers.outbox import Claimed
    from workers.telling import Standing

log = logging.getLogger(__name__)

ROWS = 10_000
"""Rows that one transaction gives up or deletes."""

# whoever paused it meanwhile is right
_LEAVE = text(f"""
    WITH was AS (
        SELECT *, CASE WHEN state = 'paused' THEN state ELSE :state END AS becomes
        FROM receivers WHERE id = :receiver AND fence = :fence FOR NO KEY UPDATE
    ), still AS (
        SELECT a.id, was.state, was.becomes FROM activities a JOIN was ON a.id = was.activity_id
        WHERE a.status IN {OPEN}
    ), news AS (
        SELECT * FROM was WHERE becomes <> state AND becomes <> 'active' AND NOT EXISTS (SELECT FROM still)
    ), told AS (
        INSERT INTO activities (id, org_id, owner_id, subject, channel, activity_type, status)
        SELECT CAST(:activity AS uuid), org_id, owner_id, CAST(:subject AS text), 'other', 'task', 'planned'
        FROM news
    ), reworded AS (
        UPDATE activities a
        SET subject = CASE WHEN s.becomes = 'active' THEN a.subject ELSE CAST(:subject AS text) END,
            status = CASE WHEN s.becomes = 'active' THEN 'done' ELSE a.status END
        FROM still s WHERE a.id = s.id AND (s.becomes = 'active' OR s.becomes <> s.state)
    ), woken AS (
        -- what failed while nothing was taken need not wait its own time out
        UPDATE owed o SET due_at = now() FROM was
        WHERE o.receiver_id = was.id AND o.state = 'owed' AND o.attempts > 0
          AND was.state = 'failing' AND was.becomes = 'active'
    )
    UPDATE receivers r
    SET lease_until = NULL, lease_pid = NULL, lease_started = NULL, state = was.becomes, failures = :failures,
        due_at = now() + make_interval(secs => :wait),
        last_error = CASE WHEN :took AND CAST(:error AS text) IS NULL THEN NULL ELSE coalesce(:error, r.last_error) END,
        last_success_at = CASE WHEN :took THEN now() ELSE r.last_success_at END,
        activity_id = CASE WHEN EXISTS (SELECT FROM news) THEN CAST(:activity AS uuid) ELSE r.activity_id END
    FROM was WHERE r.id = was.id
    RETURNING was.state <> was.becomes AS changed
""")
# the receiver before its news, as whoever tells it does
_HELD = text(f"""
    SELECT r.id FROM receivers r
    WHERE r.id = :receiver AND {LEASE_FREE.format(row="r")} FOR NO KEY UPDATE
""")
_GIVE_UP = text("""
    WITH late AS (
        SELECT id FROM owed WHERE state = 'owed' AND until < now() AND receiver_id = :receiver
        ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE owed o
    SET state = 'failed', last_error = coalesce(o.last_error, r.last_error, 'it was never tried')
    FROM late, receivers r WHERE o.id = late.id AND r.id = o.receiver_id
    RETURNING o.id, o.attempts, o.last_error
""")
_RECEIVERS = text("SELECT id, org_id AS org, name FROM receivers ORDER BY id")
_TELL_GIVEN_UP = text(f"""
    WITH r AS (
        SELECT * FROM receivers WHERE id = :receiver AND state <> 'paused'
    ), still AS (
        SELECT a.id FROM activities a JOIN r ON a.id = r.lost_id WHERE a.status IN {OPEN}
    ), reworded AS (
        UPDATE activities a SET subject = CAST(:subject AS text) FROM still WHERE a.id = still.id
    ), told AS (
        INSERT INTO activities (id, org_id, owner_id, subject, channel, activity_type, status)
        SELECT CAST(:activity AS uuid), org_id, owner_id, CAST(:subject AS text), 'other', 'task', 'planned'
        FROM r WHERE NOT EXISTS (SELECT FROM still)
        RETURNING id
    )
    UPDATE receivers SET lost_id = told.id FROM told WHERE receivers.id = :receiver
""")
NOTHING_LOST = text(f"""
    UPDATE activities a SET status = 'done' FROM receivers r
    WHERE a.id = r.lost_id AND a.status IN {OPEN}
      AND NOT EXISTS (SELECT FROM owed o WHERE o.receiver_id = r.id AND o.state = 'failed')
""")
"""Who was told of news that was given up has nothing to do any more where none is left."""
_OLD_DELIVERED = text("""
    DELETE FROM owed WHERE id IN (
        SELECT o.id FROM receivers r CROSS JOIN LATERAL (
            SELECT id FROM owed WHERE receiver_id = r.id AND state = 'delivered'
              AND delivered_at < now() - make_interval(days => :days) ORDER BY delivered_at LIMIT :most) AS o
        LIMIT :most)
""")
_OLD_ENDED = text("""
    DELETE FROM owed WHERE id IN (
        SELECT id FROM owed
        WHERE state IN ('failed', 'folded') AND created_at < now() - make_interval(days => :days)
        ORDER BY created_at LIMIT :most)
""")


def command(name: str, org: str, what: str = "test") -> str:
    """What a person types about a receiver."""
    return f"earshot receivers {what} {shlex.quote(name)}{_of(org)}"


def replay(name: str, org: str) -> str:
    """What a person types to owe a receiver again what was given up."""
    return f"earshot owed replay --receiver {shlex.quote(name)} --failed{_of(org)}"


def _of(org: str) -> str:
    return "" if org == "main" else f" --org {shlex.quote(org)}"


def short(reason: str) -> str:
    """A reason as it fits a subject."""
    words = " ".join(reason.split())
    return words if len(words) <= REASON else words[: REASON - 1].rstrip() + "…"


def subject(receiver: Claimed, standing: Standing) -> str:
    """The line that the owner reads."""
    reason = short(standing.error or "")
    if standing.state == "paused":
        mend = f"It is paused; when that is mended: {command(receiver.name, receiver.org, 'resume')}"
    else:
        mend = (
            f"It is tried again now and then; to see what it answers: {command(receiver.name, receiver.org)}"
        )
    return f"{receiver.name} does not take the news that it is owed: {reason}. {mend}"


async def leave(sessions: async_sessionmaker[AsyncSession], receiver: Claimed, standing: Standing) -> None:
    """End a visit: the lease, how the receiver stands, and its owner told when that has changed for the worse."""
    about = {
        "receiver": receiver.id,
        "fence": receiver.fence,
        "state": standing.state,
        "failures": standing.failures,
        "wait": standing.wait,
        "error": standing.error,
        "took": standing.took,
        "subject": subject(receiver, standing),
        "activity": str(uuid7()),
    }
    async with sessions() as session, session.begin():
        changed = await session.scalar(_LEAVE, about)
    if changed:
        log.info("Receiver %s is %s", receiver.id, standing.state, extra={"action": "receiver_changed"})


def give_up(sessions: sessionmaker[Session]) -> int:
    """Give up what nobody took in its time, and tell the owners; how much it was."""
    with sessions() as session:
        receivers = session.execute(_RECEIVERS).all()
    number = 0
    for row in receivers:
        with sessions() as session, session.begin():
            if session.execute(_HELD, {"receiver": row.id}).first() is None:
                continue
            lost = session.execute(_GIVE_UP, {"receiver": row.id, "most": ROWS}).all()
            if lost:
                # what was tried says why; what followed it about the same case only waited for it
                why = min(lost, key=lambda one: (one.attempts == 0, one.id)).last_error
                _tell(session, row.id, row.name, row.org, why)
        number += len(lost)
    with sessions() as session, session.begin():
        session.execute(NOTHING_LOST)
    return number


def _tell(session: Session, receiver: UUID, name: str, org: str, why: str) -> None:
    said = (
        f"{name} was owed news that it did not take in time, and which is given up: {short(why)}."
        f" When that is mended: {replay(name, org)}"
    )
    session.execute(_TELL_GIVEN_UP, {"receiver": receiver, "subject": said, "activity": str(uuid7())})


def forget(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Delete what was delivered, told by a digest or given up, and is old."""
    for statement in (_OLD_DELIVERED, _OLD_ENDED):
        with sessions() as session, session.begin():
            session.execute(statement, {"days": settings.keep_news, "most": ROWS})
