"""One run of the whole journey: embedded servers, beat, a fetch and a digest worker, the corpus over HTTP."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg

from bench.following import follow
from bench.processes import cpu_seconds
from local.home import Home
from local.instance import Instance
from workers._settings import from_environment

PARTS = ("fetch", "digest", "beat", "postgres", "valkey")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took: CPU seconds by process, seconds of wall time, posts stored."""

    cpu: dict[str, float]
    wall: float
    posts: int

    @property
    def cpu_per_post(self) -> float:
        """Microseconds over all our processes, PostgreSQL and the broker."""
        return sum(self.cpu.values()) / self.posts * 1e6

    @property
    def posts_per_second(self) -> float:
        return self.posts / self.wall


@contextmanager
def corpus(posts: int, seed: int) -> Iterator[dict[str, Any]]:
    """The simulator with its bulk corpus in a process of its own; yields what it said of itself."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--bulk", str(posts), "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], 120)
            if not ready:
                raise SystemExit("the simulator did not start within two minutes")
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def ask(url: str) -> Any:
    """A JSON document of the simulator's control."""
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - our own simulator on loopback
        return json.load(answer)


def run(world: dict[str, Any], feeds: bool = False) -> Run:
    """The corpus of two platforms (or, beside it, of the feeds) through a fleet on a new data folder."""
    control = world["control"]
    told = ask(f"{control}/sources")
    host = control.split("/")[2]
    with tempfile.TemporaryDirectory(prefix="earshot-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        given = from_environment(
            home=Path(folder) / "home", trusted_hosts=(host,), fetch_processes=1, digest_processes=1
        )
        home = Home(given.home)
        with home.locked():
            instance = Instance(home, given, share={"trusted_hosts": [host]})
            measured = _Measured(instance, told, feeds)
            instance.run(while_up=measured.look)
    assert measured.result is not None, "the run was stopped before it was finished"
    return measured.result


class _Measured:
    """Watches one run from inside the supervisor's loop: follows, waits until nothing waits, stops."""

    def __init__(self, instance: Instance, told: dict[str, Any], feeds: bool) -> None:
        self._instance, self._told = instance, told
        self._sources = told["feeds"] if feeds else told["sources"]
        self._posts = sum(count for name, count in told["posts"].items() if (name == "feeds") == feeds)
        self._before: dict[str, float] | None = None
        self._db: psycopg.Connection[Any]
        self._started = self._settled = 0.0
        self._next_look = 0.0
        self.result: Run | None = None

    def _cpu(self) -> dict[str, float]:
        pids = {name: self._instance.pid(name) for name in PARTS}
        return {name: cpu_seconds(pid) for name, pid in pids.items() if pid}

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + 0.1
        if self._before is None:
            if not self._settled:
                self._settled = now + 3  # start-up is not what is measured
            if now < self._settled:
                return
            # one connection for all looks: making one costs the server more than looking
            self._db = psycopg.connect(self._instance.settings["database_url"], autocommit=True)
            self._before, self._started = self._cpu(), now
            key = self._instance.read_settings().keys()[0]
            follow(self._db, self._told, self._sources, key)
            return
        row = self._db.execute(
            "SELECT coalesce(sum(new), 0), count(*) FILTER (WHERE state = 'landed') FROM pages"
        ).fetchone()
        assert row is not None
        if row[0] >= self._posts and not row[1]:
            wall, after = time.monotonic() - self._started, self._cpu()
            cpu = {name: after[name] - self._before.get(name, 0.0) for name in after}
            self.result = Run(cpu, wall, int(row[0]))
            self._db.close()
            self._instance.stop()
        elif now - self._started > 180:
            raise SystemExit(f"after three minutes {row[0]} of {self._posts} posts were stored")
