"""RSS, RDF, Atom and CDF -> items, read by feedparser. https://feedparser.readthedocs.io/

Never given an address, a name or a string, of which feedparser would make a look-up: only bytes. It reads
leniently and keeps what stands before a break. Surprising: it does not expand declared entities, yet a
document that nests them or fetches them is refused before, because nothing honest does so; a plain
DOCTYPE and a flat entity of a good feed pass.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import feedparser
import msgspec

from connectors._base import Garbled
from connectors._feed_item import Item
from connectors._html import plain

_ENTITY = re.compile(rb"<!ENTITY\s+(?:%\s+)?(\S+)\s+(SYSTEM|PUBLIC|\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_REFERENCE = re.compile(rb"&([A-Za-z_][\w.-]*);")
_PREFIX = re.compile(rb"(</?)rss:")
_PROLOGUE = re.compile(rb"<\?xml[^<>]*\?>")
_ROOT = re.compile(rb"<(?:rdf:RDF|rss|feed|channel)[\s>]", re.IGNORECASE)
_ALTERNATE = re.compile(r"<link\b[^>]*>", re.IGNORECASE)
_FEED_TYPE = re.compile(r"""type\s*=\s*["']?application/(?:rss\+xml|atom\+xml|feed\+json)""", re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
MAX_EXPANSION = 1_000_000
"""Bytes that a document's flat entities may stand for altogether."""

_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}


class Document(msgspec.Struct):
    """The items of a feed, how long it asks to be left alone (seconds), and whether it was whole."""

    items: list[Item]
    pause: float | None = None
    whole: bool = True


def read(body: bytes, *, base: str, content_type: str | None) -> Document:
    """A document as items. Raises Garbled for bombs, for HTML (naming the feeds it links to) and for no feed."""
    refuse_bombs(body)
    headers = {"content-location": base}
    if content_type:
        headers["content-type"] = content_type
    parsed = _parsed(body, headers)
    if not parsed.get("entries") and b"<rss:item" in body:
        # RSS has no namespace, yet some generators prefix its elements
        parsed = _parsed(_PREFIX.sub(rb"\1", _PROLOGUE.sub(b"", body)), headers)
    if not parsed.get("version") and not parsed.get("entries") and not _ROOT.search(body[:4096]):
        raise Garbled(_no_feed(body))
    language = _attribute(parsed.feed, "language")
    entries = parsed.entries
    if parsed.get("bozo") and not any(end in body[-1_000:].lower() for end in _ENDS):
        # cut off on its way: its last entry has half of its words, and may have lost what names it
        entries = entries[:-1]
    return Document(
        items=[_item(entry, language) for entry in entries],
        pause=_pause(parsed.feed),
        whole=not parsed.get("bozo"),
    )


_ENDS = (b"</rss", b"</feed", b"</rdf:rdf", b"</channel")


def _parsed(body: bytes, headers: Mapping[str, str]) -> Any:
    try:
        return feedparser.parse(
            BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as error:
        # feedparser raises what its parts raise on documents that nobody foresaw
        raise Garbled(f"feedparser cannot read this document ({type(error).__name__})") from None


def refuse_bombs(body: bytes) -> None:
    """Raises Garbled where declared entities nest, come from elsewhere or stand for too much."""
    if b"<!ENTITY" not in body and b"<!entity" not in body:
        return
    flat: dict[bytes, int] = {}
    for found in _ENTITY.finditer(body):
        value = found[2]
        if value[:1] not in {b'"', b"'"}:
            raise Garbled("this document's entities come from elsewhere: refused")
        if any(name in flat or name == found[1] for name in _REFERENCE.findall(value)):
            raise Garbled("this document's entities nest: refused")
        flat[found[1]] = len(value)
    expansion = sum(flat.get(name, 0) for name in _REFERENCE.findall(body))
    if expansion > MAX_EXPANSION:
        raise Garbled("this document's entities stand for too much: refused")


def _no_feed(body: bytes) -> str:
    """The sentence for what is no feed, with the feeds that a page of HTML offers."""
    head = body[:200_000].decode("utf-8", "replace")
    if "<html" not in head.lower() and "<!doctype html" not in head.lower():
        return "this is no feed: neither RSS, Atom, CDF nor JSON Feed"
    offered = [
        href[1]
        for link in _ALTERNATE.findall(head)
        if _FEED_TYPE.search(link) and (href := _HREF.search(link)) is not None
    ]
    if offered:
        return f"this is a page of HTML, not a feed; it offers {', '.join(offered[:5])[:500]}"
    return "this is a page of HTML, not a feed, and it names none"


def _item(entry: Mapping[str, Any], language: str | None) -> Item:
    detail = _mapping(entry, "author_detail")
    content, content_language = _content(entry)
    parent = _parent(entry)
    email = _string(detail, "email")
    return Item(
        id=_string(entry, "id"),
        link=_string(entry, "link") or _alternate(entry),
        title=_string(entry, "title"),
        content=content,
        published=_moment(entry, "published_parsed") or _moment(entry, "created_parsed"),
        updated=_moment(entry, "updated_parsed"),
        stamp=_string(entry, "published") or _string(entry, "updated") or "",
        author_id=_string(detail, "href") or (f"mailto:{email}" if email else None),
        author_name=_string(detail, "name") or (None if email else _string(entry, "author")),
        tags=[term for tag in _rows(entry, "tags") if (term := _string(tag, "term"))],
        links=[
            href
            for link in (*_rows(entry, "enclosures"), *_rows(entry, "links"))
            if (href := _string(link, "href")) and link.get("rel") in {"enclosure", "related", "via", None}
        ],
        lang=content_language or language,
        parent=parent,
        thread=_string(entry, "comments") if parent is None else None,
        counts=_counts(entry),
        raw=_shown(entry),
    )


def _content(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The fullest text there is, and its language: content, else description or summary."""
    best: Mapping[str, Any] = {}
    for part in (*_rows(entry, "content"), _mapping(entry, "summary_detail")):
        if len(part.get("value") or "") > len(best.get("value") or ""):
            best = part
    title = _mapping(entry, "title_detail")
    text = best.get("value") or _string(entry, "summary") or _string(entry, "description")
    if best.get("type") == "text/plain" and text:
        text = text.replace("&", "&amp;").replace("<", "&lt;")
    return text or None, _string(best, "language") or _string(title, "language")


def _parent(entry: Mapping[str, Any]) -> str | None:
    """What this item answers, by the Atom threading extension (RFC 4685)."""
    found = entry.get("thr_in-reply-to") or entry.get("in-reply-to")
    if isinstance(found, Mapping):
        return _string(found, "ref") or _string(found, "href")
    return None


def _alternate(entry: Mapping[str, Any]) -> str | None:
    return next((href for link in _rows(entry, "links") if (href := _string(link, "href"))), None)


def _counts(entry: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    replies = _string(entry, "slash_comments") or _string(entry, "thr_total")
    if replies and replies.strip().isdecimal() and len(replies) < 10:
        counts["replies"] = int(replies)
    views = _string(_mapping(entry, "media_statistics"), "views")
    if views and views.strip().isdecimal() and len(views) < 16:
        counts["views"] = int(views)
    return counts


def _pause(feed: Mapping[str, Any]) -> float | None:
    """The longest of the feed's own wishes to be left alone, in seconds."""
    wishes: list[float] = []
    ttl = _string(feed, "ttl")
    if ttl and ttl.strip().isdecimal() and len(ttl) < 8:
        wishes.append(int(ttl) * 60.0)
    period = _PERIODS.get((_string(feed, "sy_updateperiod") or "").strip().lower())
    if period:
        often = (_string(feed, "sy_updatefrequency") or "1").strip()
        wishes.append(period / (int(often) if often.isdecimal() and len(often) < 5 and int(often) else 1))
    return max(wishes, default=None)


def _moment(entry: Mapping[str, Any], key: str) -> datetime | None:
    """One of feedparser's parsed times. `dict.get`, because its own `get` lends times to each other."""
    value = dict.get(entry, key) if isinstance(entry, dict) else None
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(value), UTC)
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        return None


def _string(of: Mapping[str, Any], key: str) -> str | None:
    value = dict.get(of, key) if isinstance(of, dict) else of.get(key)
    return value if isinstance(value, str) and value.strip() else None


def _attribute(of: Any, key: str) -> str | None:
    return _string(of, key) if isinstance(of, Mapping) else None


def _mapping(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = of.get(key)
    return value if isinstance(value, Mapping) else {}


def _rows(of: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = of.get(key)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _shown(entry: Mapping[str, Any]) -> str:
    """What there is of an item, for quarantine: feedparser does not keep the source."""
    return plain(repr(dict(entry)))[0][:4_000]
