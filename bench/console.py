"""Every page of the console at ten million posts, 100,000 open cases and 50 people at once: the server's own time.

`python -m bench console` makes a database of its own, fills it by SQL (bench/console_world.py, which takes minutes), starts the
console as `earshot up` does, lets people look and follow (bench/console_people.py) while the fleet writes
(bench/console_writer.py), and prints what each page took. Exits 1 when the 95th percentile of one is above the bar.

With `--database FOLDER` what was built there is used again, and brought up to this tree's tables and this hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine

from bench import console_world as world
from bench.console_pages import pages, roles, scripts
from bench.console_people import Person, Seen, signed_in
from bench.names import driver
from bench.processes import cpu_seconds
from local.home import Home
from local.postgres import Postgres
from models import Base
from models.migrations import upgrade

BAR_MS = 200.0
BAR_SCRIPT_KB = 200.0
BUILT = "bench-console.json"
LOADING = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
    "wal_compression": "off",
    "autovacuum": "off",
}
LEAST = 20
"""Times that a page has to be asked for, or its 95th percentile is a single answer."""


@contextmanager
def database(path: Path, size: world.Size, tell: world.TELL) -> Iterator[Postgres]:
    """A filled database as `earshot up` runs it: the one that was built there, or a new one."""
    built = path / BUILT
    if built.exists():
        was = world.Size(**json.loads(built.read_text()))
        if was != size:
            raise SystemExit(f"In {path} is another size: {was}. Name another folder, or the same size.")
    else:
        if path.exists() and any(path.iterdir()):
            raise SystemExit(f"What is in {path} was not built to its end; remove it.")
        server = Postgres(Home(path), LOADING)
        server.start()
        try:
            upgrade(driver(server.url("owner")), fleet_role="earshot_fleet")
            world.build(server.url("superuser"), size, tell)
        finally:
            server.stop()
        built.write_text(world.told(size))
    server = Postgres(Home(path))
    server.start()
    try:
        brought_up(server, tell)
        world.up_to_now(server.url("superuser"), size, tell)
        yield server
    finally:
        server.stop()


def brought_up(server: Postgres, tell: world.TELL) -> None:
    """Columns and indexes that the models have by now and this database has not: a migration that is not released yet may
    have been amended since it was built."""
    upgrade(driver(server.url("owner")), fleet_role="earshot_fleet")
    engine = create_engine(driver(server.url("owner")))
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = produce_migrations(context, Base.metadata).upgrade_ops
        operations = Operations(context)
        todo = list(found.ops) if found else []
        while todo:
            one = todo.pop(0)
            if hasattr(one, "ops"):
                todo = [*one.ops, *todo]
            else:
                tell(
                    f"amended since: {type(one).__name__} {getattr(one, 'index_name', None) or getattr(one, 'table_name', '')}"
                )
                operations.invoke(one)
    engine.dispose()
    upgrade(driver(server.url("owner")), fleet_role="earshot_fleet")


@contextmanager
def served(database: str, folder: Path) -> Iterator[tuple[int, int]]:
    """The console in a process of its own; its port and its process."""
    ready, log = folder / "web.ready", folder / "web.log"
    ready.unlink(missing_ok=True)
    port = _free()
    given = {
        "EARSHOT_HOME": str(folder),
        "EARSHOT_DATABASE_URL": database,
        "EARSHOT_BROKER_URL": "redis://127.0.0.1:1/0",  # nothing is delivered, so nobody rings
        "EARSHOT_READY_FILE": str(ready),
        "EARSHOT_LOG_LEVEL": "WARNING",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    command = [sys.executable, "-m", "console", "serve", "--listen", f"127.0.0.1:{port}"]
    with (
        log.open("wb") as told,
        subprocess.Popen(command, env=kept | given, stdout=told, stderr=told) as process,
    ):
        try:
            until = time.monotonic() + 60
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"The console did not start: {log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ask(
    server: Postgres, size: world.Size, seconds: float, folder: Path, tell: world.TELL
) -> tuple[Seen, dict[str, float]]:
    """Everything that is measured once the database is full."""
    with psycopg.connect(server.url("superuser"), autocommit=True) as db:
        every = pages(db, world.ORG)
        cookies = signed_in(db, world.ORG, size.people, roles())
    seen, told = Seen(), dict[str, float]()
    with served(server.url("fleet"), folder) as (port, process):
        told["script_kb"] = asyncio.run(scripts(port, cookies[0], every)) / 1000
        until = time.time() + seconds
        command = [sys.executable, "-m", "bench.console_writer", server.url("fleet"), str(until)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            began, before = time.monotonic(), cpu_seconds(process)
            asyncio.run(_work(port, cookies, every, seen, began + seconds))
            told["console_cpu"] = (cpu_seconds(process) - before) / (time.monotonic() - began)
            assert writer.stdout is not None
            told["posts_a_second"] = float(writer.stdout.read() or 0) / seconds
    told["answers_a_second"] = sum(map(len, seen.took.values())) / seconds
    told["told_a_second"] = seen.told / seconds
    told["load"] = os.getloadavg()[0]
    tell(f"{sum(map(len, seen.took.values())):,} answers")
    return seen, told


async def _work(port: int, cookies: Sequence[str], every: Sequence[Any], seen: Seen, until: float) -> None:
    people = [Person(port, cookie, every, seen, n) for n, cookie in enumerate(cookies)]
    await asyncio.gather(*(person.work(until) for person in people))


def percentile(took: Sequence[float], share: float) -> float:
    """The smallest that so many are not above."""
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench console", description=__doc__)
    usual = world.Size()
    for name in ("events", "cases", "days", "people", "quarantined"):
        parser.add_argument(f"--{name}", type=int, default=getattr(usual, name))
    parser.add_argument("--seconds", type=float, default=420.0, help="how long people look")
    parser.add_argument("--database", type=Path, help="build there and keep it, or use what was built there")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args(arguments)
    size = world.Size(options.events, options.cases, options.days, options.people, options.quarantined)
    progress, started = Console(stderr=True, width=120), time.monotonic()

    def tell(line: str) -> None:
        progress.print(f"{time.monotonic() - started:6.0f} s  {line}")

    with tempfile.TemporaryDirectory(prefix="earshot-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        with database(options.database or Path(folder) / "home", size, tell) as server:
            tell("the console is started")
            seen, told = ask(server, size, options.seconds, Path(folder), tell)
    bars = {page.name: BAR_MS if page.bar else None for page in pages(None, world.ORG)}
    rows = judged(seen, bars)
    if options.json:
        given = {"size": json.loads(world.told(size)), "pages": rows, "wrong": seen.wrong, **told}
        print(json.dumps(given | {"counted": seen.counted, "left": seen.left}))
    else:
        _print(size, rows, seen, told)
    met = (
        all(row["met"] is not False for row in rows) and not seen.wrong and told["script_kb"] <= BAR_SCRIPT_KB
    )
    raise SystemExit(0 if met else 1)


def judged(seen: Seen, bars: dict[str, float | None]) -> list[dict[str, Any]]:
    """A row a page and part: n, p50, p95, max, bar, and whether it is met (None: no bar, or asked for too rarely)."""
    rows = []
    for name in dict.fromkeys([*bars, *sorted(seen.took)]):
        took, bar = seen.took.get(name, []), bars.get(name, BAR_MS)
        p95 = percentile(took, 0.95) if took else None
        rows.append(
            {
                "page": name,
                "n": len(took),
                "p50": percentile(took, 0.5) if took else None,
                "p95": p95,
                "max": max(took, default=None),
                "bar": bar,
                "met": None if bar is None or p95 is None or len(took) < LEAST else p95 <= bar,
            }
        )
    return rows


def _print(size: world.Size, rows: Sequence[dict[str, Any]], seen: Seen, told: dict[str, float]) -> None:
    console = Console(width=120)
    table = Table(title=f"{size.events:,} posts, {size.cases:,} open cases, {size.people} people")
    for heading in ("page", "asked", "p50 ms", "p95 ms", "max ms", "bar ms"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for row in rows:
        figures = ["" if row[name] is None else f"{row[name]:,.0f}" for name in ("p50", "p95", "max")]
        verdict = {True: "met", False: "[bold red]missed", None: "too few" if row["bar"] else "none"}[
            row["met"]
        ]
        table.add_row(row["page"], f"{row['n']:,}", *figures, verdict)
    console.print(table)
    console.print(
        f"{told['answers_a_second']:.1f} answers a second, {told['told_a_second']:.1f} times a second somebody was told of a change,"
        f" {told['posts_a_second']:.1f} posts a second were written; the console took {told['console_cpu']:.2f} of a core; load"
        f" {told['load']:.1f} at the end. Scripts of the largest page: {told['script_kb']:.0f} kB (bar {BAR_SCRIPT_KB:.0f})."
    )
    for name, took in sorted(seen.counted.items()):
        console.print(
            f"{name} was counted beside the pages {len(took):,} times: its result came after {percentile(took, 0.5) / 1e3:.1f} s"
            f" (median), {percentile(took, 0.95) / 1e3:.1f} s (p95); {seen.left[name]:,} did not wait for it."
        )
    for what, n in sorted(seen.wrong.items()):
        console.print(f"[bold red]{n} answers were not what was asked for: {what}")


if __name__ == "__main__":
    main()
