"""A page that is decoded at once and the same page with an item that nobody can read tell the same posts."""

from __future__ import annotations

import asyncio
import json

import pytest

from connectors import connectors
from connectors._base import Page, Post
from tests.recordings_table import Canned
from tests.replayer import Reply
from tests.test_mutations import Recording, recordings

PAGES = [one for one in recordings() if one.platform in {"facebook", "x", "bluesky", "mastodon"}]


async def _page(recording: Recording, body: bytes) -> Page:
    return await connectors()[recording.platform].fetch(
        Canned(Reply(200, body, {})), recording.watch, recording.cursor
    )


@pytest.mark.parametrize("recording", PAGES, ids=lambda r: f"{r.watch.kind}-{r.name}")
@pytest.mark.parametrize("odd", [7, {"id": [], "text": "ü"}, {"text": "\0"}], ids=str)
def test_an_unreadable_item_changes_no_other(recording: Recording, odd: object) -> None:
    told = json.loads(recording.reply.body)
    if isinstance(told, list):
        told.append(odd)
    elif "thread" in told:
        told["thread"]["replies"].append({"post": odd})
    elif "notifications" in told:
        told["notifications"].append({"reason": "mention", **odd} if isinstance(odd, dict) else odd)
    else:
        told[next(name for name in ("data", "posts", "descendants") if name in told)].append(odd)
    alone = asyncio.run(_page(recording, recording.reply.body))
    beside = asyncio.run(_page(recording, json.dumps(told).encode()))
    assert beside.posts == alone.posts
    assert len(beside.rejects) == len(alone.rejects) + 1


@pytest.mark.parametrize("tags", [{"7": [{"id": "5"}]}, [7], "", None])
def test_tags_of_an_old_shape_cost_nothing_but_themselves(tags: object) -> None:
    def of(tags: object, message: str) -> tuple[Post, ...]:
        item = {"id": "1_2", "created_time": "2026-11-23T09:00:00+0000", "message": message}
        item |= {
            "message_tags": tags,
            "attachments": {"data": [{"type": "share", "url": "https://a.example/"}]},
        }
        other = {**item, "id": "1_3", "message_tags": [{"id": "9"}]}
        recording = next(one for one in PAGES if one.watch.kind == "mentions" and one.platform == "facebook")
        return asyncio.run(
            _page(recording, json.dumps({"data": [item, other]}, ensure_ascii=False).encode())
        ).posts

    odd, other = of(tags, "grüß")
    assert odd.links == other.links == ("https://a.example/",)
    assert (odd.mentions, [m.id for m in other.mentions]) == ((), ["9"])


def test_what_is_no_utf_8_where_nobody_reads_costs_nothing() -> None:
    recording = next(one for one in PAGES if one.watch.kind == "page")
    body = recording.reply.body.replace(b'"data": [{', b'"data": [{"unread": "\xff", ', 1)
    whole = asyncio.run(_page(recording, recording.reply.body))
    assert body != recording.reply.body
    assert asyncio.run(_page(recording, body)).posts == whole.posts
