"""Media and comments as Instagram writes them, and as we keep them.

https://developers.facebook.com/docs/instagram-platform/reference/instagram-media, .../comment. Surprising: media
that a hashtag finds have no author at all; a comment has no address of its own, so it is given its medium's; and
nothing marks hashtags and mentions in a text.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors import _graph as graph
from connectors import _text, _times
from connectors._base import Author, Mention, Post, Reject
from connectors._decode import raw_text
from connectors._graph import Listed
from connectors._graph_nested import Thing, Told, unreadable

_COMMENT = "id,text,timestamp,username,from,like_count,parent_id"
MEDIA = "id,caption,media_type,permalink,timestamp,username,like_count,comments_count"
FOUND = "id,caption,media_type,permalink,timestamp,like_count,comments_count"
"""Fields of media that a hashtag finds."""
COMMENT = f"{_COMMENT},replies.limit(50){{{_COMMENT}}}"
REPLY = _COMMENT

_NOTHING = msgspec.Raw(b"null")


class From(msgspec.Struct):
    id: str | int | None = None
    username: str | None = None


class Item(msgspec.Struct, omit_defaults=True):
    """A medium and a comment alike."""

    id: str | int
    timestamp: str | None = None
    caption: str | None = None
    text: str | None = None
    username: str | None = None
    author: From | None = msgspec.field(name="from", default=None)
    permalink: str | None = None
    parent_id: str | int | None = None
    like_count: int | None = None
    comments_count: int | None = None
    replies: msgspec.Raw = _NOTHING


ITEM = msgspec.json.Decoder(Item)
_LISTED = msgspec.json.Decoder(Listed)


class Under(msgspec.Struct, frozen=True, kw_only=True):
    """Under which medium a comment stands: its id and address, whose it is, and whose the comment answered is."""

    media: str | None
    url: str | None = None
    owner: str | None = None
    answered: str | None = None
    author: str | None = None


def media(item: Item, now: datetime, *, owner: str | None = None) -> Post | Reject:
    """A medium with its caption. `owner`: the account that it is known to be of, whose profile it then stands on."""
    posted_at = _times.believable(_times.parse(item.timestamp), now)
    if posted_at is None:
        return graph.untimed(item, item.timestamp)
    if not graph.named(item.id):
        return graph.nameless(item)
    text, truncated = _text.body(item.caption or "")
    return Post(
        id=_text.ident(str(item.id)),
        posted_at=posted_at,
        verb="post",
        text=text,
        author=_author(item, owner),
        url=_text.web(item.permalink),
        place=_text.ident(owner) if owner else None,
        mentions=tuple(Mention(handle=handle) for handle in graph.handles(text)),
        hashtags=graph.hashtags(text),
        links=graph.links(text),
        counts=graph.counts(likes=item.like_count, replies=item.comments_count),
        truncated=truncated,
    )


def comment(item: Item, now: datetime, under: Under) -> Post | Reject:
    """A comment under a medium, or an answer to one."""
    posted_at = _times.believable(_times.parse(item.timestamp), now)
    if posted_at is None:
        return graph.untimed(item, item.timestamp)
    if not graph.named(item.id):
        return graph.nameless(item)
    text, truncated = _text.body(item.text or "")
    parent = under.answered if item.parent_id is None else str(item.parent_id)
    answered_author = under.author if under.answered else under.owner if parent is None else None
    return Post(
        id=_text.ident(str(item.id)),
        posted_at=posted_at,
        verb="comment",
        text=text,
        author=_author(item, None),
        url=_text.web(under.url),
        reply_to=_text.ident(parent) if parent else _text.ident(under.media) if under.media else None,
        reply_to_author=_text.ident(answered_author) if answered_author else None,
        thread=_text.ident(under.media) if under.media else None,
        place=_text.ident(under.owner) if under.owner else None,
        mentions=tuple(Mention(handle=handle) for handle in graph.handles(text)),
        hashtags=graph.hashtags(text),
        links=graph.links(text),
        counts=graph.counts(likes=item.like_count),
        truncated=truncated,
    )


def comments(
    read: list[Item], now: datetime, under: Under
) -> tuple[list[Post | Reject], list[Post | Reject], list[Thing]]:
    """Comments, the answers that came with them, and those comments that have more answers than came."""
    made: list[Post | Reject] = []
    answers: list[Post | Reject] = []
    deeper: list[Thing] = []
    for item in read:
        made.append(comment(item, now, under))
        if len(item.replies) <= 4:
            continue
        author = str(item.author.id) if item.author and item.author.id else None
        inner = msgspec.structs.replace(under, answered=str(item.id), author=author)
        try:
            replies = _LISTED.decode(item.replies)
        except msgspec.ValidationError as error:
            answers.append(Reject(raw=raw_text(item.replies), reason=f"no answers: {error}"))
            continue
        found, rejects = graph.items(ITEM, replies.data, "comment")
        answers += [*(comment(one, now, inner) for one in found), *rejects]
        if graph.leads_to(replies, nextless=False):
            deeper.append(Thing(f"{item.id}:{under.media}:{author or ''}", under.url))
    return made, answers, deeper


def told(raw: msgspec.Raw, now: datetime, owner: str | None) -> Told:
    """A medium of our own, for the sweep."""
    try:
        item = ITEM.decode(raw)
    except msgspec.ValidationError as error:
        return unreadable(raw, f"no post: {error}")
    key, count = str(item.id), item.comments_count or 0
    made = media(item, now, owner=owner)
    if not graph.named(key):
        return unreadable(raw, "its id is empty")
    below = Thing(key, _text.web(item.permalink)) if count else None
    return Told(key=key, mark=str(count)[:40], post=made, below=below)


def _author(item: Item, owner: str | None) -> Author | None:
    """By id where Instagram tells it (scoped to the account that asks), by name where it tells only that."""
    ident = item.author.id if item.author and item.author.id else owner
    handle = _text.name(item.username or (item.author.username if item.author else None))
    if not ident and not handle:
        return None
    return Author(id=_text.ident(str(ident)) if ident else None, handle=handle)
