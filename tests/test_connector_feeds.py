"""A feed is visited again and again: what did not change costs nothing, and ids stay what they were."""

from __future__ import annotations

import asyncio

from connectors import feeds
from connectors._base import Cursor, Page, Watch
from tests.contract_stages import NOW
from tests.recordings_table import Canned
from tests.replayer import Reply

SHARED = "<item><guid>https://b.example.com/g</guid><link>https://b.example.com/{n}</link><title>{n}</title></item>"


def visit(*items: str, cursor: Cursor | None = None) -> Page:
    body = f'<rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'.encode()
    watch = Watch(kind="feed", term="https://b.example.com/feed", host="", now=NOW)
    return asyncio.run(feeds.fetch(Canned(Reply(200, body, {"content-type": "text/xml"})), watch, cursor))


def test_the_same_body_sent_again_is_an_empty_page() -> None:
    first = visit(SHARED.format(n=1))
    again = visit(SHARED.format(n=1), cursor=first.cursor)
    assert len(first.posts) == 1
    assert again.posts == ()
    assert again.cursor == first.cursor


def test_an_id_that_two_items_shared_tells_them_apart_when_one_has_left() -> None:
    both = visit(SHARED.format(n=1), SHARED.format(n=2))
    one = visit(SHARED.format(n=2), cursor=both.cursor)
    assert len({post.id for post in both.posts}) == 2
    assert one.posts[0].id == both.posts[1].id


def test_the_order_of_a_document_does_not_change_ids() -> None:
    forth = visit(SHARED.format(n=1), SHARED.format(n=2))
    back = visit(SHARED.format(n=2), SHARED.format(n=1))
    assert {post.url: post.id for post in forth.posts} == {post.url: post.id for post in back.posts}
