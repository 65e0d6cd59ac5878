"""What a connector promises that offers more than pages: look-ups, whose a token is, signing in.

A clause here is for the connectors that have the function it is named for (BESIDE says which); the stage's
`beside` gives the answers, `held` and `login` say what is to come out and what is let in.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from connectors._base import ConnectorError, Denied, Garbled, TryLater
from tests.contract import Case, Clause
from tests.contract_stages import NOW, minutes
from tests.replayer import Reply

BESIDE: dict[str, tuple[str, Clause]] = {}
"""Clauses by name: which function of a connector they are about, and what it promises."""

TELLS_ONLY_WHO_IS_GONE = {"instagram"}
"""An id there does not say of what it is, so nothing else can be asked of it."""

REFUSED = Reply(401, b'{"error": "x"}', {"content-type": "application/json"})
BLOCKED = Reply(403, b"<html><h1>Attention required</h1></html>", {"content-type": "text/html"})
"""By what stands before a platform, which knows nothing of its credentials."""

MENDING = Reply(503, b"<html><h1>Sorry</h1></html>")
NO_ANSWERS = (b"", b"<html><p>Sorry</p></html>", b"{}", b'{"error": {"code": "busy"}}')
"""Bodies that come with a 200 and hold nothing of what was asked for."""


def about(function: str) -> Any:
    def take(clause: Clause) -> Clause:
        BESIDE[clause.__name__] = function, clause
        return clause

    return take


async def _came(answer: Awaitable[Any]) -> Any:
    """What came of it: a value, or the error."""
    try:
        return await answer
    except ConnectorError as error:
        return error


@about("lookup")
async def a_full_look_up_tells_each_as_it_stands(case: Case) -> None:
    """As many as go into one call: one is edited, the last is removed."""
    connector: Any = case.connector
    size = connector.lookup_size
    case.stage.say(0, NOW - minutes(100))
    told, cursor = await case.visit()
    for n in range(1, size):
        case.stage.say(n, NOW - minutes(90) + timedelta(seconds=n))
    told += (await case.visit(cursor))[0]
    ids = {case.stage.number(post.id): post.id for post in told}
    case.stage.edit(1, "other words")
    case.stage.removed.add(size - 1)
    watch = case.stage.watch(case.base)
    found = await connector.lookup(case.http, watch, [ids[n] for n in range(size)])
    assert found.gone == (ids[size - 1],)
    assert not found.rejects
    if case.stage.platform not in TELLS_ONLY_WHO_IS_GONE:
        texts = {case.stage.number(post.id): post.text for post in found.posts}
        assert texts.keys() == set(range(size - 1))
        assert texts[1] == "other words"


@about("lookup")
async def nobody_is_gone_because_a_look_up_failed(case: Case) -> None:
    connector: Any = case.connector
    case.stage.say(0, NOW - minutes(100))
    [post], _ = await case.visit()
    watch = case.stage.watch(case.base)
    for fault, error in ((REFUSED, Denied), (MENDING, TryLater), (Reply(200, b"<html>"), Garbled)):
        case.stage.fault = fault
        got = await _came(connector.lookup(case.http, watch, [post.id]))
        assert type(got) is error, f"{fault.status}: {got!r}"


@about("check")
async def whose_a_token_is_comes_out_as_the_platform_says_it(case: Case) -> None:
    connector: Any = case.connector
    watch = case.stage.watch(case.base)
    assert await connector.check(case.http, watch) == case.stage.held()
    told = ((REFUSED, Denied), (BLOCKED, TryLater), (MENDING, TryLater), (Reply(200, b"<html>"), Garbled))
    for fault, error in told:
        case.stage.fault = fault
        got = await _came(connector.check(case.http, watch))
        assert type(got) is error, f"{fault.status}: {got!r}"


@about("sign_in")
async def a_session_opens_the_door(case: Case) -> None:
    connector: Any = case.connector
    session = await connector.sign_in(case.http, case.stage.login(case.base))
    assert session.access == case.stage.watch(case.base).token
    assert session.account_id in {"", case.stage.held().account_id}
    assert session.host == case.base


@about("sign_in")
async def only_a_refusal_is_denied(case: Case) -> None:
    """Who is denied needs a person. An answer that says nothing of the kind, also one that begins with 200, does not."""
    connector: Any = case.connector
    login = case.stage.login(case.base)
    case.stage.fault = REFUSED
    got = await _came(connector.sign_in(case.http, login))
    assert isinstance(got, Denied), repr(got)
    assert not got.refreshable
    for passing in (BLOCKED, MENDING):
        case.stage.fault = passing
        assert isinstance(got := await _came(connector.sign_in(case.http, login)), TryLater), repr(got)
    for body in NO_ANSWERS:
        case.stage.fault = Reply(200, body, {"content-type": "application/json"})
        got = await _came(connector.sign_in(case.http, login))
        assert isinstance(got, Garbled | TryLater), f"{body!r}: {got!r}"
