"""What a child process of the supervisor is (a value), and one that runs.

Each child leads a session of its own, so that Ctrl-C reaches only the supervisor, which stops them in
order, and so that a killed leader's own children can be ended with it. The surprising thing: the kernel
itself signals a child when the supervisor is gone (PR_SET_PDEATHSIG); a change of user clears that wish,
which is why it is made after it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from local.account import Account

MARK = "EARSHOT_CHILD_OF"
"""In the environment of every child and its descendants: the data folder that it works for."""

LOG_LIMIT = 10_000_000
"""Bytes after which a log is put aside (as NAME.log.1) at a child's start."""

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _always() -> bool:
    return True


def _nothing() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to keep running. Times in seconds.

    `before` is called before every start. `ready` is asked until it says yes, for at most `patience`; `stop_signal` asks it to stop, and after
    `grace` its whole session is killed; `orphan_signal` is what the kernel sends it if we are killed.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(repr=False)
    account: Account | None = None
    cwd: Path | None = None
    before: Callable[[], object] = _nothing
    ready: Callable[[], bool] = _always
    patience: float = 60.0
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL
    grace: float = 15.0


@dataclass(frozen=True)
class Step:
    """Something to do between children, once everything before it is ready."""

    name: str
    run: Callable[[], object]


class Running:
    """A started child."""

    def __init__(self, child: Child) -> None:
        self.child = child
        child.before()
        self.started = monotonic()
        supervisor = os.getpid()

        def tie_to_us() -> None:
            _libc.prctl(_PR_SET_PDEATHSIG, child.orphan_signal, 0, 0, 0)
            if os.getppid() != supervisor:  # it died before the wish was made
                os._exit(1)

        account = child.account
        with _opened_log(child.log) as log:
            self._process = subprocess.Popen(
                child.argv,
                env=dict(child.env),
                cwd=child.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                umask=0o077,
                preexec_fn=tie_to_us,
            )
        self.pid = self._process.pid

    def ended(self) -> int | None:
        """The exit code, negative for a signal, once it has ended; None before.

        Leaves the process unreaped, so that its number cannot name another before its session is ended.
        """
        if self._process.returncode is not None:
            return self._process.returncode
        seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return None
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self.ended() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, at most so long, then end what is left of it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.end_session()

    def end_session(self) -> None:
        """Kill what is left of it, the process and all that it started, and wait until they are gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        deadline = monotonic() + 1  # what it started is not ours to reap: somebody else may be slow
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while monotonic() < deadline:
                os.killpg(self.pid, 0)
                select.select([], [], [], 0.01)


def python_module(*argv: str) -> tuple[str, ...]:
    """The command line that runs a module under this Python."""
    return (sys.executable, "-m", *argv)


def end_left_behind(home: Path) -> list[int]:
    """Kill what an earlier instance on this folder left behind; returns their pids.

    Only processes that carry the mark of this folder and are no ancestors of ours; call it under the lock.
    """
    mark = os.fsencode(f"{MARK}={home}")
    ours = {os.getpid(), os.getppid()}
    ended = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if pid not in ours and mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                end_process(pid, signal.SIGKILL, 5)
                ended.append(pid)
    return ended


def end_process(pid: int, number: int, seconds: float) -> None:
    """Signal a process that is no child of ours, wait until it is gone, and after these seconds kill it."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, number)
        if not select.select([handle], [], [], seconds)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], seconds)
    finally:
        os.close(handle)


def _pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdecimal())  # noqa: PTH208


@contextlib.contextmanager
def _opened_log(path: Path) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_name(path.name + ".1"))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
