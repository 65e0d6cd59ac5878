"""Every connector keeps the contract on every kind of watch, and the contract catches those who do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from _pytest.mark import ParameterSet

from connectors import connectors
from connectors._base import ConnectorError, Gone, Watch
from connectors._http import Clients, Requests
from models.vocabulary import NEVER_VISITED
from tests.contract import CLAUSES, Case, Clause, Fetches
from tests.contract_beside import BESIDE
from tests.contract_liars import LIARS, LIARS_BESIDE, Instead
from tests.contract_stages import NOW, stages
from tests.unwired import BASE, Unwired

STAGES = sorted(stages())
PLATFORM = {name: stage.platform for name, stage in stages().items()}
FIRST = {PLATFORM[name]: name for name in reversed(STAGES)}
"""One kind of watch of each platform: what lies is caught there as anywhere."""

_NO_FLOOR = "a server that does not heed min_id shows ten that are newer, as was asked for: nothing tells"
CANNOT: Mapping[tuple[str, str], str] = {
    ("what_a_platform_never_showed_is_found_later_or_named", "mastodon-hashtag"): _NO_FLOOR,
    ("what_a_platform_never_showed_is_found_later_or_named", "mastodon-mentions"): _NO_FLOOR,
    (
        "a_post_removed_between_two_pages_takes_no_other_with_it",
        "appstore",
    ): "pages go by their number: what moves up between two of them is met by a later visit only",
}
"""Clauses that a platform (or one kind of watch) cannot keep, and what in its API is the reason."""

NOTHING_TO_LIE_ABOUT: Mapping[str, set[str]] = {
    "the_mark_waits_for_the_walk_to_end": {"feeds"},
    "pages_of_rejects_are_passed": {"feeds"},
    "a_place_that_is_lost_costs_no_post": {"appstore", "feeds", "mastodon"},
    "what_a_platform_never_showed_is_found_later_or_named": {"feeds"},
    "pages_that_removed_posts_left_short_or_empty_hide_nothing": {"appstore", "feeds", "mastodon", "reddit"},
    "a_post_removed_between_two_pages_takes_no_other_with_it": {"feeds"},
}
"""Where a liar tells no lie: a feed is one page, pages are filled up with what was not removed, none has a token."""


def _cases(clauses: Iterable[str]) -> list[ParameterSet]:
    return [
        _case(name, stage) for name in clauses for stage in (STAGES if name in CLAUSES else _offering(name))
    ]


def _case(name: str, stage: str) -> ParameterSet:
    """One clause on one stage: where it is an exception, it has to be broken."""
    for whose in (stage, PLATFORM[stage]):
        if (name, whose) in CANNOT:
            reason = CANNOT[name, whose]
            mark = pytest.mark.xfail(strict=True, raises=(AssertionError, ConnectorError), reason=reason)
            return pytest.param(name, stage, marks=mark)
    return pytest.param(name, stage)


def _offering(name: str) -> list[str]:
    """A stage of each platform that has what the clause is about."""
    return [stage for platform, stage in FIRST.items() if hasattr(connectors()[platform], BESIDE[name][0])]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


def hold(
    runner: asyncio.Runner,
    clause: Clause,
    stage_name: str,
    wrap: Callable[[Fetches], Fetches] = lambda honest: honest,
) -> None:
    """Runs one clause on one stage. Raises AssertionError where it is broken."""
    stage = stages()[stage_name]
    http = Requests(Unwired(stage.answer))
    runner.run(clause(Case(wrap(connectors()[stage.platform]), stage, http, BASE)))


@pytest.mark.parametrize(("name", "stage"), _cases(CLAUSES))
def test_the_connector_keeps(runner: asyncio.Runner, name: str, stage: str) -> None:
    hold(runner, CLAUSES[name], stage)


@pytest.mark.parametrize(("name", "stage"), _cases(BESIDE))
def test_the_connector_keeps_beside(runner: asyncio.Runner, name: str, stage: str) -> None:
    hold(runner, BESIDE[name][1], stage)


@pytest.mark.parametrize("name", CLAUSES)
def test_a_liar_is_caught(runner: asyncio.Runner, name: str) -> None:
    for platform, stage in FIRST.items():
        if platform not in NOTHING_TO_LIE_ABOUT.get(name, ()):
            _catch(runner, CLAUSES[name], stage, LIARS[name])


@pytest.mark.parametrize("name", BESIDE)
def test_a_liar_is_caught_beside(runner: asyncio.Runner, name: str) -> None:
    function, clause = BESIDE[name]
    for stage in _offering(name):
        _catch(runner, clause, stage, lambda honest: Instead(honest, function, LIARS_BESIDE[name]))


def _catch(runner: asyncio.Runner, clause: Clause, stage: str, lie: Callable[[Fetches], Fetches]) -> None:
    try:
        hold(runner, clause, stage, lie)
    except (AssertionError, ConnectorError):
        return
    raise AssertionError(f"nobody noticed the liar on {stage}")


def test_every_clause_has_its_liar() -> None:
    assert set(CLAUSES) == set(LIARS)
    assert set(BESIDE) == set(LIARS_BESIDE)


def test_every_exception_is_one_from_a_clause_that_there_is() -> None:
    known = {*STAGES, *FIRST}
    for name, whose in (
        *CANNOT,
        *((name, one) for name, all_ in NOTHING_TO_LIE_ABOUT.items() for one in all_),
    ):
        assert name in {**CLAUSES, **BESIDE}
        assert whose in known


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
