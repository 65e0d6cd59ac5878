"""A count that has fallen to 0 is told as 0: what a platform leaves out is not told, and stays as it was."""

from __future__ import annotations

import asyncio
import re

import pytest

from connectors._base import Page, Post
from tests.test_mutations import Recording, pages

NAMES = (
    "replies_count reblogs_count favourites_count quotes_count replyCount repostCount likeCount quoteCount "
    "reply_count retweet_count repost_count like_count quote_count bookmark_count impression_count comment_count "
    "comments_count total_count count score num_comments num_crossposts totalReplyCount thumbsUpCount thumbsDownCount"
)
COUNTED = re.compile(rf'("(?:{"|".join(NAMES.split())})": )\d+')
LABELLED = re.compile(r'("im:vote(?:Sum|Count)": {"label": )"\d+"')
IN_XML = re.compile(r"(<slash:comments>)\d+")


def _counts(recording: Recording, body: str) -> dict[str, dict[str, int]]:
    page = asyncio.run(recording.outcome(body.encode()))
    assert isinstance(page, Page)
    posts: tuple[Post, ...] = page.posts
    return {post.id: dict(post.counts) for post in posts}


@pytest.mark.parametrize("recording", [one for _, one in pages()], ids=lambda one: one.name.replace("/", "-"))
def test_a_count_that_falls_to_0_is_told(recording: Recording) -> None:
    body = recording.reply.body.decode()
    fallen = IN_XML.sub(r"\g<1>0", LABELLED.sub(r'\1"0"', COUNTED.sub(r"\g<1>0", body)))
    before = _counts(recording, body)
    assert _counts(recording, fallen) == {post: dict.fromkeys(told, 0) for post, told in before.items()}
