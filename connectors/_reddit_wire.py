"""Submissions (t3) and comments (t1) as Reddit writes them, and as we keep them.

https://www.reddit.com/dev/api/, https://github.com/reddit-archive/reddit/wiki/JSON. Surprising: what was deleted goes
on being told, as a place whose author and words are `[deleted]` or `[removed]`; `replies` is "" where there are
none and a listing elsewhere; `edited` is false or a time. Texts are markdown; people are named in them as u/name,
by no markup. A crosspost that keeps its original's title says nothing of its own: a repost; with a title of
its own it is a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Raw

from connectors import _text, _times
from connectors._backwards import Sighting
from connectors._base import Author, Mention, Post, Reject, Verb
from connectors._decode import raw_text
from connectors._markdown import plain

T = TypeVar("T")
SITE = "https://www.reddit.com"
MAX_MARKDOWN = 50_000
"""Characters; Reddit itself takes 40,000."""

_NOTHING = Raw(b"null")
_NO_WORDS = frozenset({"[deleted]", "[removed]", "[ Removed by Reddit ]", "[deleted by user]"})
# the sign stands first, and then what must not be before it: that is several times as fast to search for
_PERSON = re.compile(r"[uU]/(?:(?<![\w/][uU]/)|(?<=/[uU]/)(?<![\w/]/[uU]/))([A-Za-z0-9_-]{3,20})(?![\w-])")
_IN_CONTEXT = re.compile(r"/comments/([0-9a-z]{1,13})(?:/|$)")


class Thing(msgspec.Struct):
    """What everything comes in: t1 a comment, t3 a submission, t4 a private message, `more` what is not shown."""

    kind: str
    data: Raw


class _Submitted(msgspec.Struct, tag_field="kind", tag="t3"):
    data: Link


class _Commented(msgspec.Struct, tag_field="kind", tag="t1"):
    data: Comment


class Page(msgspec.Struct):
    children: list[Raw]
    after: str | None = None


class Listing(msgspec.Struct):
    data: Page


class More(msgspec.Struct):
    """Comments that a thread has and does not show. Without children, the branch goes on on a page of its own."""

    parent_id: str
    id: str = ""
    count: int = 0
    children: list[str] = []


class Link(msgspec.Struct, gc=False):
    name: str
    title: str
    created_utc: float
    selftext: str | None = None
    author: str | None = None
    author_fullname: str | None = None
    permalink: str | None = None
    url: str | None = None
    is_self: bool | None = None
    edited: bool | float | None = None
    score: int | None = None
    hide_score: bool | None = None
    num_comments: int | None = None
    num_crossposts: int | None = None
    subreddit: str | None = None
    subreddit_type: str | None = None
    removed_by_category: str | None = None
    crosspost_parent: str | None = None
    crosspost_parent_list: Raw = _NOTHING


class Comment(msgspec.Struct, gc=False):
    """A comment, in a listing, a thread or the inbox (there with `type` and `context`)."""

    name: str
    body: str
    created_utc: float
    author: str | None = None
    author_fullname: str | None = None
    permalink: str | None = None
    context: str | None = None
    link_id: str | None = None
    parent_id: str | None = None
    edited: bool | float | None = None
    score: int | None = None
    score_hidden: bool | None = None
    subreddit: str | None = None
    subreddit_type: str | None = None
    type: str | None = None
    replies: Raw = _NOTHING


class _Bare(msgspec.Struct):
    """What a walk needs of an item that is otherwise unreadable, and the branch below it."""

    name: str | None = None
    created_utc: float | None = None
    replies: Raw = _NOTHING


class Read(msgspec.Struct):
    """What was made of items: posts, rejects, what the walk saw, what is hidden, and the names of the removed."""

    posts: list[Post] = []
    rejects: list[Reject] = []
    seen: list[Sighting] = []
    more: list[More] = []
    removed: list[str] = []
    comments: int = 0


_THING = msgspec.json.Decoder(Thing)
_SAID: msgspec.json.Decoder[_Submitted | _Commented] = msgspec.json.Decoder(_Submitted | _Commented)
_LINKS = msgspec.json.Decoder(list[Link])
_MORE = msgspec.json.Decoder(More)
_BARE = msgspec.json.Decoder(_Bare)
_LISTING = msgspec.json.Decoder(Listing)


def read(items: Sequence[Raw], *, now: datetime, me: str | None = None) -> Read:
    """Every item and every reply in it. `me` is the stable id of whose inbox it is, None elsewhere."""
    found = Read()
    whole: list[Link | Comment] = []
    waiting = list(reversed(items))
    while waiting:
        item = waiting.pop()
        try:
            one = _at_once(item)
            if one is not None:
                _seen(found, one.name, one.created_utc, now)
                whole.append(one)
                if isinstance(one, Comment):
                    found.comments += 1
                    waiting += reversed(_branch(one.replies))
                continue
            thing = _decoded(_THING, item)
            if thing.kind == "t4":  # a private message: read past, and not kept
                bare = _decoded(_BARE, thing.data)
                _seen(found, bare.name, bare.created_utc, now)
            elif thing.kind == "more":
                found.more.append(_decoded(_MORE, thing.data))
            else:
                reason = f"neither a submission nor a comment: {_text.clean(thing.kind)[:20]}"
                found.rejects.append(Reject(raw=raw_text(item), reason=reason))
        except msgspec.ValidationError as error:
            found.rejects.append(Reject(raw=raw_text(item), reason=f"no post: {error}"))
            waiting += reversed(_salvaged(found, item, now))
    _made(found, whole, now, me)
    return found


def _at_once(item: Raw) -> Link | Comment | None:
    """A submission or a comment; None for anything else. Raises msgspec.ValidationError for one that is unreadable."""
    try:
        return _decoded(_SAID, item).data
    except msgspec.ValidationError:
        if _decoded(_THING, item).kind in {"t1", "t3"}:
            raise
        return None


def _decoded(decoder: msgspec.json.Decoder[T], raw: Raw | bytes) -> T:
    """An item as its type. Raises msgspec.ValidationError."""
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise msgspec.ValidationError("nested too deeply") from None


def _branch(replies: Raw) -> list[Raw]:
    """The replies in a comment: a listing, "", or (rarely) something else, of which nothing is known."""
    if not bytes(replies).lstrip().startswith(b"{"):
        return []
    return _decoded(_LISTING, replies).data.children


def _salvaged(found: Read, item: Raw, now: datetime) -> list[Raw]:
    """From an item that could not be read: its place in the walk, and the branch below it."""
    try:
        bare = _decoded(_BARE, _decoded(_THING, item).data)
        _seen(found, bare.name, bare.created_utc, now)
        return _branch(bare.replies)
    except msgspec.ValidationError:
        return []


def _seen(found: Read, name: str | None, created: float | None, now: datetime) -> None:
    """Reddit's own clock wrote the time, so it sorts and dates alike; one from the future counts as now."""
    if name:
        at = min(_when(created) or now, now)
        found.seen.append(Sighting(name, at, at))


def _when(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 < seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _made(found: Read, whole: Iterable[Link | Comment], now: datetime, me: str | None) -> None:
    """Posts of what was read, once all authors on the page are known."""
    whole = list(whole)
    authors = {one.name: one.author_fullname for one in whole if one.author_fullname}
    for one in whole:
        if is_removed(one):
            found.removed.append(one.name)
            continue
        posted_at = _times.believable(_when(one.created_utc), now)
        if posted_at is None or not one.name:
            reason = (
                f"created_utc is no time we believe: {one.created_utc}" if one.name else "without its name"
            )
            found.rejects.append(Reject(raw=raw_text(msgspec.json.encode(one)), reason=reason))
        elif isinstance(one, Comment):
            found.posts.append(_comment(one, posted_at, now, authors, me))
        else:
            found.posts += _submission(one, posted_at, now)


def is_removed(one: Link | Comment) -> bool:
    """Whether this is only the place of what its author, a moderator or Reddit took down."""
    if isinstance(one, Comment):
        return one.body.strip() in _NO_WORDS
    return (
        one.removed_by_category is not None
        or one.title.strip() in _NO_WORDS
        or (one.selftext or "").strip() in _NO_WORDS
    )


def _comment(
    one: Comment, posted_at: datetime, now: datetime, authors: dict[str, str], me: str | None
) -> Post:
    words, links = plain(_text.clean(one.body[:MAX_MARKDOWN]))
    text, truncated = _text.body(words)
    path = one.permalink or (one.context or "").partition("?")[0]
    link = one.link_id
    if link is None and (known := _IN_CONTEXT.search(path)):
        link = f"t3_{known[1]}"
    if not path and link:
        path = f"/comments/{link.removeprefix('t3_')}/_/{one.name.removeprefix('t1_')}"
    answered = authors.get(one.parent_id or "")
    if answered is None and one.type in {"comment_reply", "post_reply"}:
        answered = me
    return Post(
        id=_text.ident(one.name),
        posted_at=posted_at,
        verb="comment",
        text=text,
        author=_author(one),
        url=_web(path),
        reply_to=_text.ident(one.parent_id) if one.parent_id else None,
        reply_to_author=_text.ident(answered) if answered else None,
        thread=_text.ident(link) if link else None,
        place=_place(one.subreddit),
        mentions=_mentions(text),
        links=_links(links),
        counts=_counts(likes=None if one.score_hidden else one.score),
        visibility="private" if one.subreddit_type == "private" else "public",
        edited_at=_edited(one.edited, now),
        truncated=truncated or len(one.body) > MAX_MARKDOWN,
    )


def _submission(one: Link, posted_at: datetime, now: datetime) -> list[Post]:
    """A submission as a post; a crosspost that only repeats is two, the repost and what it repeats."""
    title = _text.clean(one.title).strip()
    likes = None if one.hide_score else one.score
    made = Post(
        id=_text.ident(one.name),
        posted_at=posted_at,
        verb="post",
        author=_author(one),
        url=_web(one.permalink),
        place=_place(one.subreddit),
        counts=_counts(likes=likes, replies=one.num_comments, reposts=one.num_crossposts),
        visibility="private" if one.subreddit_type == "private" else "public",
    )
    verb: Verb = "post"
    found: list[str] = []
    if one.crosspost_parent:
        original = _original(one)
        if original is not None and original.title.strip() == title and not (one.selftext or "").strip():
            repeat = msgspec.structs.replace(
                made, verb="repost", repost_of=_text.ident(one.crosspost_parent), counts={}
            )
            at = _times.believable(_when(original.created_utc), now)
            inner = _submission(original, at, now) if at and not is_removed(original) else []
            return [repeat, *inner]
        verb = "quote"
        found.append(_web(original.permalink if original else None) or "")
    selftext = one.selftext or ""
    words, links = plain(_text.clean(selftext[:MAX_MARKDOWN])) if selftext else ("", [])
    text, truncated = _text.body(f"{title}\n\n{words}" if words else title)
    if not one.is_self and one.url:
        found.append(one.url)
    return [
        msgspec.structs.replace(
            made,
            verb=verb,
            text=text,
            mentions=_mentions(text),
            links=_links(found + links),
            edited_at=_edited(one.edited, now),
            truncated=truncated or len(selftext) > MAX_MARKDOWN,
        )
    ]


def _original(one: Link) -> Link | None:
    """What a crosspost repeats, itself without a further original; None where it is not told."""
    try:
        parents = _decoded(_LINKS, one.crosspost_parent_list)
    except msgspec.ValidationError:
        return None
    for parent in parents:
        if parent.name == one.crosspost_parent:
            parent.crosspost_parent = None
            return parent
    return None


def _author(one: Link | Comment) -> Author | None:
    """None where the account was deleted; its stable id is absent in old and in the inbox's answers."""
    handle = _text.name(one.author)
    if handle is None or handle == "[deleted]":
        return None
    return Author(id=_text.ident(one.author_fullname) if one.author_fullname else None, handle=handle)


def _place(subreddit: str | None) -> str | None:
    """`r/name`, which never changes; where it is the profile of a person, that one's name."""
    if not subreddit:
        return None
    return _text.ident(subreddit[2:] if subreddit.startswith("u_") else f"r/{subreddit}")


def _mentions(text: str) -> tuple[Mention, ...]:
    signs = [at for at in (text.find("u/"), text.find("U/")) if at >= 0]
    if not signs:
        return ()
    named = {handle.lower(): handle for handle in reversed(_PERSON.findall(text, min(signs)))}
    return tuple(Mention(handle=handle) for handle in reversed(named.values()))


def _links(found: Iterable[str]) -> tuple[str, ...]:
    return _text.distinct([_text.web(address) or "" for address in found])


def _web(path: str | None) -> str | None:
    return _text.web(SITE + path) if path and path.startswith("/") else None


def _counts(**counted: int | None) -> dict[str, int]:
    """What is told; a score may be below 0."""
    return {name: _text.count(n) for name, n in counted.items() if n is not None}


def _edited(value: bool | float | None, now: datetime) -> datetime | None:
    """False, a time, or (very old edits) true without one."""
    return None if isinstance(value, bool) or value is None else _times.believable(_when(value), now)
