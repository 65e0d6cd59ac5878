"""Every connector keeps the contract on every kind of watch, and the contract catches those who do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connectors import connectors
from connectors._base import ConnectorError, Gone, Watch
from connectors._http import Clients, Requests
from models.vocabulary import NEVER_VISITED
from tests.contract import CLAUSES, LIARS, Case, Clause, Fetches
from tests.contract_stages import NOW, stages
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
    visited = {
        (name, kind)
        for name, one in connectors().items()
        for kind in one.watches
        if kind not in NEVER_VISITED
    }
    assert staged == visited


DELIVERED = [
    (name, kind) for name, one in connectors().items() for kind in one.watches if kind in NEVER_VISITED
]


@pytest.mark.parametrize(("platform", "kind"), DELIVERED)
def test_what_is_never_visited_has_no_stage_because_it_is_received_and_cannot_be_fetched(
    platform: str, kind: str
) -> None:
    connector = connectors()[platform]
    assert hasattr(connector, "receive")
    watch = Watch(kind=kind, term=connector.watches[kind].example, host="http://127.0.0.1:9", now=NOW)
    with pytest.raises(Gone):
        asyncio.run(connector.fetch(Requests(Clients()), watch, None))
