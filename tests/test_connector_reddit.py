"""What the contract does not say of Reddit: sign-in, refusals, its caps, its threads, its markdown."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from connectors import _reddit_thread as thread
from connectors import reddit
from connectors._base import ConnectorError, Cursor, Denied, Garbled, Gone, Http, Login, TryLater, Watch
from connectors._http import Clients, Requests
from connectors._limits import read_limits
from tests import recordings_table as rt
from tests.contract_stages import NOW
from tests.replayer import Asked, Replayer, Reply

T = TypeVar("T")
CANARY = "canary-5d1e"
needs_recordings = pytest.mark.skipif(
    not rt.ROOT.is_dir() and not os.environ.get("CI"), reason="no recordings at EARSHOT_RECORDINGS"
)


def ask(answer: Callable[[Asked], Reply], what: Callable[[Http, str], Awaitable[T]]) -> tuple[T, list[Asked]]:
    """What came of asking a server that answers so, and what it was asked."""

    async def run(server: Replayer) -> T:
        clients = Clients(trusted={server.netloc})
        try:
            return await what(Requests(clients), server.base)
        finally:
            await clients.aclose()

    with Replayer(answer) as server:
        return asyncio.run(run(server)), server.asked


def watch(base: str, kind: str = "subreddit", term: str = "coffee", **more: Any) -> Watch:
    return Watch(kind=kind, term=term, host=base, now=NOW, **{"token": CANARY, **more})


def told(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


def listing(things: list[dict[str, Any]], after: str | None = None) -> dict[str, Any]:
    return {"kind": "Listing", "data": {"after": after, "children": things}}


def comment(n: int, **more: Any) -> dict[str, Any]:
    at = NOW.timestamp() - 1000 + n
    data = {"name": f"t1_{n}", "body": f"number {n}", "created_utc": at, "parent_id": "t3_1", "replies": ""}
    return {"kind": "t1", "data": {**data, **more}}


def link(n: int, **more: Any) -> dict[str, Any]:
    at = NOW.timestamp() - 100_000 + n
    return {"kind": "t3", "data": {"name": f"t3_{n}", "title": f"number {n}", "created_utc": at, **more}}


def more(children: list[str], parent: str = "t3_1") -> dict[str, Any]:
    return {"kind": "more", "data": {"count": len(children), "parent_id": parent, "children": children}}


# --- signing in ----------------------------------------------------------------------------------------


def sign_in(
    answer: Callable[[Asked], Reply], secret: str, refresh: str | None = None
) -> tuple[Any, list[Asked]]:
    def login(base: str) -> Login:
        return Login(host=base, identifier="me", secret=secret, refresh=refresh)

    return ask(answer, lambda http, base: reddit.sign_in(http, login(base)))


def test_an_app_signs_in_by_its_own_secret_and_is_nobody() -> None:
    grant = {"access_token": "new", "token_type": "bearer", "expires_in": 86400, "scope": "*"}
    session, (asked,) = sign_in(lambda _: told(grant), f"id:{CANARY}")
    assert (session.access, session.refresh, session.account_id, session.lasts) == ("new", None, "", 86400.0)
    assert asked.body == b"grant_type=client_credentials"
    assert b64decode(asked.headers["authorization"].removeprefix("Basic ")) == f"id:{CANARY}".encode()


def test_a_user_signs_in_by_the_last_refresh_token_and_else_by_the_one_in_the_secret() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/v1/me":
            return told({"id": "7", "name": "acme"})
        if b"last" in asked.body:
            return told({"error": "invalid_grant"})
        return told({"access_token": "new", "expires_in": 3600, "refresh_token": "turned"})

    session, asked = sign_in(answer, "id:secret:first", "last")
    assert (session.account_id, session.handle, session.refresh) == ("t2_7", "acme", "turned")
    assert [one.path for one in asked] == ["/api/v1/access_token", "/api/v1/access_token", "/api/v1/me"]


def test_a_user_whose_token_may_not_tell_who_it_is_signs_in_all_the_same() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/v1/me":
            return told({"error": 403}, 403, www_authenticate='Bearer error="insufficient_scope"')
        return told({"access_token": "new", "expires_in": 3600})

    session, _ = sign_in(answer, "id:secret:first")
    assert (session.account_id, session.handle, session.refresh) == ("", "me", "first")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told({"error": "invalid_grant"}), Denied),
        (told({"error": "unsupported_grant_type"}), Denied),
        (told({"message": "Unauthorized", "error": 401}, 401), Denied),
        (told({"error": "invalid_request"}, 400), Denied),
        (told({"message": "Too Many Requests", "error": 429}, 429), TryLater),
        (Reply(503, b"<html>"), TryLater),
        (Reply(200, b""), Garbled),
        (Reply(200, b"<html>"), Garbled),
    ],
)
def test_only_a_refusal_of_the_secret_is_a_refusal(reply: Reply, error: type[ConnectorError]) -> None:
    for secret in (f"id:{CANARY}", f"id:x:{CANARY}"):
        with pytest.raises(error) as caught:
            sign_in(lambda _: reply, secret)
        assert not getattr(caught.value, "refreshable", False)
        assert CANARY not in repr(caught.value)


def test_a_secret_of_another_shape_is_not_sent_anywhere() -> None:
    with pytest.raises(Denied, match="client_id:client_secret"):
        sign_in(lambda _: told({}), "only-one-part")


def test_tokens_are_given_out_on_www_and_on_any_other_host_by_itself() -> None:
    assert reddit._token_host("https://oauth.reddit.com") == "https://www.reddit.com"
    assert reddit._token_host("http://127.0.0.1:9/reddit") == "http://127.0.0.1:9/reddit"


@needs_recordings
@pytest.mark.parametrize(
    ("file", "access"),
    [
        ("core_oauth_readonly.01.json", "SCRUBBED"),
        ("core_oauth_refresh.01.json", "SCRUBBED"),
        ("core_oauth_code_invalid.01.json", None),
        ("core_oauth_script_invalid.01.json", None),
    ],
)
def test_recorded_grants_are_read(file: str, access: str | None) -> None:
    try:
        session, _ = sign_in(lambda _: rt.reply_of("reddit", file), "id:secret")
    except Denied:
        assert access is None
    else:
        assert (session.access, session.lasts) == (access, 3600.0)


def test_a_token_is_asked_whose_it_is() -> None:
    def check(reply: Reply) -> Any:
        return ask(lambda _: reply, lambda http, base: reddit.check(http, watch(base)))[0]

    held = check(told({"id": "7", "name": "acme"}))
    assert (held.account_id, held.handle, held.scopes) == ("t2_7", "acme", None)
    assert check(told({"reason": "USER_REQUIRED", "error": 403}, 403)).account_id is None
    assert check(told({"features": {}})).account_id is None
    with pytest.raises(Denied) as refused:
        check(told({"error": 403}, 403, www_authenticate='Bearer error="insufficient_scope"'))
    assert not refused.value.refreshable
    with pytest.raises(Denied) as ended:
        check(told({"error": 401}, 401))
    assert ended.value.refreshable


# --- what cannot be followed ---------------------------------------------------------------------------


def test_a_subreddit_that_does_not_exist_is_a_redirect_to_a_search() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/subreddits/search":
            return told(listing([{"kind": "t5", "data": {"name": "t5_1"}}]))
        return Reply(302, b"", {"location": "/subreddits/search?q=nowhere"})

    with pytest.raises(Gone) as gone:
        ask(answer, lambda http, base: reddit.fetch(http, watch(base, term="nowhere"), None))
    assert not gone.value.cursor


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


def test_an_empty_page_is_believed_when_no_neighbour_leads_further() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.param("after"):
            return told(listing([]))
        return told(listing([link(n) for n in range(10, 0, -1)], "t3_1"))

    pages, asked = walk(answer, "subreddit", Cursor('{"at":{"newest":"2026-11-01T00:00:00Z"}}'))
    assert [one.param("after") for one in asked] == [None, "t3_1", "t3_2", "t3_3", "t3_4"]
    assert not [page.gap for page in pages if page.gap]


def test_a_crosspost_whose_original_is_not_told_is_a_quote() -> None:
    page, _ = ask(
        lambda _: told(listing([link(1, crosspost_parent="t3_0"), link(2, crosspost_parent_list=[7])])),
        lambda http, base: reddit.fetch(http, watch(base), None),
    )
    assert [(post.verb, post.text) for post in page.posts] == [("quote", "number 1"), ("post", "number 2")]


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
