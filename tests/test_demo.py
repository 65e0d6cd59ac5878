"""The two commands that run everything: real servers, a real fleet, the simulated world."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from tests.backtesting import backtested, opened
from tests.command_line import KEY, Earshot, earshot, rows
from tests.running import Running
from tests.waiting import eventually, how_busy

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]


def children_of(home: Path) -> list[int]:
    """Processes that an instance on this folder started, by the mark that they carry."""
    mark = f"EARSHOT_CHILD_OF={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def lacking(elsewhere: Earshot) -> set[str]:
    """What `status` has to tell of a demo and does not tell yet: a platform's first page and a worker's answer come
    when they come."""
    status = elsewhere.done("status", "--json").json
    assert status["org"] == "demo"
    told = {row["platform"] for row in status["ledger"]}
    told |= {queue for queues in status["workers"].values() for queue in queues}
    if status["beat"] and status["beat"]["awake"]:
        told.add("beat")
    return {"mastodon", "bluesky", "feeds", "fetch", "digest", "beat"} - told


def same_as_replayed(database: str) -> None:
    """What the demo opened is what the back-test of its history opens, case by case. One snapshot, while posts go on coming."""
    engine = create_engine(database, poolclass=NullPool, isolation_level="REPEATABLE READ")
    with Session(engine) as session:
        live = opened(session, "demo")
        assert len(live) > 5
        assert {case.level for case in live} == {"ticket", "activity"}
        assert backtested(session, "demo") == live
    engine.dispose()


def found_wrong(elsewhere: Earshot) -> list[str]:
    """What the doctor finds wrong but sources, which the demo's world troubles."""
    found = elsewhere("doctor", "--json").json
    return [
        one["name"] for one in found if one["state"] == "wrong" and one["name"] not in ("source", "sources")
    ]


@pytest.fixture
def demo(home: Path, tmp_path: Path) -> Iterator[Running]:
    running = Running(earshot(home), tmp_path, "demo", "--plain", "--pace", "2")
    yield running
    running.kill()


def test_within_a_minute_the_demo_shows_a_ticket_with_why_and_ctrl_c_leaves_nothing(
    demo: Running, home: Path
) -> None:
    busy = how_busy()
    demo.until("priority, ", within=150)
    assert monotonic() - demo.started < 60 * max(busy, how_busy())
    parts = ("post ", "score ", "words ", "match ", "rule ", "is at most -0.42", f"EARSHOT_HOME={home}")
    for part in ("complaints in this world", *parts):
        demo.until(part, within=30)

    elsewhere = earshot(home)
    found = elsewhere.done("cases", "--json").json
    ticketed = [case for case in found if case["ticket"]]
    assert ticketed
    assert {"case", "subject", "level", "ticket", "activity", "score", "rule"} <= set(ticketed[0])
    eventually(lambda: not lacking(elsewhere), within=40, of="all of the status")
    eventually(lambda: not found_wrong(elsewhere), within=40, of="a doctor who finds nothing wrong")
    assert elsewhere.done("explain", ticketed[0]["event"]).out.startswith("post ")
    same_as_replayed(json.loads((home / "instance.json").read_text())["settings"]["database_url"])
    again = elsewhere("demo")
    assert "An instance already runs" in again.err
    assert (again.code, again.out) == (1, "")

    assert demo.stop(signal.SIGINT) == 0
    line = re.findall(r"fetched ([\d,]+) = new ([\d,]+) \+ .* waiting ([\d,]+)", demo.said)[-1]
    assert int(line[0].replace(",", "")) >= int(line[1].replace(",", "")) > 0
    assert re.search(r"complaints in this world \d+, ticketed \d+, missed \d+", demo.said)
    assert "Traceback" not in demo.said
    eventually(lambda: children_of(home) == [], within=5, of="the end of all that it started")
    assert list((home / "sockets").iterdir()) == []
    assert "not set, and no instance runs on" in elsewhere.refused("cases")


def test_up_uses_the_servers_that_are_given_and_sigterm_stops_it(
    database: str, owner_database: str, broker: str, home: Path, tmp_path: Path
) -> None:
    settings = {"database_url": database, "migrations_url": owner_database, "broker_url": broker}
    up = Running(earshot(home, **settings), tmp_path, "up")
    try:
        up.until("Ctrl-C ends it", within=60)
        elsewhere = earshot(home)

        def healthy() -> bool:
            found = {one["name"]: one["state"] for one in elsewhere("doctor", "--json").json}
            return all(found[name] == "ok" for name in ("beat", "workers", "database", "broker"))

        eventually(healthy, within=40, of="a fleet that is well")
        assert not (home / "postgres").exists()
        assert up.stop(signal.SIGTERM) == 0
        eventually(lambda: children_of(home) == [], within=5, of="the end of all that it started")
    finally:
        up.kill()


@pytest.fixture
def world() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--acts", "manual"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["control"].removesuffix("/_control")
    process.terminate()
    process.wait(60)
    process.stdout.close()


def test_a_fleet_is_told_to_follow_a_world_that_runs_elsewhere_and_nothing_doubles(
    database: str, home: Path, world: str
) -> None:
    cli = earshot(home, database_url=database, encryption_key=KEY, org="demo")
    first = cli.done("demo", "--against", world).out
    assert "demo knows" in first
    counted = "SELECT (SELECT count(*) FROM {}) AS n"
    tables = ("accounts", "contacts", "campaigns", "aliases", "credentials", "sources", "rules")
    before = {table: rows(database, counted.format(table))[0].n for table in tables}
    assert before["sources"] >= 9
    assert {row.platform for row in rows(database, "SELECT DISTINCT platform FROM sources")} == {
        "mastodon",
        "bluesky",
        "feeds",
    }
    (mark,) = rows(
        database, "SELECT max(escalate_from) < now() - interval '50 minutes' AS early FROM sources"
    )
    assert mark.early
    cli.done("demo", "--setup-only", "--against", f"{world}/")
    assert before == {table: rows(database, counted.format(table))[0].n for table in tables}


def test_a_world_that_is_not_there_is_a_sentence(database: str, home: Path) -> None:
    cli = earshot(home, database_url=database, encryption_key=KEY)
    assert "No simulator answers at http://127.0.0.1:1" in cli.refused(
        "demo", "--against", "http://127.0.0.1:1"
    )
    assert "is no server" in cli.refused("demo", "--against", "not an address", code=2)
    cli.refused("demo", "--setup-only", code=2)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("private")
    for command in ("up", "demo"):
        assert "holds other things than Earshot's data" in earshot(tmp_path).refused(command)
