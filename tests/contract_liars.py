"""For each clause of the contract a connector that breaks it, made from an honest one.

A clause that lets its liar through can never fail, and is found out by that. What a liar does is what a slip in
a cursor does: a page that is not told, a mark that moves too early or too far, an end that is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from connectors._base import (
    ConnectorError,
    Cursor,
    Denied,
    Found,
    Garbled,
    Held,
    Http,
    Login,
    Page,
    Session,
    Watch,
)
from tests.contract import Fetches
from tests.contract_stages import PAGE, minutes


class Liar:
    """A connector that changes what an honest one answers. `state` lives as long as the liar."""

    def __init__(self, honest: Fetches, lie: Callable[[Page, Watch, dict[str, Any]], Page]) -> None:
        self._honest, self._lie = honest, lie
        self._state: dict[str, Any] = {}

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        return self._lie(await self._honest.fetch(http, watch, cursor), watch, self._state)


class MovesTheMark:
    """Puts the mark at the newest with the first page of a walk, and says that there is more."""

    def __init__(self, honest: Fetches) -> None:
        self._honest = honest

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        page = await self._honest.fetch(http, watch, cursor)
        if not page.more:
            return page
        newest = await self._honest.fetch(http, watch, None)
        return _with(page, cursor=newest.cursor)


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


def _one_ever_of_an_instant(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    first = {post.posted_at: state.setdefault(str(post.posted_at), post.id) for post in page.posts}
    return _with(page, posts=tuple(post for post in page.posts if first[post.posted_at] == post.id))


def _never_tells_one(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    """One of those that came after the first visit."""
    if state.setdefault("visited", False) and "hidden" not in state and len(page.posts) > 1:
        state["hidden"] = page.posts[len(page.posts) // 2].id
    state["visited"] = True
    return _with(page, posts=tuple(post for post in page.posts if post.id != state.get("hidden")))


def _a_minute_too_new(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    """When a visit ends the mark goes a minute beyond the newest."""
    mark = state.get("mark")
    state["newest"] = max([*(p.posted_at for p in page.posts), *_known(state.get("newest"))], default=None)
    if not page.more and state["newest"] is not None:
        state["mark"] = state["newest"] + minutes(1)
    return _with(page, posts=tuple(post for post in page.posts if mark is None or post.posted_at > mark))


def _goes_on_from_the_newest(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    """After a page of a walk that holds nothing, the mark is the newest that was told."""
    kept = tuple(post for post in page.posts if "mark" not in state or post.posted_at > state["mark"])
    state["newest"] = max([*(p.posted_at for p in page.posts), *_known(state.get("newest"))], default=None)
    if state.get("walking") and not page.posts and not page.rejects:
        state["mark"] = state["newest"]
    state["walking"] = page.more
    return _with(page, posts=kept)


def _known(value: datetime | None) -> list[datetime]:
    return [] if value is None else [value]


def _short_is_the_last(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, more=page.more and len(page.posts) + len(page.rejects) >= PAGE)


def _two_pages_and_no_more(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    state["pages"] = state.get("pages", 0) + 1 if page.more else 0
    return _with(page, more=page.more and state["pages"] % 2 == 1)


def _no_posts_no_more(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, more=page.more and bool(page.posts))


def _swallows_gaps(page: Page, watch: Watch, state: dict[str, Any]) -> Page:
    return _with(page, gap=None)


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
    "a_backlog_of_an_hour_is_told_to_its_end": _lie(_never_tells_one),
    "the_mark_waits_for_the_walk_to_end": MovesTheMark,
    "the_mark_is_no_newer_than_what_was_told": _lie(_a_minute_too_new),
    "what_shares_the_instant_of_the_newest_is_told": _lie(_one_ever_of_an_instant),
    "pages_that_removed_posts_left_short_or_empty_hide_nothing": _lie(_short_is_the_last),
    "a_post_removed_between_two_pages_takes_no_other_with_it": _lie(_two_pages_and_no_more),
    "a_place_that_is_lost_costs_no_post": _lie(_goes_on_from_the_newest),
    "pages_of_rejects_are_passed": _lie(_no_posts_no_more),
    "what_a_platform_never_showed_is_found_later_or_named": _lie(_swallows_gaps),
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


class Instead:
    """A connector of which one function is another: it is given the honest one, and what that was asked."""

    def __init__(self, honest: Fetches, function: str, other: Callable[..., Awaitable[Any]]) -> None:
        self._honest, self._function, self._other = honest, function, other

    async def fetch(self, http: Http, watch: Watch, cursor: Cursor | None) -> Page:
        return await self._honest.fetch(http, watch, cursor)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._honest, name)
        return partial(self._other, found) if name == self._function else found


Looks = Callable[[Http, Watch, Sequence[str]], Awaitable[Found]]


async def _looks_up_one_too_few(honest: Looks, http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    return await honest(http, watch, ids[:-1])


async def _calls_silence_gone(honest: Looks, http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    try:
        return await honest(http, watch, ids)
    except ConnectorError:
        return Found(posts=(), rejects=(), gone=tuple(ids))


async def _knows_nobody(honest: Callable[..., Awaitable[Held]], http: Http, watch: Watch) -> Held:
    """Says of a refused token too that it is nobody's."""
    with suppress(Denied):
        await honest(http, watch)
    return Held()


Signs = Callable[[Http, Login], Awaitable[Session]]


async def _keeps_the_secret(honest: Signs, http: Http, login: Login) -> Session:
    return msgspec.structs.replace(await honest(http, login), access=login.secret)


async def _denies_everything(honest: Signs, http: Http, login: Login) -> Session:
    try:
        return await honest(http, login)
    except ConnectorError as error:
        raise Denied(str(error), refreshable=False) from None


LIARS_BESIDE: dict[str, Callable[..., Awaitable[Any]]] = {
    "a_full_look_up_tells_each_as_it_stands": _looks_up_one_too_few,
    "nobody_is_gone_because_a_look_up_failed": _calls_silence_gone,
    "whose_a_token_is_comes_out_as_the_platform_says_it": _knows_nobody,
    "a_session_opens_the_door": _keeps_the_secret,
    "only_a_refusal_is_denied": _denies_everything,
}
