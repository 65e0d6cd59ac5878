"""A status as Mastodon writes it, and as we keep it.

https://docs.joinmastodon.org/entities/Status/. Surprising: ids are of the server that was asked and mean
nothing elsewhere; `uri` is the post's one name in the fediverse, but what a post answers is given by such
a local id only. A reply therefore names its parent's `uri` where the page holds the parent, and else
`{netloc}/{id}`, which is the parent's `local_id`: join `reply_to` with either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from connectors import _text, _times
from connectors._base import Author, Mention, Post, Reject, Verb, Visibility
from connectors._decode import raw_text
from connectors._html import plain

MAX_HTML = 1_000_000


class Account(msgspec.Struct, gc=False):
    id: str | int
    acct: str = ""
    url: str | None = None
    uri: str | None = None
    display_name: str | None = None
    bot: bool | None = None


class Mentioned(msgspec.Struct, gc=False):
    id: str | int | None = None
    url: str | None = None
    acct: str | None = None


class Tag(msgspec.Struct, gc=False):
    name: str = ""
    url: str | None = None


class Card(msgspec.Struct, gc=False):
    url: str | None = None


class Quoted(msgspec.Struct, gc=False):
    uri: str | None = None
    url: str | None = None


class Quote(msgspec.Struct, gc=False):
    state: str | None = None
    quoted_status: Quoted | None = None


class Status(msgspec.Struct, gc=False):
    id: str | int
    uri: str
    created_at: datetime
    account: Account
    content: str | None = None
    url: str | None = None
    in_reply_to_id: str | int | None = None
    in_reply_to_account_id: str | int | None = None
    spoiler_text: str | None = None
    visibility: str | None = None
    language: str | None = None
    edited_at: datetime | None = None
    mentions: list[Mentioned] | None = None
    tags: list[Tag] | None = None
    card: Card | None = None
    quote: Quote | None = None
    reblog: Status | None = None
    replies_count: int | None = None
    reblogs_count: int | None = None
    favourites_count: int | None = None
    quotes_count: int | None = None


_STATUS = msgspec.json.Decoder(Status)
_VISIBILITY: Mapping[str, Visibility] = {"public": "public", "unlisted": "unlisted", "direct": "direct"}


def statuses(items: Sequence[msgspec.Raw | Status]) -> tuple[list[Status], list[Reject]]:
    """Every status that can be read, or was, and what the others were."""
    read: list[Status] = []
    rejects: list[Reject] = []
    for item in items:
        if isinstance(item, Status):
            read.append(item)
            continue
        try:
            read.append(_STATUS.decode(item))
        except (msgspec.ValidationError, RecursionError) as error:
            rejects.append(Reject(raw=raw_text(item), reason=f"no status: {error}"))
    return read, rejects


def posts(
    read: list[Status], *, host: str, now: datetime, thread: str | None = None
) -> tuple[list[Post], list[Reject]]:
    """Statuses as posts; one that boosts another becomes two, the repost and what it repeats.

    `host` is the base URL that was asked; `thread` is the root that all replies share, where it is known.
    """
    netloc = urlsplit(host).netloc
    whole = [inner for status in read for inner in _both(status)]
    page = _Page(
        netloc=netloc,
        now=now,
        thread=thread,
        uris={str(s.id): s.uri for s in whole},
        authors={str(s.account.id): author_id(s.account) for s in whole},
        urls={s.account.url: author_id(s.account) for s in whole if s.account.url},
    )
    made: list[Post] = []
    rejects: list[Reject] = []
    for status in whole:
        if not status.uri.strip():
            rejects.append(Reject(raw=raw_text(msgspec.json.encode(status)), reason="its uri is empty"))
            continue
        post = _post(status, page)
        if post is None:
            reason = f"created_at is no time we believe: {status.created_at.isoformat()}"
            rejects.append(Reject(raw=raw_text(msgspec.json.encode(status)), reason=reason))
        else:
            made.append(post)
    return made, rejects


def author_id(account: Account) -> str | None:
    """The actor's URI (Mastodon 4.2 and later), else its profile's URL."""
    value = account.uri or account.url
    return _text.ident(value) if value else None


def created(status: Status) -> datetime | None:
    """When it says it was written, in UTC."""
    return _times.utc(status.created_at)


class _Page(msgspec.Struct):
    """What the statuses of one page know about each other."""

    netloc: str
    now: datetime
    thread: str | None
    uris: Mapping[str, str]
    authors: Mapping[str, str | None]
    urls: Mapping[str, str | None]


def _both(status: Status) -> Iterator[Status]:
    yield status
    if status.reblog is not None:
        yield status.reblog


def _post(status: Status, page: _Page) -> Post | None:
    posted_at = _times.believable(_times.utc(status.created_at), page.now)
    if posted_at is None:
        return None
    account = status.account
    author = Author(
        id=author_id(account),
        handle=_handle(account.acct, account.url or account.uri, page.netloc),
        name=_text.name(account.display_name),
        bot=bool(account.bot),
    )
    local_id = f"{page.netloc}/{status.id}"
    url = _text.web(status.url) or _text.web(status.uri)
    if status.reblog is not None:
        return Post(
            id=_text.ident(status.uri),
            posted_at=posted_at,
            verb="repost",
            author=author,
            url=url,
            local_id=local_id,
            repost_of=_text.ident(status.reblog.uri),
            visibility=_visibility(status.visibility),
        )
    html = status.content or ""
    seen, anchors = plain(html[:MAX_HTML])
    text, truncated = _text.body(seen)
    mentions = status.mentions or ()
    parent = None if status.in_reply_to_id is None else str(status.in_reply_to_id)
    reply_to = None
    if parent is not None:
        reply_to = page.uris.get(parent)
        reply_to = _text.ident(reply_to) if reply_to else f"{page.netloc}/{parent}"
    edited = _times.believable(_times.utc(status.edited_at), page.now) if status.edited_at else None
    return Post(
        id=_text.ident(status.uri),
        posted_at=posted_at,
        verb=_verb(status),
        text=text,
        author=author,
        url=url,
        local_id=local_id,
        reply_to=reply_to,
        reply_to_author=_answered(status, page) if parent is not None else None,
        thread=page.thread if parent is not None else None,
        mentions=tuple(_mention(m, page) for m in mentions if m.url or m.acct),
        hashtags=_text.distinct([_text.tag(t.name) for t in status.tags]) if status.tags else (),
        links=_links(status, anchors),
        lang=_text.language(status.language),
        warning=_text.name(status.spoiler_text),
        counts=_counts(status),
        visibility=_visibility(status.visibility),
        edited_at=edited,
        truncated=truncated or len(html) > MAX_HTML,
    )


def _counts(status: Status) -> dict[str, int]:
    """The first three are documented as always there: 0 is told, and what is missing is not."""
    named = (
        ("replies", status.replies_count),
        ("reposts", status.reblogs_count),
        ("likes", status.favourites_count),
        ("quotes", status.quotes_count),
    )
    return {name: _text.count(n) for name, n in named if n is not None}


def _verb(status: Status) -> Verb:
    if status.quote is not None and status.quote.state == "accepted":
        return "quote"
    return "comment" if status.in_reply_to_id is not None else "post"


def _visibility(value: str | None) -> Visibility:
    """An unknown one (`local`, `mutuals_only`) is somebody's wish for fewer readers: private."""
    return _VISIBILITY.get(value, "private") if value else "public"


def _handle(acct: str | None, url: str | None, netloc: str) -> str | None:
    """`acct` is bare for accounts of the server that was asked: qualified by where the account lives."""
    acct = _text.name(acct)
    if acct is None or "@" in acct:
        return acct
    try:
        home = urlsplit(url or "").netloc
    except ValueError:
        home = ""
    return f"{acct}@{home or netloc}"


def _mention(mentioned: Mentioned, page: _Page) -> Mention:
    """A mention carries a profile's URL, which is no stable id; the actor's URI is, where the page tells it."""
    url = mentioned.url
    known = page.urls.get(url) if url else None
    return Mention(id=known, handle=_handle(mentioned.acct, url, page.netloc))


def _answered(status: Status, page: _Page) -> str | None:
    """The stable id of the author that is answered, from whoever on the page knows it."""
    if status.in_reply_to_account_id is None:
        return None
    local = str(status.in_reply_to_account_id)
    known = page.authors.get(local)
    if known:
        return known
    for mentioned in status.mentions or ():
        if str(mentioned.id) == local and mentioned.url:
            return page.urls.get(mentioned.url) or _text.ident(mentioned.url)
    return None


def _links(status: Status, anchors: list[tuple[str, str]]) -> tuple[str, ...]:
    """Addresses that the post points to: not the profiles and hashtags that it names."""
    if not anchors and status.card is None and status.quote is None:
        return ()
    names = {m.url for m in status.mentions or ()} | {t.url for t in status.tags or ()}
    found = [
        _text.web(address) or ""
        for address, classes in anchors
        if "mention" not in classes and "hashtag" not in classes and address not in names
    ]
    if status.card is not None:
        found.append(_text.web(status.card.url) or "")
    quoted = status.quote.quoted_status if status.quote is not None else None
    if quoted is not None:
        found.append(_text.web(quoted.url) or _text.web(quoted.uri) or "")
    return _text.distinct(found)
