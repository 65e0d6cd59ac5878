"""One beat is awake: the lease, and real beats that fight for it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
import redis

from scheduler.leader import LENGTH, RENEWED_EVERY, Lease
from tests.conftest import Servers
from tests.waiting import eventually, throughout


@pytest.fixture
def leases(database: str) -> Iterator[Any]:
    """Makes candidates that renew as often as they are asked."""
    made: list[Lease] = []

    def candidate(length: float = LENGTH) -> Lease:
        made.append(Lease(database, length=length))
        return made[-1]

    yield candidate
    for lease in made:
        lease.give_back()


def _left(url: str) -> Callable[[], float]:
    """Tells how many seconds are left of the lease as it is now, whoever takes it later."""
    with psycopg.connect(url) as db:
        row = db.execute("SELECT until FROM beat_lease WHERE name = 'beat'").fetchone()
    assert row
    until = row[0]

    def left() -> float:
        with psycopg.connect(url) as db:
            now = db.execute("SELECT clock_timestamp()").fetchone()
        assert now
        return float((until - now[0]).total_seconds())

    return left


def _row(url: str) -> tuple[int, bool]:
    with psycopg.connect(url) as db:
        row = db.execute("SELECT term, until > now() FROM beat_lease WHERE name = 'beat'").fetchone()
        assert row
        return row


def test_one_of_two_holds_the_lease(leases: Any, database: str) -> None:
    first, second = leases(), leases()
    assert (first.term(), second.term()) == (1, None)
    assert _row(database) == (1, True)


def test_a_renewal_keeps_the_term_and_a_takeover_raises_it(leases: Any, database: str) -> None:
    first, second = leases(length=1.5), leases(length=1.5)
    throughout(lambda: first.term() == 1, during=2.0)
    assert eventually(second.term, within=4) == 2
    assert first.term() is None
    assert _row(database)[0] == 2


def test_a_lease_given_back_is_taken_at_once(leases: Any) -> None:
    first, second = leases(), leases()
    assert first.term() == 1
    first.give_back()
    assert second.term() == 2


def test_a_holder_that_cannot_renew_stops_before_its_lease_ends(servers: Servers) -> None:
    with servers.new_database() as (fleet, _):
        lease = Lease(fleet, length=2.0)
        believed = [monotonic()]
        assert lease.term() == 1
    # the database is gone now

    def stopped() -> bool:
        asked = monotonic()
        if lease.term() is not None:
            believed.append(asked)
            return False
        return True

    eventually(stopped, within=4)
    assert believed[-1] - believed[0] < 2.0
    lease.give_back()


def test_a_holder_that_slept_through_its_lease_does_not_believe_it_still_has_it(
    leases: Any, database: str
) -> None:
    sleeper = leases(length=0.3)
    assert sleeper.term() == 1
    with psycopg.connect(database, autocommit=True) as db:  # another has taken over meanwhile
        db.execute(
            "UPDATE beat_lease SET holder = gen_random_uuid(), term = 2, until = now() + interval '9 s'"
        )
    eventually(lambda: sleeper.term() is None, within=10)
    throughout(lambda: sleeper.term() is None, during=0.5)


def test_a_connection_that_breaks_does_not_cost_the_lease(servers: Servers) -> None:
    with servers.new_database() as (fleet, _):
        lease = Lease(fleet, length=3.0)
        try:
            assert lease.term() == 1
            with psycopg.connect(servers.admin, autocommit=True) as db:
                db.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'earshot beat' AND datname = %s",
                    [psycopg.conninfo.conninfo_to_dict(fleet)["dbname"]],
                )
            throughout(lambda: lease.term() == 1, during=3.5)
        finally:
            lease.give_back()


@contextmanager
def _beat(folder: Path, database: str, broker: str) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / f"beat{len(list(folder.iterdir()))}.log"
    settings = {"EARSHOT_DATABASE_URL": database, "EARSHOT_BROKER_URL": broker, "EARSHOT_HOME": str(folder)}
    settings["EARSHOT_READY_FILE"] = str(log.with_suffix(".ready"))
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "scheduler.beat", "beat", "-l", "INFO"],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **settings},
            stdout=out,
            stderr=out,
        )
    try:
        eventually(lambda: log.with_suffix(".ready").exists() or process.poll() is not None, within=60)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def _rung(broker: str) -> list[dict[str, Any]]:
    """The kwargs of all messages that wait, in order."""
    with redis.Redis.from_url(broker) as db:
        return [
            json.loads(base64.b64decode(json.loads(raw)["body"]))[1]
            for key in db.scan_iter("earshot:*")
            if db.type(key) == b"list"
            for raw in reversed(db.lrange(key, 0, -1))
        ]


@pytest.mark.fleet
def test_two_beats_ring_once_and_the_other_takes_over_when_one_is_killed(
    tmp_path: Path, database: str, broker: str
) -> None:
    with ExitStack() as beats:
        first = beats.enter_context(_beat(tmp_path, database, broker))
        eventually(lambda: _rung(broker), within=40)
        beats.enter_context(_beat(tmp_path, database, broker))
        rung = _rung(broker)
        assert {kwargs["term"] for kwargs in rung} == {1}
        polled = [kwargs["platform"] for kwargs in rung if "platform" in kwargs]
        assert "mastodon" in polled
        first.kill()
        first.wait()
        left = _left(database)
        eventually(lambda: any(k["term"] == 2 for k in _rung(broker)), within=LENGTH + RENEWED_EVERY + 30)
        assert left() < 0, "the lease was not waited for"
        assert _row(database) == (2, True)


@pytest.mark.fleet
def test_a_beat_that_stops_hands_over_at_once_and_one_without_a_database_waits(
    tmp_path: Path, servers: Servers, broker: str
) -> None:
    with servers.new_database() as (fleet, _), ExitStack() as beats:
        first = beats.enter_context(_beat(tmp_path, fleet, broker))
        second = beats.enter_context(_beat(tmp_path, fleet, broker))
        eventually(lambda: _rung(broker), within=40)
        first.terminate()
        assert first.wait(30) == 0
        eventually(lambda: any(k["term"] == 2 for k in _rung(broker)), within=LENGTH - 1)
    with ExitStack() as beats:  # the database is gone
        alone = beats.enter_context(_beat(tmp_path, fleet, broker))
        said = sorted(tmp_path.glob("beat*.log"), key=lambda log: log.stat().st_mtime)[-1]
        eventually(lambda: "The database does not answer" in said.read_text(), within=40)
        assert alone.poll() is None
    assert second.poll() is not None
