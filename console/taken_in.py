"""What a case took in, counted: the cases that an Incident has below it, or that people merged into one, and all their posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.lately import Lately

MANY = 1_000
LATELY = 60.0
"""Seconds for which the counts of a case that took in more than MANY are shown again."""
_TAKEN_IN = text("""
    SELECT c.id, n.cases, (SELECT count(*) FROM social_events e WHERE e.case_id = c.id) + n.posts AS posts
    FROM cases c CROSS JOIN LATERAL (
        SELECT count(*) AS cases,
               coalesce(sum((SELECT count(*) FROM social_events e WHERE e.case_id = x.id)), 0) AS posts
        FROM cases x WHERE x.parent_id = c.id
    ) n
    WHERE c.id = ANY (:ids)
""")


class Taken(NamedTuple):
    """What belongs to a case that took others in: how many of these, and the posts of all."""

    cases: int
    posts: int


_TAKEN = Lately(5_000)


def taken(session: Session, cases: Sequence[UUID]) -> dict[UUID, Taken]:
    """What these cases took in; of one that took in more than MANY, as it was LATELY seconds ago at most."""

    def made(missing: list[UUID]) -> dict[UUID, Taken]:
        rows = session.execute(_TAKEN_IN, {"ids": missing})
        return {row.id: Taken(int(row.cases), int(row.posts)) for row in rows}

    def holds(found: Taken, ago: float) -> bool:
        return found.cases > MANY and ago < LATELY

    return _TAKEN.values(session, cases, made, holds)
