"""One running Earshot: its servers where none are given, the migrations, beat and the workers.

    cluster | postgres, valkey | roles | migrations | (what the console adds) | beat, fetch, digest

in this order, and backwards when it stops. With EARSHOT_DATABASE_URL and EARSHOT_BROKER_URL set, those servers
are used and none is started.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.child import MARK, Child, Step, end_left_behind, python_module
from local.home import Home
from local.postgres import NAMES, Postgres
from local.supervisor import Event, Supervisor
from local.valkey import Valkey
from workers._settings import PREFIX, Settings

Migrate = Callable[[str, str | None], object]
"""Called with the owner's database URL and the fleet's role (None: the same as the owner)."""


FLEET_GRACE = 12.0
"""Seconds that a worker may take to finish what it works on; what it did not finish is found again by its lease."""


class Instance:
    """An instance on a data folder that the caller has locked. Raises CannotStart.

        home = Home(given.home)
        with home.locked():
            Instance(home, given).run()

    `given` are the settings of the environment alone. `share` are settings that this instance adds for its
    children and for the CLI in other terminals (the demo: org and trusted_hosts). `extra` stands between
    the migrations and the fleet (the demo: the simulator and the seeding).
    """

    def __init__(
        self,
        home: Home,
        given: Settings,
        migrate: Migrate | None = None,
        share: Mapping[str, Any] | None = None,
        extra: Sequence[Child | Step] = (),
    ) -> None:
        self.home = home
        self._given = given
        self._migrate = migrate or _upgrade
        self.postgres = None if given.database_url else Postgres(home)
        self.valkey = None if given.broker_url else Valkey(home)
        self._share = dict(share or {})
        self.settings = self._settings()
        self._supervisor = Supervisor([*self._servers(), *extra, *self.fleet()])

    def run(
        self,
        on_event: Callable[[Event], None] = lambda event: None,
        while_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Run until stop(), SIGINT, SIGTERM or SIGHUP. Callbacks as in Supervisor.run; raises CannotStart."""
        with contextlib.ExitStack() as leaving:
            leaving.callback(self.home.remove_outside_folder)
            leaving.callback(self._forget_who_was_ready)
            end_left_behind(self.home.path)
            self._forget_who_was_ready()
            leaving.enter_context(self.home.announced(self.settings))
            self._supervisor.run(on_event, while_up)

    def stop(self) -> None:
        """Ask run() to stop everything and return; may be called from anywhere."""
        self._supervisor.stop()

    def pid(self, name: str) -> int | None:
        """The process id of postgres, valkey, beat, fetch or digest, while it runs."""
        return self._supervisor.pid(name)

    def read_settings(self) -> Settings:
        """The settings that the children of this instance have."""
        return Settings(**self.settings)

    def fleet(self) -> list[Child]:
        """Beat and the workers, as `celery -A ...` command lines."""
        level = self._given.log_level
        quiet = ("--without-gossip", "--without-mingle")
        return [
            self.python_child("beat", "celery", "-A", "scheduler.beat", "beat", "-l", level),
            *(
                self.python_child(
                    *(name, "celery", "-A", "workers.app", "worker", "-n", f"{name}@%h", "-Q", queues),
                    *("-P", "prefork", "-c", str(processes), "-O", "fair", "-l", level, *quiet),
                )
                for name, queues, processes in (
                    ("fetch", "fetch", self._given.fetch_processes),
                    ("digest", "digest,notify,maintenance", self._given.digest_processes),
                )
            ),
        ]

    def python_child(
        self, name: str, *argv: str, env: Mapping[str, str] | None = None, tells: bool = True
    ) -> Child:
        """A Python module of ours as a child. If it `tells`, it is ready once it wrote EARSHOT_READY_FILE."""
        ready_file = self.home.run / f"{name}.ready"
        return Child(
            name=name,
            argv=python_module(*argv),
            log=self.home.logs / f"{name}.log",
            env=self._environment(ready_file) | dict(env or {}),
            cwd=self.home.path,
            before=lambda: ready_file.unlink(missing_ok=True),
            grace=FLEET_GRACE,
            ready=ready_file.exists if tells else lambda: True,
        )

    def _forget_who_was_ready(self) -> None:
        for left in self.home.run.iterdir():
            left.unlink()

    def _servers(self) -> list[Child | Step]:
        plan: list[Child | Step] = []
        if self.postgres or self.valkey:
            plan.append(Step("preparing the servers", self._prepare))
        if self.postgres:
            plan.append(self.postgres.child())
        if self.valkey:
            plan.append(self.valkey.child())
        if self.postgres:
            plan.append(Step("making roles and database", self.postgres.settle))
        plan.append(Step("bringing the tables up to date", self._bring_up_to_date))
        return plan

    def _prepare(self) -> None:
        if self.postgres:
            self.postgres.prepare()
        self.home.clear_sockets()
        if self.valkey:
            self.valkey.prepare()

    def _bring_up_to_date(self) -> None:
        settings = self.read_settings()
        self._migrate(settings.migrations, NAMES["fleet"] if self.postgres else _other_role(settings))

    def _settings(self) -> dict[str, Any]:
        """What instance.json tells: enough for a worker or CLI that knows only EARSHOT_HOME."""
        told: dict[str, Any] = {**self._given.model_dump(include=self._given.model_fields_set, mode="json")}
        for secret in ("home", "encryption_key", "ready_file"):
            told.pop(secret, None)
        if self.postgres:
            told |= {"database_url": self.postgres.url("fleet"), "migrations_url": self.postgres.url("owner")}
        if self.valkey:
            told["broker_url"] = self.valkey.url()
        if not self._given.keys():
            told["encryption_key_file"] = str(self.home.key_file)
        return told | self._share

    def _environment(self, ready_file: Path) -> dict[str, str]:
        ours = str(Path(__file__).parent.parent)
        path = os.environ.get("PYTHONPATH")
        return {
            **os.environ,
            "PYTHONPATH": f"{path}{os.pathsep}{ours}" if path else ours,
            "PYTHONUNBUFFERED": "1",
            "EARSHOT_HOME": str(self.home.path),
            "EARSHOT_READY_FILE": str(ready_file),
            MARK: str(self.home.path),
            **{PREFIX + name.upper(): _as_text(value) for name, value in self._share.items()},
        }


def _upgrade(url: str, fleet_role: str | None) -> None:
    from models.migrations import upgrade

    upgrade(url, fleet_role=fleet_role)


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _other_role(settings: Settings) -> str | None:
    """The fleet's role on servers that we were given, where it differs from the one that migrates."""
    from sqlalchemy import make_url

    fleet, owner = make_url(settings.database).username, make_url(settings.migrations).username
    return None if fleet == owner else fleet
