"""Posts of X as they stand now, what they say, and who may ask."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors import _x_answer, _x_wire, x
from connectors._base import (
    ConnectorError,
    Denied,
    Found,
    Garbled,
    Login,
    TryLater,
)
from connectors._x_wire import id_at, time_of
from tests import recordings_table as rt
from tests.answering_x import HOST, Answers, at, one, page_of, run, watch
from tests.contract_stages import NOW
from tests.test_recordings import needs_recordings

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
    assert found.gone == found.deleted == ("2", "3")
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
