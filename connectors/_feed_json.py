"""JSON Feed 1.0 and 1.1 -> items. https://www.jsonfeed.org/version/1.1/

Surprising: an id may be a number, and 1.0 has one `author` where 1.1 has `authors`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from connectors import _times
from connectors._base import Answer, Garbled, Reject
from connectors._decode import envelope, raw_text
from connectors._feed_item import Item


class Person(msgspec.Struct):
    name: str | None = None
    url: str | None = None


class Attachment(msgspec.Struct):
    url: str | None = None


class Entry(msgspec.Struct):
    id: str | int | float | None = None
    url: str | None = None
    external_url: str | None = None
    title: str | None = None
    content_html: str | None = None
    content_text: str | None = None
    summary: str | None = None
    date_published: str | None = None
    date_modified: str | None = None
    author: Person | None = None
    authors: list[Person] | None = None
    tags: list[str] | None = None
    language: str | None = None
    attachments: list[Attachment] | None = None


class Feed(msgspec.Struct):
    """What the whole feed says. Only `items` must have its shape: the rest is decoration to us."""

    version: Any = None
    items: list[msgspec.Raw] | None = None
    language: Any = None
    author: Any = None
    authors: Any = None


_VERSION = re.compile(r"jsonfeed\.org|^1(\.[01])?$")
"""The format's own address, or the bare number that some write for it."""

_FEED = msgspec.json.Decoder(Feed)
_ENTRY = msgspec.json.Decoder(Entry)


def items(answer: Answer) -> tuple[list[Item], list[Reject]]:
    """The items of a JSON Feed. Raises Garbled where the document is JSON but no feed."""
    feed = envelope(_FEED, answer, "the feed")
    if not _VERSION.search(str(feed.version or "")):
        raise Garbled("this is JSON, but no JSON Feed")
    persons = _people(feed)
    found: list[Item] = []
    rejects: list[Reject] = []
    for raw in feed.items or ():
        try:
            entry = _ENTRY.decode(raw)
        except msgspec.ValidationError as error:
            rejects.append(Reject(raw=raw_text(raw), reason=f"no item of a feed: {error}"))
            continue
        found.append(_item(entry, persons, feed.language, raw))
    return found, rejects


def _people(feed: Feed) -> list[Person]:
    try:
        return msgspec.convert(feed.authors or [feed.author], list[Person])
    except msgspec.ValidationError:
        return []


def _item(entry: Entry, persons: list[Person], language: object, raw: msgspec.Raw) -> Item:
    people = entry.authors or ([entry.author] if entry.author else persons)
    person = people[0] if people else None
    links = [entry.external_url, *(a.url for a in entry.attachments or ())]
    return Item(
        id=None if entry.id is None else str(entry.id),
        link=entry.url or entry.external_url,
        title=entry.title,
        content=entry.content_html or entry.content_text or entry.summary,
        content_is_html=bool(entry.content_html),
        published=_times.parse(entry.date_published),
        updated=_times.parse(entry.date_modified),
        stamp=entry.date_published or "",
        author_id=person.url if person else None,
        author_name=person.name if person else None,
        tags=entry.tags or [],
        links=[link for link in links if link],
        lang=entry.language or (language if isinstance(language, str) else None),
        raw=raw_text(raw),
    )
