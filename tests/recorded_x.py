"""How X's recordings are played: every list of posts is a page of a search or of mentions, whoever asked for it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from connectors._base import Watch
from tests.replayer import Asked, Reply

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

TELLING = {"id"}
"""Whether a post among the includes is one that a page's repost repeats is told by its id alone."""


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    term = "7" if line.kind == "mentions" else "recorded"
    return Watch(kind=line.kind, term=term, host=host, now=now, token="recorded-token")


def answers(line: Recorded, asked: Asked) -> Reply | None:
    """After the first page there is nothing newer."""
    if asked.param("since_id") is None or line.what != "page":
        return None
    return Reply(200, b'{"meta":{"result_count":0}}', {"content-type": "application/json"})


def items(line: Recorded) -> int:
    """The posts of the page, and each repeated post that came along once."""
    body = json.loads(line.path.read_bytes())["body"]
    own = {post["id"] for post in body.get("data", [])}
    beside = {post["id"] for post in body.get("includes", {}).get("tweets", [])}
    repeated = {
        reference["id"]
        for post in body.get("data", [])
        for reference in post.get("referenced_tweets", [])
        if reference["type"] == "retweeted"
    }
    return len(body.get("data", [])) + len((repeated & beside) - own)
