"""`earshot up` and `earshot demo` as somebody types them: processes that go on until they are told to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from tests.command_line import Earshot, earshot
from tests.waiting import eventually

SAID_FIRST = re.compile(r"In a browser: (\S+?)/? as .*password (\S+)")


class Running:
    """`earshot ...` that goes on until it is told to stop."""

    def __init__(self, cli: Earshot, folder: Path, *words: str) -> None:
        self._out = folder / "running.out"
        with self._out.open("w") as file:
            self.started = monotonic()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console", *words], env=cli.env, stdout=file, stderr=file, cwd="/"
            )

    @property
    def said(self) -> str:
        return self._out.read_text()

    def until(self, words: str, within: float) -> None:
        eventually(
            lambda: words in self.said or self.process.poll() is not None,
            within=within,
            of=f"{words!r} in\n{self.said}",
        )
        assert words in self.said, self.said

    def stop(self, number: int) -> int:
        """Its exit code, once it has ended."""
        os.kill(self.process.pid, number)
        eventually(lambda: self.process.poll() is not None, within=60, of="the end of it")
        return self.process.wait()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def demo(home: Path, folder: Path, *words: str) -> Iterator[tuple[Running, str, str]]:
    """A demo that is up, its console's address, and the password of its people."""
    running = Running(earshot(home), folder, "demo", "--plain", *words)
    try:
        running.until("Everything is up.", within=150)
        found = SAID_FIRST.search(running.said)
        assert found, running.said
        yield running, found[1], found[2]
        assert running.stop(signal.SIGTERM) == 0, running.said
    finally:
        running.kill()
