"""Every connector keeps the contract on every kind of watch, and the contract catches those who do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connectors import connectors
from connectors._base import ConnectorError
from connectors._http import Clients, Requests
from tests.contract import CLAUSES, LIARS, Case, Clause, Fetches
from tests.contract_stages import stages
from tests.replayer import Replayer

STAGES = sorted(stages())


def hold(clause: Clause, stage_name: str, wrap: Callable[[Fetches], Fetches] = lambda honest: honest) -> None:
    """Runs one clause on one stage. Raises AssertionError where it is broken."""
    stage = stages()[stage_name]
    with Replayer(stage.answer) as server:

        async def run() -> None:
            clients = Clients(trusted={server.netloc})
            try:
                connector = wrap(connectors()[stage.platform])
                await clause(Case(connector, stage, Requests(clients), server.base))
            finally:
                await clients.aclose()

        asyncio.run(run())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", CLAUSES)
def test_the_connector_keeps(name: str, stage: str) -> None:
    hold(CLAUSES[name], stage)


NOTHING_TO_LIE_ABOUT = {
    ("a_cursor_of_somebody_else_is_named_so", stage) for stage in STAGES if stage.endswith("thread")
}


@pytest.mark.parametrize(
    ("name", "stage"),
    [(name, stage) for name in CLAUSES for stage in STAGES if (name, stage) not in NOTHING_TO_LIE_ABOUT],
)
def test_a_liar_is_caught(name: str, stage: str) -> None:
    with pytest.raises((AssertionError, ConnectorError)):
        hold(CLAUSES[name], stage, LIARS[name])


def test_every_clause_has_its_liar() -> None:
    assert set(CLAUSES) == set(LIARS)


def test_every_kind_of_watch_is_on_a_stage() -> None:
    staged = {(stage.platform, stage.kind) for stage in stages().values()}
    assert staged == {(name, kind) for name, one in connectors().items() for kind in one.watches}
