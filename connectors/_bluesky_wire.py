"""A post as Bluesky's AppView writes it, and as we keep it.

https://docs.bsky.app/docs/advanced-guides/post-richtext, /advanced-guides/timestamps and the lexicons
app.bsky.feed.defs, app.bsky.feed.post, app.bsky.notification.listNotifications. Surprising: facets count
bytes of UTF-8, not characters; createdAt is whatever the author's program wrote, so a post's time is the
earlier of it and indexedAt, the AppView's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, field

from connectors import _text, _times
from connectors._backwards import Sighting
from connectors._base import Author, Mention, Post, Reject, Verb
from connectors._decode import raw_text

T = TypeVar("T")

POST = "/app.bsky.feed.post/"


class Profile(msgspec.Struct, gc=False):
    did: str
    handle: str | None = None
    display_name: str | None = field(name="displayName", default=None)


class Ref(msgspec.Struct, gc=False):
    uri: str | None = None
    record: Ref | None = None


class Reply(msgspec.Struct, gc=False):
    parent: Ref | None = None
    root: Ref | None = None


class Span(msgspec.Struct, gc=False):
    start: int = field(name="byteStart", default=-1)
    end: int = field(name="byteEnd", default=-1)


class Feature(msgspec.Struct, gc=False):
    did: str | None = None
    uri: str | None = None
    tag: str | None = None


class Facet(msgspec.Struct, gc=False):
    index: Span
    features: list[Feature] = []


class External(msgspec.Struct, gc=False):
    uri: str | None = None


class Media(msgspec.Struct, gc=False):
    external: External | None = None


class Embed(msgspec.Struct, gc=False):
    record: Ref | None = None
    external: External | None = None
    media: Media | None = None


_NOTHING = Raw(b"null")


class Record(msgspec.Struct, gc=False):
    text: str = ""
    created_at: str | None = field(name="createdAt", default=None)
    reply: Reply | None = None
    langs: list[str] | None = None
    facets: list[Facet] | None = None
    embed: Embed | None = None
    tags: list[str] | None = None


class _Loose(msgspec.Struct):
    """A record whose parts are read apart, and left out where their shape is unknown: a new kind of embed, or a
    client's own, must not cost the words that it hangs on."""

    text: str = ""
    created_at: str | None = field(name="createdAt", default=None)
    reply: Reply | None = None
    langs: Raw = _NOTHING
    facets: Raw = _NOTHING
    embed: Raw = _NOTHING
    tags: Raw = _NOTHING


R = TypeVar("R", Record, _Loose)


class _View(msgspec.Struct, Generic[R], gc=False):
    """A postView and a notification alike: both carry these."""

    uri: str
    author: Profile
    record: R
    indexed_at: str | None = field(name="indexedAt", default=None)
    reason: str | None = None
    reply_count: int | None = field(name="replyCount", default=None)
    repost_count: int | None = field(name="repostCount", default=None)
    like_count: int | None = field(name="likeCount", default=None)
    quote_count: int | None = field(name="quoteCount", default=None)


View = _View[Record]


class Read(msgspec.Struct):
    """What could be read of a page: posts, what the others were, and what a walk needs to know of all."""

    posts: list[Post] = []
    rejects: list[Reject] = []
    seen: list[Sighting] = []


_VIEW = msgspec.json.Decoder(View)
_LOOSE = msgspec.json.Decoder(_View[_Loose])
_FACETS = msgspec.json.Decoder(list[Facet])
_EMBED = msgspec.json.Decoder(Embed)
_STRINGS = msgspec.json.Decoder(list[str])


class _Reason(msgspec.Struct):
    reason: str | None = None


_REASON = msgspec.json.Decoder(_Reason)
WORDS = frozenset({"mention", "reply", "quote"})
"""Reasons of a notification that are somebody's words; the others (like, repost, follow, ...) are not posts."""


def at_once(views: Sequence[View], now: datetime, *, notifications: bool = False) -> Read | None:
    """A page of which every item was read as a view; None if one of them is no post all the same."""
    found = Read()
    for view in views:
        written, indexed_at = _times.parse(view.record.created_at), _times.parse(view.indexed_at)
        found.seen.append(_sighting(view.uri, written, indexed_at, now))
        if notifications and view.reason not in WORDS:
            continue
        posted_at = _when(written, indexed_at, now)
        if posted_at is None or not _is_named(view):
            return None
        found.posts.append(_post(view, posted_at))
    return found


def each(items: Sequence[Raw], now: datetime, *, notifications: bool = False) -> Read:
    """The same of a page of which an item may be anything."""
    found = Read(seen=_sightings(items, now))
    for item in items:
        try:
            if notifications and _REASON.decode(item).reason not in WORDS:
                continue
            view = _view(item)
        except msgspec.ValidationError as error:
            found.rejects.append(Reject(raw=raw_text(item), reason=f"no post: {error}"))
            continue
        posted_at = _when(_times.parse(view.record.created_at), _times.parse(view.indexed_at), now)
        if not _is_named(view):
            reason = "a post without its uri or its author"
        elif posted_at is None:
            reason = "neither createdAt nor indexedAt is a time"
        else:
            found.posts.append(_post(view, posted_at))
            continue
        found.rejects.append(Reject(raw=raw_text(item), reason=reason))
    return found


def _view(item: Raw) -> View:
    """Raises msgspec.ValidationError."""
    try:
        return _VIEW.decode(item)
    except msgspec.ValidationError:
        loose = _LOOSE.decode(item)
    said = loose.record
    record = Record(
        text=said.text,
        created_at=said.created_at,
        reply=said.reply,
        langs=_part(_STRINGS, said.langs),
        facets=_part(_FACETS, said.facets),
        embed=_part(_EMBED, said.embed),
        tags=_part(_STRINGS, said.tags),
    )
    beside = {name: getattr(loose, name) for name in _View.__struct_fields__ if name != "record"}
    return _View(record=record, **beside)


def _is_named(view: View) -> bool:
    return bool(view.author.did and view.uri.strip())


def _post(view: View, posted_at: datetime) -> Post:
    record, author = view.record, view.author
    text, truncated = _text.body(record.text)
    mentions: list[Mention] = []
    tags: list[str] = []
    links: list[str] = []
    if record.facets:
        _features(record.text, record.facets, mentions, tags, links)
    if record.tags:
        tags += [_text.tag(value) for value in record.tags]
    quoted = _embedded(record.embed, links) if record.embed is not None else None
    reply = record.reply
    parent = reply.parent.uri if reply and reply.parent else None
    root = reply.root.uri if reply and reply.root else None
    did, _, key = view.uri.removeprefix("at://").partition(POST)
    return Post(
        id=_text.ident(view.uri),
        posted_at=posted_at,
        verb=_verb(parent, quoted),
        text=text,
        author=Author(
            id=_text.ident(author.did),
            handle=_text.name(author.handle),
            name=_text.name(author.display_name),
        ),
        url=_text.web(f"https://bsky.app/profile/{did}/post/{key}") if key else None,
        reply_to=_text.ident(parent) if parent else None,
        reply_to_author=_owner(parent) if parent else None,
        thread=_text.ident(root) if root else None,
        mentions=tuple(mentions) if mentions else (),
        hashtags=_text.distinct(tags) if tags else (),
        links=_text.distinct(links) if links else (),
        lang=_text.language(record.langs[0]) if record.langs else None,
        counts=_counts(view),
        truncated=truncated,
    )


class _Written(msgspec.Struct):
    created_at: str | None = field(name="createdAt", default=None)


class _Sighted(msgspec.Struct):
    uri: str = ""
    indexed_at: str | None = field(name="indexedAt", default=None)
    record: _Written | None = None


_SIGHTED = msgspec.json.Decoder(_Sighted)


def _sightings(items: Sequence[Raw], now: datetime) -> list[Sighting]:
    """What a walk needs to know of every item, also of those that are no posts."""
    found: list[Sighting] = []
    for item in items:
        try:
            seen = _SIGHTED.decode(item)
        except msgspec.ValidationError:
            continue
        written = _times.parse(seen.record.created_at) if seen.record else None
        found.append(_sighting(seen.uri, written, _times.parse(seen.indexed_at), now))
    return found


def _sighting(uri: str, written: datetime | None, indexed_at: datetime | None, now: datetime) -> Sighting:
    """Taken in when the AppView indexed it, by its own clock; sorted by the earlier of that and createdAt."""
    at = min(indexed_at or written or now, now)
    return Sighting(uri, at, min(written or at, at))


def _when(written: datetime | None, indexed_at: datetime | None, now: datetime) -> datetime | None:
    """The earlier of both times within reason; the floor if both are older than any platform."""
    told = [t for t in (written, indexed_at) if t is not None]
    believed = [t for t in told if t >= _times.FLOOR]
    if believed:
        return min(now, *believed)
    return _times.FLOOR if told else None


def _verb(parent: str | None, quoted: str | None) -> Verb:
    if quoted and POST in quoted:
        return "quote"
    return "comment" if parent else "post"


def _owner(uri: str) -> str | None:
    """The DID in `at://did/collection/key`: whose record it is."""
    if not uri.startswith("at://did:"):
        return None
    return _text.ident(uri[5:].partition("/")[0])


def _part(decoder: msgspec.json.Decoder[T], raw: Raw) -> T | None:
    """A part of a record, None where it is absent or of another shape."""
    if raw is _NOTHING:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return None


def _features(
    text: str, facets: list[Facet], mentions: list[Mention], tags: list[str], links: list[str]
) -> None:
    raw = None if text.isascii() else text.encode("utf-8", "replace")
    size = len(text) if raw is None else len(raw)
    last = 0
    for facet in sorted(facets, key=lambda f: f.index.start):
        start, end = facet.index.start, facet.index.end
        if not last <= start < end <= size:
            continue
        if raw is not None and (_inside(raw, start) or _inside(raw, end)):
            continue
        last = end
        for feature in facet.features:
            if feature.did:
                mentions.append(Mention(id=_text.ident(feature.did), handle=_named(text, raw, start, end)))
            elif feature.uri:
                links.append(_text.web(feature.uri) or "")
            elif feature.tag:
                tags.append(_text.tag(feature.tag))


def _named(text: str, raw: bytes | None, start: int, end: int) -> str | None:
    """The handle as it stands in the text, if it looks like one."""
    shown = text[start:end] if raw is None else raw[start:end].decode("utf-8", "replace")
    shown = shown.strip().lstrip("@")
    return _text.name(shown.lower()) if "." in shown and " " not in shown else None


def _inside(raw: bytes, at: int) -> bool:
    """Whether a byte offset splits a character."""
    return at < len(raw) and raw[at] & 0xC0 == 0x80


def _embedded(embed: Embed, links: list[str]) -> str | None:
    """The uri of the record that is quoted; addresses of link cards go to `links`."""
    for external in (embed.external, embed.media.external if embed.media else None):
        if external is not None:
            links.append(_text.web(external.uri) or "")
    if embed.record is None:
        return None
    return embed.record.uri or (embed.record.record.uri if embed.record.record else None)


def _counts(view: View) -> dict[str, int]:
    """Each is optional in the lexicon: one that is left out is not told, a 0 is."""
    named = (
        ("replies", view.reply_count),
        ("reposts", view.repost_count),
        ("likes", view.like_count),
        ("quotes", view.quote_count),
    )
    return {name: _text.count(n) for name, n in named if n is not None}
