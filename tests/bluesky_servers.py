"""Real Bluesky servers on this machine: the directory, the data server and the AppView, from npm.

https://github.com/bluesky-social/atproto/tree/main/packages/dev-env. They are installed once (two minutes,
0.7 GB) by the scripts in `bluesky/` of the folder EARSHOT_REAL_SERVERS into the folder EARSHOT_BLUESKY, which
is one in the user's cache unless it is set, and then start in half a minute. They keep their rows in a
PostgreSQL of their own: the wheel that Earshot embeds has no pg_trgm. Surprising: their ports are fixed, so one
network runs at a time, and a second test process waits for the first one's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import redis

from local.child import Child, Running
from local.home import Home
from local.valkey import Valkey
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
SCRIPTS = ("bsky-install.sh", "start.mjs", "loopback.mjs")
TOOLS = ("bash", "python3", "gcc", "g++", "make")
PORTS = (2581, 2582, 2583, 2584, 2587)
INSTALL_SECONDS = 1500
START_SECONDS = 120
OPERATOR = ("admin", "admin-pass")
"""Who may do anything on the data server, as its development set-up names them."""


class CannotRun(Exception):
    """What this machine lacks for it, in a sentence."""


@dataclass(frozen=True)
class Network:
    """Where the servers listen: `pds` keeps accounts and takes sessions, `appview` answers anybody."""

    pds: str = "http://localhost:2583"
    appview: str = "http://localhost:2584"

    @property
    def trusted(self) -> tuple[str, ...]:
        """Both as EARSHOT_TRUSTED_HOSTS wants them."""
        return tuple(str(httpx.URL(base).netloc, "ascii") for base in (self.pds, self.appview))


@contextlib.contextmanager
def network(run: Path) -> Iterator[Network]:
    """A fresh network without posts, until the block ends; `run` is a folder for what it writes.

    Installs the servers where they are missing. Raises CannotRun.
    """
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRun(f"{folder} (EARSHOT_BLUESKY) cannot be made: {error.strerror}") from None
    with (folder / "in-use").open("w") as turn, contextlib.ExitStack() as leaving:
        fcntl.flock(turn, fcntl.LOCK_EX)
        binaries = _postgresql()
        _install(folder)
        if taken := [port for port in PORTS if not _free(port)]:
            raise CannotRun(f"the ports {taken} of 127.0.0.1 are in use, and the servers have fixed ones")
        run.mkdir(mode=0o711)
        leaving.callback(shutil.rmtree, run, ignore_errors=True)
        database = leaving.enter_context(_database(binaries, run))
        broker = leaving.enter_context(_broker(run))
        leaving.enter_context(_servers(folder, run, database, broker))
        yield Network()


class World:
    """People on a network and what they do there, by API."""

    def __init__(self, place: Network, client: httpx.Client) -> None:
        self.network = place
        self.people: dict[str, Person] = {}
        self._client = client
        self._numbers = count(1)

    def person(self, name: str) -> Person:
        """A new account; its handle begins with the name. Uses up no login."""
        handle = f"{name}{next(self._numbers)}.test"
        secret = {"handle": handle, "email": f"mail@{handle}", "password": f"password-of-{handle}"}
        made = self.call("com.atproto.server.createAccount", **secret).raise_for_status().json()
        self.people[handle] = Person(self, handle, secret["password"], made)
        return self.people[handle]

    def call(self, method: str, *, token: str | None = None, **body: Any) -> httpx.Response:
        """A procedure of the data server."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self._client.post(f"{self.network.pds}/xrpc/{method}", headers=headers, json=body or None)

    def log_in(self, handle: str, password: str) -> httpx.Response:
        return self.call("com.atproto.server.createSession", identifier=handle, password=password)

    def takes_down(self, person: Person, *, applied: bool = True) -> None:
        """What the data server's operator does to an account; `applied=False` undoes it."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": person.did}
        takedown = {"applied": applied} | ({"ref": "test"} if applied else {})
        self._client.post(
            f"{self.network.pds}/xrpc/com.atproto.admin.updateSubjectStatus",
            json={"subject": subject, "takedown": takedown},
            auth=OPERATOR,
        ).raise_for_status()

    def indexed(self, *written: Written) -> None:
        """Wait until the AppView has these posts: it reads the data server's stream, a moment behind."""
        for first in range(0, len(written), 25):
            uris = [one.uri for one in written[first : first + 25]]
            eventually(
                lambda uris=uris: self._seen(uris) == len(uris), 20, of="the AppView to have the posts"
            )

    def _seen(self, uris: list[str]) -> int:
        url = f"{self.network.appview}/xrpc/app.bsky.feed.getPosts"
        return len(self._client.get(url, params={"uris": uris}).raise_for_status().json()["posts"])


@dataclass(frozen=True)
class Written:
    """A record as its repository names it, and the post that its thread began with."""

    uri: str
    cid: str
    root: dict[str, str]
    text: str

    @property
    def ref(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": self.cid}


class Person:
    """An account and its session."""

    def __init__(self, world: World, handle: str, password: str, made: dict[str, Any]) -> None:
        self.handle, self.password, self.did = handle, password, str(made["did"])
        self.access, self.refresh = str(made["accessJwt"]), str(made["refreshJwt"])
        self._world = world

    def says(
        self,
        text: str,
        *,
        answers: Written | None = None,
        quotes: Written | None = None,
        lang: str = "en",
    ) -> Written:
        """Write a post; mentions, links and tags in its text are marked up as an app does it."""
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "createdAt": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "langs": [lang],
        }
        if facets := list(self._facets(text)):
            record["facets"] = facets
        if answers is not None:
            record["reply"] = {"root": answers.root, "parent": answers.ref}
        if quotes is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": quotes.ref}
        made = self._repo("createRecord", record=record).json()
        ref = {"uri": made["uri"], "cid": made["cid"]}
        return Written(made["uri"], made["cid"], answers.root if answers else ref, text)

    def takes_back(self, written: Written) -> None:
        self._repo("deleteRecord", rkey=written.uri.rpartition("/")[2])

    def _repo(self, verb: str, **body: Any) -> httpx.Response:
        where = {"repo": self.did, "collection": "app.bsky.feed.post"}
        method = f"com.atproto.repo.{verb}"
        return self._world.call(method, token=self.access, **where, **body).raise_for_status()

    def _facets(self, text: str) -> Iterator[dict[str, Any]]:
        for found in re.finditer(r"@(?P<handle>[\w.-]+\.test)|#(?P<tag>\w+)|(?P<uri>https?://\S+)", text):
            feature: dict[str, Any]
            if found["handle"]:
                feature = {"$type": _FACET + "mention", "did": self._world.people[found["handle"]].did}
            elif found["tag"]:
                feature = {"$type": _FACET + "tag", "tag": found["tag"]}
            else:
                feature = {"$type": _FACET + "link", "uri": found["uri"]}
            start, end = (len(text[:at].encode()) for at in found.span())
            yield {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


_FACET = "app.bsky.richtext.facet#"


@contextlib.contextmanager
def world(run: Path) -> Iterator[World]:
    """A fresh network with nobody on it. Raises CannotRun."""
    with network(run) as place, httpx.Client(timeout=20, trust_env=False) as client:
        yield World(place, client)


def _folder() -> Path:
    if given := os.environ.get("EARSHOT_BLUESKY"):
        return Path(given).resolve()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "earshot" / "bluesky"


def _scripts() -> Path:
    given = os.environ.get("EARSHOT_REAL_SERVERS")
    return (Path(given).resolve() if given else ROOT.parent / "shared" / "real-servers") / "bluesky"


def _installed(folder: Path) -> bool:
    modules = folder / "node_modules"
    return (
        os.access(folder / "bin" / "node", os.X_OK)
        and (modules / "@atproto" / "dev-env" / "package.json").exists()
        and (modules / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node").exists()
    )


def _install(folder: Path) -> None:
    """Make the folder hold the servers and the two files that start them."""
    scripts = _scripts()
    lacking = [name for name in SCRIPTS if not (scripts / name).exists()]
    if not _installed(folder):
        if lacking:
            raise CannotRun(
                f"no servers in {folder} (EARSHOT_BLUESKY), and no {', '.join(lacking)} in {scripts} "
                "(EARSHOT_REAL_SERVERS) to install them with"
            )
        if tools := [tool for tool in TOOLS if shutil.which(tool) is None]:
            raise CannotRun(f"installing the servers takes {', '.join(tools)}, which this machine lacks")
        log = folder / "install.log"
        with log.open("w") as out:
            try:
                done = subprocess.run(
                    ["nice", "bash", scripts / SCRIPTS[0], folder],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    timeout=INSTALL_SECONDS,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                done = -1
        if done != 0 or not _installed(folder):
            said = log.read_text().strip().splitlines()[-3:]
            raise CannotRun(f"the servers could not be installed (see {log}): {' / '.join(said)}")
    for name in SCRIPTS[1:]:
        if (scripts / name).exists():
            (folder / name).write_text((scripts / name).read_text())
        elif not (folder / name).exists():
            raise CannotRun(f"{folder} (EARSHOT_BLUESKY) has no {name}, and {scripts} has none either")


def _postgresql() -> Path:
    """The folder of initdb and postgres of an installation that has pg_trgm; the newest one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    if (configured := shutil.which("pg_config")) is not None:
        asked = subprocess.run([configured, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(asked.stdout.strip()))
    for binaries in found:
        control = "extension/pg_trgm.control"
        shares = (Path("/usr/share/postgresql") / binaries.parent.name, binaries.parent / "share/postgresql")
        if (binaries / "initdb").exists() and any((share / control).exists() for share in shares):
            return binaries
    raise CannotRun(
        "the AppView takes a PostgreSQL with pg_trgm, and this machine has none (Debian: apt-get install postgresql)"
    )


@contextlib.contextmanager
def _database(binaries: Path, run: Path) -> Iterator[str]:
    """A PostgreSQL behind a socket that only we and the account that runs it can reach; its URL."""
    home = Home(run / "database")
    folder, account = home.folder("cluster"), home.account
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    subprocess.run(
        [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=True,
    )
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home.sockets),
        "unix_socket_permissions": "0700",
        "fsync": "off",
        "max_connections": "100",
    }
    child = Child(
        name="bluesky-postgres",
        argv=(
            *(str(binaries / "postgres"), "-D", str(folder / "data")),
            *(f"--{name}={value}" for name, value in settings.items()),
        ),
        log=home.logs / "postgres.log",
        env=environment,
        account=account,
        cwd=folder,
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
    )
    # a new cluster is empty: its database `postgres` serves as well as one made for them
    with _running(child, lambda: (home.sockets / ".s.PGSQL.5432").exists(), 30):
        yield f"postgres://postgres@/postgres?host={home.sockets}"


@contextlib.contextmanager
def _broker(run: Path) -> Iterator[str]:
    """A Valkey that the servers reach: they know TCP only, and no password; its host:port."""
    with socket.create_server(("127.0.0.1", 0)) as asked:
        port = asked.getsockname()[1]
    valkey = Valkey(Home(run / "broker"), {"port": str(port), "bind": "127.0.0.1", "appendonly": "no"})
    valkey.start()
    try:
        with redis.Redis.from_url(valkey.url()) as db:
            db.config_set("requirepass", "")
        yield f"127.0.0.1:{port}"
    finally:
        valkey.stop()


@contextlib.contextmanager
def _servers(folder: Path, run: Path, database: str, broker: str) -> Iterator[None]:
    log, room = run / "servers.log", run / "files"
    room.mkdir()
    child = Child(
        name="bluesky",
        argv=(str(folder / "bin" / "node"), "--import", "./loopback.mjs", "start.mjs"),
        log=log,
        env={
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "TMPDIR": str(room),
            "DB_POSTGRES_URL": database,
            "DB_POSTGRES_SCHEMA": "dev",
            "REDIS_HOST": broker,
            "RATE_LIMITS": "1",
            "NODE_ENV": "development",
            "LOG_ENABLED": "false",
        },
        cwd=folder,
        grace=20.0,
    )
    with _running(child, lambda: "READY" in log.read_text(), START_SECONDS):
        yield


@contextlib.contextmanager
def _running(child: Child, ready: Callable[[], bool], seconds: float) -> Iterator[None]:
    """A child until the block ends, from when it is ready on."""
    running = Running(child)
    try:
        eventually(
            lambda: running.ended() is not None or ready(), seconds, of=f"{child.name} (see {child.log})"
        )
        if running.ended() is not None:
            raise AssertionError(f"{child.name} ended at its start:\n{child.log.read_text()[-2000:]}")
        yield
    finally:
        running.signal(child.stop_signal)
        running.wait(child.grace)


def _free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
