"""What the contract does not say of YouTube: replies, quotas by the day of California, 403 of many meanings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors import _youtube_wire as wire
from connectors import youtube
from connectors._base import (
    Answer,
    Auth,
    Author,
    ConnectorError,
    Cursor,
    Denied,
    Found,
    Garbled,
    Gone,
    Judge,
    Mention,
    Page,
    Spend,
    TryLater,
    Watch,
)
from connectors._http import _settle
from tests.contract_stages import NOW

CHANNEL, VIDEO = "UC" + "b" * 22, "v" * 11
ANN = "UC" + "a" * 22
TOP = "UgzAAAAAAAAAAAAAAAA4AaABAg"


@dataclass
class Asked:
    path: str
    params: Mapping[str, str]
    token: str | None
    auth: Auth


@dataclass
class Told:
    """An Http that gives one answer after the other, (status, body), and keeps what it was asked."""

    answers: list[tuple[int, Any]]
    asked: list[Asked] = field(default_factory=list)

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
        self.asked.append(Asked(url.rpartition("/")[2], params or {}, token, auth))
        status, body = self.answers.pop(0)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return _settle(Answer(status=status, url=url, headers={}, body=raw), endpoint, judge, NOW.timestamp())

    async def post(self, *args: Any, **more: Any) -> Answer:
        raise AssertionError("YouTube is only read")


def comment(name: str = TOP, **more: Any) -> dict[str, Any]:
    snippet: dict[str, Any] = {
        "textDisplay": "words",
        "authorDisplayName": "@ann",
        "authorChannelId": {"value": ANN},
        "publishedAt": "2026-11-23T10:00:00Z",
        "updatedAt": "2026-11-23T10:00:00Z",
    }
    return {"id": name, "snippet": {k: v for k, v in (snippet | more).items() if v is not None}}


def thread(name: str = TOP, total: int = 0, held: int = 0, **more: Any) -> dict[str, Any]:
    about = {"channelId": CHANNEL, "videoId": VIDEO, "topLevelComment": comment(name, **more)}
    replies = [comment(f"{name}.{n}", parentId=name) for n in range(held)]
    return {"id": name, "snippet": about | {"totalReplyCount": total}, "replies": {"comments": replies}}


def told(*items: Any, token: str | None = None) -> tuple[int, Any]:
    return 200, {"items": list(items)} | ({"nextPageToken": token} if token else {})


def refused(status: int, reason: str, /, **detail: Any) -> tuple[int, Any]:
    details = {"details": [detail]} if detail else {}
    return status, {
        "error": {"code": status, "message": "<b>?</b>", "errors": [{"reason": reason}], **details}
    }


def watch(kind: str = "channel", now: datetime = NOW) -> Watch:
    term = {"channel": CHANNEL, "video": VIDEO, "thread": TOP}[kind]
    return Watch(kind=kind, term=term, host="https://youtube.example/v3", now=now, token="the-secret-key")


def ask(http: Told, cursor: Cursor | None = None, kind: str = "channel", now: datetime = NOW) -> Page:
    return asyncio.run(youtube.fetch(http, watch(kind, now), cursor))


def walk(http: Told, cursor: Cursor | None = None, kind: str = "channel", now: datetime = NOW) -> list[Page]:
    """Pages until there is no more now; every answer is used."""
    pages = [ask(http, cursor, kind, now)]
    while pages[-1].more:
        pages.append(ask(http, pages[-1].cursor, kind, now))
    assert not http.answers, "something was not asked for"
    return pages


def of(pages: list[Page]) -> list[str]:
    return [post.id for page in pages for post in page.posts]


# Replies.


def test_only_threads_that_hold_back_replies_are_read_one_by_one() -> None:
    http = Told(
        [told(thread("a" * 12, 2, 2), thread("b" * 12, 9, 5), thread("c" * 12)), told(comment("new"))]
    )
    pages = walk(http)
    assert [asked.path for asked in http.asked] == ["commentThreads", "comments"]
    assert http.asked[1].params["parentId"] == "b" * 12
    assert of(pages)[-1] == "new"
    (reply,) = pages[1].posts
    assert reply.place == CHANNEL
    assert reply.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=new"


def test_a_thread_is_read_again_when_it_has_grown_and_not_when_it_has_shrunk() -> None:
    *_, last = walk(Told([told(thread(TOP, 9, 5)), told()]))
    *_, last = walk(Told([told(thread(TOP, 9, 5))]), last.cursor)
    *_, last = walk(Told([told(thread(TOP, 7, 5))]), last.cursor)
    *_, last = walk(Told([told(thread(TOP, 8, 5)), told()]), last.cursor)


def test_a_thread_that_outgrows_what_it_carries_is_read() -> None:
    *_, last = walk(Told([told(thread(TOP, 9, 5)), told()]))
    *_, last = walk(Told([told(thread(TOP, 5, 5))]), last.cursor)
    walk(Told([told(thread(TOP, 6, 5)), told(comment("x"))]), last.cursor)


@pytest.mark.parametrize(
    "answer",
    [
        refused(404, "commentNotFound"),
        refused(403, "commentsDisabled"),
        refused(403, "forbidden"),
        (404, b"<html>"),
    ],
)
def test_a_thread_that_closes_while_we_read_does_not_end_the_walk(answer: tuple[int, Any]) -> None:
    http = Told([told(thread("a" * 12, 9), thread("b" * 12, 9)), answer, told(comment("x"))])
    pages = walk(http)
    assert of(pages) == ["a" * 12, "b" * 12, "x"]
    assert not any(page.gap for page in pages)


def test_a_lost_token_under_a_comment_begins_its_replies_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    http = Told(
        [
            told(thread(TOP, 9)),
            told(comment("x"), token="t"),
            lost,
            told(comment("x"), token="u"),
            told(comment("y")),
        ]
    )
    pages = walk(http)
    assert of(pages) == [TOP, "x", "x", "y"]
    assert not any(page.gap for page in pages)
    assert [asked.params.get("pageToken") for asked in http.asked] == [None, None, "t", None, "u"]


def test_replies_that_cannot_be_read_are_a_named_gap_and_asked_for_again() -> None:
    lost = refused(400, "processingFailure")
    http = Told([told(thread(TOP, 9), token=None), told(comment("x"), token="t"), lost, lost])
    pages = walk(http)
    assert [page.gap is not None for page in pages] == [False, False, False, True]
    assert of(walk(Told([told(thread(TOP, 9)), told(comment("x"))]), pages[-1].cursor)) == [TOP, "x"]


def test_a_token_that_comes_back_under_a_comment_ends_its_replies() -> None:
    pages = walk(Told([told(thread(TOP, 9)), told(token="t"), told(token="u"), told(token="t")]))
    assert pages[-1].gap is not None


def test_replies_wait_through_a_refusal_of_the_key() -> None:
    first = ask(Told([told(thread(TOP, 9))]))
    for answer, error in ((refused(403, "quotaExceeded"), TryLater), (refused(400, "keyInvalid"), Denied)):
        with pytest.raises(error):
            ask(Told([answer]), first.cursor)


def test_the_cursor_of_the_busiest_channel_stays_small() -> None:
    pages = [
        told(*(thread(f"Ug-{page}-{n}-xxxxxxxx", 9) for n in range(100)), token=f"t{page}")
        for page in range(30)
    ]
    cursor: Cursor | None = youtube.FROM_THE_START
    largest = 0
    for page in pages:
        cursor = ask(Told([page]), cursor).cursor
        while json.loads(cursor or "").get("pending"):
            largest = max(largest, len(cursor or ""))
            cursor = ask(Told([told()]), cursor).cursor
    assert largest < 40_000
    assert len(json.loads(cursor or "")["counts"]) == youtube.KNOWN
    assert "the-secret-key" not in (cursor or "")


# Looks at older threads.


def test_older_threads_are_looked_at_every_six_hours_and_not_before() -> None:
    *_, last = walk(Told([told(thread("a" * 12), token="deep")]))
    soon, later = NOW + timedelta(hours=5, minutes=59), NOW + timedelta(hours=6)
    *_, last = walk(Told([told(thread("a" * 12), token="deep")]), last.cursor, now=soon)
    older = [told(thread(f"old-{n}-xxxxxxxx", 9), token=f"deep{n}") for n in range(9)]
    replies = [told(comment(f"{n}")) for n in range(9)]
    both = [answer for pair in zip(older, replies, strict=True) for answer in pair]
    http = Told([told(thread("a" * 12), token="deep"), *both])
    pages = walk(http, last.cursor, now=later)
    assert {f"{n}" for n in range(9)} <= set(of(pages))
    assert http.asked[1].params["pageToken"] == "deep"
    walk(Told([told(thread("a" * 12), token="deep")]), pages[-1].cursor, now=later + timedelta(hours=1))


def test_a_look_that_loses_its_place_is_a_named_gap() -> None:
    first = ask(Told([told(thread("a" * 12), token="deep")]))
    later = NOW + timedelta(hours=6)
    pages = walk(
        Told([told(thread("a" * 12), token="deep"), refused(400, "invalidPageToken")]),
        first.cursor,
        now=later,
    )
    assert pages[-1].gap is not None


def test_a_look_whose_token_comes_back_ends() -> None:
    first = ask(Told([told(thread("a" * 12), token="deep")]))
    later = NOW + timedelta(hours=6)
    walk(Told([told(thread("a" * 12), token="deep"), told(token="deep")]), first.cursor, now=later)


# A walk that loses its place.


def test_a_walk_that_loses_its_place_begins_anew_below_the_same_watermark() -> None:
    first = ask(Told([told(thread("a" * 12, publishedAt="2026-11-23T09:00:00Z"))]))
    fresh = [thread(f"new-{n}-xxxxxxxx", publishedAt=f"2026-11-23T11:{59 - n}:00Z") for n in range(20)]
    old = thread("a" * 12, publishedAt="2026-11-23T09:00:00Z")
    lost = refused(400, "invalidPageToken")
    http = Told([told(*fresh[:10], token="t"), lost, told(*fresh[:10], token="u"), told(*fresh[10:], old)])
    pages = walk(http, first.cursor)
    assert len(set(of(pages))) == 21
    again = [told(*fresh[:10], token="t"), lost, told(*fresh[:10], token="u"), lost]
    with pytest.raises(Gone) as gone:
        walk(Told(again), first.cursor)
    assert gone.value.cursor


def test_each_walk_may_begin_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    cursor = ask(Told([told(thread("a" * 12, publishedAt="2026-11-23T09:00:00Z"))])).cursor
    for n in range(2):
        new = [thread(f"new-{n}-{m}-xxxxxx", publishedAt=f"2026-11-23T1{n}:{10 + m}:00Z") for m in range(12)]
        cursor = walk(Told([told(*new, token="t"), lost, told(*new)]), cursor)[-1].cursor


# One thread.


def test_a_thread_is_read_again_after_hours_even_if_its_count_stays() -> None:
    pages = walk(
        Told([told(thread(TOP, 9, 5)), told(comment("x"), token="t"), told(comment("y"))]), kind="thread"
    )
    assert of(pages)[-2:] == ["x", "y"]
    quiet = walk(Told([told(thread(TOP, 9, 5))]), pages[-1].cursor, "thread", NOW + timedelta(hours=1))
    walk(Told([told(thread(TOP, 9, 5)), told()]), quiet[-1].cursor, "thread", NOW + timedelta(hours=7))


def test_a_thread_whose_replies_lose_their_place_is_read_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    start = [told(thread(TOP, 9)), told(comment("x"), token="t"), lost]
    assert of(walk(Told([*start, told(comment("x"))]), kind="thread")) == [TOP, "x", "x"]
    with pytest.raises(Gone) as gone:
        walk(Told([*start, told(comment("x"), token="t"), lost]), kind="thread")
    assert gone.value.cursor


def test_an_unreadable_thread_leaves_its_cursor_where_it_was() -> None:
    done = walk(Told([told(thread(TOP, 9)), told()]), kind="thread")[-1]
    page = ask(Told([told({"id": 7})]), done.cursor, "thread")
    assert len(page.rejects) == 1
    assert page.cursor == done.cursor


# What is refused.


@pytest.mark.parametrize(
    ("answer", "error", "flags"),
    [
        (refused(403, "quotaExceeded"), TryLater, {"limited": True, "after": 72_000.0}),
        (refused(403, "dailyLimitExceeded"), TryLater, {"limited": True, "after": 72_000.0}),
        (refused(403, "rateLimitExceeded"), TryLater, {"limited": True, "after": 30.0}),
        (refused(429, "x", reason="RATE_LIMIT_EXCEEDED"), TryLater, {"limited": True, "after": 30.0}),
        (
            refused(
                429, "x", reason="RATE_LIMIT_EXCEEDED", metadata={"quota_limit": "defaultPerDayPerProject"}
            ),
            TryLater,
            {"limited": True, "after": 72_000.0},
        ),
        (refused(403, "commentsDisabled"), Gone, {"cursor": False}),
        (refused(404, "videoNotFound"), Gone, {"cursor": False}),
        (refused(404, "channelNotFound"), Gone, {"cursor": False}),
        (refused(403, "forbidden"), Denied, {"refreshable": False}),
        (refused(403, "something new"), Denied, {"refreshable": False}),
        (refused(403, "accessNotConfigured"), Denied, {"refreshable": False}),
        (refused(400, "keyInvalid"), Denied, {"refreshable": False}),
        (refused(400, "badRequest", reason="API_KEY_INVALID"), Denied, {"refreshable": False}),
        (refused(400, "processingFailure"), TryLater, {"limited": False, "after": None}),
        (refused(400, "somethingElse"), Garbled, {}),
        ((400, {"error": "invalid_grant"}), Garbled, {}),
        ((403, {"error": {"errors": {}, "details": [7]}}), Denied, {}),
        (refused(503, "quotaExceeded"), TryLater, {"limited": False}),
    ],
)
def test_the_reason_in_the_body_decides(
    answer: tuple[int, Any], error: type[ConnectorError], flags: dict[str, Any]
) -> None:
    with pytest.raises(ConnectorError) as caught:
        ask(Told([answer]))
    assert type(caught.value) is error
    assert {name: getattr(caught.value, name) for name in flags} == flags
    assert "<b>" not in str(caught.value)
    assert "the-secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        (datetime(2026, 7, 1, 7, 0, tzinfo=UTC), 24),
        (datetime(2026, 7, 1, 6, 59, tzinfo=UTC), 1 / 60),
        (datetime(2026, 11, 1, 7, 0, tzinfo=UTC), 25),
        (datetime(2027, 3, 14, 8, 0, tzinfo=UTC), 23),
        (datetime(2026, 12, 31, 20, 0, tzinfo=UTC), 12),
    ],
)
def test_the_day_of_the_quota_is_californias_also_when_the_clocks_change(now: datetime, hours: float) -> None:
    assert wire.until_midnight(now) == pytest.approx(hours * 3600)


def test_the_key_goes_as_a_header_and_without_one_nothing_is_asked() -> None:
    http = Told([told()])
    ask(http)
    assert (http.asked[0].token, http.asked[0].auth) == ("the-secret-key", "x-goog-api-key")
    assert "the-secret-key" not in str(http.asked[0].params)
    silent = Told([])
    for asks in (youtube.fetch(silent, _keyless("video"), None), youtube.check(silent, _keyless("video"))):
        with pytest.raises(Denied):
            asyncio.run(asks)
    assert not silent.asked


def _keyless(kind: str) -> Watch:
    return msgspec.structs.replace(watch(kind), token=None)


def test_every_fetch_takes_one_unit_of_ten_thousand_a_day() -> None:
    assert youtube.cost(watch()) == Spend(requests=1, units=1)
    (quota,) = youtube.quotas
    assert (quota.of, quota.amount, quota.period, quota.zone) == (
        "units",
        10_000,
        "day",
        "America/Los_Angeles",
    )


# Terms.


@pytest.mark.parametrize(
    ("kind", "term", "found"),
    [
        ("channel", CHANNEL, CHANNEL),
        ("channel", f"https://www.youtube.com/channel/{CHANNEL}/videos", CHANNEL),
        ("video", VIDEO, VIDEO),
        ("video", f"https://www.youtube.com/watch?v={VIDEO}&t=42s", VIDEO),
        ("video", f"youtu.be/{VIDEO}?si=x", VIDEO),
        ("video", f"https://youtube.com/shorts/{VIDEO}", VIDEO),
        ("thread", TOP, TOP),
        ("thread", f"{TOP}.91zT3cYb5B291za6voUoRh", TOP),
        ("thread", f"https://www.youtube.com/watch?v={VIDEO}&lc={TOP}.91zT3cYb5B291za6voUoRh", TOP),
    ],
)
def test_a_term_is_an_id_or_an_address(kind: str, term: str, found: str) -> None:
    youtube.check_term(kind, term)
    http = Told([told(thread())])
    asyncio.run(youtube.fetch(http, msgspec.structs.replace(watch(kind), term=f" {term} "), None))
    assert found in http.asked[0].params.values()


@pytest.mark.parametrize(
    ("kind", "term"),
    [
        ("channel", "@acme"),
        ("channel", "https://www.youtube.com/@acme"),
        ("channel", f"{CHANNEL}x"),
        ("video", "acme"),
        ("video", "https://www.youtube.com/"),
        ("video", "https://[youtube"),
        ("thread", f"https://www.youtube.com/watch?v={VIDEO}"),
        ("thread", "a b"),
    ],
)
def test_a_term_that_is_none_is_refused_before_it_is_asked_for(kind: str, term: str) -> None:
    with pytest.raises(Gone):
        youtube.check_term(kind, term)


# Posts.


@pytest.mark.parametrize(
    ("said", "author"),
    [
        ({}, Author(id=ANN, handle="ann")),
        ({"authorDisplayName": "Ann Old"}, Author(id=ANN, name="Ann Old")),
        (
            {"authorDisplayName": "Ann Old", "authorChannelUrl": "http://www.youtube.com/@ann.b"},
            Author(id=ANN, handle="ann.b", name="Ann Old"),
        ),
        (
            {"authorChannelId": None, "authorChannelUrl": f"http://www.youtube.com/channel/{ANN}"},
            Author(id=ANN, handle="ann"),
        ),
        ({"authorChannelId": None}, Author(handle="ann")),
        ({"authorChannelId": {"value": ""}, "authorDisplayName": "", "authorChannelUrl": "http://["}, None),
    ],
)
def test_the_channel_is_who_wrote_and_an_at_name_is_a_handle(
    said: dict[str, Any], author: Author | None
) -> None:
    (post,) = ask(Told([told(thread(**said))])).posts
    assert post.author == author


def test_mentions_tags_and_links_are_read_from_the_text() -> None:
    text = "@bob.b, @Zoë! mail me@acme.example #1 #Größe #a&b see (https://acme.example/?utm_campaign=x)."
    (post,) = ask(Told([told(thread(textDisplay=text))])).posts
    assert post.mentions == (Mention(handle="bob.b"), Mention(handle="Zoë"))
    assert post.hashtags == ("größe", "a")
    assert post.links == ("https://acme.example/?utm_campaign=x",)


def test_what_was_typed_is_taken_as_it_is_and_what_is_shown_where_it_has_no_markup() -> None:
    shown = ask(Told([told(thread(textDisplay="it  <3 us"))])).posts[0]
    typed = ask(Told([told(thread(textOriginal="a &lt; b", textDisplay="as shown"))])).posts[0]
    assert (shown.text, typed.text) == ("it  <3 us", "a &lt; b")


def test_a_comment_without_an_id_is_a_reject_and_a_replys_id_names_its_parent() -> None:
    page = ask(Told([told(thread(""))]))
    assert (page.posts, len(page.rejects)) == ((), 1)
    (reply,) = looked_up(Told([told(comment(f"{TOP}.x"))]), [f"{TOP}.x"]).posts
    assert (reply.reply_to, reply.thread) == (TOP, TOP)


def test_an_edit_is_one_that_came_later() -> None:
    same = ask(Told([told(thread(updatedAt="2026-11-23T10:00:00.000Z"))])).posts[0]
    later = ask(Told([told(thread(updatedAt="2026-11-23T10:00:01Z"))])).posts[0]
    assert same.edited_at is None
    assert later.edited_at == datetime(2026, 11, 23, 10, 0, 1, tzinfo=UTC)


# Look-ups.


def looked_up(http: Told, ids: list[str]) -> Found:
    return asyncio.run(youtube.lookup(http, watch(), ids))


def test_what_a_look_up_leaves_out_is_gone_and_what_is_unreadable_is_not() -> None:
    http = Told([told(comment("a", parentId=TOP), {"id": "b", "snippet": 7})])
    found = looked_up(http, ["a", "b", "c", "c"])
    assert http.asked[0].params["id"] == "a,b,c"
    assert "maxResults" not in http.asked[0].params
    assert ([post.id for post in found.posts], len(found.rejects), found.gone) == (["a"], 1, ("c",))


def test_an_item_without_an_id_may_be_any_that_we_miss() -> None:
    assert looked_up(Told([told(comment("a"), {"snippet": {}})]), ["a", "b"]).gone == ()


def test_a_look_up_of_one_that_is_not_found_is_gone_and_of_many_is_unsaid() -> None:
    assert looked_up(Told([refused(404, "commentNotFound")]), ["a"]).gone == ("a",)
    with pytest.raises(Garbled):
        looked_up(Told([refused(404, "commentNotFound")]), ["a", "b"])


def test_an_answer_without_items_declares_nothing_gone() -> None:
    with pytest.raises(Garbled):
        looked_up(Told([(200, {"pageInfo": {}})]), ["a", "b"])


def test_ids_that_can_be_none_of_youtubes_are_not_looked_up() -> None:
    found = looked_up(Told([]), ["sha256:ab", "a,b", ""])
    assert (found.gone, found.spent) == ((), Spend(requests=0))
    http = Told([told()])
    assert len(looked_up(http, [f"id{n}" for n in range(80)]).gone) == youtube.lookup_size
    assert youtube.lookup_cost(51) == Spend(requests=2, units=2)
