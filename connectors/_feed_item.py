"""An item of any feed, and what becomes of it: who it is, when it was said, what it says.

Surprising: feeds break their own rules of identity daily. An id may be empty on six items at once, shared
by two, or be a bare number that every other feed uses as well. So: an id that is a URI is taken as it is
(two feeds of one site then tell the same article once); any other is qualified by the feed's address;
without one the link is the id, and without a link a digest of title and date. Where one page gives the
same id to different items, the ids of all of them carry a digest of their link or title.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import urljoin

import msgspec

from connectors import _text, _times
from connectors._base import Author, Post, Reject
from connectors._html import plain

_URI = re.compile(r"(?:https?://\S+\.|urn:|tag:)\S+", re.IGNORECASE)
_MISSING = datetime(1971, 1, 1, tzinfo=UTC)
"""Times before are a program's way to say that it has none."""


class Item(msgspec.Struct, kw_only=True):
    """One item as a feed's format gives it, before we judge any of it. Texts may be HTML."""

    id: str | None = None
    link: str | None = None
    title: str | None = None
    content: str | None = None
    content_is_html: bool = True
    published: datetime | None = None
    updated: datetime | None = None
    stamp: str = ""
    author_id: str | None = None
    author_name: str | None = None
    tags: list[str] = []
    links: list[str] = []
    lang: str | None = None
    parent: str | None = None
    thread: str | None = None
    counts: Mapping[str, int] = {}
    raw: str = ""


class Made(msgspec.Struct, frozen=True):
    """The items of a page as posts, and which ids the page gave to more than one."""

    posts: tuple[Post, ...]
    rejects: tuple[Reject, ...]
    shared: list[str]


def posts(
    items: Sequence[Item], *, feed: str, base: str, now: datetime, shared: Collection[str] = ()
) -> Made:
    """Items as posts, each different one once.

    `feed` is the address that was asked for, `base` the one that answered (relative links start there),
    `shared` the digests of ids that earlier pages gave to more than one item.
    """
    made: list[Post] = []
    rejects: list[Reject] = []
    keyed: list[tuple[str, Item]] = []
    faces: dict[str, set[str]] = defaultdict(set)
    for item in items:
        key = _key(item, feed, base)
        if key is None:
            rejects.append(Reject(raw=item.raw, reason="an item without id, link, title and text"))
            continue
        keyed.append((key, item))
        faces[key].add(_face(item, base))
    shared = {*shared, *(_digest(key) for key, seen in faces.items() if len(seen) > 1)}
    for key, item in keyed:
        if _digest(key) in shared:
            key = f"{key}#{_digest(_face(item, base))}"
        made.append(_post(item, key, base, now))
    return Made(tuple(made), tuple(rejects), sorted(shared)[:200])


def _key(item: Item, feed: str, base: str) -> str | None:
    given = (item.id or "").strip()
    if given:
        return given if _URI.match(given) else f"{feed}#{given}"
    link = _text.web(_joined(base, item.link)) if item.link else None
    if link:
        return link
    title, content = (item.title or "").strip(), (item.content or "").strip()
    if not title and not content:
        return None
    return f"{feed}#{_digest(title, item.stamp or content)}"


def _face(item: Item, base: str) -> str:
    """What tells two items apart that bear the same id: where they lead, else how they are headed.

    An item with the same link and the same title is the same item once more.
    """
    return (item.link or "").strip() or (item.title or "").strip() or (item.content or "")[:1000]


def _post(item: Item, key: str, base: str, now: datetime) -> Post:
    title, _ = plain((item.title or "")[:20_000])
    content = (item.content or "")[:1_000_000]
    body, anchors = plain(content) if item.content_is_html else (content.strip(), [])
    if title and body and not body.startswith(title):
        body = f"{title}\n\n{body}"
    text, truncated = _text.body(body or title)
    posted_at, edited_at = _dates(item, now)
    found = [*(address for address, _ in anchors), *item.links]
    links = [_text.web(_joined(base, address)) or "" for address in found[:200]]
    author = None
    if item.author_id or item.author_name:
        author = Author(
            id=_text.ident(item.author_id) if item.author_id else None, name=_text.name(item.author_name)
        )
    return Post(
        id=_text.ident(key),
        posted_at=posted_at,
        verb="comment" if item.parent else "post",
        text=text,
        author=author,
        url=_text.web(_joined(base, item.link)) if item.link else _text.web(item.id),
        reply_to=_text.ident(item.parent) if item.parent else None,
        thread=_text.ident(item.thread) if item.thread else None,
        hashtags=_text.distinct([_text.tag(t) for t in item.tags[:100]]),
        links=_text.distinct(links),
        lang=_text.language(item.lang),
        counts=item.counts,
        edited_at=edited_at,
        truncated=truncated,
    )


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return ""


def _dates(item: Item, now: datetime) -> tuple[datetime, datetime | None]:
    """When it was said and when it was changed. Without a date: now, which is when we first saw it.

    Dates of the last century are true (archives are feeds too) and become the floor: old stays old.
    """
    published = _known(item.published)
    updated = _known(item.updated)
    said = published or updated
    if said is None:
        return now, None
    posted_at = min(max(said, _times.FLOOR), now)
    if published and updated and updated > published:
        return posted_at, min(max(updated, posted_at), now)
    return posted_at, None


def _known(when: datetime | None) -> datetime | None:
    return when if when is not None and when >= _MISSING else None


def _digest(*parts: str) -> str:
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()
