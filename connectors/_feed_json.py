"""JSON Feed 1.0 and 1.1 -> items. https://www.jsonfeed.org/version/1.1/

Surprising: an id may be a number, and 1.0 has one `author` where 1.1 has `authors`.
"""

from __future__ import annotations

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
    version: str | int | float | None = None
    items: list[msgspec.Raw] | None = None
    language: str | None = None
    author: Person | None = None
    authors: list[Person] | None = None


_FEED = msgspec.json.Decoder(Feed)
_ENTRY = msgspec.json.Decoder(Entry)


def items(answer: Answer) -> tuple[list[Item], list[Reject]]:
    """The items of a JSON Feed. Raises Garbled where the document is JSON but no feed."""
    feed = envelope(_FEED, answer, "the feed")
    if "jsonfeed.org" not in str(feed.version or ""):
        raise Garbled("this is JSON, but no JSON Feed")
    found: list[Item] = []
    rejects: list[Reject] = []
    for raw in feed.items or ():
        try:
            entry = _ENTRY.decode(raw)
        except msgspec.ValidationError as error:
            rejects.append(Reject(raw=raw_text(raw), reason=f"no item of a feed: {error}"))
            continue
        found.append(_item(entry, feed, raw))
    return found, rejects


def _item(entry: Entry, feed: Feed, raw: msgspec.Raw) -> Item:
    people = entry.authors or ([entry.author] if entry.author else None) or feed.authors
    person = people[0] if people else feed.author
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
        lang=entry.language or feed.language,
        raw=raw_text(raw),
    )
