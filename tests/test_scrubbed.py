"""A recording names nobody: who is a person is told by the shape of an answer, and a name is no part of a word."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors._base import Answer, Author, Page, Post, Watch
from console.record import recording

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WATCH = Watch(kind="page", term="acme", host="https://graph.example", now=NOW, token="canary-7f3a")


def recorded(body: Any, *posts: Post, text: bool = False) -> dict[str, Any]:
    sent = body.encode() if text else json.dumps(body).encode()
    answer = Answer(status=200, url="https://graph.example/feed", headers={}, body=sent)
    return recording(WATCH, answer, Page(posts=posts, rejects=(), cursor=None), ())


FACEBOOK = {
    "data": [
        {
            "id": "2121_9",
            "created_time": "2026-11-23T09:02:00+0000",
            "message": "Bo and Zoë Quill were at Velmora Hotels. Bob announced it; see /people/Zo%C3%AB+Quill",
            "from": {"name": "Bo", "id": "77"},
            "message_tags": [{"id": "55", "name": "Velmora Hotels", "type": "page", "offset": 17, "length": 14}],
            "story_tags": {"0": [{"id": "56", "name": "Zoë Quill", "type": "user", "offset": 0, "length": 9}]},
            "to": {"data": [{"id": "57", "name": "Ann"}]},
            "comments": {"data": [{"from": {"name": "Ann", "id": "57"}, "message": "ANN: cannot, Ann's annual plan"}]},
            "attachments": {"data": [{"title": "Our new menu", "type": "share"}]},
        }
    ]
}  # fmt: skip


def test_on_facebook_who_wrote_and_who_is_named_in_tags_are_nobody_any_more() -> None:
    told = recorded(FACEBOOK)["body"]["data"][0]
    wrote, tagged, quill, ann = (
        told["from"]["name"],
        told["message_tags"][0]["name"],
        told["story_tags"]["0"][0]["name"],
        told["to"]["data"][0]["name"],
    )
    assert {name[:6] for name in (wrote, tagged, quill, ann)} == {"person"}
    assert len({wrote, tagged, quill, ann}) == 4
    assert told["message"] == f"Bo and {quill} were at {tagged}. Bob announced it; see /people/{quill}"
    comment = told["comments"]["data"][0]
    assert comment["from"]["name"] == ann
    assert comment["message"] == f"{ann}: cannot, {ann}'s annual plan"
    assert told["attachments"]["data"][0]["title"] == "Our new menu"


def test_on_the_app_store_a_name_is_a_label_within_a_name() -> None:
    entry = {
        "author": {
            "uri": {"label": "https://itunes.apple.com/us/reviews/id77"},
            "name": {"label": "Al"},
            "label": "",
        },
        "title": {"label": "Always late"},
        "content": {"label": "Al says: also cold", "attributes": {"type": "text"}},
        "im:rating": {"label": "1"},
    }
    told = recorded({"feed": {"entry": [entry]}})["body"]["feed"]["entry"][0]
    assert told["author"]["name"]["label"].startswith("person")
    assert told["author"]["uri"] == entry["author"]["uri"]
    assert (told["title"], told["content"], told["im:rating"]) == (
        entry["title"],
        entry["content"],
        entry["im:rating"],
    )


@pytest.mark.parametrize(
    ("name", "text", "scrubbed"),
    [
        ("art", "@art started to part with art.", "@person1 started to part with person1."),
        ("art@town.example", "art@town.example, cart", "person1@town.example, cart"),
        ("Jane Doe", "?q=Jane+Doe and Jane%20Doe, jane\ndoe", "?q=person1 and person1, person1"),
        ("田中さん", "昨日田中さんが", "昨日person1が"),
        ("Al", "Al is also here", "Al is also here"),
    ],
)
def test_a_name_is_replaced_as_a_word_and_not_within_one(name: str, text: str, scrubbed: str) -> None:
    told = recorded({"username": name, "text": text})["body"]
    assert told["text"] == scrubbed
    assert told["username"].startswith("person1")


def test_what_is_no_json_loses_the_people_whom_the_connector_found_in_it() -> None:
    said = Post(
        id="1", posted_at=NOW, verb="post", text="hello", author=Author(handle="quill", name="Zoë Quill")
    )
    told = recorded("<author>Zoë Quill</author><p>quill, quilling</p>", said, text=True)
    assert "Quill" not in json.dumps(told, ensure_ascii=False)
    assert told["text"].endswith(", quilling</p>")
