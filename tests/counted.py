"""Work for the process beside the pages: it has to be found by name there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import CannotDo


def times(session: Session, file: str) -> int:
    """How often this was counted."""
    with Path(file).open("a") as told:
        told.write(".")
    return len(Path(file).read_text())


def process(session: Session) -> tuple[int, int]:
    """Who counts, and how nice they are."""
    return os.getpid(), os.nice(0)


def busy(session: Session, file: str, so_far: Callable[[float], None]) -> str:
    """Keeps an interpreter until the file is there."""
    while not Path(file).exists():
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        so_far(0.5)
    return "done"


def stuck(session: Session) -> None:
    """Says nothing and does not end."""
    while True:
        pass


def refused(session: Session) -> None:
    """Cannot be done."""
    raise CannotDo("Not today.")


def writes(session: Session) -> None:
    """Is not allowed to."""
    session.execute(text("DELETE FROM rules"))


def dies(session: Session, file: str, least: int) -> int:
    """Kills its process so many times."""
    if (n := times(session, file)) <= least:
        os.kill(os.getpid(), signal.SIGKILL)
    return n
