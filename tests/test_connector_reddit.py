"""What the contract does not say of Reddit: refusals, its caps, its threads, its look-ups."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from connectors import _reddit_thread as thread
from connectors import reddit
from connectors._base import ConnectorError, Cursor, Denied, Garbled, Gone, Http, TryLater
from connectors._limits import read_limits
from tests import recordings_table as rt
from tests.contract_stages import NOW
from tests.reddit_asked import CANARY, ask, comment, link, listing, more, told, watch
from tests.replayer import Asked, Reply

needs_recordings = pytest.mark.skipif(
    not rt.ROOT.is_dir() and not os.environ.get("CI"), reason="no recordings at EARSHOT_RECORDINGS"
)


# --- what cannot be followed ---------------------------------------------------------------------------


def test_a_subreddit_that_does_not_exist_is_a_redirect_to_a_search() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/subreddits/search":
            return told(listing([{"kind": "t5", "data": {"name": "t5_1"}}]))
        return Reply(302, b"", {"location": "/subreddits/search?q=nowhere"})

    with pytest.raises(Gone) as gone:
        ask(answer, lambda http, base: reddit.fetch(http, watch(base, term="nowhere"), None))
    assert not gone.value.cursor


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b'{"reason":"private","error":403}', Denied),
        (403, b'{"reason":"gold_only"}', Denied),
        (403, b'{"reason":"quarantined"}', Denied),
        (403, b'{"reason":"banned"}', Gone),
        (404, b'{"reason":"banned"}', Gone),
        (403, b'{"reason":["private"]}', Denied),
        (403, b"\xff", Denied),
        (451, b"", Gone),
        (400, b"<html>", Garbled),
    ],
)
def test_who_could_help_decides_what_a_refusal_is(
    status: int, body: bytes, error: type[ConnectorError]
) -> None:
    with pytest.raises(error) as caught:
        ask(lambda _: Reply(status, body), lambda http, base: reddit.fetch(http, watch(base), None))
    assert not getattr(caught.value, "refreshable", False)
    assert not getattr(caught.value, "cursor", False)


@pytest.mark.parametrize("kind", sorted(reddit.watches))
def test_nothing_is_asked_without_a_token(kind: str) -> None:
    def answer(_: Asked) -> Reply:
        raise AssertionError("asked")

    with pytest.raises(Denied) as denied:
        ask(answer, lambda http, base: reddit.fetch(http, watch(base, kind, "abc", token=None), None))
    assert not denied.value.refreshable


@pytest.mark.parametrize(
    ("kind", "term"),
    [
        ("search", "  "),
        ("search", "r/coffee"),
        ("search", "r/co! x"),
        ("subreddit", "coffee,tea"),
        ("subreddit", ""),
        ("comments", "coffee/../tea"),
        ("comments", "c?x=1"),
        ("thread", "https://www.reddit.com/r/coffee/s/WNauetbiNG"),
        ("thread", "T3_ABC"),
    ],
)
def test_a_term_that_means_nothing_is_told_beforehand(kind: str, term: str) -> None:
    with pytest.raises(Gone):
        reddit.check_term(kind, term)


@pytest.mark.parametrize(
    "term", ["1abc0", "t3_1abc0", "https://redd.it/1abc0", "https://old.reddit.com/r/a/comments/1abc0/x/?y=1"]
)
def test_a_thread_is_named_by_its_id_or_any_of_its_addresses(term: str) -> None:
    reddit.check_term("thread", term)
    assert thread.submission(term) == "1abc0"


# --- listings ------------------------------------------------------------------------------------------


def walk(answer: Callable[[Asked], Reply], kind: str, cursor: Cursor, **more: Any) -> tuple[Any, list[Asked]]:
    async def all_pages(http: Http, base: str) -> list[Any]:
        pages: list[Any] = []
        at: Cursor | None = cursor
        for _ in range(60):
            pages.append(await reddit.fetch(http, watch(base, kind, "coffee", **more), at))
            at = pages[-1].cursor
            if not pages[-1].more:
                return pages
        raise AssertionError("the walk does not end")

    return ask(answer, all_pages)


def of(things: list[dict[str, Any]]) -> Callable[[Asked], Reply]:
    """A listing of these, newest first, by `after`."""
    names = [one["data"]["name"] for one in things]

    def answer(asked: Asked) -> Reply:
        limit, after = int(asked.param("limit") or 25), asked.param("after")
        start = 0 if after is None else names.index(after) + 1 if after in names else len(names)
        page = things[start : start + limit]
        return told(listing(page, names[start + limit - 1] if start + limit < len(names) else None))

    return answer


def test_a_search_that_ends_at_its_cap_names_the_gap() -> None:
    things = [link(n) for n in range(250, 0, -1)]
    pages, asked = walk(of(things), "search", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    assert len({post.id for page in pages for post in page.posts}) == 250
    (gap,) = (page.gap for page in pages if page.gap)
    assert gap.until == pages[-2].posts[-1].posted_at
    assert all(one.param("before") is None for one in asked)
    assert all(one.param("raw_json") == "1" for one in asked)


def test_a_listing_that_ends_before_its_cap_has_no_gap() -> None:
    things = [link(n) for n in range(250, 0, -1)]
    pages, _ = walk(of(things), "subreddit", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    assert len({post.id for page in pages for post in page.posts}) == 250
    assert not [page.gap for page in pages if page.gap]


def test_a_listing_that_is_empty_after_its_cap_has_lost_all_the_same() -> None:
    whole = of([link(n) for n in range(1_000, 0, -1)])
    capped: list[bool] = []

    def answer(asked: Asked) -> Reply:
        if capped:
            return told(listing([]))
        reply = whole(asked)
        if json.loads(reply.body)["data"]["after"] is None:
            capped.append(True)
        return reply

    pages, _ = walk(answer, "subreddit", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    assert len({post.id for page in pages for post in page.posts}) == 1_000
    assert pages[-1].gap is not None


def test_an_empty_page_is_believed_when_a_walk_from_the_top_is_led_to_it_again() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.param("after"):
            return told(listing([]))
        return told(listing([link(n) for n in range(10, 0, -1)], "t3_1"))

    pages, asked = walk(answer, "subreddit", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    assert [one.param("after") for one in asked] == [None, "t3_1", "t3_2", "t3_3", "t3_4", None, "t3_1"]
    assert not [page.gap for page in pages if page.gap]


@pytest.mark.parametrize(
    ("removals", "many", "lost", "gaps"),
    [(1, 300, 0, 0), (reddit.AGAIN, 800, 0, 0), (reddit.AGAIN + 1, 300, 180, 1), (1, 1_100, 96, 1)],
)
def test_a_page_whose_last_posts_were_all_removed_does_not_end_the_listing(
    removals: int, many: int, lost: int, gaps: int
) -> None:
    things, alive = [link(n) for n in range(many, 0, -1)], of([])
    dead: set[str] = set()

    def answer(asked: Asked) -> Reply:
        nonlocal alive
        if asked.param("after") is None:
            alive = of([one for one in things if one["data"]["name"] not in dead][:1_000])
        reply = alive(asked)
        if asked.param("after") is None and len(dead) < 4 * removals:
            page = json.loads(reply.body)["data"]["children"]
            dead.update(one["data"]["name"] for one in page[-4:])
            alive = of([one for one in things if one["data"]["name"] not in dead][:1_000])
        return reply

    pages, _ = walk(answer, "subreddit", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    read = {post.id for page in pages for post in page.posts}
    assert len({one["data"]["name"] for one in things} - dead - read) == lost
    found = [page.gap for page in pages if page.gap]
    assert len(found) == gaps
    for gap in found:
        assert gap.until == min(post.posted_at for page in pages for post in page.posts)


def test_a_crosspost_whose_original_is_not_told_is_a_quote() -> None:
    page, _ = ask(
        lambda _: told(listing([link(1, crosspost_parent="t3_0"), link(2, crosspost_parent_list=[7])])),
        lambda http, base: reddit.fetch(http, watch(base), None),
    )
    assert [(post.verb, post.text) for post in page.posts] == [("quote", "number 1"), ("post", "number 2")]


def test_what_is_said_in_a_private_subreddit_is_private() -> None:
    things = [comment(1, subreddit_type="private"), link(2, subreddit_type="private"), comment(3)]
    page, _ = ask(
        lambda _: told(listing(things)), lambda http, base: reddit.fetch(http, watch(base, "comments"), None)
    )
    assert [post.visibility for post in page.posts] == ["private", "private", "public"]


def test_bytes_that_are_no_text_cost_a_character_and_not_the_page() -> None:
    body = json.dumps(listing([comment(1, body="half ?"), comment(2)])).encode().replace(b"?", b"\xc3")
    page, _ = ask(
        lambda _: Reply(200, body), lambda http, base: reddit.fetch(http, watch(base, "comments"), None)
    )
    assert [post.text for post in page.posts] == ["half \ufffd", "number 2"]


def test_no_cursor_and_no_error_holds_the_token() -> None:
    page, asked = ask(
        of([link(n) for n in range(300, 0, -1)]),
        lambda http, base: reddit.fetch(
            http, watch(base), Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}')
        ),
    )
    assert page.more
    assert CANARY not in str(page.cursor)
    assert CANARY not in str(asked[0].query) + asked[0].path
    with pytest.raises(Denied) as denied:
        ask(lambda _: told({}, 401), lambda http, base: reddit.fetch(http, watch(base), None))
    assert CANARY not in repr(denied.value)


def test_the_window_is_read_in_seconds_and_decimals() -> None:
    told = {"x-ratelimit-used": "2", "x-ratelimit-remaining": "598.0", "x-ratelimit-reset": "542"}
    limits = read_limits(told, NOW.timestamp())
    assert limits is not None
    assert (limits.remaining, limits.reset_in) == (598, 542.0)
    for reset in ("0", "-3"):
        limits = read_limits(
            {**told, "x-ratelimit-remaining": "0.0", "x-ratelimit-reset": reset}, NOW.timestamp()
        )
        assert limits is not None
        assert (limits.remaining, limits.reset_in) == (0, 1.0)


# --- threads -------------------------------------------------------------------------------------------


def test_a_thread_without_an_end_is_left_and_the_gap_named() -> None:
    counter = iter(range(1000, 100_000))

    def answer(asked: Asked) -> Reply:
        hidden = more([str(next(counter)) for _ in range(150)])
        if asked.path.endswith("morechildren"):
            return told({"json": {"errors": [], "data": {"things": [comment(next(counter)), hidden]}}})
        return told([listing([link(1)]), listing([hidden])])

    pages, asked = walk(answer, "thread", Cursor(""))
    assert len(asked) == thread.MAX_CALLS
    assert pages[-1].gap is not None
    assert max(len(str(page.cursor)) for page in pages) < 20_000


def test_a_cursor_carries_no_more_than_it_can_hold() -> None:
    hidden = more([f"id{n}" for n in range(5_000)])

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("morechildren"):
            return told({"json": {"errors": [], "data": {"things": []}}})
        return told([listing([link(1)]), listing([hidden])])

    pages, asked = walk(answer, "thread", Cursor(""))
    assert len(asked) == 1 + thread.MAX_HIDDEN // thread.CHILDREN
    assert max(len(str(page.cursor)) for page in pages) < 20_000
    assert pages[-1].gap is not None


def test_what_is_hidden_is_not_asked_for_again_while_it_stays_the_same() -> None:
    hidden = [more(["7", "8"]), more([], "t1_5")]

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("morechildren"):
            return told({"json": {"errors": [], "data": {"things": [comment(7), comment(8)]}}})
        if "/_/" in asked.path:
            return Reply(404, b"{}")
        return told([listing([link(1)]), listing([comment(5), *hidden])])

    first, asked = walk(answer, "thread", Cursor(""))
    assert [one.path.rsplit("/", 1)[1] for one in asked] == ["coffee", "morechildren", "5"]
    again, asked = walk(answer, "thread", first[-1].cursor)
    assert len(asked) == 1
    hidden[0]["data"]["count"] = 3
    _, asked = walk(answer, "thread", again[-1].cursor)
    assert len(asked) == 3


def test_what_is_asked_for_and_not_shown_is_asked_for_again_and_then_named() -> None:
    shown: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("morechildren"):
            return told({"json": {"errors": [], "data": {"things": shown}}})
        return told([listing([link(1)]), listing([more(["7", "8"])])])

    pages, asked = walk(answer, "thread", Cursor(""))
    for visit in range(1, thread.MISSES + 1):
        assert (len(asked), pages[-1].gap is not None) == (2, visit == thread.MISSES)
        pages, asked = walk(answer, "thread", pages[-1].cursor)
    assert len(asked) == 1, "what was named is not asked for again while nothing changes"
    shown[:] = [comment(7), comment(8, body="[deleted]")]
    pages, asked = walk(answer, "thread", Cursor(""))
    pages, asked = walk(answer, "thread", pages[-1].cursor)
    assert (len(asked), pages[-1].gap) == (1, None)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"json": {"errors": [["RATELIMIT", "try again in 3 minutes", "ratelimit"]]}}, TryLater),
        ({"json": {"errors": [["SOMETHING", "else", None]]}}, Garbled),
        ({"json": {"errors": None}}, Garbled),
        ({"json": {"errors": [[]]}}, Garbled),
    ],
)
def test_errors_that_come_with_200_are_errors(body: Any, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        walk(lambda _: told(body), "thread", Cursor('{"hidden":["7"]}'))


# --- looking up ----------------------------------------------------------------------------------------


def look_up(things: list[dict[str, Any]], ids: list[str]) -> tuple[Any, list[Asked]]:
    return ask(lambda _: told(listing(things)), lambda http, base: reddit.lookup(http, watch(base), ids))


def test_what_is_told_as_a_place_or_not_at_all_is_gone() -> None:
    things = [
        comment(1),
        comment(2, body="[removed]"),
        link(3, removed_by_category="moderator"),
        link(4, selftext="[deleted]", author="[deleted]"),
        comment(5, created_utc="a time"),
    ]
    ids = ["t1_1", "t1_2", "t3_3", "t3_4", "t1_5", "t1_6", "urn:other"]
    found, (asked,) = look_up(things[:4], ids)
    assert asked.param("id") == "t1_1,t1_2,t3_3,t3_4,t1_5,t1_6"
    assert [post.id for post in found.posts] == ["t1_1"]
    assert found.gone == ("t1_2", "t3_3", "t3_4", "t1_5", "t1_6")
    assert found.deleted == ("t1_2", "t3_3", "t3_4"), "what is only not told may be told again"
    found, _ = look_up([{"kind": "t1", "data": {"name": "t1_5", "created_utc": 1.0}}, *things[:1]], ids)
    assert "t1_5" not in found.gone
    assert len(found.rejects) == 1


def test_an_item_without_a_name_makes_nothing_gone_but_what_says_so() -> None:
    found, _ = look_up([comment(2, body="[deleted]"), {"kind": "t1", "data": None}], ["t1_1", "t1_2"])
    assert found.gone == ("t1_2",)


def test_nothing_is_asked_when_there_is_nothing_to_ask() -> None:
    found, asked = look_up([], ["https://other.example/1"])
    assert not asked
    assert (found.gone, found.spent and found.spent.requests) == ((), 0)
