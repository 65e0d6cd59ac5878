"""A fleet of real processes for a test: beat, fetch and digest workers, and the world that they follow.

    with simulated.world("--acts", "manual") as sim, fleet(home, servers, follow=sim) as running:
        running.settle()

Whoever ends is started again at once, whenever the test waits. `python -m tests.fleet ADDRESS EVERY` is how
the world introduces itself: in a process with the fleet's own environment, the ways of the CLI.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from celery import Celery
from psycopg.rows import dict_row
from psycopg.types.json import Json

from local.child import Child, Running
from local.home import CannotStart, Home
from local.instance import Instance
from local.postgres import Postgres
from local.valkey import Valkey
from tests import world_truth
from tests.simulated import World
from tests.waiting import eventually
from workers._settings import Settings

T = TypeVar("T")
ORG = "main"
EVERY = 1.0
"""Seconds between two visits to a source."""

LANDED = "SELECT coalesce(array_agg(id), '{}') AS ids FROM pages WHERE state = 'landed'"
WAITING = "SELECT count(*) FROM pages WHERE state = 'landed' AND id = ANY(%(landed)s)"

QUICK = {"fsync": "off", "shared_buffers": "64MB"}


@dataclass(frozen=True)
class Addresses:
    """Where the servers are: the fleet's database, the owner's, the broker."""

    database: str
    owner: str
    broker: str


class OwnServers:
    """A PostgreSQL and a Valkey that a test may kill."""

    def __init__(self, home: Home) -> None:
        self.postgres, self.valkey = Postgres(home, QUICK), Valkey(home)

    def start(self) -> Addresses:
        from models.migrations import upgrade

        self.postgres.start()
        self.valkey.start()
        owner, database = self.postgres.url("owner"), self.postgres.url("fleet")
        upgrade(owner, fleet_role="earshot_fleet")
        return Addresses(database, owner, self.valkey.url())

    def crash_postgres(self) -> None:
        """Kill the server as the kernel would, and start it again at once: it has to recover."""
        assert self.postgres.pid is not None
        os.kill(self.postgres.pid, signal.SIGKILL)
        self.postgres.stop()
        # its sessions notice only after a moment that it is gone, and until then nobody may take its place
        eventually(self._starts, within=60, of="PostgreSQL after its crash")

    def _starts(self) -> bool:
        try:
            self.postgres.start()
        except CannotStart:
            return False
        return True

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()


class Fleet:
    """Beat and workers on a data folder. `killed` counts the processes that the test ended."""

    def __init__(
        self, home: Home, where: Addresses, trusted: str, digesters: int, app: str, **more: Any
    ) -> None:
        self.where = where
        self.killed = 0
        given = Settings(
            database_url=where.database,
            migrations_url=where.owner,
            broker_url=where.broker,
            home=home.path,
            trusted_hosts=(trusted,),
            poll_every=1.0,
            digest_every=1.0,
            log_level="INFO",
            **{"fetch_processes": 1, "digest_processes": 2, "sweep_every": 10.0, **more},
        )
        self.instance = Instance(home, given)
        self._asking = Celery(broker=given.broker, set_as_current=False)
        self._asking.conf.broker_transport_options = {"global_keyprefix": "earshot:"}
        self._children = _children(self.instance, digesters, app)
        self._running: dict[str, Running] = {}

    def start(self) -> None:
        """Start everybody and wait until all say that they are ready."""
        self.tend()
        self.eventually(lambda: all(c.ready() for c in self._children.values()), within=120, of="the fleet")

    def tend(self) -> None:
        """Start whoever is not there, or not there any more."""
        for name, child in self._children.items():
            running = self._running.get(name)
            if running is not None and running.ended() is None:
                continue
            if running is not None:
                running.end_session()
            self._running[name] = Running(child)

    def stop(self) -> None:
        for running in reversed(self._running.values()):
            running.signal(signal.SIGTERM)
        for running in self._running.values():
            running.wait(8)
        self._running.clear()

    def pids(self, *names: str) -> list[int]:
        """The named children and their pool processes."""
        found = []
        for name in names or self._children:
            running = self._running[name]
            if running.ended() is None:
                found += [running.pid, *pool_of(running.pid)]
        return found

    def pool(self, name: str) -> list[int]:
        """The pool processes of a worker."""
        return pool_of(self._running[name].pid)

    def kill(self, pid: int) -> None:
        """End one process of ours as the kernel would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def done(self, task: str) -> dict[str, int]:
        """How often each worker that answers has done a task since it started, by the worker's name."""
        with self._asking.connection_for_write() as connection:
            told = self._asking.control.inspect(connection=connection, timeout=3.0).stats() or {}
        return {name.partition("@")[0]: worker["total"].get(task, 0) for name, worker in told.items()}

    def logs(self) -> str:
        """The ends of all logs, for a test that failed."""
        folder = self.instance.home.logs
        return "\n".join(f"--- {log.name}\n{_told(log)[-2500:]}" for log in sorted(folder.iterdir()))

    # --- what is in the database ---------------------------------------------------------------------

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.where.database, row_factory=dict_row, autocommit=True) as db:
            ran = db.execute(query, values)
            return ran.fetchall() if ran.description else []

    def value(self, query: str, **values: Any) -> Any:
        [row] = self.rows(query, **values)
        [found] = row.values()
        return found

    # --- waiting -------------------------------------------------------------------------------------

    def eventually(self, predicate: Callable[[], T], within: float, of: str, every: float = 0.2) -> T:
        """`eventually` that tends the fleet meanwhile; a database that is away is a no."""

        def asked() -> T | None:
            self.tend()
            with contextlib.suppress(psycopg.OperationalError):
                return predicate()
            return None

        found = eventually(asked, within, every, of)
        assert found is not None
        return found

    def settle(self, within: float = 120.0) -> None:
        """Wait until every source was visited to its end once, by a visit that begins now, and what it brought is digested.

        A fleet goes on polling while it is looked at: who was at the end once has heard all, and is not asked again.
        """
        left = self.eventually(
            lambda: self.rows(
                "SELECT id::text, fence + 1 + (lease_until IS NOT NULL)::int AS fence, "
                "clock_timestamp()::text AS since FROM sources"
            ),
            within,
            "the database",
        )

        def all_ended() -> bool:
            ids = {str(row["id"]) for row in self.unsettled(left)}
            left[:] = [row for row in left if row["id"] in ids]
            return not left

        try:
            self.eventually(all_ended, within, "the end of all visits")
            landed = self.eventually(lambda: self.rows(LANDED), within, "the database")[0]["ids"]
            self.eventually(
                lambda: not self.value(WAITING, landed=landed), within, "the digestion of all pages"
            )
        except AssertionError as failed:
            failed.add_note(f"left over: {self.unsettled(left)} {self.rows(LANDED)}")
            raise

    def unsettled(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sources whose visit (`fence`, `since`) is not at its end."""
        return self.rows(
            "SELECT id::text, platform, kind, term, state, last_error FROM sources JOIN json_to_recordset(%(asked)s) "
            "   AS x (id uuid, fence bigint, since timestamptz) USING (id) "
            "WHERE state <> 'active' OR sources.fence < x.fence OR lease_until IS NOT NULL "
            "   OR last_success_at < x.since OR due_at <= last_success_at OR last_error IS NOT NULL",
            asked=Json(asked),
        )

    def ledger_faults(self, within: float = 20.0) -> list[dict[str, Any]]:
        """The visits whose account does not add up, or that still wait after `within` seconds.

        A fleet goes on polling while it is looked at: of the visit that is under way a page always waits.
        """
        left: list[dict[str, Any]] = []

        def adds_up() -> bool:
            left[:] = self._unbalanced()
            return not left

        with contextlib.suppress(AssertionError):
            self.eventually(adds_up, within, "every account adding up")
        return left

    def _unbalanced(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT l.*, p.fetched AS told FROM ledger l JOIN polls p ON p.id = l.poll_id "
            "WHERE l.waiting <> 0 OR l.fetched <> p.fetched "
            "   OR l.fetched <> l.new + l.duplicate + l.edited + l.filtered + l.quarantined"
        )


def _children(instance: Instance, digesters: int, app: str) -> dict[str, Child]:
    """The children of an instance, with more digest workers and another Celery app where they are wanted."""
    children: dict[str, Child] = {}
    for child in instance.fleet():
        argv = child.argv[2:]
        if child.name != "digest":
            children[child.name] = child
            continue
        for number in range(1, digesters + 1):
            name = f"digest-{number}"
            told = [part.replace("digest@", f"{name}@").replace("workers.app", app) for part in argv]
            children[name] = instance.python_child(name, *told)
    return children


def _told(log: Path) -> str:
    """A log without the lines that only say that time passes."""
    noise = ("Sending due task", "Discarding revoked task", "not yet accepting", "recovery state")
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if not any(part in line for part in noise))


def pool_of(pid: int) -> list[int]:
    """The processes that a process started and that are alive."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextlib.contextmanager
def fleet(
    home: Home, where: Addresses, trusted: str, *, digesters: int = 1, app: str = "workers.app", **more: Any
) -> Iterator[Fleet]:
    """A running fleet that may fetch from `trusted` (host:port); `more` are settings of its own.

    Its logs are part of what a failure says.
    """
    with home.locked():
        made = Fleet(home, where, trusted, digesters, app, **more)
        with home.announced(made.instance.settings):
            try:
                made.start()
                yield made
            except AssertionError as failed:
                failed.add_note(made.logs())
                raise
            finally:
                made.stop()


def introduce(running: Fleet, sim: World) -> None:
    """Bring in what the world's CRM knows, and follow its sources."""
    address = sim.places["control"].removesuffix("/_control")
    child = running.instance.python_child("introduce", "tests.fleet", address, str(EVERY), tells=False)
    doing = Running(child)
    eventually(lambda: doing.ended() is not None, within=120, of="the introduction")
    assert doing.ended() == 0, child.log.read_text()
    doing.wait(1)


def heard(running: Fleet, sim: World) -> None:
    """Wait until all that is there was asked for, and what was returned is digested."""

    def all_told() -> bool:
        return world_truth.not_told_yet(sim.asks("truth")) == []

    running.settle()
    if not all_told():  # a visit that was cut off, or one that met a fault, goes on with the next
        running.eventually(all_told, within=90, of="all posts being asked for", every=1.0)
        running.settle()


def agree(running: Fleet, sim: World, when: str) -> None:
    """Wait until the database is what the world says is true; what two workers could not see of each other, the sweep joins."""
    left: list[str] = []

    def agreed() -> bool:
        left[:] = world_truth.differences(running.rows, sim.asks("truth"))
        return not left

    try:
        running.eventually(agreed, within=60, of=f"agreement {when}", every=0.5)
    except AssertionError as failed:
        failed.add_note(f"{len(left)} differences:\n" + "\n".join(left[:20]))
        raise


def play(running: Fleet, sim: World, act: int) -> None:
    """The acts up to this one. Before the fourth, the first Ticket of the one who comes back is closed."""
    for case in sim.asks("truth")["cases"] if act == 4 else ():
        if case["key"] == "again-quinn":
            running.rows(
                "UPDATE tickets SET status = 'resolved' WHERE id = "
                "(SELECT ticket_id FROM social_events WHERE external_id = %(opener)s)",
                opener=case["opener"],
            )
    sim.does("act", n=act)


def netloc(sim: World) -> str:
    return sim.places["control"].split("/")[2]


def main(arguments: Sequence[str]) -> None:
    from console.database import opened_for
    from console.world import World as Introduced
    from console.world import introduce as bring_in

    address, every = arguments
    with opened_for(ORG) as session:
        bring_in(session, ORG, Introduced(address).ask("crm"), every=float(every))


if __name__ == "__main__":
    main(sys.argv[1:])
