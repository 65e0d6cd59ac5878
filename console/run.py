"""`earshot up` and `earshot demo`: an instance on a data folder, and what is told while it runs."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from console.address import LISTEN
from console.inbound import PORT_FILE
from local.child import MARK, Child, Step, python_module
from local.home import Home, write_private
from local.instance import Instance
from workers._settings import PREFIX, Settings, from_environment, settings

if TYPE_CHECKING:
    from console.watch import NewTicket, Seen
    from console.world import World
    from local.supervisor import Event

DEMO_ORG = "demo"
LOOK_EVERY = 2.0
"""Seconds between two looks for due sources: the world tells its story in a minute."""


class DemoInstance(Instance):
    """An instance whose digest worker is the demo's."""

    def fleet(self) -> list[Child]:
        """Beat and the workers."""
        other = {"workers.app": "console.demo_worker"}
        return [
            replace(child, argv=tuple(other.get(word, word) for word in child.argv))
            if child.name == "digest"
            else child
            for child in super().fleet()
        ]


class Telling(Protocol):
    """Where the demo speaks: a terminal that is drawn anew, or lines."""

    def event(self, event: Event) -> None:
        """What the supervisor did."""

    def tickets(self, new: Sequence[NewTicket], after: float) -> None:
        """Tickets that were opened, and how many seconds after the start they were seen."""

    def state(self, seen: Seen, seconds: float) -> None:
        """How everything stands, again and again."""

    def close(self) -> None:
        """Let go of the terminal."""


def run_up(on_event: Callable[[Event], None], ready: Callable[[Settings], None]) -> None:
    """Run the servers, beat and the workers until told to stop. Raises CannotStart."""
    given = from_environment()
    home = Home(given.home)
    with home.locked():
        instance = Instance(home, given, extra=[_web(home)])

        def told(event: Event) -> None:
            on_event(event)
            if event.what == "up":
                ready(given)

        instance.run(told)


@dataclass(frozen=True)
class DemoWish:
    """How long the demo goes on: for these seconds (None: until Ctrl-C); `once`: until the story is told."""

    seconds: float | None = None
    once: bool = False
    pace: float | None = None


def demo_settings() -> Settings:
    """The settings of the environment; without EARSHOT_HOME, on a folder of the demo's own."""
    given = from_environment()
    if "home" in given.model_fields_set:
        return given
    return from_environment(home=given.home.with_name(given.home.name + "-demo"))


def run_demo(wish: DemoWish, given: Settings, speaking: Callable[[], Telling]) -> Seen:
    """Run everything, the simulator included, until the wish is fulfilled or somebody stops it; the last state.

    `speaking` makes what speaks, once it is certain that the data folder is nobody else's.
    Raises CannotStart and CannotDo.
    """
    from console.watch import Watcher
    from console.world import World

    started = monotonic()
    org = given.org if "org" in given.model_fields_set else DEMO_ORG
    home = Home(given.home)
    with home.locked():
        port = _port(home, "demo.port")
        world = World(f"http://127.0.0.1:{port}")
        extra: list[Child | Step] = [
            _simulator(home, port, world, wish.pace),
            Step("telling Earshot whom the world's CRM knows", lambda: _introduce(org, world)),
            Step("letting people into the console", lambda: _let_in(home, org)),
            _web(home),
        ]
        trusted = [*given.trusted_hosts, f"127.0.0.1:{port}"]
        # what this process reads is what its children read
        for name, value in (("HOME", str(home.path)), ("ORG", org), ("TRUSTED_HOSTS", ",".join(trusted))):
            os.environ[PREFIX + name] = value
        share = {"org": org, "trusted_hosts": trusted, "poll_every": LOOK_EVERY}
        instance = DemoInstance(home, given, share=share, extra=extra)
        watcher = Watcher(org, world)
        telling = speaking()

        def told(event: Event) -> None:
            telling.event(event)
            if event.what == "up":
                watcher.start(monotonic() - started)

        def look() -> None:
            seconds = monotonic() - started
            if new := watcher.tickets():
                telling.tickets(new, seconds)
            telling.state(watcher.seen, seconds)
            over = wish.seconds is not None and seconds >= wish.seconds
            if over or (wish.once and watcher.seen.finished):
                watcher.stop()
                instance.stop()

        try:
            instance.run(told, look)
        finally:
            watcher.stop()
            telling.close()
    return watcher.seen


def tell_the_fleet(address: str) -> str:
    """Have the fleet of the settings follow a simulator that runs at this address; says what was brought in."""
    from console.world import World

    return _introduce(settings().org, World(address))


def _introduce(org: str, world: World) -> str:
    from console.database import opened_for
    from console.world import introduce

    crm = world.ask("crm")
    with opened_for(org) as session:
        known = introduce(session, org, crm)
    counts = ", ".join(
        f"{told.added + told.changed + told.same} {name}" for name, told in known.tables.items()
    )
    return f"{org} knows {counts}, and follows {known.sources} sources"


def _let_in(home: Home, org: str) -> str:
    from console.database import opened_for
    from console.demo_people import let_in, password

    with opened_for(org) as session:
        return let_in(session, org, password(home.path))


def console_at(home: Path) -> str:
    """The address of the pages of an instance on this folder, which runs or has run."""
    return f"http://127.0.0.1:{(home / PORT_FILE).read_text().strip()}/"


def _simulator(home: Home, port: int, world: World, pace: float | None) -> Child:
    told = ("--port", str(port), *(("--pace", str(pace)) if pace is not None else ()))
    return Child(
        name="simulator",
        argv=python_module("simulator", *told),
        log=home.logs / "simulator.log",
        env=_environment(home),
        cwd=home.path,
        ready=world.answers,
    )


def _web(home: Home) -> Child:
    """What takes deliveries and shows pages, on this machine alone."""
    port = _port(home, PORT_FILE, int(LISTEN.rpartition(":")[2]))
    ready = home.run / "web.ready"
    return Child(
        name="web",
        argv=python_module("console", "serve", "--listen", f"127.0.0.1:{port}"),
        log=home.logs / "web.log",
        env={**_environment(home), f"{PREFIX}HOME": str(home.path), f"{PREFIX}READY_FILE": str(ready)},
        cwd=home.path,
        before=lambda: ready.unlink(missing_ok=True),
        ready=ready.exists,
    )


def _environment(home: Home) -> dict[str, str]:
    ours = str(Path(__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": f"{path}{os.pathsep}{ours}" if path else ours,
        "PYTHONUNBUFFERED": "1",
        MARK: str(home.path),
    }


def _port(home: Home, name: str, wished: int = 0) -> int:
    """A port of this folder's own: the same as last time if it is free, so that what knows it by address finds it."""
    file = home.path / name
    if file.exists() and file.read_text().strip().isdecimal():
        wished = int(file.read_text())
    for port in (wished, 0):
        with socket.socket() as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                asking.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(asking.getsockname()[1])
            break
    write_private(file, f"{found}\n")
    return found


def how_to_call_us() -> str:
    """What somebody types in another terminal to run `earshot`."""
    if shutil.which("earshot"):
        return "earshot"
    beside = Path(sys.executable).with_name("earshot")
    if not beside.exists():
        return f"{sys.executable} -m console"
    here = Path.cwd()
    return str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside)
