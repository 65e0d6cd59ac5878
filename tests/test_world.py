"""The seeded world through real beat, workers, PostgreSQL and Valkey, act by act, held against its truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from local.home import Home
from tests import simulated, world_truth
from tests.backtesting import backtested, opened
from tests.conftest import Servers
from tests.fleet import Addresses, Fleet, agree, fleet, heard, introduce, netloc, play
from tests.simulated import World

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]


@pytest.fixture
def sim() -> Iterator[World]:
    with simulated.world("--seed", "7", "--acts", "manual") as world:
        yield world


def hear_again(running: Fleet) -> None:
    """Forget where every source stands, so that what the platforms still offer is fetched once more."""

    def forgotten() -> bool:
        left = running.value(
            "WITH done AS (UPDATE sources SET cursor = NULL, due_at = now() "
            "WHERE cursor IS NOT NULL AND lease_until IS NULL AND NOT id = ANY(%(done)s) RETURNING id) "
            "SELECT array_agg(id) FROM done",
            done=list(done),
        )
        done.update(left or ())
        return len(done) == running.value("SELECT count(*) FROM sources")

    done: set[Any] = set()
    running.eventually(forgotten, within=60, of="every source standing at its beginning", every=0.02)
    running.settle()


def test_the_world_is_recorded_as_it_is_and_hearing_it_again_doubles_nothing(
    home: Path, servers: Servers, broker: str, sim: World
) -> None:
    with servers.new_database() as (database, owner):
        where = Addresses(database, owner, broker)
        with fleet(Home(home), where, netloc(sim), digesters=2) as running:
            introduce(running, sim)
            heard(running, sim)
            agree(running, sim, "after act 1")
            # after the fourth nothing happens any more that matters to a case
            for act in (2, 3, 4, sim.asks("status")["acts"]):
                play(running, sim, act)
                if act == 3:
                    sim.does("release", group="storm")
                    sim.does("release", group="poison")
                heard(running, sim)
                agree(running, sim, f"after act {act}")
            truth = sim.asks("truth")
            assert [case["key"] for case in truth["cases"] if case["level_now"] != case["level"]] == []
            assert running.ledger_faults() == []
            [asked] = [post["external_id"] for post in truth["posts"] if post["key"] == "names-ticket"]
            number = "SELECT t.number FROM social_events e JOIN tickets t ON t.id = e.ticket_id WHERE external_id = %(id)s"
            assert running.value(number, id=asked) == 1001
            with Session(create_engine(database, poolclass=NullPool)) as session:
                assert backtested(session) == opened(session)

            before = world_truth.snapshot(running.rows)
            duplicates = running.value("SELECT sum(duplicate) FROM ledger")
            hear_again(running)
            assert running.value("SELECT sum(duplicate) FROM ledger") > duplicates + 100
            assert world_truth.changes(before, world_truth.snapshot(running.rows)) == []
            agree(running, sim, "after all was heard again")
            assert running.ledger_faults() == []
            # a worker that is busy answers too late, and is asked again
            running.eventually(
                lambda: all(running.done("earshot.digest").get(f"digest-{n}") for n in (1, 2)),
                within=60,
                of="the word of both digest workers that they did something",
            )
