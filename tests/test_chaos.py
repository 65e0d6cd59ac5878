"""The world once more, while processes are killed, PostgreSQL crashes and the broker forgets everything.

What is killed and when is decided by a seed, which a failure names: EARSHOT_CHAOS_SEED plays it again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
import redis

from local.home import Home
from simulator.faults import demo_schedule
from tests import simulated
from tests.fleet import Fleet, OwnServers, agree, fleet, heard, introduce, netloc, play
from tests.simulated import World
from tests.waiting import how_busy
from workers._settings import redis_url

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]

SEED = int(os.environ.get("EARSHOT_CHAOS_SEED", "7"))
FAULTS = {"rate_limited", "bad_gateway", "server_error", "expired_token", "truncated", "slow"}
WORKERS = ("fetch", "digest-1", "digest-2")
SLOW = 7.0
"""Seconds that an answer takes that is cut off: less than we wait for one, more than it takes to kill who waits."""
TRIES = 3
"""So often may a visit be at its end before the kill has come."""


@pytest.fixture
def sim() -> Iterator[World]:
    with simulated.world("--seed", "7", "--acts", "manual") as world:
        yield world


@pytest.fixture
def own(made_home: Path) -> Iterator[tuple[Home, OwnServers]]:
    made = Home(made_home)
    servers = OwnServers(made)
    try:
        yield made, servers
    finally:
        servers.stop()


class Chaos:
    """Kills one process of the fleet every second or two, as the seed decides."""

    def __init__(self, running: Fleet, seed: int) -> None:
        self._running, self._dice = running, random.Random(seed)
        self.story: list[str] = [f"seed {seed}"]

    def strike(self) -> None:
        """A worker with its pool, or one process of its pool."""
        self._running.tend()
        name = self._dice.choice(WORKERS)
        whole = self._dice.random() < 0.3
        pool = self._running.pool(name)
        if whole or not pool:
            self.story.append(f"kill {name}")
            self._running.kill(self._running.pids(name)[0])
        else:
            self.story.append(f"kill a process of {name}")
            self._running.kill(self._dice.choice(pool))

    def rage(self, times: int) -> None:
        """Strike again and again."""
        for _ in range(times):
            self.strike()
            pause = monotonic() + self._dice.uniform(1.0, 2.0)
            self._running.eventually(lambda p=pause: monotonic() > p, within=5, of="the next strike")

    def cut_off_a_visit(self, sim: World) -> None:
        """Kill the fetch process while a slow answer is on its way; the visit's account has to say so."""
        for _ in range(TRIES):
            visit = self._slow_visit(sim)
            self.story.append("kill fetch in mid-visit")
            for pid in self._running.pool("fetch"):
                self._running.kill(pid)
            told = self._running.eventually(
                lambda v=visit: self._running.rows(  # type: ignore[misc]
                    "SELECT uncertain FROM polls WHERE id = %(visit)s AND (uncertain OR finished_at IS NOT NULL)",
                    visit=v,
                ),
                within=60,
                of="the end of the visit that was cut off",
            )
            if told[0]["uncertain"]:
                return
            self.story.append("it had ended before")
        raise AssertionError("no visit that was cut off says that it is uncertain")

    def _slow_visit(self, sim: World) -> UUID:
        """A visit whose answer is on its way now, and will be for seconds."""
        sim.does("faults", add=[{"kind": "slow", "platform": "feeds", "endpoint": "news", "seconds": SLOW}])

        def under_way() -> list[Any]:
            if any(one["seconds"] == SLOW for one in sim.asks("faults")["waiting"]):
                return []
            return self._running.rows(
                "SELECT poll_id FROM sources WHERE platform = 'feeds' AND term LIKE '%%news%%' AND lease_until > now()"
            )

        visit: UUID = self._running.eventually(under_way, within=60, of="a slow visit", every=0.05)[0][
            "poll_id"
        ]
        return visit

    def kill_beat(self) -> None:
        """The next one has to wait until the lease of the dead one ends."""
        self.story.append("kill beat")
        self._running.kill(self._running.pids("beat")[0])


def test_killed_workers_a_crashed_database_and_a_flushed_broker_cost_nothing(
    own: tuple[Home, OwnServers], sim: World
) -> None:
    home, servers = own
    where = servers.start()
    with fleet(home, where, netloc(sim), digesters=2) as running:
        chaos = Chaos(running, SEED)
        try:
            _rampage(chaos, running, servers, sim, where.broker)
        except AssertionError as failed:
            failed.add_note("; ".join(chaos.story))
            raise


def _rampage(chaos: Chaos, running: Fleet, servers: OwnServers, sim: World, broker: str) -> None:
    introduce(running, sim)
    sim.does("faults", add=demo_schedule())
    chaos.rage(2)
    heard(running, sim)
    # a first visit takes the newest page only, so these come after it
    sim.does("release", group="storm")
    chaos.rage(3)
    chaos.kill_beat()
    chaos.story.append("crash PostgreSQL")
    servers.crash_postgres()
    chaos.rage(2)
    heard(running, sim)
    for act in (2, 3):
        play(running, sim, act)
        chaos.rage(2)
        if act == 2:
            chaos.story.append("FLUSHALL")
            with redis.Redis.from_url(redis_url(broker)) as db:
                db.flushall()
            sim.does("tokens", do="expire")
            chaos.cut_off_a_visit(sim)
        heard(running, sim)
    play(running, sim, 4)
    chaos.rage(2)
    play(running, sim, sim.asks("status")["acts"])
    running.eventually(
        lambda: set(sim.asks("faults")["happened"]) >= FAULTS, within=60, of="every kind of fault", every=1.0
    )
    chaos.strike()
    struck = monotonic()
    heard(running, sim)
    took = monotonic() - struck

    truth = sim.asks("truth")
    agree(running, sim, "after all the killing")
    assert [case["key"] for case in truth["cases"] if case["level_now"] != case["level"]] == []
    assert running.ledger_faults() == []
    assert running.rows("SELECT stage, external_id, reason FROM quarantine") == []
    assert running.killed >= 10
    assert took < 60 * how_busy(), f"it took {took:.0f} s to be quiet again"
