"""An instance as a process of its own, for tests that stop or kill it: `python -m tests.up [servers]`.

Each event is printed as `what name`. With `servers`, PostgreSQL and Valkey run alone, without the fleet and
without migrations.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.child import Child
from local.home import CannotStart, Home
from local.instance import Instance
from local.supervisor import Event
from tests.waiting import eventually
from workers._settings import BadSetting, from_environment


class ServersOnly(Instance):
    def fleet(self) -> list[Child]:
        return []


class Up:
    """A running `python -m tests.up`."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self._out = home.parent / f"{home.name}.{id(self)}.out"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.up", *arguments],
                cwd=Path(__file__).parent.parent,
                env={**os.environ, "EARSHOT_HOME": str(home), **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def said(self) -> list[str]:
        return self._out.read_text().splitlines()

    def says(self, line: str, within: float = 90, times: int = 1) -> None:
        """Wait until it has said this."""
        eventually(lambda: self.said.count(line) >= times or self._ended(line), within, of=f"{line!r}")

    def _ended(self, line: str) -> bool:
        assert self.process.poll() is None, f"ended before {line!r}:\n" + "\n".join(self.said)
        return False

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(90)
        self._out.unlink(missing_ok=True)


@contextmanager
def up(home: Path, *arguments: str, **environment: str) -> Iterator[Up]:
    running = Up(home, *arguments, **environment)
    try:
        yield running
    finally:
        running.close()


def processes_of(home: Path) -> list[str]:
    """The command lines of all that work on this folder, however they came to be."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            marked = f"EARSHOT_CHILD_OF={home}\0".encode() in (entry / "environ").read_bytes() + b"\0"
            inside = (entry / "cwd").readlink().is_relative_to(home)
        except OSError:
            continue
        if line and (marked or inside):
            found.append(line)
    return found


def main(arguments: list[str]) -> int:
    def say(event: Event) -> None:
        print(event.what, event.name, flush=True)

    try:
        given = from_environment()
        home = Home(given.home)
        with home.locked():
            if arguments == ["servers"]:
                ServersOnly(home, given, migrate=lambda url, role: None).run(say)
            else:
                Instance(home, given).run(say)
    except (CannotStart, BadSetting) as sentence:
        print(sentence, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
