"""The outbox loses and reorders nothing while the processes that tell and the one that hears are killed at random."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import command_line, teller
from tests.keyed import a_key, keys
from tests.telling import Owing
from tests.waiting import eventually

_forking = command_line._forking
"""The server that tests/command_line.py has prepared: a process starts at once."""


@pytest.fixture
def owing(database: str) -> Iterator[Owing]:
    with pytest.MonkeyPatch.context() as patch, keys(patch, a_key()):
        made = Owing(database)
        yield made
        made.close()


class Mortal:
    """A process that is started again whenever it was killed."""

    def __init__(self, env: dict[str, str], hears: tuple[int, Path, int] | None = None) -> None:
        self._what = (env, hears)
        self.deaths = 0
        self._start()

    def _start(self) -> None:
        self._process = _forking.Process(target=teller.run, args=self._what)
        self._process.start()

    def kill(self) -> None:
        self.end()
        self._start()
        self.deaths += 1

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def run(owing: Owing, folder: Path, *, seconds: float, seed: int, every: float) -> None:
    """Kill for so long while cases open, rise and close; then let it come to rest, and compare."""
    chance, heard = random.Random(seed), folder / "heard"
    heard.touch()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    owing.receiver(address=f"http://127.0.0.1:{port}/in")
    env = {
        **os.environ,
        "EARSHOT_DATABASE_URL": owing.url,
        "EARSHOT_TRUSTED_HOSTS": f"127.0.0.1:{port}",
        "EARSHOT_ENCRYPTION_KEY": a_key(),
        "EARSHOT_REQUEST_DEADLINE": "0.3",
    }
    mortals = [Mortal(env), Mortal(env), Mortal(env, (port, heard, seed))]
    stop = threading.Event()

    def write() -> None:
        number, open_ = 0, []
        while not stop.is_set():
            open_.append(owing.opens(f"post:mastodon:{number}"))
            number += 1
            if len(open_) > 10:
                case = open_.pop(chance.randrange(len(open_)))
                owing.rises(case)
                owing.closes(case)
            stop.wait(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: heard.stat().st_size > 0, 30)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            stop.wait(chance.uniform(0.2, 2.0) * every)
            chance.choice(mortals).kill()
        stop.set()
        writer.join()
        eventually(lambda: owing.value("SELECT count(*) FROM owed WHERE state <> 'delivered'") == 0, 60)
    finally:
        stop.set()
        writer.join()
        for mortal in mortals:
            mortal.end()
    assert sum(mortal.deaths for mortal in mortals) >= 3
    compare(owing, heard.read_text(), seed)


def compare(owing: Owing, heard: str, seed: int) -> None:
    """What was heard first, case by case, is what was owed; the rest are the same ids once more."""
    first: dict[str, str] = {}
    order: dict[str, list[int]] = defaultdict(list)
    for line in heard.splitlines():
        name, case, kind = line.split()
        if name not in first:
            first[name] = kind
            order[case].append(int(name.split("_")[1]))
    owed: dict[str, list[int]] = defaultdict(list)
    for row in owing.execute("SELECT id, case_id FROM owed ORDER BY id"):
        owed[str(row.case_id)].append(row.id)
    assert order == owed, f"seed {seed}"


def test_random_kills_of_who_tells_and_who_hears_lose_and_reorder_nothing(
    owing: Owing, tmp_path: Path
) -> None:
    run(owing, tmp_path, seconds=5, seed=5, every=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_kills_for_longer(owing: Owing, tmp_path: Path, seed: int) -> None:
    run(owing, tmp_path, seconds=60, seed=seed, every=0.8)
