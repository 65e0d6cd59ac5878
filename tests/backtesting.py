"""What was opened, and what a back-test of the same history opens: as values that have to be equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.backtest import Replay, replayed
from workers.history import Stretch, read_past, read_posts
from workers.standing import read_rules


class Opened(NamedTuple):
    """What two runs must agree about, of a case."""

    subject: str
    level: str
    rule: UUID | None
    event: UUID | None
    incident: str | None
    is_open: bool


def opened(session: Session, org: str = "main", since: datetime | None = None) -> list[Opened]:
    """The stored cases, Incidents among them, that opened since then."""
    found = session.execute(
        text(
            "SELECT c.subject, c.level, c.rule_id, c.event_id, p.subject, c.closed_at IS NULL"
            " FROM cases c LEFT JOIN cases p ON p.id = c.parent_id"
            " WHERE c.org_id = :org AND c.opened_at >= coalesce(CAST(:since AS timestamptz), '-infinity') AND c.subject NOT LIKE 'rule:%'"
        ),
        {"org": org, "since": since},
    )
    return sorted((Opened(*row) for row in found), key=str)


def backtested(session: Session, org: str = "main", since: datetime | None = None) -> list[Opened]:
    """What the rules as they stand open on what is stored since then."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    stretch = Stretch(org, since or until - timedelta(days=300), until)
    past, _ = read_past(session, stretch)
    replay = Replay(read_rules(session, org), past)
    for _batch in replayed(read_posts(session, stretch), [replay], until):
        pass
    return sorted(
        (
            Opened(
                case.subject,
                case.level,
                case.rule,
                case.event,
                case.parent.subject if case.parent else None,
                case.closed_at is None,
            )
            for case in replay.cases
            if case.opened_at >= stretch.since
        ),
        key=str,
    )
