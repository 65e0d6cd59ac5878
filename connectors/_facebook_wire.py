"""A post and a comment as Facebook writes them, and as we keep them.

https://developers.facebook.com/docs/graph-api/reference/page-post/, /reference/comment/. Surprising: `from` is not
there at all unless the token is the page's own and the app was reviewed, so a post without an author is an ordinary
one; a post's id carries the page it stands on (`{page}_{post}`), a comment's the post (`{post}_{comment}`), and
neither says when it was written. `updated_time` moves with every comment, so it is no edit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors import _graph as graph
from connectors import _text, _times
from connectors._base import Author, Mention, Post, Reject
from connectors._decode import raw_text
from connectors._graph_nested import Thing, Told

POST = (
    "id,message,story,created_time,updated_time,permalink_url,from,message_tags,"
    "attachments{type,url,unshimmed_url},shares,"
    "reactions.summary(total_count).limit(0),comments.summary(true).filter(stream).limit(0)"
)
COMMENT = "id,message,created_time,permalink_url,from,parent{id,from},message_tags,attachment,like_count,comment_count"
EITHER = "id,message,created_time,permalink_url,from,message_tags"
"""Fields that a post and a comment both have: what can be asked for where only an id is known."""


class From(msgspec.Struct, gc=False):
    id: str | int | None = None
    name: str | None = None


class Tag(msgspec.Struct, gc=False):
    id: str | int | None = None
    name: str | None = None
    type: str | None = None


class _Count(msgspec.Struct, gc=False):
    total_count: int | None = None


class Summed(msgspec.Struct, gc=False):
    summary: _Count | None = None


class Shares(msgspec.Struct, gc=False):
    count: int | None = None


class Parent(msgspec.Struct, gc=False):
    id: str | int | None = None
    author: From | None = msgspec.field(name="from", default=None)


class Attachment(msgspec.Struct, omit_defaults=True, gc=False):
    type: str | None = None
    url: str | None = None
    unshimmed_url: str | None = None


class Attached(Attachment, omit_defaults=True, gc=False):
    """What hangs on a comment, or (`data`) all that hangs on a post."""

    data: list[Attachment] = []


class Item(msgspec.Struct, omit_defaults=True, gc=False):
    """A post and a comment alike."""

    id: str | int
    created_time: str | None = None
    message: str | None = None
    story: str | None = None
    updated_time: str | None = None
    permalink_url: str | None = None
    author: From | None = msgspec.field(name="from", default=None)
    parent: Parent | None = None
    message_tags: list[Tag] | None = None
    attachments: Attached | None = None
    attachment: Attached | None = None
    shares: Shares | None = None
    reactions: Summed | None = None
    comments: Summed | None = None
    like_count: int | None = None
    comment_count: int | None = None


PAGE = msgspec.json.Decoder(graph.Typed[Item])
_ITEM = msgspec.json.Decoder(Item)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ATTACHED = msgspec.json.Decoder(Attached)
_BESIDE: Mapping[str, msgspec.json.Decoder[Any]] = {
    "message_tags": msgspec.json.Decoder(list[Tag]),
    "attachments": _ATTACHED,
    "attachment": _ATTACHED,
}
"""Their shapes changed over the years, and must not cost the words that they hang on."""

_COMMENT_AT = re.compile(r"/([0-9]+)/posts/([0-9]+)/?\?comment_id=(?:([0-9]+)&reply_comment_id=)?[0-9]+")


def item(raw: msgspec.Raw | Item, what: str) -> Item | Reject:
    """An item of a page, without its tags and attachments where they alone are unreadable."""
    if isinstance(raw, Item):
        return raw
    try:
        return _ITEM.decode(raw)
    except msgspec.ValidationError:
        pass
    try:
        return _ITEM.decode(msgspec.json.encode(_without_odd(raw)))
    except msgspec.ValidationError as error:
        return Reject(raw=raw_text(raw), reason=f"no {what}: {error}")


def _without_odd(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    fields = _FIELDS.decode(raw)
    for name in _BESIDE.keys() & fields.keys():
        try:
            _BESIDE[name].decode(fields[name])
        except msgspec.ValidationError:
            del fields[name]
    return fields


def items(raw: Sequence[msgspec.Raw | Item], what: str) -> tuple[list[Item], list[Reject]]:
    """Every item of a page that can be read, and what the others were."""
    read = [item(one, what) for one in raw]
    return [one for one in read if isinstance(one, Item)], [one for one in read if isinstance(one, Reject)]


def post(item: Item, now: datetime, *, place: str | None = None) -> Post | Reject:
    """A post of a page, a visitor's on it, or one that names it. `place`: the page that it stands on."""
    posted_at = _times.believable(_times.parse(item.created_time), now)
    if posted_at is None:
        return graph.untimed(item, item.created_time)
    if not graph.named(item.id):
        return graph.nameless(item)
    text, truncated = _text.body(item.message or item.story or "")
    return Post(
        id=_text.ident(str(item.id)),
        posted_at=posted_at,
        verb="post",
        text=text,
        author=author(item.author),
        url=_text.web(item.permalink_url),
        place=place,
        mentions=_mentions(item.message_tags) if item.message_tags else (),
        hashtags=graph.hashtags(text),
        links=graph.links(text, *_shared(item.attachments)),
        counts=graph.counts(
            likes=_total(item.reactions),
            replies=_total(item.comments),
            reposts=item.shares.count if item.shares else None,
        ),
        truncated=truncated,
    )


def comment(item: Item, now: datetime, *, thread: str | None) -> Post | Reject:
    """A comment under a post, whose id `thread` is, or an answer to one of its comments."""
    posted_at = _times.believable(_times.parse(item.created_time), now)
    if posted_at is None:
        return graph.untimed(item, item.created_time)
    if not graph.named(item.id):
        return graph.nameless(item)
    parent = item.parent if item.parent and item.parent.id else None
    answered = parent.author if parent else None
    text, truncated = _text.body(item.message or "")
    return Post(
        id=_text.ident(str(item.id)),
        posted_at=posted_at,
        verb="comment",
        text=text,
        author=author(item.author),
        url=_text.web(item.permalink_url),
        reply_to=_text.ident(str(parent.id)) if parent else _text.ident(thread) if thread else None,
        reply_to_author=_text.ident(str(answered.id)) if answered and answered.id else None,
        thread=_text.ident(thread) if thread else None,
        place=page_of(thread),
        mentions=_mentions(item.message_tags) if item.message_tags else (),
        hashtags=graph.hashtags(text),
        links=graph.links(text, *_shared(item.attachment)),
        counts=graph.counts(likes=item.like_count, replies=item.comment_count),
        truncated=truncated,
    )


def told(raw: msgspec.Raw | Item, now: datetime) -> Told:
    """An item of a page's feed, for the sweep."""
    one = item(raw, "post")
    if isinstance(one, Reject):
        return Told(key=one.raw, mark="unreadable", post=one)
    key, comments = str(one.id), _total(one.comments) or 0
    mark = f"{one.updated_time} {comments}"[:40]
    made = post(one, now, place=page_of(key))
    if not graph.named(key) and isinstance(made, Reject):
        return Told(key=made.raw, mark="unreadable", post=made)
    return Told(key=key, mark=mark, post=made, below=Thing(key) if comments else None)


def either(raw: msgspec.Raw, now: datetime, *, me: str | None) -> Post | Reject:
    """A post or a comment of which only the id was known. Where it stands is read from its address, where that has
    numbers in it; `me` is the page that asks."""
    one = item(raw, "post")
    if isinstance(one, Reject):
        return one
    address = one.permalink_url or ""
    if "comment_id=" not in address:
        place = page_of(str(one.id))
        return post(one, now, place=place if place == me else None)
    where = _COMMENT_AT.search(address)
    if where is None:
        return comment(one, now, thread=None)
    page, thread, above = where.groups()
    if above:
        one.parent = Parent(id=f"{thread}_{above}")
    return comment(one, now, thread=f"{page}_{thread}")


def page_of(post_id: str | None) -> str | None:
    """The page that a post stands on, out of the post's id."""
    page, _, rest = (post_id or "").partition("_")
    return page if rest and page.isascii() and page.isdigit() else None


def author(who: From | None) -> Author | None:
    """Whoever wrote it, where Facebook says so. The id is the person's for this page alone."""
    if who is None or not (who.id or who.name):
        return None
    return Author(id=_text.ident(str(who.id)) if who.id else None, name=_text.name(who.name))


def _total(summed: Summed | None) -> int | None:
    return summed.summary.total_count if summed is not None and summed.summary is not None else None


def _mentions(tags: Sequence[Tag]) -> tuple[Mention, ...]:
    named = dict.fromkeys([_text.ident(str(tag.id)) for tag in tags if tag.id])
    return tuple([Mention(id=one) for one in named])


def _shared(hung: Attached | None) -> list[str | None]:
    """Addresses that are shared; a photo's own page is no link."""
    found = () if hung is None else hung.data or (hung,)
    return [
        one.unshimmed_url or one.url for one in found if one.type in {"share", "share_large_image", "link"}
    ]
