"""What every connector promises, clause by clause, and for each clause a connector that breaks it.

A clause is a function of a Case (a connector, a stage that plays its platform, a way to ask); it raises
AssertionError where the promise is broken. `LIARS` holds for each clause a connector made from an honest
one that breaks it, so that a clause which can never fail is found out. Run by test_connector_contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
import pytest

from connectors._base import (
    ConnectorError,
    Cursor,
    Denied,
    Garbled,
    Gone,
    Http,
    Page,
    Post,
    TryLater,
    Watch,
)
from tests.contract_stages import NOW, PAGE, Stage, minutes
from tests.replayer import Reply


class Fetches(Protocol):
    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page: ...


@dataclass
class Case:
    """One connector before one stage. `base` is where the stage answers."""

    connector: Fetches
    stage: Stage
    http: Http
    base: str

    async def page(self, cursor: Cursor | None = None, now: datetime = NOW) -> Page:
        return await self.connector.fetch(self.http, self.stage.watch(self.base, now), cursor)

    async def visit(
        self, cursor: Cursor | None = None, now: datetime = NOW
    ) -> tuple[list[Post], Cursor | None]:
        """All pages until the connector says that there is no more now."""
        posts: list[Post] = []
        for _ in range(60):
            page = await self.page(cursor, now)
            posts += page.posts
            cursor = page.cursor
            if not page.more:
                return posts, cursor
        raise AssertionError("the walk does not end")

    async def fails(self, error: type[ConnectorError]) -> Any:
        got: Page | ConnectorError
        try:
            got = await self.page()
        except ConnectorError as caught:
            got = caught
        assert type(got) is error, f"{got!r} instead of {error.__name__}"
        return got

    def numbers(self, posts: list[Post]) -> set[int]:
        return {self.stage.number(post.id) for post in posts}


Clause = Callable[[Case], Any]
CLAUSES: dict[str, Clause] = {}


def clause(function: Clause) -> Clause:
    CLAUSES[function.__name__] = function
    return function


@clause
async def nothing_that_waits_behind_a_page_is_lost(case: Case) -> None:
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 6 * PAGE):
        case.stage.say(n, NOW - minutes(90) + timedelta(seconds=n))
    then, _ = await case.visit(cursor)
    assert case.numbers(first + then) == set(range(6 * PAGE))


@clause
async def a_page_that_was_not_landed_comes_again(case: Case) -> None:
    for n in range(3 * PAGE):
        case.stage.say(n, NOW - minutes(90) + timedelta(seconds=n))
    lost = await case.page()
    again = await case.page()
    assert lost == again
    assert lost.posts


@clause
async def posts_of_one_instant_are_all_told(case: Case) -> None:
    case.stage.say(0, NOW - minutes(60))
    _, cursor = await case.visit()
    for n in range(1, 3 * PAGE):
        case.stage.say(n, NOW - minutes(30))
    then, cursor = await case.visit(cursor)
    case.stage.say(3 * PAGE, NOW - minutes(30))
    after, _ = await case.visit(cursor)
    assert case.numbers(then + after) >= set(range(1, 3 * PAGE + 1))


@clause
async def a_future_dated_post_comes_and_hides_nothing(case: Case) -> None:
    case.stage.say(0, NOW - minutes(60))
    first, cursor = await case.visit()
    case.stage.say(1, NOW + timedelta(days=2), arrived=NOW - minutes(50))
    then, cursor = await case.visit(cursor)
    for n in range(2, 3 * PAGE):
        case.stage.say(n, NOW + timedelta(seconds=n), arrived=NOW + timedelta(seconds=n))
    after, _ = await case.visit(cursor, NOW + minutes(60))
    posts = first + then + after
    assert case.numbers(posts) == set(range(3 * PAGE))
    assert all(post.posted_at <= NOW + minutes(60) for post in posts)
    assert all(post.posted_at <= NOW for post in then)


@clause
async def a_post_that_arrives_late_is_found(case: Case) -> None:
    """Within ten quiet visits, where it is among the newest of a page."""
    for n in range(4):
        case.stage.say(n, NOW - minutes(60) + timedelta(seconds=n))
    posts, cursor = await case.visit()
    case.stage.say(4, NOW - minutes(65), arrived=NOW - minutes(1))
    for quiet in range(10):
        more, cursor = await case.visit(cursor, NOW + minutes(quiet))
        posts += more
    assert case.numbers(posts) == set(range(5))


@clause
async def a_platform_that_repeats_itself_does_not_hold_us(case: Case) -> None:
    for n in range(PAGE):
        case.stage.say(n, NOW - minutes(60) + timedelta(seconds=n))
    case.stage.stuck = True
    _, cursor = await case.visit()
    case.stage.say(PAGE, NOW - minutes(10))
    _, cursor = await case.visit(cursor)
    _, cursor = await case.visit(cursor)


@clause
async def one_bad_item_does_not_stop_a_page(case: Case) -> None:
    for n in range(5):
        case.stage.say(n, NOW - minutes(60) + timedelta(seconds=n))
    case.stage.broken = 2
    page = await case.page()
    assert case.numbers(list(page.posts)) == {0, 1, 3, 4}
    assert len(page.rejects) == 1
    assert page.rejects[0].reason
    assert page.rejects[0].raw


NOBODY_SIGNS_IN = {"appstore"}
"""No credential is ever sent there: its 403 can only be a limit."""

NONE_IS_BARE = {"googleplay"}
"""Google's JSON leaves out what is empty: an object with nothing in it is its list of no reviews."""


@clause
async def an_unreadable_envelope_is_garbled(case: Case) -> None:
    case.stage.say(0, NOW - minutes(60))
    for body in (
        b"",
        b'{"posts": [',
        b"[1, 2",
        b"<!DOCTYPE html><html><p>Sorry</p></html>",
        b"\xff\xfe\x00",
        b"{}",
    ):
        if body == b"{}" and case.stage.platform in NONE_IS_BARE:
            continue
        case.stage.fault = Reply(200, body, {"content-type": "application/json"})
        await case.fails(Garbled)


@clause
async def the_only_clock_is_the_watch(case: Case) -> None:
    for n in range(3):
        case.stage.say(n, NOW - minutes(n))
    long_ago = NOW - timedelta(days=3000)
    page = await case.page(now=long_ago)
    assert page.posts
    assert all(post.posted_at <= long_ago for post in page.posts)


@clause
async def what_comes_out_can_be_stored(case: Case) -> None:
    case.stage.long_ids = True
    for n, text in enumerate(("NUL \0 here", "half \ud83d a face", "x" * 100_000, "plain")):
        case.stage.say(n, NOW - minutes(60) + timedelta(seconds=n), text=text)
    page = await case.page()
    assert len(page.posts) == 4
    for post in page.posts:
        assert 0 < len(post.id) <= 512
        assert post.posted_at.utcoffset() == timedelta(0)
        assert len(post.text.encode()) <= 65_536
        assert post.truncated or "x" * 70_000 not in post.text
        for text in _strings(msgspec.to_builtins(post)):
            assert "\0" not in text
            text.encode()
        for url in (post.url, *post.links):
            assert url is None or url.startswith(("http://", "https://"))
    assert page.cursor is None or "\0" not in page.cursor


def _strings(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


@clause
async def each_refusal_is_the_error_of_its_recovery(case: Case) -> None:
    case.stage.say(0, NOW)
    page = b"<html><h1>Whoa there</h1></html>"
    case.stage.fault = Reply(429, page, {"retry-after": "17"})
    limited = await case.fails(TryLater)
    assert limited.limited
    assert limited.after == 17.0
    case.stage.fault = Reply(503, page)
    assert not (await case.fails(TryLater)).limited
    case.stage.fault = Reply(401, b'{"error":"x"}')
    await case.fails(Denied)
    case.stage.fault = Reply(403, page)
    if case.stage.platform in NOBODY_SIGNS_IN:
        assert (await case.fails(TryLater)).limited
    else:
        assert not (await case.fails(Denied)).refreshable
    case.stage.fault = Reply(404, page)
    assert not (await case.fails(Gone)).cursor
    case.stage.fault = Reply(410, page)
    await case.fails(Gone)


@clause
async def a_cursor_of_somebody_else_is_named_so(case: Case) -> None:
    """Where a cursor carries anything at all. A thread is read anew each time and needs none."""
    case.stage.say(0, NOW)
    if case.stage.kind == "thread":
        await case.page(Cursor("{not ours"))
        return
    with pytest.raises(ConnectorError) as caught:
        await case.page(Cursor("{not ours"))
    assert isinstance(caught.value, Gone)
    assert caught.value.cursor


class Liar:
    """A connector that changes what an honest one answers. `state` lives as long as the liar."""

    def __init__(self, honest: Fetches, lie: Callable[[Page, Watch, dict[str, Any]], Page]) -> None:
        self._honest, self._lie = honest, lie
        self._state: dict[str, Any] = {}

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        return self._lie(await self._honest.fetch(http, watch, cursor), watch, self._state)


class Misnamer:
    """A connector that makes one thing of every error."""

    def __init__(self, honest: Fetches, instead: Callable[[], Page]) -> None:
        self._honest, self._instead = honest, instead

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        try:
            return await self._honest.fetch(http, watch, cursor)
        except ConnectorError:
            return self._instead()


def _with(page: Page, **changes: Any) -> Page:
    return msgspec.structs.replace(page, **changes)


def _forgets_the_last(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, posts=page.posts[:-1])


def _tells_once(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    told = state.setdefault("told", set())
    fresh = tuple(post for post in page.posts if post.id not in told)
    told.update(post.id for post in page.posts)
    return _with(page, posts=fresh)


def _one_an_instant(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, posts=tuple({post.posted_at: post for post in page.posts}.values()))


def _believes_the_future(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    late = timedelta(days=2)
    return _with(
        page, posts=tuple(msgspec.structs.replace(p, posted_at=p.posted_at + late) for p in page.posts)
    )


def _trusts_the_order(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    newest = state.get("newest")
    kept = tuple(p for p in page.posts if newest is None or p.posted_at >= newest)
    state["newest"] = max([*(p.posted_at for p in page.posts), *([newest] if newest else [])], default=None)
    return _with(page, posts=kept)


def _always_more(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, more=True)


def _hides_rejects(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, rejects=())


def _looks_at_the_wall(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(
        page, posts=tuple(msgspec.structs.replace(p, posted_at=datetime.now(UTC)) for p in page.posts)
    )


def _passes_anything(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, posts=tuple(msgspec.structs.replace(p, text=p.text + "\0") for p in page.posts))


def _empty() -> Page:
    return Page(posts=(), rejects=(), cursor=None)


def _all_garbled() -> Page:
    raise Garbled("something went wrong")


def _lie(lie: Callable[[Page, Watch, dict[str, Any]], Page]) -> Callable[[Fetches], Fetches]:
    return lambda honest: Liar(honest, lie)


LIARS: dict[str, Callable[[Fetches], Fetches]] = {
    "nothing_that_waits_behind_a_page_is_lost": _lie(_forgets_the_last),
    "a_page_that_was_not_landed_comes_again": _lie(_tells_once),
    "posts_of_one_instant_are_all_told": _lie(_one_an_instant),
    "a_future_dated_post_comes_and_hides_nothing": _lie(_believes_the_future),
    "a_post_that_arrives_late_is_found": _lie(_trusts_the_order),
    "a_platform_that_repeats_itself_does_not_hold_us": _lie(_always_more),
    "one_bad_item_does_not_stop_a_page": _lie(_hides_rejects),
    "an_unreadable_envelope_is_garbled": lambda honest: Misnamer(honest, _empty),
    "the_only_clock_is_the_watch": _lie(_looks_at_the_wall),
    "what_comes_out_can_be_stored": _lie(_passes_anything),
    "each_refusal_is_the_error_of_its_recovery": lambda honest: Misnamer(honest, _all_garbled),
    "a_cursor_of_somebody_else_is_named_so": lambda honest: Misnamer(honest, _all_garbled),
}
