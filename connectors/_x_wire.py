"""A post as X writes it, and as we keep it.

https://docs.x.com/x-api/fundamentals/data-dictionary. Surprising: a page's posts are incomplete without its
`includes`, flat lists of the users and posts that they name; a repost's own text is cut to 140 characters and
a long post's to 280, so that the whole text stands elsewhere; every edit has a new id, and what they share is
the first id of their history; and since August 2026 the published names say post where all answers seen so
far say tweet, so that both are read (ALIASES).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors import _text, _times
from connectors._base import Author, Mention, Post, Verb

ALIASES: Mapping[str, str] = {
    "tweets": "posts",
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
}
"""The names in all answers seen so far, and those of the published description since 2026-08-07."""

_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_FIRST = 29_700_859_247
"""Ids have told their time since this one; before it they were counted."""


class User(msgspec.Struct, gc=False):
    id: str | int
    username: str | None = None
    name: str | None = None
    protected: bool | None = None


class Reference(msgspec.Struct, gc=False):
    type: str
    id: str | int


class Metrics(msgspec.Struct, gc=False):
    reply_count: int | None = None
    retweet_count: int | None = None
    repost_count: int | None = None
    like_count: int | None = None
    quote_count: int | None = None
    bookmark_count: int | None = None
    impression_count: int | None = None


class Url(msgspec.Struct, gc=False):
    url: str | None = None
    expanded_url: str | None = None
    unwound_url: str | None = None
    media_key: str | None = None


class Tag(msgspec.Struct, gc=False):
    tag: str = ""


class Named(msgspec.Struct, gc=False):
    username: str | None = None
    id: str | int | None = None


class Entities(msgspec.Struct, gc=False):
    urls: list[Url] | None = None
    hashtags: list[Tag] | None = None
    mentions: list[Named] | None = None


class Note(msgspec.Struct, gc=False):
    text: str = ""
    entities: Entities | None = None


class Item(msgspec.Struct, gc=False):
    """A post on the wire, in either naming."""

    id: str | int
    text: str
    created_at: datetime | None = None
    author_id: str | int | None = None
    conversation_id: str | int | None = None
    in_reply_to_user_id: str | int | None = None
    lang: str | None = None
    referenced_tweets: list[Reference] | None = None
    referenced_posts: list[Reference] | None = None
    edit_history_tweet_ids: list[str | int] | None = None
    edit_history_post_ids: list[str | int] | None = None
    note_tweet: Note | None = None
    note_post: Note | None = None
    entities: Entities | None = None
    public_metrics: Metrics | None = None

    @property
    def history(self) -> list[str]:
        """The ids of all versions, the first one first; its own alone where nothing else can be read."""
        own, told = str(self.id), self.edit_history_tweet_ids or self.edit_history_post_ids
        if told is None or len(told) < 2:
            return [own]
        ids = [str(n) for n in told]
        return ids if own in ids and is_id(ids[0]) else [own]

    @property
    def references(self) -> Mapping[str, str]:
        """What it refers to: replied_to, quoted, retweeted, each with an id."""
        found = self.referenced_tweets or self.referenced_posts
        if not found:
            return {}
        return {"retweeted" if r.type == "reposted" else r.type: str(r.id) for r in found}


_UNSAID = frozenset({"und", "zxx", "art", "mul", "mis"})
_RENAMED = {"in": "id", "iw": "he", "ji": "yi"}
_COUNTS = (
    ("replies", "reply_count"),
    ("reposts", "retweet_count"),
    ("reposts", "repost_count"),
    ("likes", "like_count"),
    ("quotes", "quote_count"),
    ("bookmarks", "bookmark_count"),
    ("views", "impression_count"),
)
_LEADING = re.compile(r"@(\w+)(?:\s+|$)", re.ASCII)
_MEDIA = re.compile(r"https://(?:www\.)?(?:x|twitter)\.com/\w+/status/\d+/(?:photo|video)/\d+")
_STATUS = re.compile(r"https://(?:\w+\.)?(?:x|twitter)\.com/(?:\w+|i/web)/status(?:es)?/(\d+)")


def either(item: Any, name: str) -> Any:
    """A field by its old name or, where that is missing, by its new one."""
    found = getattr(item, name)
    return getattr(item, ALIASES[name]) if found is None else found


def is_id(text: str) -> bool:
    """Ids are whole numbers of at most 19 digits."""
    return 0 < len(text) <= 19 and text.isascii() and text.isdigit() and text[0] != "0"


def time_of(number: str) -> datetime | None:
    """When an id was made; None for the oldest ones, which do not tell."""
    n = int(number)
    return _EPOCH + timedelta(milliseconds=n >> 22) if n >= _FIRST else None


def id_at(when: datetime) -> str:
    """The lowest id that can have been made at this time."""
    return str(max((when - _EPOCH) // timedelta(milliseconds=1), 0) << 22)


def post(item: Item, users: Mapping[str, User], firsts: Mapping[str, str], now: datetime) -> Post | None:
    """An item as a post; None where no time can be believed. `firsts` names the first version of a known id."""
    own, first = str(item.id), item.history[0]
    written = _times.believable(_times.utc(item.created_at) if item.created_at else None, now)
    written = written or _times.believable(_second(time_of(own)), now)
    posted_at = written if first == own else _times.believable(_second(time_of(first)), now) or written
    if posted_at is None:
        return None
    user = users.get(str(item.author_id))
    handle = _text.name(user.username) if user else None
    author = None
    if item.author_id is not None:
        author = Author(
            id=_text.ident(str(item.author_id)), handle=handle, name=_text.name(user.name) if user else None
        )
    references = item.references
    url = f"https://x.com/{handle or 'i'}/status/{own}"
    hidden = user is not None and user.protected
    repeated = references.get("retweeted")
    if repeated is not None:
        return Post(
            id=first,
            posted_at=posted_at,
            verb="repost",
            author=author,
            url=url,
            repost_of=_text.ident(firsts.get(repeated, repeated)),
            visibility="private" if hidden else "public",
        )
    note = either(item, "note_tweet")
    entities = [e for e in (note.entities if note else None, item.entities) if e is not None]
    mentions = _mentions(entities)
    urls = [(u, _decorates(u, own)) for e in entities for u in e.urls or ()]
    parent = references.get("replied_to")
    raw = note.text if note and note.text else item.text
    text, truncated = _text.body(_seen(raw, urls, references.get("quoted"), mentions if parent else ()))
    thread = str(item.conversation_id) if item.conversation_id is not None else None
    answered = item.in_reply_to_user_id
    return Post(
        id=first,
        posted_at=posted_at,
        verb=_verb(references),
        text=text,
        author=author,
        url=url,
        reply_to=_text.ident(firsts.get(parent, parent)) if parent else None,
        reply_to_author=_text.ident(str(answered)) if parent and answered is not None else None,
        thread=_text.ident(firsts.get(thread, thread)) if parent and thread else None,
        mentions=mentions,
        hashtags=_text.distinct([_text.tag(t.tag) for e in entities for t in e.hashtags or ()]),
        links=_text.distinct([_address(u) for u, decorates in urls if not decorates]) if urls else (),
        lang=_language(item.lang),
        counts=_counts(item.public_metrics),
        visibility="private" if hidden else "public",
        edited_at=written if own != first else None,
        truncated=truncated,
    )


def _second(when: datetime | None) -> datetime | None:
    """Posts are dated to the second, ids to the millisecond."""
    return when.replace(microsecond=0) if when else None


def _verb(references: Mapping[str, str]) -> Verb:
    if "quoted" in references:
        return "quote"
    return "comment" if "replied_to" in references else "post"


def _mentions(entities: Sequence[Entities]) -> tuple[Mention, ...]:
    found = {
        Mention(id=_text.ident(str(m.id)) if m.id is not None else None, handle=_text.name(m.username)): None
        for e in entities
        for m in e.mentions or ()
        if m.username or m.id is not None
    }
    return tuple(found) if found else ()


def _seen(
    text: str, urls: Sequence[tuple[Url, bool]], quoted: str | None, answered: Sequence[Mention]
) -> str:
    """The text as a reader sees it: unescaped, with addresses for their short forms, without the short forms of what
    only decorates and of the quoted post, and without the names that a reply begins with (they stay mentions)."""
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    for u, decorates in urls:
        if u.url:
            hidden = decorates or (quoted is not None and _status(u) == quoted)
            text = text.replace(u.url, "" if hidden else u.url if u.expanded_url is None else u.expanded_url)
    names = {m.handle.lower() for m in answered if m.handle}
    rest = text
    while names and (begins := _LEADING.match(rest)) and begins[1].lower() in names:
        rest = rest[begins.end() :]
    return rest.strip() or text.strip()


def _decorates(u: Url, own: str) -> bool:
    """Whether an address stands only for the post's own pictures, or for the rest of its text."""
    if u.media_key is not None:
        return True
    status = _status(u)
    return status is not None and (status == own or _MEDIA.fullmatch(u.expanded_url or "") is not None)


def _status(u: Url) -> str | None:
    found = _STATUS.match(u.expanded_url or "")
    return found[1] if found else None


def _address(u: Url) -> str:
    return _text.web(u.unwound_url) or _text.web(u.expanded_url) or _text.web(u.url) or ""


def _language(value: str | None) -> str | None:
    """`und` and the codes of its own (`qme`: media only, `qst`: too short) say that it does not know."""
    found = _text.language(value)
    if found is None or found in _UNSAID or (len(found) == 3 and "qaa" <= found <= "qtz"):
        return None
    return _RENAMED.get(found, found)


def _counts(metrics: Metrics | None) -> dict[str, int]:
    if metrics is None:
        return {}
    return {name: _text.count(n) for name, f in _COUNTS if (n := getattr(metrics, f)) is not None}
