"""Real servers for the tests: one PostgreSQL and one Valkey a run, started by the first test that asks.

database        a migrated database of this test's own, as the fleet's role; its URL
owner_database  the same database as the role that owns it; its URL
broker          an empty logical database of Valkey; its URL (unix://..., see workers._settings)
home            a path for EARSHOT_HOME that does not exist yet, short enough for sockets
made_home       the same with a database cluster in it that was never started
servers         the run's servers, for fixtures of wider scope: servers.new_database(), .new_broker()
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import make_url

from local.home import Home
from local.postgres import Postgres
from tests.command_line import Earshot, earshot
from tests.journey import US, Journey
from tests.keeper import at
from tests.serving import web
from tests.waiting import eventually

FOLDER = "EARSHOT_TEST_FOLDER"
PYTEST = "EARSHOT_TEST_PID"
GIVEN = ("database_url", "migrations_url", "broker_url")
LONGEST = {
    "test_trouble.py": 115,
    "test_chaos.py": 80,
    "test_world.py": 75,
    "test_demo_days.py": 60,
    "test_demo.py": 50,
    "test_local_instance.py": 40,
    "test_storm.py": 30,
    "test_scheduler_leader.py": 30,
    "test_recorded_journey.py": 28,
    "test_poison.py": 20,
}
"""Files whose tests start whole fleets, the longest first, and about how many seconds they take. A fleet waits most of
its time, so two run side by side where there are three workers, and the others take what is left of the cores; a run that
ends with short tests leaves no core idle in its last minute."""
MEMORY, ROOM = "/dev/shm", 4 << 30
"""A file system in memory, and the bytes that it has to have free, of which a run takes a quarter at most."""
UNWANTED = ("EARSHOT_HOME", "EARSHOT_ORG", "EARSHOT_READY_FILE", "EARSHOT_TRUSTED_HOSTS")


def pytest_configure(config: pytest.Config) -> None:
    """Agree on a folder, before any xdist worker exists; take the servers' addresses out of the environment."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix="earshot-tests-", dir=place()))
    folder.chmod(0o711)  # the account that runs the servers when we are root has to pass
    given = {name: os.environ.pop(f"EARSHOT_{name.upper()}", None) for name in GIVEN}
    (folder / "given.json").touch(0o600)
    (folder / "given.json").write_text(json.dumps(given))
    for name in UNWANTED:
        os.environ.pop(name, None)
    os.environ[FOLDER], os.environ[PYTEST] = str(folder), str(os.getpid())


def place() -> str:
    """Where the servers keep their files: in memory, where it has room. A test's database is hundreds of files, and to
    make them takes six times as long on a disk, whether anything waits for the disk or not."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        if os.access(MEMORY, os.W_OK) and min(available / 2, shutil.disk_usage(MEMORY).free) > ROOM:
            return MEMORY
    return "/tmp"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, if anybody asked for them."""
    if hasattr(config, "workerinput") or FOLDER not in os.environ:
        return
    folder = Path(os.environ.pop(FOLDER))
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        keeper = os.pidfd_open(int((folder / "keeper.pid").read_text()))
        signal.pidfd_send_signal(keeper, signal.SIGTERM)
        select.select([keeper], [], [], 30)
        os.close(keeper)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(trylast=True)  # -m has taken its tests away by then
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of LONGEST where pieces begin: --dist worksteal gives each worker one piece, and takes from the
    end of the longest piece for whoever has nothing left."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        items[:] = dealt(items, workers)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The same tests in as many pieces of one length as there are workers; all but one begin with long tests, and none of
    those with much more of them than another."""
    heads: list[list[pytest.Item]] = [[] for _ in range(workers)]
    seconds = [0] * (workers - 1)
    for name, takes in LONGEST.items():
        least = seconds.index(min(seconds))
        seconds[least] += takes
        heads[least] += [item for item in items if item.path.name == name]
    others = iter([item for item in items if item.path.name not in LONGEST])
    pieces: list[pytest.Item] = []
    for number, head in enumerate(heads):
        length = (len(items) - len(pieces)) // (workers - number)  # as --dist worksteal counts
        pieces += [*head, *islice(others, max(0, length - len(head)))]
    return pieces


class Servers:
    """The run's servers as told by the keeper."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self.admin: str = told["admin"]
        self._numbers = count()

    @contextlib.contextmanager
    def new_database(self, migrated: bool = True) -> Iterator[tuple[str, str]]:
        """A database of one's own: its URL as the fleet, its URL as the owner."""
        if migrated and self._told["why"]:
            pytest.fail(f"the migrations did not run: {self._told['why']}", pytrace=False)
        name = f"{self._told['template']}_{os.getpid()}_{next(self._numbers)}"
        template = self._told["template"] if migrated else "template0"
        owner, fleet = (make_url(self._told[role]).username for role in ("owner", "fleet"))
        assert owner
        assert fleet
        with self._as_admin() as db:
            db.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy").format(
                    *(sql.Identifier(part) for part in (name, owner, template))
                )
            )
        try:
            yield at(self._told["fleet"], name), at(self._told["owner"], name)
        finally:
            with self._as_admin() as db:
                db.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextlib.contextmanager
    def new_broker(self) -> Iterator[str]:
        """An empty logical database, claimed for as long as it is used; its URL."""
        with redis.Redis.from_url(self._told["broker"]) as claims:
            size = int(claims.config_get("databases")["databases"])
            for number in range(1, size):
                claim = f"earshot-tests:claim:{number}"
                if not claims.set(claim, os.getpid(), nx=True, ex=3600):
                    continue
                url = _numbered(self._told["broker"], number)
                with redis.Redis.from_url(url) as db:
                    if db.dbsize():  # somebody else's: not ours to empty
                        continue
                    try:
                        yield url
                    finally:
                        db.flushdb()
                        claims.delete(claim)
                return
        pytest.fail("the broker has no empty logical database for this test", pytrace=False)

    @contextlib.contextmanager
    def _as_admin(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.admin, autocommit=True) as db:
            yield db


def _numbered(url: str, number: int) -> str:
    head, _, query = url.partition("?")
    if head.startswith("unix:"):
        return f"{head}?db={number}"
    scheme, _, rest = head.partition("://")
    return f"{scheme}://{rest.split('/')[0]}/{number}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The run's folder: short, and open to the account that runs the servers."""
    return Path(os.environ[FOLDER])


@pytest.fixture(scope="session")
def servers(shared_folder: Path) -> Servers:
    told = shared_folder / "servers.json"
    log = shared_folder / "keeper.log"
    with (shared_folder / "starting").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not told.exists():
            with log.open("w") as out:
                keeper = subprocess.Popen(
                    [sys.executable, "-m", "tests.keeper", shared_folder, os.environ[PYTEST]],
                    cwd=Path(__file__).parent.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            (shared_folder / "keeper.pid").write_text(str(keeper.pid))
            eventually(lambda: told.exists() or keeper.poll() is not None, within=60, of="the test servers")
            if keeper.poll() is not None:
                pytest.fail(f"the test servers did not start:\n{log.read_text()}", pytrace=False)
            keeper.returncode = 0  # it outlives us: Popen must not complain that nobody waited
    return Servers(json.loads(told.read_text()))


@pytest.fixture
def _database(servers: Servers) -> Iterator[tuple[str, str]]:
    with servers.new_database() as urls:
        yield urls


@pytest.fixture
def database(_database: tuple[str, str]) -> str:
    return _database[0]


@pytest.fixture
def owner_database(_database: tuple[str, str]) -> str:
    return _database[1]


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    """An organisation of its own, whose account on the town's server is `tests.journey.US`."""
    journey = Journey(database)
    journey.own(US)
    yield journey
    journey.close()


@pytest.fixture
def base(journey: Journey) -> Iterator[str]:
    """The console over the journey's database; its address."""
    with web(journey.url) as address:
        yield address


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    """`earshot` over the test's database."""
    return earshot(home, database_url=database)


@pytest.fixture
def broker(servers: Servers) -> Iterator[str]:
    with servers.new_broker() as url:
        yield url


_homes = count()


@pytest.fixture
def home(shared_folder: Path) -> Iterator[Path]:
    path = shared_folder / f"h{os.getpid()}-{next(_homes)}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def _cluster(shared_folder: Path) -> Path:
    """A data folder as the first start leaves it, made once a run: initdb waits for the disk, for seconds."""
    made = shared_folder / "cluster"
    with (shared_folder / "making").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not made.exists():
            new = Home(shared_folder / "new")
            Postgres(new).prepare()
            new.path.rename(made)
    return made


@pytest.fixture
def made_home(home: Path, _cluster: Path) -> Path:
    subprocess.run(["cp", "-a", _cluster, home], check=True)  # its files belong to the servers' account
    return home
