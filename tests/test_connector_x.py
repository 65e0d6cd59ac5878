"""What X's connector does beyond the contract: marks, money, refusals, sessions, texts."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from connectors import _x_answer, _x_wire, x
from connectors._base import (
    Answer,
    Auth,
    ConnectorError,
    Cursor,
    Denied,
    Found,
    Garbled,
    Gone,
    Judge,
    Login,
    Page,
    Post,
    TryLater,
    Watch,
)
from connectors._http import _settle
from connectors._x_wire import id_at, time_of
from tests import recordings_table as rt
from tests.contract_stages import NOW
from tests.stage_x import snowflake
from tests.test_recordings import needs_recordings

HOST = "https://api.x.example"
T = TypeVar("T")


@dataclass
class Answers:
    """An `Http` that gives these answers one after the other, and remembers what it was asked."""

    told: list[tuple[int, Any]]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: list[tuple[str | None, Auth]] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "read",
        judge: Judge | None = None,
    ) -> Answer:
        self.asked.append((url.removeprefix(HOST), dict(params or {})))
        self.sent.append((token, auth))
        self.endpoints.append(endpoint)
        status, body = self.told.pop(0)
        got = Answer(status=status, url=url, headers={}, body=json.dumps(body).encode())
        return _settle(got, endpoint, judge, NOW.timestamp())

    async def post(
        self,
        url: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        auth: Auth = "bearer",
        endpoint: str = "write",
        judge: Judge | None = None,
    ) -> Answer:
        return await self.get(url, params=form, token=token, auth=auth, endpoint=endpoint, judge=judge)


def run(what: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(what)


def at(**ago: float) -> str:
    """An id that was made so long ago."""
    return str(snowflake(NOW - timedelta(**ago), 1))


def watch(kind: str = "search", term: str = "acme", **more: Any) -> Watch:
    return Watch(**{"kind": kind, "term": term, "host": HOST, "now": NOW, "token": "t0ken", **more})


def page_of(*numbers: str, token: str | None = None, **more: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"result_count": len(numbers)}
    if numbers:
        meta["newest_id"] = numbers[0]
    if token:
        meta["next_token"] = token
    body: dict[str, Any] = {"meta": meta, **more}
    return body | ({"data": [{"id": n, "text": f"acme {n}"} for n in numbers]} if numbers else {})


def walk(*pages: dict[str, Any], since: str, kind: str = "search", **more: Any) -> tuple[list[Page], Answers]:
    """The pages that come of these answers, until the connector has enough."""
    http = Answers([(200, page) for page in pages])
    cursor: Cursor | None = mark(since)
    got: list[Page] = []
    while not got or got[-1].more:
        got.append(run(x.fetch(http, watch(kind, "7" if kind == "mentions" else "acme", **more), cursor)))
        cursor = got[-1].cursor
    return got, http


def mark(since: str, **walking: Any) -> Cursor:
    return Cursor(json.dumps({"since": since, **({"walk": walking} if walking else {})}))


def since_of(page: Page) -> str:
    return str(msgspec.json.decode(page.cursor or "")["since"])


def refused(status: int, body: Any, **more: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        run(x.fetch(Answers([(status, body)]), watch(**more), None))
    return caught.value


def one(**item: Any) -> Post:
    told = page_of()
    told["meta"]["result_count"] = 1
    told["data"] = [{"id": at(hours=1), "text": "", **item}]
    (post,) = run(x.fetch(Answers([(200, told)]), watch(), None)).posts
    return post


# The mark and the walk.


def test_the_same_mark_goes_along_with_every_token() -> None:
    since, ids = at(hours=9), [at(hours=n) for n in (1, 2, 3, 4)]
    pages, http = walk(page_of(*ids[:2], token="a"), page_of(ids[2], token="b"), page_of(ids[3]), since=since)
    assert [asked["since_id"] for _, asked in http.asked] == [since] * 3
    assert [asked.get("next_token") for _, asked in http.asked] == [None, "a", "b"]
    assert since_of(pages[-1]) == ids[0]
    assert {since_of(page) for page in pages[:-1]} == {since}


def test_only_the_first_pages_newest_id_becomes_the_mark() -> None:
    since, first, later = at(hours=9), at(hours=2), at(hours=1)
    pages, _ = walk(page_of(first, token="a"), page_of(later, at(hours=3)), since=since)
    assert since_of(pages[-1]) == first


def test_an_id_from_the_future_does_not_move_the_mark() -> None:
    since, real = at(hours=9), at(hours=2)
    pages, _ = walk(page_of(str(snowflake(NOW + timedelta(days=900))), real), since=since)
    assert since_of(pages[0]) == real
    assert len(pages[0].posts) == 2


def test_a_first_visit_that_finds_nothing_leaves_a_mark_all_the_same() -> None:
    page = run(x.fetch(Answers([(200, page_of())]), watch(), None))
    made = time_of(since_of(page))
    assert made is not None
    assert timedelta(0) < NOW - made < timedelta(hours=1)


def test_a_page_without_a_readable_id_is_passed_by_the_name_it_gives_its_newest() -> None:
    newest = at(hours=1)
    told = page_of(newest)
    told["data"] = [{"id": None, "text": "?"}]
    pages, _ = walk(told, since=at(hours=9))
    assert since_of(pages[0]) == newest
    assert len(pages[0].rejects) == 1


def test_a_token_that_comes_back_ends_the_walk_and_says_what_may_be_lost() -> None:
    since, ids = at(hours=9), [at(hours=1), at(hours=2)]
    pages, _ = walk(page_of(ids[0], token="a"), page_of(ids[1], token="a"), since=since)
    gap = pages[-1].gap
    assert gap is not None
    assert (gap.since, gap.until) == (time_of(since), time_of(ids[1]))


def test_an_empty_page_with_a_token_is_not_the_last() -> None:
    since, ids = at(hours=9), [at(hours=1), at(hours=2)]
    pages, _ = walk(page_of(ids[0], token="a"), page_of(token="b"), page_of(ids[1]), since=since)
    assert [post.id for page in pages for post in page.posts] == ids
    assert pages[-1].gap is None


def test_page_after_page_without_a_step_down_ends_the_walk() -> None:
    since = at(hours=9)
    tokens = iter("abcdefgh")
    pages, _ = walk(page_of(at(hours=1), token="z"), *(page_of(token=t) for t in tokens), since=since)
    assert len(pages) == 4
    assert pages[-1].gap is not None


def test_a_walk_down_to_a_time_that_has_aged_since_begins_anew_below_what_it_saw() -> None:
    start, low = NOW - timedelta(days=9), at(days=2)
    cursor = mark(at(days=30), start=start.isoformat(), high=at(days=1), low=low, token="old")
    http = Answers([(200, page_of())])
    page = run(x.fetch(http, watch(), cursor))
    assert page.gap is not None
    assert page.gap.since == start
    asked = http.asked[0][1]
    assert "next_token" not in asked
    assert asked["start_time"] == "2026-11-16T12:15:00Z"
    assert asked["end_time"] == (NOW - timedelta(days=2) + timedelta(seconds=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert since_of(page) == at(days=1)


def test_a_walk_that_waited_until_all_it_still_wanted_was_gone_is_over() -> None:
    cursor = mark(at(days=30), high=at(days=1), low=at(days=8), token="old")
    http = Answers([(200, page_of())])
    page = run(x.fetch(http, watch(), cursor))
    assert page.gap is not None
    assert (page.gap.since, page.gap.until) == (time_of(at(days=30)), time_of(at(days=8)))
    assert http.asked[0][1]["since_id"] == at(days=1)


def test_the_mark_of_mentions_stays_below_what_may_still_change_its_place_and_a_searchs_need_not() -> None:
    young, since = at(seconds=5), at(hours=9)
    (mentioned,), _ = walk(page_of(young), since=since, kind="mentions")
    assert time_of(since_of(mentioned)) == NOW - timedelta(seconds=30)
    (found,), _ = walk(page_of(young), since=since)
    assert since_of(found) == young


def test_mentions_take_a_mark_of_any_age() -> None:
    pages, http = walk(page_of(), since=at(days=30), kind="mentions")
    assert http.asked[0][1]["since_id"] == at(days=30)
    assert pages[0].gap is None


@pytest.mark.parametrize("text", ["{}", '{"since":"-1"}', '{"since":"9","walk":{"low":"x"}}', "[]", "9"])
def test_a_cursor_that_says_nothing_is_somebody_elses(text: str) -> None:
    with pytest.raises(Gone) as caught:
        run(x.fetch(Answers([]), watch(), Cursor(text)))
    assert caught.value.cursor


def test_no_secret_is_in_a_cursor() -> None:
    pages, http = walk(page_of(at(hours=1), token="a"), page_of(at(hours=2)), since=at(hours=9))
    assert all("t0ken" not in (page.cursor or "") for page in pages)
    assert all("t0ken" not in json.dumps(asked) for asked in http.asked)
    assert set(http.sent) == {("t0ken", "bearer")}


def test_a_conversation_counts_against_the_same_window_as_a_search() -> None:
    http = Answers([(200, page_of())])
    run(x.fetch(http, watch("conversation", "9"), None))
    assert http.endpoints == ["search"]


# Money.


@pytest.mark.parametrize(
    ("kind", "wish", "asked"), [("search", 3, 10), ("mentions", 3, 5), ("search", 500, 100)]
)
def test_a_page_is_as_large_as_x_allows(kind: str, wish: int, asked: int) -> None:
    http = Answers([(200, page_of())])
    run(x.fetch(http, watch(kind, "7", page_size=wish), None))
    assert http.asked[0][1]["max_results"] == str(asked)
    assert x.cost(watch(kind, "7", page_size=wish)).money == asked * 45_000


def test_everything_that_came_is_counted_once_and_never_above_the_estimate() -> None:
    known, other = at(hours=1), at(hours=2)
    tweets = [{"id": known, "text": "the same"}, {"id": other, "text": "?"}, {"id": ["?"]}]
    users = [{"id": "1", "username": "a"}, {"id": "2"}]
    told = page_of(known, at(hours=3), includes={"tweets": tweets, "users": users})
    spent = run(x.fetch(Answers([(200, told)]), watch(), None)).spent
    assert spent is not None
    assert (spent.requests, spent.units, spent.money) == (1, 4, 4 * 5_000 + 2 * 10_000)
    assert spent.money <= x.cost(watch()).money


def test_what_x_refuses_is_a_request_and_no_money() -> None:
    body = {"errors": [{"parameters": {"next_token": ["a"]}}]}
    spent = run(x.fetch(Answers([(400, body)]), watch(), mark(at(hours=9), token="a"))).spent
    assert spent is not None
    assert (spent.requests, spent.money) == (1, 0)


# Refusals.


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), 30),
        (datetime(2028, 2, 28, tzinfo=UTC), 2 * 86_400),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), 43_200),
    ],
)
def test_the_cap_of_a_month_ends_with_the_month(now: datetime, left: float) -> None:
    error = refused(429, {"title": "UsageCapExceeded", "period": "Monthly"}, now=now)
    assert isinstance(error, TryLater)
    assert (error.after, error.limited) == (left, True)


def test_the_accounts_own_spending_limit_ends_when_x_says() -> None:
    kind = "https://api.x.com/2/problems/credits"
    error = refused(403, {"title": "SpendCapReached", "type": kind, "reset_date": "2026-11-25"})
    assert isinstance(error, TryLater)
    assert error.after == 36 * 3600.0
    error = refused(403, {"title": "SpendCapReached", "type": kind})
    assert isinstance(error, TryLater)
    assert error.after == 7.5 * 86_400


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (400, {"errors": [{"parameters": {"query": ["("]}}]}, Gone),
        (400, {"errors": [{"parameters": {"id": ["x"]}}]}, Gone),
        (400, {"errors": [{"parameters": {"max_results": ["5"]}}]}, Garbled),
        (400, {"errors": {"parameters": 7}}, Garbled),
        (404, "", Gone),
        (503, {}, TryLater),
    ],
)
def test_a_parameter_is_refused_by_its_name(status: int, body: Any, named: type[ConnectorError]) -> None:
    assert type(refused(status, body)) is named


@pytest.mark.parametrize(
    ("parameter", "cursor"),
    [
        ("next_token", None),
        ("pagination_token", mark(at(hours=9))),
        ("since_id", None),
        ("since_id", mark(at(days=30))),
    ],
)
def test_a_refusal_of_what_was_not_asked_with_is_not_asked_again_at_once(
    parameter: str, cursor: Cursor | None
) -> None:
    told = {"errors": [{"parameters": {parameter: ["?"]}}]}
    with pytest.raises(Garbled):
        run(x.fetch(Answers([(400, told)]), watch(), cursor))


def test_results_that_are_counted_and_not_there_are_no_empty_page() -> None:
    assert isinstance(refused(200, {"meta": {"result_count": 3}}), Garbled)
    assert run(x.fetch(Answers([(200, page_of())]), watch(), None)).posts == ()


def test_nobody_is_answered_without_a_token() -> None:
    error = refused(200, page_of(), token=None)
    assert isinstance(error, Denied)
    assert not error.refreshable


def test_an_app_has_no_mentions_of_its_own() -> None:
    error = refused(200, page_of(), kind="mentions", term="@me", me="")
    assert isinstance(error, Denied)
    assert not error.refreshable


@pytest.mark.parametrize(
    ("kind", "term", "fine"),
    [
        ("search", "acme -is:retweet lang:en", True),
        ("search", '("Acme" OR @acme)', True),
        ("search", "lang:en -is:retweet", False),
        ("search", "(is:reply OR -acme)", False),
        ("search", "  ", False),
        ("search", "acme " * 1_000, False),
        ("mentions", "@me", True),
        ("mentions", "783214", True),
        ("mentions", "@acme", False),
        ("conversation", "1440716895355764743", True),
        ("conversation", "https://twitter.com/i/web/status/1440716895355764743?s=20", True),
        ("conversation", "https://x.com/acme", False),
        ("conversation", "https://evil.example/acme/status/1440716895355764743", False),
    ],
)
def test_a_term_that_can_never_be_followed_is_told_beforehand(kind: str, term: str, fine: bool) -> None:
    if fine:
        x.check_term(kind, term)
    else:
        with pytest.raises(Gone):
            x.check_term(kind, term)


# Look-ups and counts.


def looked_up(*ids: str, told: Any) -> tuple[Found, Answers]:
    http = Answers([(200, told)])
    return run(x.lookup(http, watch(), ids)), http


def test_a_lookup_names_as_gone_only_what_x_says_is_gone() -> None:
    kind = "https://api.x.com/2/problems"
    errors = [
        {"resource_id": "2", "parameter": "ids", "type": f"{kind}/resource-not-found"},
        {"resource_id": "3", "parameter": "ids", "type": f"{kind}/not-authorized-for-resource"},
        {"resource_id": "4", "parameter": "ids", "type": f"{kind}/field-hydration-failure"},
        {"resource_id": "99", "parameter": "referenced_tweets.id", "type": f"{kind}/resource-not-found"},
    ]
    data = [{"id": "1", "text": "here", "created_at": "2026-11-20T10:00:00Z"}]
    found, http = looked_up("1", "2", "3", "4", "5", told={"data": data, "errors": errors})
    assert found.gone == ("2", "3")
    assert [post.id for post in found.posts] == ["1"]
    assert http.asked[0] == ("/2/tweets", {**http.asked[0][1], "ids": "1,2,3,4,5"})
    assert "author_id" not in http.asked[0][1]["expansions"]


def test_a_lookup_of_dead_ids_only_has_no_data_and_one_of_none_asks_nothing() -> None:
    errors = [{"value": "2", "type": "https://api.x.com/2/problems/resource-not-found"}]
    assert looked_up("2", told={"errors": errors})[0].gone == ("2",)
    found, http = looked_up("at://not/ours", told={})
    assert (found.gone, http.asked) == ((), [])
    with pytest.raises(Garbled):
        looked_up("2", told={})


@needs_recordings
@pytest.mark.parametrize("file", ["twarc_edited_before.json", "twarc_edited_after.json"])
def test_an_edited_post_is_looked_up_in_its_newest_version_whichever_x_answers_with(file: str) -> None:
    found = run(x.lookup(rt.Canned(rt.reply_of("x", file)), watch(), ["1576994746135764992"]))
    (post,) = found.posts
    assert (post.id, post.text, post.lang) == ("1576994746135764992", "hey :)", None)
    assert post.posted_at == datetime(2022, 10, 3, 17, 57, 1, tzinfo=UTC)
    assert post.edited_at == datetime(2022, 10, 3, 17, 57, 11, tzinfo=UTC)
    assert found.spent is not None
    assert found.spent.units == 2


@needs_recordings
@pytest.mark.parametrize(
    ("file", "posts", "a_day"),
    [("twarc_counts.json", 771_665, 110_238), ("tweepy_counts_recent.json", 411, 59)],
)
def test_a_recorded_count_is_a_number_of_posts_a_day(file: str, posts: int, a_day: float) -> None:
    volume = run(x.volume(rt.Canned(rt.reply_of("x", file)), watch()))
    assert volume.posts_a_day == pytest.approx(a_day, rel=0.02)
    assert volume.spent.money == x.volume_cost(watch()).money == 5_000


@needs_recordings
def test_a_recorded_page_of_a_hundred_has_the_whole_text_of_every_repost() -> None:
    (line,) = [line for line in rt.table() if line.file == "twarc_search_recent_100.json"]
    page = line.page(HOST)
    texts = {post.id: post for post in page.posts}
    repeated = [texts.get(post.repost_of or "") for post in page.posts if post.verb == "repost"]
    assert sum(inner is not None for inner in repeated) == 67
    assert not any(post.text.endswith("…") and len(post.text) > 130 for post in page.posts)
    assert not any("&amp;" in post.text or "https://t.co/" in post.text for post in page.posts)


# Texts and what stands beside them.


def test_every_alias_is_read_under_both_names() -> None:
    structs = (_x_wire.Item, _x_wire.Metrics, _x_answer.Includes, x._Bucket)
    fields = [{f.name for f in msgspec.structs.fields(struct)} for struct in structs]
    for old, new in _x_wire.ALIASES.items():
        assert any({old, new} <= names for names in fields), old


def test_an_escaped_escape_stays_one() -> None:
    assert one(text="a &amp;lt; b &amp;amp; c &copy d").text == "a &lt; b &amp; c &copy d"


def test_what_stands_for_pictures_and_for_the_rest_of_the_text_is_no_link() -> None:
    own = at(hours=1)
    urls = [
        {"url": "https://t.co/a", "expanded_url": "https://cards.example/1", "media_key": "13_1"},
        {"url": "https://t.co/b", "expanded_url": "https://twitter.com/ann/status/9/video/1"},
        {"url": "https://t.co/c", "expanded_url": f"https://x.com/i/web/status/{own}"},
        {"url": "https://t.co/d", "expanded_url": "https://x.com/ann/status/9"},
    ]
    post = one(
        id=own,
        text="see https://t.co/d https://t.co/a https://t.co/b https://t.co/c",
        entities={"urls": urls},
    )
    assert (post.text, post.links) == ("see https://x.com/ann/status/9", ("https://x.com/ann/status/9",))


def test_a_reply_of_names_only_keeps_them() -> None:
    mentions = {"mentions": [{"username": "Acme"}, {"username": "bob"}]}
    reply = {"referenced_tweets": [{"type": "replied_to", "id": "9"}], "entities": mentions}
    assert one(text="@Acme @bob", **reply).text == "@Acme @bob"
    assert one(text="@ACME @bob @ann hi", **reply).text == "@ann hi"
    assert one(text="@Acme hi", entities=mentions).text == "@Acme hi"


@pytest.mark.parametrize(
    ("lang", "kept"),
    [("en", "en"), ("pt-BR", "pt"), ("und", None), ("qme", None), ("qst", None), ("zxx", None), ("iw", "he")],
)
def test_a_language_that_x_does_not_know_is_none(lang: str, kept: str | None) -> None:
    assert one(lang=lang).lang == kept


def test_an_id_tells_the_time_where_no_date_does_and_the_oldest_do_not() -> None:
    assert (
        one(id="1578516068309794817").posted_at.isoformat(timespec="seconds") == "2022-10-07T22:42:12+00:00"
    )
    told = page_of("20")
    page = run(x.fetch(Answers([(200, told)]), watch(), None))
    assert page.posts == ()
    assert "no" in page.rejects[0].reason
    assert time_of("20") is None
    assert time_of(id_at(NOW)) == NOW


def test_a_post_can_be_an_answer_and_a_quote() -> None:
    both = [{"type": "replied_to", "id": "8"}, {"type": "quoted", "id": "9"}]
    post = one(text="see", referenced_tweets=both, conversation_id="7")
    assert (post.verb, post.reply_to, post.thread) == ("quote", "8", "7")


# Signing in.


def signs_in(
    secret: str, *told: tuple[int, Any], refresh: str | None = None, name: str = "7"
) -> tuple[Any, Answers]:
    http = Answers(list(told))
    login = Login(host=HOST, identifier=name, secret=secret, refresh=refresh)
    try:
        return run(x.sign_in(http, login)), http
    except ConnectorError as error:
        return error, http


FRESH = (200, {"access_token": "new", "refresh_token": "next", "expires_in": 7200})
REFUSED = (400, {"error": "invalid_request"})


def test_the_newest_refresh_token_goes_before_the_one_in_the_secret() -> None:
    session, http = signs_in("id:pass word:first", REFUSED, FRESH, refresh="newest")
    assert [asked["refresh_token"] for _, asked in http.asked] == ["newest", "first"]
    assert http.sent == [("id:pass%20word", "basic")] * 2
    assert (session.access, session.refresh, session.lasts, session.account_id) == (
        "new",
        "next",
        7200.0,
        "7",
    )


def test_refused_refresh_tokens_ask_for_a_person() -> None:
    error, http = signs_in("id:pw:first", REFUSED, refresh="first")
    assert isinstance(error, Denied)
    assert not error.refreshable
    assert len(http.asked) == 1
    assert "first" not in str(error)


def test_a_passing_failure_is_no_refusal_and_spends_no_second_token() -> None:
    error, http = signs_in("id:pw:first", (503, {}), refresh="newest")
    assert isinstance(error, TryLater)
    assert len(http.asked) == 1


def test_a_client_without_a_secret_names_itself() -> None:
    _, http = signs_in("id::first", FRESH)
    assert http.sent == [(None, "basic")]
    assert http.asked[0][1]["client_id"] == "id"


def test_an_apps_keys_are_escaped_before_they_are_joined() -> None:
    session, http = signs_in("k/ey:se cret", (200, {"token_type": "bearer", "access_token": "app"}))
    assert http.asked == [("/oauth2/token", {"grant_type": "client_credentials"})]
    assert http.sent == [("k%2Fey:se%20cret", "basic")]
    assert (session.access, session.account_id, session.lasts) == ("app", "", None)
    assert b64encode(b"se cret").decode() not in repr(http.asked)


@pytest.mark.parametrize("secret", ["a:b:c:d", ":b:c", "::"])
def test_what_is_no_secret_is_told_without_a_request(secret: str) -> None:
    error, http = signs_in(secret)
    assert isinstance(error, Denied)
    assert http.asked == []
