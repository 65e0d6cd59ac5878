"""One session for one command, as the fleet's role; whoever opens it here has it committed here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from workers._settings import settings

PATIENCE = 5
"""Seconds until a database that does not answer is said to be away."""


@cache
def engine() -> Engine:
    """The fleet's database. No connection stays open between two sessions."""
    return create_engine(
        settings().database,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": PATIENCE, "application_name": "earshot console"},
    )


@contextmanager
def opened() -> Iterator[Session]:
    """A session in one transaction: committed at the end of the block, rolled back if it raises."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def opened_for(org: str) -> Iterator[Session]:
    """The same, for writing: an organisation that is used for the first time is given the shipped rules."""
    with opened() as session:
        session.execute(text("SELECT shipped_rules(:org)"), {"org": org})
        yield session
