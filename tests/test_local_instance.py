"""An instance with its real servers: restarts, crashes, kills, and servers that were given."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import monotonic

import psycopg
import pytest
import redis

from tests.conftest import Servers
from tests.up import Up, processes_of, up
from tests.waiting import eventually, how_busy
from workers._settings import Settings, running_instance


def _settings(home: Path) -> Settings:
    return Settings(**running_instance(home))


def _nothing_left(home: Path) -> None:
    """What was killed is gone a moment after its supervisor, whose child it need not have been."""
    eventually(lambda: processes_of(home) == [], within=5, of="the end of all that it started")
    files = [*(home / "sockets").iterdir(), home / "lock", home / "instance.json", *(home / "run").iterdir()]
    assert [file for file in files if file.exists()] == []


def test_a_restart_keeps_what_was_written(home: Path) -> None:
    for start in (1, 2):
        with up(home, "servers") as running:
            running.says("up ")
            ours = _settings(home)
            with psycopg.connect(ours.migrations, autocommit=True) as db:
                db.execute("CREATE TABLE IF NOT EXISTS kept (start int)")
                db.execute("INSERT INTO kept VALUES (%s)", [start])
                assert [row[0] for row in db.execute("SELECT start FROM kept")] == list(range(1, start + 1))
            with redis.Redis.from_url(ours.redis) as broker:
                assert broker.rpush("kept", start) == start
            if start == 1:
                running.process.send_signal(signal.SIGINT)
                assert _ended(running) == 0
                _nothing_left(home)


def test_killed_servers_come_back_with_their_data(made_home: Path) -> None:
    with up(made_home, "servers") as running:
        running.says("up ")
        ours = _settings(made_home)
        with psycopg.connect(ours.migrations, autocommit=True) as db:
            db.execute("CREATE TABLE kept AS SELECT 1 AS x")
        for name in ("postgres", "valkey"):
            (pid,) = _pids(made_home, name)
            os.kill(pid, signal.SIGKILL)
            running.says(f"restarted {name}")
            running.says(f"ready {name}", times=2)
        with psycopg.connect(ours.migrations) as db:
            assert db.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        with redis.Redis.from_url(ours.redis) as broker:
            assert broker.ping()


def test_sigterm_leaves_no_process_socket_or_lock(made_home: Path) -> None:
    with up(made_home, "servers") as running:
        running.says("up ")
        assert processes_of(made_home)
        running.process.terminate()
        assert _ended(running) == 0
        _nothing_left(made_home)


def test_after_a_kill_the_servers_die_and_the_next_start_cleans_up(made_home: Path) -> None:
    with up(made_home, "servers") as running:
        running.says("up ")
        running.process.kill()
        running.process.wait()
        assert running_instance(made_home) == {}
        with up(made_home, "servers") as again:  # at once, while the old servers may still be stopping
            again.says("up ")
            for name in ("postgres", "valkey"):
                eventually(lambda of=name: len(_pids(made_home, of)) == 1, within=5, of=f"one {name}")  # type: ignore[misc]
            again.process.terminate()
            assert _ended(again) == 0
    _nothing_left(made_home)


def test_a_second_up_on_one_folder_is_refused_and_disturbs_nobody(made_home: Path) -> None:
    with up(made_home, "servers") as first, up(made_home, "servers") as second:
        eventually(lambda: second.process.poll() is not None or first.process.poll() is not None, 20)
        loser, winner = (second, first) if second.process.poll() is not None else (first, second)
        assert loser.process.returncode == 1
        assert f"already runs on {made_home} (process {winner.process.pid})" in loser.said[-1]
        winner.says("up ")


def test_given_servers_are_used_and_none_is_started(home: Path, servers: Servers, broker: str) -> None:
    with servers.new_database(migrated=False) as (fleet, owner):
        given = {"EARSHOT_DATABASE_URL": fleet, "EARSHOT_MIGRATIONS_URL": owner, "EARSHOT_BROKER_URL": broker}
        with up(home, "servers", **given) as running:
            running.says("up ")
            assert not any("postgres" in event or "valkey" in event for event in running.said)
            assert _settings(home).database == fleet
            assert processes_of(home) == []
        assert not (home / "postgres").exists()


def test_only_the_two_roles_with_their_passwords_may_enter(made_home: Path) -> None:
    with up(made_home, "servers") as running:
        running.says("up ")
        ours = _settings(made_home)
        for wrong in (
            f"postgresql://postgres@/earshot?host={made_home}/sockets",
            f"postgresql://earshot_fleet:guess@/earshot?host={made_home}/sockets",
        ):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(wrong)
        with psycopg.connect(ours.database) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("CREATE TABLE x (y int)")
        with psycopg.connect(ours.migrations) as db:
            shown = {
                name: db.execute("SELECT current_setting(%s)", [name]).fetchone()
                for name in ("listen_addresses", "fsync", "synchronous_commit", "data_directory_mode")
            }
            assert shown == {
                "listen_addresses": ("",),
                "fsync": ("on",),
                "synchronous_commit": ("on",),
                "data_directory_mode": ("0700",),
            }
        locked = redis.Redis(unix_socket_path=str(made_home / "sockets" / "valkey.sock"))
        with pytest.raises(redis.AuthenticationError):
            locked.ping()
        locked.close()
        with redis.Redis.from_url(ours.redis) as broker:
            wanted = {"maxmemory-policy": "noeviction", "appendonly": "yes", "port": "0"}
            assert broker.config_get(*wanted) == wanted


@pytest.mark.fleet
def test_a_whole_fleet_starts_and_when_idle_stops_within_five_seconds(home: Path) -> None:
    took = [_seconds_to_stop_an_idle_fleet(home)]
    if took[0] >= 5 * how_busy():  # the machine may have become busy with something else just then
        took.append(_seconds_to_stop_an_idle_fleet(home))
    assert min(took) < 5 * how_busy(), took


def _seconds_to_stop_an_idle_fleet(home: Path) -> float:
    with up(home) as running:
        running.says("up ", within=120)
        for name in ("beat", "fetch", "digest"):
            running.says(f"ready {name}")
        with redis.Redis.from_url(_settings(home).redis) as broker:
            # after its first round the fleet works for milliseconds every few seconds
            eventually(lambda: not (broker.exists("earshot:unacked") or broker.llen("earshot:digest")), 30)
        asked = monotonic()
        running.process.terminate()
        assert _ended(running) == 0
        took = monotonic() - asked
        _nothing_left(home)
    return took


def _ended(running: Up) -> int:
    """Its exit code, once it has ended."""
    eventually(lambda: running.process.poll() is not None, within=30, of="the end of it")
    return running.process.wait()


def _pids(home: Path, name: str) -> list[int]:
    """The main processes of a server on this folder. What one forks has its command line for a moment, and is none."""
    starts = {"postgres": f"-D {home}/postgres", "valkey": f"{home}/sockets/valkey.sock"}
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if starts[name] in line:
                found[int(entry.name)] = parent
    return [pid for pid, parent in found.items() if parent not in found]
