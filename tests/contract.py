"""What every connector promises, clause by clause.

A clause is a function of a Case (a connector, a stage that plays its platform, a way to ask); it raises
AssertionError where the promise is broken. Those about a walk are in CLAUSES and hold for every kind of watch;
those about what a platform may have beside are in contract_beside. For each there is a connector that breaks
it in contract_liars, so that a clause which can never fail is found out. Run by test_connector_contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import pytest

from connectors._base import (
    ConnectorError,
    Cursor,
    Denied,
    Gap,
    Garbled,
    Gone,
    Http,
    Page,
    Post,
    Reject,
    TryLater,
    Watch,
)
from tests.contract_stages import NOW, PAGE, Stage, minutes
from tests.replayer import Reply


class Fetches(Protocol):
    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page: ...


@dataclass
class Case:
    """One connector before one stage. `base` is where the stage answers; `gaps` and `rejects` are all so far."""

    connector: Fetches
    stage: Stage
    http: Http
    base: str
    gaps: list[Gap] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    async def page(self, cursor: Cursor | None = None, now: datetime = NOW) -> Page:
        page = await self.connector.fetch(self.http, self.stage.watch(self.base, now), cursor)
        if page.gap is not None:
            assert page.gap.since is None or page.gap.until is None or page.gap.since <= page.gap.until
            self.gaps.append(page.gap)
        self.rejects += page.rejects
        return page

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
async def a_backlog_of_an_hour_is_told_to_its_end(case: Case) -> None:
    """Wider than any overlap, so that the end of each page is new ground."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 6 * PAGE):
        case.stage.say(n, NOW - minutes(90 - n))
    then, _ = await case.visit(cursor)
    assert case.numbers(first + then) == set(range(6 * PAGE))


@clause
async def the_mark_waits_for_the_walk_to_end(case: Case) -> None:
    """A walk of an hour is cut off after its first page, and taken up again when more has come in."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 5 * PAGE):
        case.stage.say(n, NOW - minutes(90 - n))
    cut = await case.page(cursor)
    for n in range(5 * PAGE, 6 * PAGE + 3):
        case.stage.say(n, NOW - minutes(30) + timedelta(seconds=n))
    then, cursor = await case.visit(cut.cursor)
    after, _ = await case.visit(cursor)
    assert case.numbers([*first, *cut.posts, *then, *after]) == set(range(6 * PAGE + 3))


@clause
async def the_mark_is_no_newer_than_what_was_told(case: Case) -> None:
    """After a first visit, and after a walk of half an hour, pages come in within seconds of the newest."""
    case.stage.say(0, NOW - minutes(90))
    posts, cursor = await case.visit()
    told = 1
    for start, apart in ((90, 1), (89, 60), (59, 1)):
        for n in range(told, told + 3 * PAGE):
            case.stage.say(n, NOW - minutes(start) + timedelta(seconds=apart * (n - told + 1)))
        told += 3 * PAGE
        then, cursor = await case.visit(cursor)
        posts += then
    assert case.numbers(posts) == set(range(told))


@clause
async def what_shares_the_instant_of_the_newest_is_told(case: Case) -> None:
    case.stage.say(0, NOW - minutes(60))
    posts, cursor = await case.visit()
    for n in range(1, 4):
        case.stage.say(n, NOW - minutes(30))
        then, cursor = await case.visit(cursor)
        posts += then
    for quiet in range(4):
        then, cursor = await case.visit(cursor, NOW + minutes(quiet))
        posts += then
    assert case.numbers(posts) == set(range(4))


@clause
async def pages_that_removed_posts_left_short_or_empty_hide_nothing(case: Case) -> None:
    """Every seventh post is gone, and of the seventh and eighth page all are."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    last = 10 * PAGE - 6
    for n in range(1, last + 1):
        case.stage.say(n, NOW - minutes(90) + timedelta(seconds=30 * n))
    gone = {last - depth for depth in range(last) if depth % 7 == 3 or 6 * PAGE <= depth < 8 * PAGE}
    case.stage.removed |= gone
    then, _ = await case.visit(cursor)
    assert case.numbers(first + then) == set(range(last + 1)) - gone


@clause
async def a_post_removed_between_two_pages_takes_no_other_with_it(case: Case) -> None:
    """The newest and the oldest of a page, on either of which a cursor may rest, and what would be next; then the
    newest of a visit."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 4 * PAGE):
        case.stage.say(n, NOW - minutes(90 - n))
    page = await case.page(cursor)
    assert page.posts
    seen = case.numbers(list(page.posts))
    gone = {max(seen), *range(max(1, min(seen) - PAGE + 1), min(seen) + 1)}
    case.stage.removed |= gone
    then, cursor = await case.visit(page.cursor)
    assert case.numbers([*first, *page.posts, *then]) >= set(range(4 * PAGE)) - (gone - seen)
    newest = 4 * PAGE
    case.stage.say(newest, NOW - minutes(40))
    more, cursor = await case.visit(cursor)
    case.stage.removed.add(newest)
    for n in range(newest + 1, newest + 2 * PAGE):
        case.stage.say(n, NOW - minutes(30) + timedelta(seconds=n))
    after, _ = await case.visit(cursor)
    told = case.numbers([*first, *page.posts, *then, *more, *after])
    assert told >= set(range(newest + 2 * PAGE)) - (gone - seen)


@clause
async def a_place_that_is_lost_costs_no_post(case: Case) -> None:
    """In the middle of a walk the platform does not know the token to the next page any more."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 4 * PAGE):
        case.stage.say(n, NOW - minutes(90 - n))
    page = await case.page(cursor)
    case.stage.lost = True
    then, cursor = await case.visit(page.cursor)
    after, _ = await case.visit(cursor)
    assert case.numbers([*first, *page.posts, *then, *after]) == set(range(4 * PAGE))


@clause
async def pages_of_rejects_are_passed(case: Case) -> None:
    """Six pages of items that nobody can read: the walk goes on behind them as behind posts."""
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    last = 9 * PAGE
    for n in range(1, last + 1):
        case.stage.say(n, NOW - minutes(90) + timedelta(seconds=30 * n))
    case.stage.broken = {last - depth for depth in range(PAGE + 3, 7 * PAGE + 3)}
    then, _ = await case.visit(cursor)
    assert case.numbers(first + then) == set(range(last + 1)) - case.stage.broken
    assert len(case.rejects) >= 6 * PAGE


@clause
async def what_a_platform_never_showed_is_found_later_or_named(case: Case) -> None:
    case.stage.say(0, NOW - minutes(100))
    first, cursor = await case.visit()
    for n in range(1, 4 * PAGE):
        case.stage.say(n, NOW - minutes(90 - n))
    case.stage.stuck = True
    then, cursor = await case.visit(cursor)
    case.stage.stuck = False
    after, _ = await case.visit(cursor)
    assert case.gaps or case.numbers(first + then + after) == set(range(4 * PAGE))


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


HOW_LATE = {"x": timedelta(seconds=90)}
"""X's pages begin at an id, which tells when its post was written, and all of them are paid for: an hour is not looked back."""


@clause
async def a_post_that_arrives_late_is_found(case: Case) -> None:
    """Within ten quiet visits, where it is among the newest of a page."""
    late = HOW_LATE.get(case.stage.platform, minutes(64))
    for n in range(4):
        case.stage.say(n, NOW - minutes(1) - late + timedelta(seconds=30 + n))
    posts, cursor = await case.visit(now=NOW - minutes(1) - late + timedelta(seconds=40))
    case.stage.say(4, NOW - minutes(1) - late, arrived=NOW - minutes(1))
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
    case.stage.broken = {2}
    page = await case.page()
    assert case.numbers(list(page.posts)) == {0, 1, 3, 4}
    assert len(page.rejects) == 1
    assert page.rejects[0].reason
    assert page.rejects[0].raw


NOBODY_SIGNS_IN = {"appstore"}
"""No credential is ever sent there: its 403 can only be a limit."""

NO_API = {"feeds"}
"""Where an API speaks JSON, a page of HTML is by what stands before it; here it is the server's own word."""

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
    case.stage.fault = Reply(403, b'{"error":"x"}')
    if case.stage.platform in NOBODY_SIGNS_IN:
        assert (await case.fails(TryLater)).limited
    else:
        assert not (await case.fails(Denied)).refreshable
        for status in (401, 403):
            case.stage.fault = Reply(status, page, {"content-type": "text/html"})
            await case.fails(Denied if case.stage.platform in NO_API else TryLater)
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
