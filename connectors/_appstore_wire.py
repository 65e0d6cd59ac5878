"""A review as Apple's customer review feed writes it, and as we keep it.

Every value stands in an object with a `label`. Surprising: in older feeds the first entry is the app itself; it
has a name (`im:name`) and no rating.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
from msgspec import Raw, field

from connectors import _text, _times
from connectors._base import Answer, Author, Garbled, Post, Reject
from connectors._decode import envelope, raw_text


class Label(msgspec.Struct):
    label: str = ""


class Writer(msgspec.Struct):
    name: Label | None = None
    uri: Label | None = None


class Entry(msgspec.Struct):
    id: Label | None = None
    author: Writer | None = None
    rating: Label | None = field(name="im:rating", default=None)
    title: Label | None = None
    content: Label | list[Label] | None = None
    updated: Label | None = None
    link: Raw = Raw(b"null")
    app: Raw = field(name="im:name", default=Raw(b""))
    votes: Label | None = field(name="im:voteCount", default=None)
    helpful: Label | None = field(name="im:voteSum", default=None)


class _Feed(msgspec.Struct):
    entry: Raw = Raw(b"[]")


class _Body(msgspec.Struct):
    feed: _Feed


class _Target(msgspec.Struct):
    href: str | None = None


class _Link(msgspec.Struct):
    attributes: _Target


_BODY = msgspec.json.Decoder(_Body)
_ENTRIES = msgspec.json.Decoder(list[Raw])
_ENTRY = msgspec.json.Decoder(Entry)
_LINK = msgspec.json.Decoder(_Link)
_NUMBERED = re.compile(r"/id([0-9]{1,20})/?$")


def entries(answer: Answer) -> list[Raw]:
    """What stands in a page: a list, an object that is the only one, or nothing."""
    entry = envelope(_BODY, answer, "the page of reviews").feed.entry
    if bytes(entry).startswith(b"{"):
        return [entry]
    try:
        return _ENTRIES.decode(entry)
    except msgspec.ValidationError as error:
        raise Garbled(f"the page of reviews has another shape: {error}") from None


def review(item: Raw, *, place: str, now: datetime, undated: datetime) -> Post | Reject | None:
    """An entry as a post, dated `undated` where it tells no time; None for the app itself."""
    try:
        entry = _ENTRY.decode(item)
    except msgspec.ValidationError as error:
        return Reject(raw=raw_text(item), reason=f"no review: {error}")
    if entry.rating is None and bytes(entry.app):
        return None
    identifier = _label(entry.id)
    stars = _label(entry.rating)
    if not identifier:
        return Reject(raw=raw_text(item), reason="a review without its id")
    if stars not in {"1", "2", "3", "4", "5"}:
        return Reject(raw=raw_text(item), reason="a review without one to five stars")
    at = _times.believable(_times.parse(_label(entry.updated)), now)
    if at is None and _label(entry.updated):
        return Reject(raw=raw_text(item), reason="updated is no time we believe")
    text, truncated = _text.body(_words(entry))
    return Post(
        id=_text.ident(identifier),
        posted_at=at or undated,
        edited_at=at,
        verb="review",
        text=text,
        author=_author(entry.author),
        url=_url(entry.link),
        place=place,
        rating=float(stars),
        counts=_counts(entry),
        truncated=truncated,
    )


def _label(value: Label | None) -> str:
    return value.label.strip() if value is not None else ""


def _words(entry: Entry) -> str:
    """The title, and below it what was written."""
    content = entry.content
    if isinstance(content, list):
        content = content[0] if content else None
    return "\n".join(part for part in (_label(entry.title), _label(content)) if part)


def _author(writer: Writer | None) -> Author | None:
    """Known by the number in the address of all their reviews, which is the same in every country."""
    if writer is None:
        return None
    uri = _label(writer.uri)
    numbered = _NUMBERED.search(uri)
    identifier = numbered[1] if numbered else uri
    name = _text.name(_label(writer.name))
    if not identifier and not name:
        return None
    return Author(id=_text.ident(identifier) if identifier else None, name=name)


def _url(link: Raw) -> str | None:
    try:
        return _text.web(_LINK.decode(link).attributes.href)
    except msgspec.ValidationError:
        return None


def _counts(entry: Entry) -> dict[str, int]:
    named = (("votes", _label(entry.votes)), ("helpful", _label(entry.helpful)))
    return {name: _text.count(int(n)) for name, n in named if n.isdecimal() and len(n) < 19}
