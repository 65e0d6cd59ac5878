"""A step in a transaction of its own, tried again where others were writing the same rows at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from console.database import opened

TRIES = 4
_LOST = ("40001", "40P01")
"""Serialisation failure and deadlock: nothing of the transaction was done."""

Said = TypeVar("Said")


def tried(
    work: Callable[[Session], Said],
    tries: int = TRIES,
    within: Callable[[], AbstractContextManager[Session]] = opened,
) -> Said:
    """What `work` gives in a transaction of `within`, committed. Raises what it raises, and the conflict where the last try lost too."""
    for left in reversed(range(tries)):
        try:
            with within() as session:
                return work(session)
        except DBAPIError as conflict:
            if not left or getattr(conflict.orig, "sqlstate", None) not in _LOST:
                raise
    raise AssertionError(tries)
