"""Housekeeping, once a minute: what a worker that was killed has left over is finished by whoever comes next.

names    what changed since the last digest is taken into the index (workers/names.py)
follow   posts of identities whose link changed, a batch after the other (workers/follow.py)
alarms   rules over many posts (workers/alarms.py)
join     what two workers could not see of each other (workers/gather.py, threads.py, leads.py, incident.py)
give up  news that nobody took in its time (workers/undelivered.py)
prune    what is kept too long (workers/prune.py, workers/undelivered.py)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers.alarms import look
from workers.follow import follow_waiting
from workers.gather import gather_late
from workers.incident import adopt, settle_left
from workers.leads import link_leads
from workers.names import index_all
from workers.prune import prune
from workers.threads import hand_down_late
from workers.undelivered import forget, give_up

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, sessionmaker

    from workers._settings import Settings

_ORGS = text("SELECT DISTINCT org_id FROM sources")


def sweep(sessions: sessionmaker[Session], settings: Settings) -> None:
    """One round, in short transactions, well within the time of a task."""
    index_all(sessions, seconds=settings.soft_limit / 4)
    follow_waiting(sessions, seconds=settings.soft_limit / 4)
    with sessions() as session:
        orgs = list(session.scalars(_ORGS))
    for org in orgs:
        with sessions() as session, session.begin():
            link_leads(session, org)
        with sessions() as session, session.begin():
            gather_late(session, org)
        with sessions() as session, session.begin():
            adopt(session, org)
        with sessions() as session, session.begin():
            settle_left(session, org)
        with sessions() as session, session.begin():
            look(session, org)
        with sessions() as session, session.begin():
            hand_down_late(session, org)
    give_up(sessions)
    prune(sessions, settings)
    forget(sessions, settings)
