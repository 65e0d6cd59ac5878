"""What is kept too long is dropped.

Digested pages keep their counts (they are the ledger) and have no body any more; quiet visits collapse
into one row as they happen. So little is left to do: ledger rows go after `keep_ledger` days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, sessionmaker

    from workers._settings import Settings

ROWS = 10_000
"""Rows deleted in one transaction: a short one holds nobody up."""

_OLD_PAGES = text("""
    DELETE FROM pages WHERE id IN (
        SELECT id FROM pages WHERE state = 'digested' AND digested_at < now() - make_interval(days => :days)
        ORDER BY id LIMIT :most)
""")
_OLD_POLLS = text("""
    DELETE FROM polls WHERE id IN (
        SELECT p.id FROM polls p
        WHERE p.finished_at < now() - make_interval(days => :days)
          AND NOT EXISTS (SELECT FROM pages WHERE poll_id = p.id)
          AND NOT EXISTS (SELECT FROM sources s WHERE s.poll_id = p.id)
        ORDER BY p.id LIMIT :most)
""")
# no platform delivers the same again after so long
_OLD_DELIVERIES = text("""
    DELETE FROM deliveries WHERE id IN (
        SELECT id FROM deliveries WHERE received_at < now() - make_interval(days => :days)
        ORDER BY received_at LIMIT :most)
""")
# a page that was closed for so long asks for all of its parts when it comes back: up to where, says a row of nobody's
_OLD_CHANGES = text("""
    WITH gone AS (
        DELETE FROM changes WHERE at < now() - interval '1 hour' RETURNING xid
    )
    INSERT INTO changes (org_id, topic, xid, at)
    SELECT '', 'dropped', max(xid), 'infinity' FROM gone HAVING count(*) > 0
    ON CONFLICT DO NOTHING
""")
_OLD_FLOORS = text("""
    DELETE FROM changes WHERE org_id = '' AND xid < (SELECT max(xid) FROM changes WHERE org_id = '')
""")
_OLD_SESSIONS = text("DELETE FROM web_sessions WHERE until < now() OR seen_at < now() - interval '1 day'")
_OLD_ATTEMPTS = text("DELETE FROM sign_in_attempts WHERE at < now() - interval '1 day'")


def prune(sessions: sessionmaker[Session], settings: Settings) -> None:
    """Drop the ledger's rows that are too old, and what the console needs no more, in short transactions."""
    for statement in (_OLD_PAGES, _OLD_POLLS, _OLD_DELIVERIES):
        with sessions() as session, session.begin():
            session.execute(statement, {"days": settings.keep_ledger, "most": ROWS})
    for statement in (_OLD_CHANGES, _OLD_FLOORS, _OLD_SESSIONS, _OLD_ATTEMPTS):
        with sessions() as session, session.begin():
            session.execute(statement)
