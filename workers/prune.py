"""What is kept too long is dropped, and what two workers could not see of each other is joined.

Digested pages keep their counts (they are the ledger) and have no body any more; quiet visits collapse
into one row as they happen. So little is left to do: ledger rows go after `keep_ledger` days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers.gather import gather_late
from workers.leads import link_leads

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
_ORGS = text("SELECT DISTINCT org_id FROM sources")


def prune(sessions: sessionmaker[Session], settings: Settings) -> None:
    """One round of housekeeping, in short transactions."""
    for statement in (_OLD_PAGES, _OLD_POLLS):
        with sessions() as session, session.begin():
            session.execute(statement, {"days": settings.keep_ledger, "most": ROWS})
    with sessions() as session:
        orgs = list(session.scalars(_ORGS))
    for org in orgs:
        with sessions() as session, session.begin():
            link_leads(session, org)
        with sessions() as session, session.begin():
            gather_late(session, org)
