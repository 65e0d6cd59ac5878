"""RSS, Atom and JSON Feed: news, blogs, forums, release notes, comments.

https://www.rssboard.org/rss-specification, RFC 4287, https://www.jsonfeed.org/. A watch's term is the
feed's address; its host is not used. Surprising: what a document is, only its bytes tell (types and
names of files lie), many servers send the same body again although they were asked only for news, and
a feed that leaves an item out has not deleted it.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import msgspec

from connectors import _feed_json, _feed_xml
from connectors._base import Answer, Cursor, Garbled, Gone, Http, Need, Page, Reject, Spend, Watch
from connectors._feed_item import Item, posts

platform = "feeds"
default_host: str | None = None
interval = 900.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "feed": Need(
            term="the address of an RSS, Atom or JSON feed",
            example="https://blog.example.com/feed.xml",
            credential="none",
        )
    }
)

ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
MAX_FEED = 5_000_000
"""Bytes of a feed after unpacking; reading it takes half a second of CPU per million."""

MAX_PAUSE = 86_400.0
_ASIDE = 200_000
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*(\d{1,9})", re.IGNORECASE)


class _Stand(msgspec.Struct, omit_defaults=True):
    """The cursor: the validators as they came, the body's digest, and ids that are given out twice."""

    etag: str | None = None
    modified: str | None = None
    digest: str | None = None
    shared: list[str] = []


_STAND = msgspec.json.Decoder(_Stand)


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One document, one page. An unchanged one is an empty page."""
    if watch.kind != "feed":
        raise Gone(f"feeds have no watch of the kind {watch.kind!r}")
    stand = _stand(cursor)
    headers = {"accept": ACCEPT}
    if stand.etag:
        headers["if-none-match"] = stand.etag
    if stand.modified:
        headers["if-modified-since"] = stand.modified
    answer = await http.get(watch.term.strip(), headers=headers, endpoint="feed")
    pause = _max_age(answer)
    if answer.status == 304:
        return Page(
            posts=(), rejects=(), cursor=_cursor(stand, answer, stand.digest, stand.shared), pause=pause
        )
    body = unpacked(answer.body)
    digest = blake2b(body, digest_size=12).hexdigest()
    if digest == stand.digest:
        return Page(posts=(), rejects=(), cursor=_cursor(stand, answer, digest, stand.shared), pause=pause)
    # reading is pure CPU: a large document must not hold up the other sources of this process
    reading = asyncio.to_thread(_read, answer, body) if len(body) > _ASIDE else None
    items, rejects, wish = await reading if reading is not None else _read(answer, body)
    made = posts(items, feed=watch.term.strip(), base=answer.url, now=watch.now, shared=stand.shared)
    wishes = [wish for wish in (pause, wish) if wish]
    return Page(
        posts=made.posts,
        rejects=(*rejects, *made.rejects),
        cursor=_cursor(stand, answer, digest, made.shared),
        pause=min(max(wishes), MAX_PAUSE) if wishes else None,
    )


def _read(answer: Answer, body: bytes) -> tuple[list[Item], list[Reject], float | None]:
    """Items by what the bytes are: a brace begins JSON, all else is left to feedparser."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise Garbled("this feed's body is empty")
    if start[:1] in {b"{", b"["}:
        found, rejects = _feed_json.items(msgspec.structs.replace(answer, body=body))
        return found, rejects, None
    document = _feed_xml.read(body, base=answer.url, content_type=answer.headers.get("content-type"))
    return document.items, [], document.pause


def unpacked(body: bytes) -> bytes:
    """A body that is gzip without saying so is opened. Raises Garbled beyond MAX_FEED."""
    if body[:2] == b"\x1f\x8b":
        try:
            body = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, MAX_FEED + 1)
        except zlib.error:
            raise Garbled("this feed's body is gzip, but damaged") from None
    if len(body) > MAX_FEED:
        raise Garbled(f"this feed is larger than {MAX_FEED} bytes")
    return body


def _stand(cursor: Cursor | None) -> _Stand:
    if cursor is None:
        return _Stand()
    try:
        return _STAND.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of a feed's", cursor=True) from None


def _cursor(before: _Stand, answer: Answer, digest: str | None, shared: list[str]) -> Cursor:
    """Validators exactly as they came; a 304 that brings none leaves the old ones."""
    etag, modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    if answer.status == 304:
        etag, modified = etag or before.etag, modified or before.modified
    stand = _Stand(etag=_short(etag), modified=_short(modified), digest=digest, shared=shared)
    return Cursor(msgspec.json.encode(stand).decode())


def _short(value: str | None) -> str | None:
    return value if value and len(value) <= 1024 and value.isprintable() else None


def _max_age(answer: Answer) -> float | None:
    found = _MAX_AGE.search(answer.headers.get("cache-control", ""))
    return min(float(found[1]), MAX_PAUSE) if found and int(found[1]) else None
