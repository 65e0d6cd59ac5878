"""News to a fast receiver while another hangs: deliveries a second, and the CPU that each takes.

`python -m bench notify` makes a database of its own, opens cases (whose triggers owe the news), and tells it as a worker
does, one task after the other, in one process. Exits 1 when the bar is missed. On a shared machine the CPU says more than
the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

import psycopg
from rich.console import Console
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from uuid_utils import uuid7

from bench.names import database, driver
from bench.processes import cpu_seconds
from workers._settings import Settings, from_environment, settings
from workers.credentials import seal
from workers.notify import notify
from workers.signed import new_secret

BAR = 1000.0
"""Deliveries a second."""


@dataclass(frozen=True, slots=True)
class Told:
    """One run: deliveries, seconds, and microseconds of CPU a delivery by process."""

    number: int
    seconds: float
    teller: float
    database: float
    receiver: float

    @property
    def rate(self) -> float:
        return self.number / self.seconds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench notify", description=__doc__)
    parser.add_argument("--news", type=int, default=10_000, help="deliveries a run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    os.environ["EARSHOT_ENCRYPTION_KEY"] = urlsafe_b64encode(os.urandom(32)).decode()
    settings.cache_clear()
    receiver = subprocess.Popen([sys.executable, "-m", "bench.hearing"], stdout=subprocess.PIPE, text=True)
    try:
        assert receiver.stdout is not None
        quick, silent = receiver.stdout.readline().split()
        with tempfile.TemporaryDirectory(prefix="earshot-bench-", dir="/tmp") as folder:
            Path(folder).chmod(0o711)
            home = Path(folder) / "home"
            with database(home) as server:
                pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
                url = server.url("fleet")
                _receivers(url, quick, silent)
                runs = [
                    _run(url, (quick, silent), options.news, pid, receiver.pid) for _ in range(options.runs)
                ]
    finally:
        receiver.kill()
        receiver.wait()
    _print(runs, as_json=options.json)
    raise SystemExit(0 if median(one.rate for one in runs) >= BAR else 1)


def _receivers(url: str, quick: str, silent: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        for name, port in (("quick", quick), ("silent", silent)):
            row = UUID(str(uuid7()))
            db.execute(
                "INSERT INTO receivers (id, name, kind, address, secret) VALUES (%s, %s, 'webhook', %s, %s)",
                (row, name, f"http://127.0.0.1:{port}/in", seal(row, new_secret())),
            )


def _run(url: str, ports: tuple[str, str], news: int, postgres: int, receiver: int) -> Told:
    """Owe so much to each of the two; the time until the quick one has all of it."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("UPDATE receivers SET due_at = now(), failures = 0, state = 'active'")
        db.execute(
            "INSERT INTO cases (subject, level) SELECT 'post:bench:' || uuidv7(), 'ticket' FROM generate_series(1, %s)",
            (news,),
        )
        db.execute("ANALYZE owed")
        pids = (os.getpid(), postgres, receiver)
        before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
        ours = from_environment(database_url=url, trusted_hosts=tuple(f"127.0.0.1:{port}" for port in ports))
        ended = asyncio.run(_tell(url, ours, news))
        spent = [cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        left = db.execute(
            "SELECT count(*) FROM owed o JOIN receivers r ON r.id = o.receiver_id WHERE r.name = 'quick' AND o.state = 'owed'"
        ).fetchone()
        assert left == (0,), "not everything was told"
    return Told(news, ended - began, *(each / news * 1e6 for each in spent))


async def _tell(url: str, ours: Settings, news: int) -> float:
    """Task after task until all of it is told; when the quick one had it. The task waits for the silent one longer."""
    engine = create_async_engine(
        driver(url),
        pool_size=8,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    looking = asyncio.create_task(_all_told(url))
    try:
        while not looking.done():
            await notify(sessions, ours)
        return await looking
    finally:
        looking.cancel()
        await engine.dispose()


async def _all_told(url: str) -> float:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        while True:
            found = await db.execute(
                "SELECT EXISTS (SELECT FROM owed o JOIN receivers r ON r.id = o.receiver_id"
                " WHERE r.name = 'quick' AND o.state = 'owed')"
            )
            if await found.fetchone() == (False,):
                return time.monotonic()
            await asyncio.sleep(0.1)


def _print(runs: list[Told], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"rate": one.rate, **{n: getattr(one, n) for n in one.__slots__}} for one in runs]))
        return
    console = Console()
    for one in runs:
        console.print(
            f"{one.rate:6.0f} deliveries/s; CPU a delivery: {one.teller:.0f} µs telling, {one.database:.0f} µs"
            f" PostgreSQL, {one.receiver:.0f} µs the receiver"
        )
    kept = median(one.rate for one in runs)
    console.print(f"Median {kept:.0f} deliveries/s while another receiver hangs (bar {BAR:.0f})")


if __name__ == "__main__":
    main()
