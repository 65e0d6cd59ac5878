"""The supervisor, with small children of its own: order, crashes, stopping, and its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from local.child import MARK, Child, Step, end_left_behind
from local.home import CannotStart
from local.supervisor import LONGEST_WAIT, TRIES, Event, Supervisor, backoff
from tests.up import processes_of
from tests.waiting import eventually


def _child(folder: Path, name: str, script: str, **more: object) -> Child:
    return Child(
        name=name,
        argv=("/bin/sh", "-c", script),
        log=folder / f"{name}.log",
        env={"PATH": "/usr/bin:/bin", MARK: str(folder)},
        cwd=folder,
        **more,  # type: ignore[arg-type]
    )


def _all_gone(folder: Path) -> None:
    """What was killed is gone a moment later: it is not the supervisor's to reap."""
    eventually(lambda: processes_of(folder) == [], within=5, of="the end of all that was started")


class _Told:
    """Collects events, and stops the supervisor at the one that is named."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.supervisor: Supervisor | None = None
        self.stop_at = "up "

    def __call__(self, event: Event) -> None:
        self.events.append(f"{event.what} {event.name}")
        if self.events[-1] == self.stop_at:
            assert self.supervisor
            self.supervisor.stop()

    def run(self, *plan: Child | Step, stop_at: str = "up ") -> list[str]:
        self.stop_at = stop_at
        self.supervisor = Supervisor(plan)
        self.supervisor.run(self)
        return self.events


@pytest.fixture
def told() -> _Told:
    return _Told()


def test_waits_grow_to_half_a_minute() -> None:
    assert [backoff(crashes) for crashes in range(1, 8)] == [1, 2, 4, 8, 16, LONGEST_WAIT, LONGEST_WAIT]


def test_a_step_waits_until_what_stands_before_it_is_ready(tmp_path: Path, told: _Told) -> None:
    flag = tmp_path / "flag"
    first = _child(tmp_path, "first", "touch flag; exec sleep 60", ready=flag.exists)
    events = told.run(
        first,
        Step("step", lambda: told.events.append(str(flag.exists()))),
        _child(tmp_path, "second", "exec sleep 60"),
    )
    assert events[:4] == ["starting first", "ready first", "step step", "True"]
    assert events[-4:] == ["stopping second", "stopped second", "stopping first", "stopped first"]


def test_a_crashed_child_is_started_again(tmp_path: Path, told: _Told) -> None:
    script = "test -e once || { touch once; exit 3; }; exec sleep 60"
    events = told.run(
        _child(tmp_path, "weak", script, ready=(tmp_path / "once").exists), stop_at="restarted weak"
    )
    assert "crashed weak" in events


def test_a_child_that_keeps_crashing_is_given_up_aloud(tmp_path: Path, told: _Told) -> None:
    doomed = _child(tmp_path, "doomed", "echo x >> tries; exit 3", ready=lambda: False)
    supervisor = Supervisor([doomed], wait=lambda crashes: 0.0)
    with pytest.raises(CannotStart, match=r"doomed ended with code 3, 6 times in a row.*doomed\.log"):
        supervisor.run(told)
    assert told.events[-1] == "gave_up doomed"
    assert len((tmp_path / "tries").read_text().split()) == TRIES


def test_a_failing_step_stops_what_was_started(tmp_path: Path, told: _Told) -> None:
    def fail() -> None:
        raise CannotStart("no")

    with pytest.raises(CannotStart, match="no"):
        told.run(_child(tmp_path, "first", "exec sleep 60"), Step("step", fail))
    assert told.events[-1] == "stopped first"
    _all_gone(tmp_path)


def test_a_child_that_never_gets_ready_is_named_with_its_log(tmp_path: Path, told: _Told) -> None:
    with pytest.raises(CannotStart, match=r"slow was not ready after 0 s. See .*slow\.log"):
        told.run(_child(tmp_path, "slow", "exec sleep 60", ready=lambda: False, patience=0.2))


def test_what_a_child_started_ends_with_it(tmp_path: Path, told: _Told) -> None:
    flag = tmp_path / "flag"
    told.run(_child(tmp_path, "parent", "sleep 60 & sleep 60 & touch flag; wait", ready=flag.exists))
    _all_gone(tmp_path)


def test_a_child_that_ignores_the_request_to_stop_is_killed_after_its_grace(
    tmp_path: Path, told: _Told
) -> None:
    script = "trap '' TERM; touch deaf; while :; do sleep 1; done"
    told.run(_child(tmp_path, "deaf", script, ready=(tmp_path / "deaf").exists, grace=0.3))
    _all_gone(tmp_path)


def test_children_die_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from local.child import MARK, Child
from local.supervisor import Supervisor
folder = Path({str(tmp_path)!r})
Supervisor([Child(name="c", argv=("sleep", "60"), log=folder / "log", env={{"PATH": "/bin", MARK: str(folder)}})]).run()
"""
    root = Path(__file__).parent.parent
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=root)
    eventually(lambda: processes_of(tmp_path))
    supervisor.kill()
    supervisor.wait()
    _all_gone(tmp_path)


def test_what_survived_a_killed_supervisor_is_ended_by_the_next(tmp_path: Path) -> None:
    left = subprocess.Popen(["/bin/sleep", "60"], env={MARK: str(tmp_path)}, start_new_session=True)
    other = subprocess.Popen(["/bin/sleep", "60"], env={MARK: str(tmp_path) + "-demo"})
    try:
        assert end_left_behind(tmp_path) == [left.pid]
        assert left.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_it_runs_in_a_thread_too_and_is_stopped_from_another(tmp_path: Path) -> None:
    events: list[str] = []
    supervisor = Supervisor([_child(tmp_path, "one", "exec sleep 60")])
    thread = Thread(target=supervisor.run, args=[lambda event: events.append(event.what)])
    thread.start()
    eventually(lambda: "up" in events)
    pid = supervisor.pid("one")
    assert pid
    os.kill(pid, 0)
    supervisor.stop()
    eventually(lambda: not thread.is_alive(), within=5)
    assert events[-1] == "stopped"
