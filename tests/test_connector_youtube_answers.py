"""What YouTube's answers mean: 403 of many meanings, the day of California, terms, posts and look-ups."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors import _youtube_wire as wire
from connectors import youtube
from connectors._base import (
    Author,
    ConnectorError,
    Denied,
    Found,
    Garbled,
    Gone,
    Mention,
    Spend,
    TryLater,
    Watch,
)
from tests.youtube_told import (
    ANN,
    CHANNEL,
    TOP,
    VIDEO,
    Told,
    ask,
    comment,
    refused,
    thread,
    told,
    watch,
)

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
    assert (found.deleted, found.spent) == ((), Spend(units=1))


def test_an_item_without_an_id_may_be_any_that_we_miss() -> None:
    assert looked_up(Told([told(comment("a"), {"snippet": {}})]), ["a", "b"]).gone == ()


def test_a_look_up_of_one_that_is_not_found_is_gone_and_of_many_is_unsaid() -> None:
    found = looked_up(Told([refused(404, "commentNotFound")]), ["a"])
    assert found.gone == found.deleted == ("a",)
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
    assert youtube.lookup_cost(51) == Spend(requests=4, units=4)


def test_an_edited_comment_that_does_not_say_where_it_stands_is_told_by_its_thread() -> None:
    reply = comment(f"{TOP}.x", parentId=TOP, updatedAt="2026-11-23T11:00:00Z")
    http = Told([told(reply, comment("b"), comment("c", updatedAt="2026-11-23T11:00:00Z")), told(thread())])
    found = looked_up(http, [f"{TOP}.x", "b", "c"])
    assert http.asked[1].params == {"part": "snippet", "id": f"{TOP},c", "textFormat": "plainText"}
    assert [post.place for post in found.posts] == [CHANNEL, None, None]
    assert found.posts[0].url == f"https://www.youtube.com/watch?v={VIDEO}&lc={TOP}.x"
    assert (found.posts[0].reply_to_author, found.spent) == (ANN, Spend(requests=2, units=2))
    again = looked_up(Told([told(reply), refused(404, "commentThreadNotFound")]), [f"{TOP}.x"])
    assert [post.place for post in again.posts] == [None]
    there = comment("a", updatedAt="2026-11-23T11:00:00Z", channelId=CHANNEL)
    assert looked_up(Told([told(there)]), ["a"]).posts[0].place == CHANNEL
