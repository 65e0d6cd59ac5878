"""What a delivery says of a Facebook page: https://developers.facebook.com/docs/graph-api/webhooks/reference/page/.

Posts and comments that were written or edited, mentions, and recommendations (which the API tells no more).
Surprising: the time of an edit is the delivery's; `created_time` stays what it was, or is left out.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors import _graph as graph
from connectors import _text, _times
from connectors._base import Author, Post
from connectors._facebook_wire import From, author, page_of
from connectors._graph_inbound import Change, moment

_POSTS = frozenset({"album", "event", "link", "note", "photo", "post", "share", "status", "story", "video"})


class _About(msgspec.Struct):
    permalink_url: str | None = None


class _Value(msgspec.Struct):
    item: str | None = None
    verb: str | None = None
    post_id: str | int | None = None
    comment_id: str | int | None = None
    parent_id: str | int | None = None
    created_time: int | None = None
    message: str | None = None
    link: str | None = None
    author: From | None = msgspec.field(name="from", default=None)
    post: _About | None = None
    sender_id: str | int | None = None
    sender_name: str | None = None
    reviewer_id: str | int | None = None
    reviewer_name: str | None = None
    review_text: str | None = None
    recommendation_type: str | None = None
    rating: float | None = None
    open_graph_story_id: str | int | None = None


_VALUE = msgspec.json.Decoder(_Value)


def changed(change: Change, now: datetime) -> Post | str:
    """The post that a change is, or why it is none."""
    if change.field not in {"feed", "mention", "ratings"}:
        return f"nothing of ours: {_text.clean(change.field)[:64]}"
    value = _VALUE.decode(change.value)
    if value.verb not in {"add", "edit", "edited", None}:
        return f"{_text.clean(value.verb)[:32]}: nothing was written"
    posted_at = _times.believable(moment(value.created_time) or change.at, now)
    if posted_at is None:
        return "its time is none that we believe"
    edited_at = _times.believable(change.at, now) if value.verb in {"edit", "edited"} else None
    if change.field == "ratings":
        return _review(value, change, posted_at, edited_at)
    comment = value.item == "comment"
    ident = value.comment_id if comment else value.post_id
    if ident is None or not (comment or value.item in _POSTS):
        return f"{_text.clean(str(value.item))[:32]}: no words that are somebody's"
    if change.field == "mention" and value.message is None:
        return "a mention of which only the ids are told"
    thread = _text.ident(str(value.post_id)) if comment and value.post_id is not None else None
    text, truncated = _text.body(value.message or "")
    named = author(value.author) or _named(value.sender_id, value.sender_name)
    place = page_of(str(value.post_id)) if change.field == "mention" else change.owner
    return Post(
        id=_text.ident(str(ident)),
        posted_at=posted_at,
        verb="comment" if comment else "post",
        text=text,
        author=named,
        url=_text.web(value.post.permalink_url) if value.post and not comment else None,
        reply_to=_answered(value, thread) if comment else None,
        thread=thread,
        place=place,
        hashtags=graph.hashtags(text),
        links=graph.links(text, value.link),
        edited_at=edited_at,
        truncated=truncated,
    )


def _answered(value: _Value, thread: str | None) -> str | None:
    return thread if value.parent_id is None else _text.ident(str(value.parent_id))


def _review(value: _Value, change: Change, posted_at: datetime, edited_at: datetime | None) -> Post | str:
    """A recommendation: stars where it has them; since 2018 most only say yes or no, which is counted."""
    if value.item == "comment" or value.open_graph_story_id is None:
        return "no recommendation"
    text, truncated = _text.body(value.review_text or value.message or "")
    recommends = {"positive": 1, "negative": 0}.get((value.recommendation_type or "").lower())
    return Post(
        id=_text.ident(str(value.open_graph_story_id)),
        posted_at=posted_at,
        verb="review",
        text=text,
        author=_named(value.reviewer_id, value.reviewer_name) or author(value.author),
        place=change.owner,
        hashtags=graph.hashtags(text),
        counts={} if recommends is None else {"recommends": recommends},
        rating=value.rating if value.rating is not None and 1 <= value.rating <= 5 else None,
        edited_at=edited_at,
        truncated=truncated,
    )


def _named(ident: str | int | None, name: str | None) -> Author | None:
    return author(From(id=ident, name=name))
