"""Keeps one PostgreSQL and one Valkey for a whole test run: `python -m tests.keeper FOLDER PID`.

Whichever test process needs them first starts this; it stops them and removes what it made once the process
PID (pytest's own, not an xdist worker) has ended in whatever way. FOLDER/given.json may hold `database_url`,
`migrations_url` and `broker_url` of servers to use instead; that role must be allowed to create databases.
What there is, it tells in FOLDER/servers.json.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from local.home import Home, write_private
from local.postgres import Postgres
from local.valkey import Valkey


def at(url: str, database: str) -> str:
    """The same server and role, another database."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, Any]]:
    """`admin` may create databases; `owner` and `fleet` are the two roles; URLs."""
    given = json.loads((folder / "given.json").read_text())
    with contextlib.ExitStack() as leaving:
        home = Home(folder / "servers")
        if given.get("database_url"):
            fleet = given["database_url"]
            owner = admin = given.get("migrations_url") or fleet
        else:
            quick = {
                "fsync": "off",
                "full_page_writes": "off",
                "shared_buffers": "64MB",
                "max_connections": "200",
                "max_wal_size": "1GB",
            }
            postgres = Postgres(home, quick)
            postgres.start()
            leaving.callback(postgres.stop)
            fleet, owner = postgres.url("fleet"), postgres.url("owner")
            admin = postgres.url("superuser", "postgres")
        broker = given.get("broker_url")
        if not broker:
            valkey = Valkey(home, {"databases": "256", "appendonly": "no"})
            valkey.start()
            leaving.callback(valkey.stop)
            broker = valkey.url()
        yield {"admin": admin, "owner": owner, "fleet": fleet, "broker": broker}


@contextlib.contextmanager
def migrated_template(told: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """A database with all migrations, to copy from: its name, and why it could not be made, if so."""
    name = f"earshot_test_{os.getpid()}"
    owner, fleet = make_url(told["owner"]).username, make_url(told["fleet"]).username
    assert owner
    with psycopg.connect(told["admin"], autocommit=True) as db:
        db.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(name), sql.Identifier(owner)
            )
        )
    try:
        why = None
        try:
            from models.migrations import upgrade

            upgrade(at(told["owner"], name), fleet_role=fleet if fleet != owner else None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the tests that need it report it
            why = f"{type(error).__name__}: {error}"
        yield name, why
    finally:
        with psycopg.connect(told["admin"], autocommit=True) as db:
            db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def main(folder: Path, pytest: int) -> None:
    ended = os.pidfd_open(pytest)
    told_to_stop, tell = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(tell, b"!"))
    with servers(folder) as told, migrated_template(told) as (name, why):
        write_private(folder / "servers.json", json.dumps({**told, "template": name, "why": why}))
        select.select([ended, told_to_stop], [], [])
    shutil.rmtree(folder, ignore_errors=True)  # pytest may be gone, and this may be memory


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
