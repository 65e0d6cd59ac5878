"""What Meta delivers: verified over the raw body, every change a post or a reject, the same delivery the same id."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest

from connectors import facebook, instagram, threads
from connectors._base import Delivery, Denied, Garbled, Page, Received
from tests.contract_stages import NOW

SECRET = "app-secret:verify:with a colon"
AT = 1_795_420_800
"""2026-11-23T08:00:00Z"""


def signed(body: bytes, secret: str = "app-secret") -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


def deliver(module: Any, value: Any, *, headers: dict[str, str] | None = None) -> Received:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    sent = signed(body) if headers is None else headers
    received = module.receive(Delivery(method="POST", query={}, headers=sent, body=body), SECRET, NOW)
    assert isinstance(received, Received)
    return received


def changes(module: Any, *found: tuple[str, dict[str, Any]], owner: str = "2121") -> Page:
    entry = {"id": owner, "time": AT, "changes": [{"field": field, "value": value} for field, value in found]}
    page = deliver(module, {"object": "page", "entry": [entry]}).page
    assert page is not None
    assert page.cursor is None
    return page


def ask(**query: str) -> Received:
    named = {f"hub.{name}": value for name, value in query.items()}
    return facebook.receive(Delivery(method="GET", query=named, headers={}, body=b""), SECRET, NOW)


def test_the_challenge_is_read_back_to_whoever_knows_the_verify_token() -> None:
    received = ask(mode="subscribe", verify_token="verify:with a colon", challenge="1158201444")
    assert received == Received(answer=b"1158201444")


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "subscribe", "verify_token": "another"},
        {"mode": "unsubscribe", "verify_token": "verify:with a colon"},
        {},
    ],
)
def test_nobody_else_gets_a_challenge_back(query: dict[str, str]) -> None:
    with pytest.raises(Denied):
        ask(challenge="1", **query)


def test_an_empty_verify_token_agrees_with_nobody() -> None:
    delivery = Delivery(
        method="GET", query={"hub.mode": "subscribe", "hub.verify_token": ""}, headers={}, body=b""
    )
    with pytest.raises(Denied):
        facebook.receive(delivery, "app-secret:", NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "sha256=\u00e9"},
        {"x-hub-signature": "sha1=" + "0" * 40},
        signed(b'{"entry": [] }'),
        signed(b'{"entry":[]}', "another-secret"),
    ],
)
def test_a_body_that_is_not_signed_by_the_app_is_denied(headers: dict[str, str]) -> None:
    with pytest.raises(Denied):
        deliver(facebook, b'{"entry":[]}', headers=headers)


def test_an_empty_secret_signs_nothing() -> None:
    body = b"{}"
    delivery = Delivery(method="POST", query={}, headers=signed(body, ""), body=body)
    with pytest.raises(Denied):
        facebook.receive(delivery, ":verify", NOW)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"entry":', b'{"entry":{}}', b'{"entry":1}'])
def test_what_is_signed_and_cannot_be_read_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        deliver(facebook, body)


def test_a_delivery_that_comes_again_has_the_same_id() -> None:
    one, again, other = (deliver(facebook, {"entry": [], "n": n}) for n in (1, 1, 2))
    assert one.id == again.id != other.id
    assert one.page is None


def test_several_entries_with_several_changes_are_all_told() -> None:
    def comment(n: int) -> dict[str, Any]:
        value = {
            "item": "comment",
            "verb": "add",
            "post_id": "2121_3",
            "comment_id": f"3_{n}",
            "created_time": AT,
        }
        return {"field": "feed", "value": {**value, "message": f"number {n}"}}

    entries = [
        {"id": "2121", "time": AT, "changes": [comment(1), comment(2)]},
        {"id": "2122", "time": AT, "changes": [comment(3), {"field": 7}, {"value": {}}]},
        "no entry",
        {"id": "2123", "time": AT, "changed_fields": ["feed"]},
    ]
    page = deliver(facebook, {"object": "page", "entry": entries}).page
    assert page is not None
    assert [post.text for post in page.posts] == ["number 1", "number 2", "number 3"]
    assert [post.place for post in page.posts] == ["2121", "2121", "2122"]
    assert len(page.rejects) == 4


def test_a_comment_and_an_answer_know_their_places() -> None:
    author = {"id": "77", "name": "Ann"}
    value = {
        "item": "comment",
        "verb": "add",
        "post_id": "2121_3",
        "created_time": AT,
        "from": author,
        "message": "no",
    }
    first = {**value, "comment_id": "3_4", "parent_id": "2121_3"}
    answer = {**value, "comment_id": "3_5", "parent_id": "3_4"}
    one, two = changes(facebook, ("feed", first), ("feed", answer)).posts
    assert (one.id, one.verb, one.reply_to, one.thread) == ("3_4", "comment", "2121_3", "2121_3")
    assert (two.reply_to, two.thread) == ("3_4", "2121_3")
    assert one.author is not None
    assert (one.author.id, one.author.name) == ("77", "Ann")
    assert one.posted_at.isoformat() == "2026-11-23T08:00:00+00:00"


def test_a_visitors_post_and_its_edit() -> None:
    value = {"item": "status", "post_id": "2121_3", "created_time": AT - 900, "message": "Late again #acme"}
    link = {"permalink_url": "https://www.facebook.com/2121/posts/3"}
    said, edited = changes(
        facebook, ("feed", {**value, "verb": "add", "post": link}), ("feed", {**value, "verb": "edited"})
    ).posts
    assert (said.verb, said.id, said.hashtags, said.url) == (
        "post",
        "2121_3",
        ("acme",),
        link["permalink_url"],
    )
    assert said.edited_at is None
    assert edited.edited_at is not None
    assert edited.edited_at > edited.posted_at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("feed", {"item": "reaction", "verb": "add", "post_id": "2121_3", "reaction_type": "angry"}),
        ("feed", {"item": "like", "verb": "add"}),
        ("feed", {"item": "comment", "verb": "remove", "post_id": "2121_3", "comment_id": "3_4"}),
        ("feed", {"item": "comment", "verb": "add", "post_id": "2121_3"}),
        ("feed", {"item": "comment", "verb": "add", "comment_id": "3_4", "created_time": -1}),
        ("feed", ["not a value"]),
        ("mention", {"item": "post", "post_id": "9_9", "verb": "add", "sender_id": "77"}),
        ("leadgen", {"ad_id": "1"}),
        ("ratings", {"item": "rating", "verb": "add", "review_text": "x"}),
    ],
)
def test_what_is_no_post_is_a_reject_that_says_why(field: str, value: Any) -> None:
    page = changes(facebook, (field, value))
    assert not page.posts
    (reject,) = page.rejects
    assert reject.reason
    assert reject.raw


def test_a_recommendation_says_yes_or_no_and_has_no_stars() -> None:
    value = {
        "item": "rating",
        "verb": "add",
        "reviewer_id": "77",
        "reviewer_name": "Ann",
        "review_text": "Never again",
        "recommendation_type": "NEGATIVE",
        "open_graph_story_id": "555",
        "created_time": AT,
    }
    plain, starred = changes(facebook, ("ratings", value), ("ratings", {**value, "rating": 2})).posts
    assert (plain.verb, plain.rating, plain.counts) == ("review", None, {"recommends": 0})
    assert plain.place == "2121"
    assert starred.rating == 2


def test_a_mention_with_its_words_stands_where_it_was_posted() -> None:
    value = {
        "item": "post",
        "post_id": "999_7",
        "verb": "add",
        "sender_id": "77",
        "sender_name": "Ann",
        "message": "hi",
    }
    (post,) = changes(facebook, ("mention", value)).posts
    assert (post.id, post.place) == ("999_7", "999")
    assert post.author is not None
    assert post.author.id == "77"


def test_a_message_is_a_post_between_two() -> None:
    def message(sender: str, recipient: str, **more: Any) -> dict[str, Any]:
        words = {"mid": f"m_{sender}", "text": "where is my order", **more}
        return {
            "sender": {"id": sender},
            "recipient": {"id": recipient},
            "timestamp": AT * 1000,
            "message": words,
        }

    read = {
        "sender": {"id": "77"},
        "recipient": {"id": "2121"},
        "timestamp": AT * 1000,
        "read": {"watermark": 1},
    }
    entry = {
        "id": "2121",
        "time": AT * 1000,
        "messaging": [
            message("77", "2121"),
            message("2121", "77", is_echo=True),
            read,
            message("78", "2121", is_deleted=True),
        ],
    }
    page = deliver(facebook, {"object": "page", "entry": [entry]}).page
    assert page is not None
    asked, answered = page.posts
    assert (asked.verb, asked.visibility, asked.thread, asked.place) == ("message", "direct", "77", "2121")
    assert (answered.thread, answered.reply_to_author) == ("77", "77")
    assert asked.posted_at.isoformat() == "2026-11-23T08:00:00+00:00"
    assert len(page.rejects) == 2


def test_an_instagram_comment_takes_the_time_of_its_delivery() -> None:
    author = {"id": "77", "username": "ann"}
    value = {
        "id": "178",
        "text": "Cold again @acme",
        "from": author,
        "media": {"id": "179", "media_product_type": "FEED"},
    }
    one, two = changes(
        instagram, ("comments", value), ("comments", {**value, "id": "180", "parent_id": "178"})
    ).posts
    assert (one.id, one.reply_to, one.thread, one.reply_to_author) == ("178", "179", "179", "2121")
    assert (two.reply_to, two.thread, two.reply_to_author) == ("178", "179", None)
    assert one.author is not None
    assert (one.author.id, one.author.handle) == ("77", "ann")
    assert one.posted_at.isoformat() == "2026-11-23T08:00:00+00:00"
    page = changes(instagram, ("mentions", {"media_id": "9", "comment_id": "8"}), ("story_insights", {}))
    assert len(page.rejects) == 2


def test_a_delivery_of_threads_is_one_change_without_entries() -> None:
    value = {
        "id": "8901",
        "username": "ann",
        "text": "Reply",
        "permalink": "https://www.threads.net/@ann/post/Pp",
        "replied_to": {"id": "567"},
        "root_post": {"id": "123", "owner_id": "2121"},
        "timestamp": "2026-11-23T08:00:00+0000",
    }
    told = {"app_id": "1", "topic": "moderate", "target_id": "2121", "time": AT}
    one = deliver(threads, {**told, "values": {"value": value, "field": "replies"}}).page
    both = [{"value": value, "field": "mentions"}, {"value": {"id": "1"}, "field": "delete"}]
    two = deliver(threads, {**told, "values": both}).page
    assert one is not None
    assert two is not None
    (post,) = one.posts
    assert (post.id, post.verb, post.reply_to, post.thread) == ("8901", "comment", "567", "123")
    assert (len(two.posts), len(two.rejects)) == (1, 1)


def test_no_secret_is_in_what_goes_wrong() -> None:
    for body in (b"", b"{"):
        with pytest.raises(Garbled) as caught:
            deliver(facebook, body)
        assert "app-secret" not in str(caught.value)
    with pytest.raises(Denied) as refused:
        deliver(facebook, b"{}", headers={})
    assert "app-secret" not in str(refused.value)
