"""Facebook, Instagram and Threads beyond the contract: what Meta's codes mean, how its lists page, whom a post names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors import facebook, instagram, threads
from connectors._base import ConnectorError, Cursor, Denied, Garbled, Gone, Page, Spend, TryLater
from connectors._limits import Limits, Usage, read_limits, usage
from tests.graph_fake import Got, Meta, Says, error, fetch, visit, watch

WHEN = "2026-11-23T11:00:00+0000"


def refusal(says: Says) -> ConnectorError:
    """What becomes of a refusal of the newest page."""
    try:
        page = fetch("facebook", Meta(lambda got: says), watch("mentions"))
    except ConnectorError as caught:
        return caught
    raise AssertionError(page)


# What the codes mean.


@pytest.mark.parametrize("code", [4, 17, 32, 368, 613, 80001, 80002, 80014])
def test_throttling_comes_as_a_bad_request_and_is_told_by_its_code(code: int) -> None:
    told = refusal(error(code))
    assert isinstance(told, TryLater)
    assert told.limited
    assert told.after == 900.0


def test_a_throttled_caller_waits_as_many_minutes_as_meta_says() -> None:
    header = (
        '{"2121":[{"type":"pages","call_count":100,"total_time":5,"estimated_time_to_regain_access":34}]}'
    )
    told = refusal(error(80001, headers={"x-business-use-case-usage": header}))
    assert isinstance(told, TryLater)
    assert told.after == 34 * 60


@pytest.mark.parametrize(
    ("size", "asked", "then"), [(None, "100", 50), (10, "10", 5), (3, "3", 1), (1, "1", None)]
)
@pytest.mark.parametrize("status", [400, 500])
def test_too_much_data_is_asked_for_again_in_halves(
    size: int | None, asked: str, then: int | None, status: int
) -> None:
    meta = Meta(lambda got: error(1, status=status))
    with pytest.raises(TryLater) as caught:
        fetch("facebook", meta, watch("page", page_size=size))
    assert meta.asked[0].params["limit"] == asked
    assert caught.value.page_size == then
    assert not caught.value.limited


@pytest.mark.parametrize("subcode", [463, 467, None])
def test_an_expired_token_may_be_renewed(subcode: int | None) -> None:
    told = refusal(error(190, subcode))
    assert isinstance(told, Denied)
    assert told.refreshable


@pytest.mark.parametrize("subcode", [458, 459, 460, 464])
def test_a_token_that_a_person_ended_is_not_renewed(subcode: int) -> None:
    told = refusal(error(190, subcode, 401))
    assert isinstance(told, Denied)
    assert not told.refreshable


@pytest.mark.parametrize(
    "says", [error(10), error(200), error(283), error(3), error(100), error(10, status=403)]
)
def test_a_missing_permission_is_not_a_missing_page(says: Says) -> None:
    told = refusal(says)
    assert isinstance(told, Denied)
    assert not told.refreshable


@pytest.mark.parametrize("says", [error(100, 33), error(803), error(12), error(803, status=404)])
def test_what_is_not_there_is_gone(says: Says) -> None:
    told = refusal(says)
    assert isinstance(told, Gone)
    assert not told.cursor


@pytest.mark.parametrize(
    "says", [error(2), error(-1), error(99_999, is_transient=True), Says(b"<html>", 503)]
)
def test_a_moment_of_disorder_is_no_failure(says: Says) -> None:
    told = refusal(says)
    assert isinstance(told, TryLater)
    assert not told.limited
    assert told.page_size is None


def test_a_trace_id_full_of_digits_is_no_code() -> None:
    assert isinstance(refusal(Says({"error": {"message": "190 4 17", "fbtrace_id": "190"}}, 400)), Garbled)


def test_a_refusal_that_comes_with_200_is_one() -> None:
    assert isinstance(refusal(Says({"error": {"code": 190, "message": "x"}}, 200)), Denied)


# Paging.


def listed(*ids: str, **paging: Any) -> Says:
    data = [{"id": f"2121_{n}", "created_time": WHEN, "message": f"number {n}"} for n in ids]
    return Says({"data": data, **({"paging": paging} if paging else {})})


def test_a_page_that_is_reached_by_time_is_asked_for_by_time_and_without_the_token_in_its_address() -> None:
    address = "https://graph.facebook.com/v25.0/4/feed?access_token=CANARY&until=1719&__paging_token=enc_A%3D&limit=9&pretty=0"

    def answer(got: Got) -> Says:
        return (
            listed("2") if "until" in got.params else listed("1", previous="https://x.example/", next=address)
        )

    meta = Meta(answer)
    posts, _ = visit("facebook", meta, watch("page"), facebook.FROM_THE_START)
    assert {post.text for post in posts} == {"number 1", "number 2"}
    (then,) = [got for got in meta.asked if "until" in got.params]
    assert then.params["until"] == "1719"
    assert then.params["__paging_token"] == "enc_A="
    assert then.params["limit"] == "100"
    assert all(got.token == "CANARY" and "CANARY" not in got.url for got in meta.asked)


def test_a_last_page_still_has_an_after_and_is_the_last() -> None:
    meta = Meta(lambda got: listed("1", cursors={"before": "a", "after": "b"}))
    visit("facebook", meta, watch("mentions"), Cursor('{"newest":"2004-01-01T00:00:00Z"}'))
    assert len(meta.asked) == 1


def test_threads_writes_no_next_and_is_followed_until_a_page_is_empty() -> None:
    def answer(got: Got) -> Says:
        after = int(got.params.get("after", "0"))
        data = [{"id": f"18_{after}", "timestamp": WHEN, "text": "x"}] if after < 3 else []
        return Says({"data": data, "paging": {"cursors": {"before": "x", "after": str(after + 1)}}})

    posts, _ = visit("threads", Meta(answer), watch("mentions"), Cursor('{"newest":"2004-01-01T00:00:00Z"}'))
    assert [post.id for post in posts] == ["18_0", "18_1", "18_2"]


def test_a_search_that_finds_nothing_takes_nothing_of_its_quota() -> None:
    found = Says({"data": [{"id": "18_1", "timestamp": WHEN, "text": "x"}]})
    assert threads.cost(watch("search", "acme")) == Spend(units=1)
    assert fetch("threads", Meta(lambda got: Says({"data": []})), watch("search", "acme")).spent == Spend(
        units=0
    )
    assert fetch("threads", Meta(lambda got: found), watch("search", "acme")).spent == Spend(units=1)


def test_a_topic_is_searched_as_one() -> None:
    meta = Meta(lambda got: Says({"data": []}))
    fetch("threads", meta, watch("search", "#acme"))
    fetch("threads", meta, watch("search", "acme care"))
    assert [(got.params["q"], got.params["search_mode"]) for got in meta.asked] == [
        ("acme", "TAG"),
        ("acme care", "KEYWORD"),
    ]


def test_a_hashtags_number_is_asked_for_once() -> None:
    def answer(got: Got) -> Says:
        if got.path == "ig_hashtag_search":
            return Says({"data": [{"id": "178438"}]})
        return Says({"data": [{"id": "1", "timestamp": WHEN, "caption": "late again #Acme"}]})

    meta = Meta(answer)
    what = watch("hashtag", "#acme")
    first = fetch("instagram", meta, what)
    then = fetch("instagram", meta, what, first.cursor)
    assert [got.path for got in meta.asked] == ["ig_hashtag_search", *["178438/recent_media"] * 2]
    assert {got.params["user_id"] for got in meta.asked} == {"2121"}
    assert (first.spent, then.spent, instagram.cost(what)) == (Spend(requests=2), Spend(), Spend(requests=2))


@pytest.mark.parametrize(
    ("platform", "kind", "term"),
    [
        ("facebook", "page", "https://www.facebook.com/acme"),
        ("facebook", "thread", "2954961744718970"),
        ("instagram", "hashtag", "#\u2615"),
        ("instagram", "media", "acme"),
        ("threads", "thread", "https://www.threads.net/@acme/post/x"),
        ("threads", "search", "#"),
    ],
)
def test_a_term_that_cannot_be_followed_is_told_before_it_is_asked_for(
    platform: str, kind: str, term: str
) -> None:
    module: Any = {"facebook": facebook, "instagram": instagram, "threads": threads}[platform]
    with pytest.raises(Gone):
        module.check_term(kind, term)
    module.check_term(kind, module.watches[kind].example)


# Percentages.


def test_percentages_are_a_window_of_what_is_left_to_ninety_five() -> None:
    assert read_limits(
        {"x-app-usage": '{"call_count":28,"total_time":"40","total_cputime":2}'}, 0.0
    ) == Limits(limit=100, remaining=55)
    assert read_limits({"x-page-usage": '{"call_count":80}'}, 0.0) == Limits(
        limit=100, remaining=15, reset_in=300.0
    )
    assert read_limits({"x-app-usage": '{"call_count":112}'}, 0.0) == Limits(
        limit=100, remaining=0, reset_in=300.0
    )


def test_the_highest_of_all_percentages_counts_and_the_wait_is_in_minutes() -> None:
    header = (
        '{"1":[{"call_count":5,"estimated_time_to_regain_access":0},{"call_count":1,"total_cputime":99,'
        '"estimated_time_to_regain_access":12}],"2":[{"call_count":7}]}'
    )
    headers = {"x-app-usage": '{"call_count":3}', "x-business-use-case-usage": header}
    assert usage(headers) == Usage(percent=100.0, regain_in=720.0)
    assert read_limits(headers, 0.0) == Limits(limit=100, remaining=0, reset_in=720.0)


def test_an_advertising_account_tells_seconds() -> None:
    headers = {"x-ad-account-usage": '{"acc_id_util_pct":97.5,"reset_time_duration":100}'}
    assert usage(headers) == Usage(percent=97.5, regain_in=100.0)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '{"call_count":null}', '{"1":[[]]}', '{"call_count":true}', "9"]
)
def test_percentages_that_cannot_be_read_teach_nothing(text: str) -> None:
    assert read_limits({"x-app-usage": text}, 0.0) is None


def test_a_window_in_plain_numbers_goes_before_percentages() -> None:
    headers = {"x-ratelimit-remaining": "7", "x-ratelimit-reset": "60", "x-app-usage": '{"call_count":99}'}
    assert read_limits(headers, 0.0) == Limits(remaining=7, reset_in=60.0)


# Posts.


def page_of(platform: str, kind: str, *items: dict[str, Any], term: str = "@me") -> Page:
    def answer(got: Got) -> Says:
        return Says({"data": [{"id": "1"}] if got.path == "ig_hashtag_search" else list(items)})

    return fetch(platform, Meta(answer), watch(kind, term))


def test_a_post_whose_author_is_not_told_is_a_post() -> None:
    page = page_of("facebook", "page", {"id": "2121_1", "created_time": WHEN, "message": "Never again"})
    (post,) = page.posts
    assert post.author is None
    assert post.place == "2121"
    assert not page.rejects


def test_a_facebook_author_has_an_id_and_no_handle() -> None:
    item = {
        "id": "2121_1",
        "created_time": WHEN,
        "from": {"id": "77", "name": "Ann"},
        "message_tags": [{"id": "5"}],
    }
    (post,) = page_of("facebook", "mentions", item).posts
    assert post.author is not None
    assert (post.author.id, post.author.handle, post.author.name) == ("77", None, "Ann")
    assert [mention.id for mention in post.mentions] == ["5"]
    assert post.place is None


def test_tags_of_another_age_do_not_cost_the_words() -> None:
    tags = {"12": [{"id": "5", "offset": 12}]}
    item = {"id": "2121_1", "created_time": WHEN, "message": "hi", "message_tags": tags, "attachments": []}
    (post,) = page_of("facebook", "mentions", item).posts
    assert (post.text, post.mentions) == ("hi", ())


def test_names_and_hashtags_are_read_out_of_a_caption() -> None:
    text = "Ask @acme.care. or mail a@b.example #Late #2026 #café https://acme.example/x). @_ann"
    item = {"id": "1", "timestamp": WHEN, "caption": text}
    (post,) = page_of("instagram", "hashtag", item, term="#late").posts
    assert [mention.handle for mention in post.mentions] == ["acme.care", "_ann"]
    assert post.hashtags == ("late", "café")
    assert post.links == ("https://acme.example/x",)
    assert post.author is None


def test_a_sign_inside_a_word_or_an_address_names_nothing() -> None:
    text = "https://x.example/#top a#b &#39; ##x a@b.example @@y ./@z _#c"
    (post,) = page_of("instagram", "mentions", {"id": "1", "timestamp": WHEN, "caption": text}).posts
    assert (post.hashtags, post.mentions) == ((), ())


def test_a_repost_on_threads_names_what_it_repeats_and_a_quote_is_one() -> None:
    repost = {"id": "1", "timestamp": WHEN, "media_type": "REPOST_FACADE", "reposted_post": {"id": "9"}}
    quote = {"id": "2", "timestamp": WHEN, "text": "look", "is_quote_post": True}
    reply = {
        "id": "3",
        "timestamp": WHEN,
        "text": "no",
        "is_reply": True,
        "replied_to": {"id": "8"},
        "root_post": {"id": "7"},
    }
    one, two, three = page_of("threads", "mentions", repost, quote, reply).posts
    assert (one.verb, one.repost_of, two.verb) == ("repost", "9", "quote")
    assert (three.verb, three.reply_to, three.thread) == ("comment", "8", "7")


@pytest.mark.parametrize("when", [None, "yesterday", "1969-12-31T00:00:00+0000"])
def test_an_item_from_no_time_is_a_reject_that_says_so(when: str | None) -> None:
    item = {"id": "1", "timestamp": when, "text": "x"}
    page = page_of("threads", "mentions", item)
    assert not page.posts
    assert "time" in page.rejects[0].reason


# Look-ups.


def lookup(module: Any, meta: Meta, *ids: str) -> Any:
    return asyncio.run(module.lookup(meta, watch(""), list(ids)))


def test_a_look_up_is_one_request_where_all_is_still_there() -> None:
    link = "https://www.facebook.com/2121/posts/1/?comment_id=2"
    there = {
        "2121_1": {"id": "2121_1", "created_time": WHEN, "message": "edited"},
        "1_2": {"id": "1_2", "created_time": WHEN, "message": "a comment", "permalink_url": link},
    }
    meta = Meta(lambda got: Says(there))
    found = lookup(facebook, meta, "2121_1", "1_2")
    assert [(post.id, post.verb, post.text) for post in found.posts] == [
        ("2121_1", "post", "edited"),
        ("1_2", "comment", "a comment"),
    ]
    assert [(post.place, post.thread, post.reply_to) for post in found.posts] == [
        ("2121", None, None),
        ("2121", "2121_1", "2121_1"),
    ]
    assert (found.gone, found.spent) == ((), Spend(requests=1))
    assert meta.asked[0].params["ids"] == "2121_1,1_2"


@pytest.mark.parametrize(
    ("link", "place", "thread", "above"),
    [
        ("https://www.facebook.com/2121/posts/1/?comment_id=4&reply_comment_id=5", "2121", "2121_1", "1_4"),
        ("https://www.facebook.com/acme/posts/pfbid02x?comment_id=4", None, None, None),
    ],
)
def test_where_a_comment_stands_is_told_by_its_address(
    link: str, place: str | None, thread: str | None, above: str | None
) -> None:
    there = {"1_5": {"id": "1_5", "created_time": WHEN, "message": "so", "permalink_url": link}}
    (post,) = lookup(facebook, Meta(lambda got: Says(there)), "1_5").posts
    assert (post.verb, post.place, post.thread, post.reply_to) == ("comment", place, thread, above)


def test_one_that_is_gone_spoils_the_batch_and_is_found_by_asking_each() -> None:
    def answer(got: Got) -> Says:
        if "ids" in got.params:
            return error(803)
        return error(100, 33) if got.path == "2" else Says({"id": got.path, "created_time": WHEN})

    found = lookup(facebook, Meta(answer), "1", "2", "3")
    assert found.gone == ("2",)
    assert [post.id for post in found.posts] == ["1", "3"]
    assert found.spent == Spend(requests=4)


def test_a_lost_permission_does_not_make_all_posts_gone() -> None:
    def answer(got: Got) -> Says:
        return error(190) if got.path == "me" else error(100, 33)

    with pytest.raises(Denied):
        lookup(instagram, Meta(answer), "1", "2")


def test_instagram_tells_only_what_is_gone() -> None:
    meta = Meta(lambda got: Says({"1": {"id": "1"}}))
    found = lookup(instagram, meta, "1", "2")
    assert (found.posts, found.gone) == ((), ("2",))
