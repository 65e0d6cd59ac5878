"""Only one beat is awake: the holder of a row in `beat_lease`.

The holder is a random name, never a host's; the term rises with every takeover and travels with every
tick, so that the tick of a beat that lost its lease is known as such. Time is the database's: two machines
whose clocks differ still agree. The surprising thing: the lease counts from before the question was
sent, so that a slow answer makes it shorter, never longer.
"""

from __future__ import annotations

import logging
from time import monotonic
from uuid import uuid4

import psycopg

log = logging.getLogger(__name__)

LENGTH = 10.0
"""Seconds for which a lease holds."""
RENEWED_EVERY = 3.0
"""Seconds between two renewals, and between two looks of a beat that waits."""
MARGIN = 1.0
"""Seconds before its end from which on the holder does not rely on it."""

_TAKE = """
INSERT INTO beat_lease AS held (name, holder, term, until)
VALUES (%(name)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(length)s))
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    until = excluded.until,
    term = held.term + (held.holder <> excluded.holder)::int
WHERE held.holder = excluded.holder OR held.until < clock_timestamp()
RETURNING term
"""

_GIVE_BACK = """
UPDATE beat_lease SET until = clock_timestamp() WHERE name = %(name)s AND holder = %(holder)s
"""


class Lease:
    """One candidate for the lease. Keeps one connection; a database that is away makes it wait, not fail."""

    def __init__(self, database_url: str, name: str = "beat", length: float = LENGTH) -> None:
        self._url = database_url
        self._name = name
        self._length = length
        self._holder = uuid4()
        self._connection: psycopg.Connection[tuple[int]] | None = None
        self._term: int | None = None
        self._until = 0.0
        self._ask_at = 0.0
        self._state = ""

    def term(self) -> int | None:
        """The term while the lease is ours, else None. Asks the database every RENEWED_EVERY seconds only."""
        now = monotonic()
        if now >= self._ask_at:
            self._ask_at = now + min(RENEWED_EVERY, self._length / 3)
            self._ask(now)
        return self._term if now < self._until else None

    def give_back(self) -> None:
        """Let another beat take over at once."""
        if self._connection and self._term is not None:
            try:
                self._connection.execute(_GIVE_BACK, {"name": self._name, "holder": self._holder})
            except psycopg.Error:
                log.info("The lease could not be given back; it ends by itself.")
        self._disconnect()
        self._term, self._until = None, 0.0

    def _ask(self, now: float) -> None:
        try:
            row = self._connected().execute(_TAKE, self._values()).fetchone()
        except psycopg.Error as error:
            self._disconnect()
            self._say(
                f"The database does not answer ({type(error).__name__}): nothing is rung until it does."
            )
            return
        if row is None:
            self._term, self._until = None, 0.0
            self._say("Another beat is awake; this one waits.")
        else:
            self._term, self._until = row[0], now + self._length - min(MARGIN, self._length / 5)
            self._say(f"This beat is awake (term {self._term}).")

    def _values(self) -> dict[str, object]:
        return {"name": self._name, "holder": self._holder, "length": self._length}

    def _connected(self) -> psycopg.Connection[tuple[int]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=2,
                prepare_threshold=None,  # works behind a pooler that shares sessions
                application_name="earshot beat",
                keepalives_idle=5,
                tcp_user_timeout=2000,
            )
            self._connection.execute("SET statement_timeout = 2000")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _say(self, state: str) -> None:
        if state != self._state:
            self._state = state
            log.info(state)
