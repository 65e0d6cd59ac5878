"""The process that `console.web.aside` gives its work to: `python -m console.web.aside_process FD`, spoken to over that line.

It reads and never writes: each piece of work sees one moment of the database. It yields to whoever else wants the machine, and
ends with the process that started it: that holds the other end of its standard input.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Thread
from time import monotonic
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from console.refusal import CannotDo

log = logging.getLogger(__name__)

NICE = 10
EVERY = 0.1
"""Seconds between two moments at which others may pass."""
STATEMENT = "120s"
CANCELLED = "57014"
TOO_LONG_SAID = "This takes too long to be counted here."
_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


Job = tuple[int, Callable[..., Any], tuple[Any, ...], bool]
"""A number, `work` and `args`: `work(session, *args)` is to be done; True: it lasts, and wants a function to say how far it is."""
Told = tuple[int, str, Any]
"""The number, what became of it, and: so far (a share), value, refused (the exception), away or failed (its name)."""


class Works:
    """Does what comes over the line."""

    def __init__(self, line: Connection, engine: Engine) -> None:
        self._line, self._engine = line, engine
        self._passed = 0.0

    def one(self) -> None:
        """The next job; ends the process where nobody is left who would want it."""
        try:
            job: Job = self._line.recv()
            self._line.send(self._done(job))
        except (EOFError, OSError):
            os._exit(0)

    def _done(self, job: Job) -> Told:
        number, work, args, lasts = job
        more = {"so_far": lambda share: self._passes(number, share)} if lasts else {}
        try:
            with Session(self._engine) as session, session.begin():
                session.execute(_ONE_MOMENT)
                return number, "value", work(session, *args, **more)
        except CannotDo as refused:
            return number, "refused", refused
        except (OperationalError, InterfaceError) as away:
            if getattr(away.orig, "sqlstate", None) == CANCELLED:
                return number, "refused", CannotDo(TOO_LONG_SAID)
            return number, "away", type(away).__name__
        except Exception as failed:
            log.exception("This could not be counted: %s%r", work.__qualname__, args)
            return number, "failed", type(failed).__name__

    def _passes(self, number: int, share: float) -> None:
        """Between two steps of what lasts: it is told how far it is, and what does not last is done."""
        if (now := monotonic()) - self._passed < EVERY:
            return
        self._passed = now
        try:
            self._line.send((number, "so far", share))
            waits = self._line.poll()
        except OSError:
            os._exit(0)
        if waits:
            self.one()


def _until_alone() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Work until nobody is left to work for."""
    Thread(target=_until_alone, daemon=True).start()
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who started us ends us
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    line = Connection(int(sys.argv[1]))
    try:
        database = line.recv()
    except (EOFError, OSError):
        return
    engine = create_engine(
        database,
        pool_size=2,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "earshot aside",
            "options": f"-c statement_timeout={STATEMENT}",
        },
    )
    # what lasts holds millions of objects until its end: to look through them for cycles meanwhile would find none
    gc.disable()
    works = Works(line, engine)
    while True:
        works.one()
        gc.collect()


if __name__ == "__main__":
    main()
