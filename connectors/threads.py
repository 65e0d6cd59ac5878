"""Threads: a search, the replies to our own posts, our mentions, one conversation.

https://developers.facebook.com/docs/threads. Replies are found under our 25 newest posts (see `_graph_nested`): a
post says only that it has replies, not how many, so each that has some is visited in every sweep. A conversation is
shown of our own posts alone. Surprising: until Meta has approved `threads_keyword_search` a search finds nothing but
our own posts, and a word that Meta calls sensitive nothing at all; a repost is a post without words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import msgspec

from connectors import _backwards as backwards
from connectors import _graph as graph
from connectors import _graph_nested as nested
from connectors import _text, _times
from connectors._base import (
    Author,
    Cursor,
    Gone,
    Held,
    Http,
    Login,
    Mention,
    Need,
    Page,
    Post,
    Quota,
    Reject,
    Session,
    Spend,
    Verb,
    Watch,
)
from connectors._failing import fewer
from connectors._graph import Ref
from connectors._graph_inbound import Change, receiver
from connectors._graph_nested import Below, Listing, Thing, Told, unreadable
from connectors._graph_session import only_delivers, renewed
from connectors._graph_thread import Asks
from connectors._graph_thread import visit as in_thread

platform = "threads"
default_host: str | None = "https://graph.threads.net"
interval = 300.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "search": Need(
            term="words, or a topic with its sign",
            example="acme",
            credential="required",
            scopes=("threads_basic", "threads_keyword_search"),
        ),
        "replies": Need(
            term="the account itself (@me)",
            example="@me",
            credential="required",
            scopes=("threads_basic", "threads_read_replies"),
        ),
        "mentions": Need(
            term="the account itself (@me)",
            example="@me",
            credential="required",
            scopes=("threads_basic", "threads_manage_mentions"),
        ),
        "thread": Need(
            term="the id of a post of our own",
            example="18010893412345678",
            credential="required",
            scopes=("threads_basic", "threads_read_replies"),
        ),
    }
)
secret = "; ".join(
    (
        "a long-lived access token of the account (sixty days, renewed by itself while it lives)",
        "for a webhook, the app's secret and the verify token, joined by a colon",
    )
)
quotas: Sequence[Quota] = (Quota(of="units", amount=2_200, period="day"),)
"""A unit is a search that found something."""

FROM_THE_START = nested.FROM_THE_START
PAGE_SIZE = 100
WINDOW = 25

_V = "v1.0"
_FOUND = "id,text,media_type,permalink,timestamp,username,has_replies,is_quote_post,is_reply"
_FIELDS = (
    "id,text,media_type,permalink,timestamp,username,has_replies,is_quote_post,is_reply,"
    "replied_to,root_post,quoted_post,reposted_post,link_attachment_url,topic_tag"
)


class _Item(msgspec.Struct, omit_defaults=True):
    id: str | int
    timestamp: str | None = None
    text: str | None = None
    media_type: str | None = None
    permalink: str | None = None
    username: str | None = None
    has_replies: bool | None = None
    is_quote_post: bool | None = None
    is_reply: bool | None = None
    replied_to: Ref | None = None
    root_post: Ref | None = None
    quoted_post: Ref | None = None
    reposted_post: Ref | None = None
    link_attachment_url: str | None = None
    topic_tag: str | None = None


_ITEM = msgspec.json.Decoder(_Item)


def cost(watch: Watch) -> Spend:
    """One request; a search takes a unit of its own quota, unless it finds nothing."""
    return Spend(units=1) if watch.kind == "search" else Spend()


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed."""
    name = term.strip()
    if kind == "search" and not name.lstrip("#"):
        raise Gone("a search takes a word")
    if kind in {"replies", "mentions"} and not re.fullmatch(r"@?me|[0-9]+", name):
        raise Gone("only the account itself can be followed: @me")
    if kind == "thread" and not name.isdigit():
        raise Gone("a thread is named by its post's id, a number")


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page."""
    match watch.kind:
        case "search":
            return await _search(http, watch, cursor)
        case "replies":
            return await nested.visit(_Replies(http, watch), watch, cursor)
        case "mentions":
            return await _list(
                http, watch, cursor, f"{_V}/{_me(watch)}/mentions", {"fields": _FIELDS}, "graph"
            )
        case "thread":
            return await _thread(http, watch, cursor)
        case other:
            raise Gone(f"threads has no watch of the kind {other!r}")


def _size(watch: Watch, most: int = PAGE_SIZE) -> int:
    return min(watch.page_size or most, most)


def _me(watch: Watch) -> str:
    return graph.node(watch.me or "me")


async def _search(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    term = watch.term.strip()
    mode = "TAG" if term.startswith("#") else "KEYWORD"
    params = {"q": term.lstrip("#"), "search_type": "RECENT", "search_mode": mode, "fields": _FOUND}
    page = await _list(http, watch, cursor, f"{_V}/keyword_search", params, "search")
    found = bool(page.posts or page.rejects)
    return msgspec.structs.replace(page, spent=Spend(units=int(found)))


async def _list(
    http: Http, watch: Watch, cursor: Cursor | None, path: str, params: Mapping[str, str], endpoint: str
) -> Page:
    walked = await graph.walk(
        http,
        watch,
        backwards.stand(cursor),
        path,
        params,
        lambda items: _posts(items, watch.now),
        size=_size(watch),
        endpoint=endpoint,
        what=f"the page of {watch.kind}",
        nextless=True,
    )
    return walked.page()


class _Replies:
    """Our own posts, and the conversation under each, all levels of it alike."""

    window = WINDOW

    def __init__(self, http: Http, watch: Watch) -> None:
        self._http, self._watch = http, watch

    def reach(self, thing: Thing) -> int:
        return 0

    async def listing(self, token: str | None) -> Listing:
        watch = self._watch
        found = await graph.edge(
            self._http,
            watch,
            f"{_V}/{_me(watch)}/threads",
            {"fields": _FIELDS},
            size=_size(watch, WINDOW),
            token=token,
            what="the list of our posts",
            nextless=True,
        )
        told = [_told(raw, watch) for raw in found.items]
        sightings = graph.sightings([one.post for one in told], watch.now)
        return Listing(told=told, sightings=sightings, token=found.token)

    async def below(self, thing: Thing, token: str | None, tries: int) -> Below:
        watch = self._watch
        found = await graph.edge(
            self._http,
            watch,
            f"{_V}/{graph.node(thing.id)}/conversation",
            {"fields": _FIELDS, "reverse": "true"},
            size=fewer(_size(watch), tries),
            token=token,
            what="the conversation",
            nextless=True,
        )
        posts = _posts(found.items, watch.now, root=thing.id, owner=watch.me)
        return Below(posts=posts, sightings=graph.sightings(posts, watch.now), token=found.token)


def _told(raw: msgspec.Raw, watch: Watch) -> Told:
    """A post of our own, for the sweep."""
    try:
        item = _ITEM.decode(raw)
    except msgspec.ValidationError as error:
        return unreadable(raw, f"no post: {error}")
    key = str(item.id)
    if not graph.named(key):
        return unreadable(raw, "its id is empty")
    below = Thing(key) if item.has_replies else None
    made = _post(item, watch.now, author=watch.me)
    return Told(key=key, mark=str(bool(item.has_replies)), post=made, below=below, always=True)


async def _thread(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """A post of our own and the whole conversation under it."""
    check_term("thread", watch.term)
    root = watch.term.strip()
    return await in_thread(
        http,
        watch,
        cursor,
        root=Asks(
            path=f"{_V}/{root}", params={"fields": _FIELDS}, makes=lambda items: _posts(items, watch.now)
        ),
        answers=Asks(
            path=f"{_V}/{root}/conversation",
            params={"fields": _FIELDS, "reverse": "true"},
            makes=lambda items: _posts(items, watch.now, root=root, owner=watch.me),
        ),
        size=_size(watch),
        nextless=True,
    )


def _posts(
    items: Sequence[msgspec.Raw], now: datetime, *, root: str | None = None, owner: str | None = None
) -> list[Post | Reject]:
    read, rejects = graph.items(_ITEM, items, "post")
    return [*(_post(one, now, root=root, owner=owner) for one in read), *rejects]


def _post(
    item: _Item,
    now: datetime,
    *,
    root: str | None = None,
    owner: str | None = None,
    author: str | None = None,
) -> Post | Reject:
    """A post as we keep it. `root`: the post whose conversation this is of, `owner`: whose that is; `author` is
    known where the list is ours (Threads tells names, never ids)."""
    posted_at = _times.believable(_times.parse(item.timestamp), now)
    if posted_at is None:
        return graph.untimed(item, item.timestamp)
    if not graph.named(item.id):
        return graph.nameless(item)
    handle = _text.name(item.username)
    who = Author(id=author, handle=handle) if author or handle else None
    ident, url = _text.ident(str(item.id)), _text.web(item.permalink)
    if item.media_type == "REPOST_FACADE":
        return Post(
            id=ident,
            posted_at=posted_at,
            verb="repost",
            author=who,
            url=url,
            repost_of=_id(item.reposted_post),
        )
    text, truncated = _text.body(item.text or "")
    parent = _id(item.replied_to) or root
    topic = [_text.tag(item.topic_tag)] if item.topic_tag else []
    return Post(
        id=ident,
        posted_at=posted_at,
        verb=_verb(item, parent),
        text=text,
        author=who,
        url=url,
        reply_to=parent,
        reply_to_author=owner if parent is not None and parent == root else None,
        thread=root or _id(item.root_post),
        mentions=tuple(Mention(handle=handle) for handle in graph.handles(text)),
        hashtags=_text.distinct([*graph.hashtags(text), *topic]),
        links=graph.links(text, item.link_attachment_url),
        truncated=truncated,
    )


def _verb(item: _Item, parent: str | None) -> Verb:
    if item.is_quote_post or _id(item.quoted_post):
        return "quote"
    return "comment" if item.is_reply or parent else "post"


def _id(ref: Ref | None) -> str | None:
    return None if ref is None or not ref.id else _text.ident(str(ref.id))


class _Me(msgspec.Struct):
    id: str
    username: str | None = None


_ME = msgspec.json.Decoder(_Me)


async def check(http: Http, watch: Watch) -> Held:
    """Whose token it is. What it was granted Meta tells only of a token in an address, so it is not asked."""
    if only_delivers(watch.token):
        return Held()
    return await _whose(http, watch.host, watch.token)


async def sign_in(http: Http, login: Login) -> Session:
    """The token renewed for sixty days. Raises Denied(refreshable=False) when it is no longer good."""
    return await renewed(http, login, "th_refresh_token", lambda token: _whose(http, login.host, token))


async def _whose(http: Http, host: str, token: str | None) -> Held:
    answer = await http.get(
        f"{host}/{_V}/me",
        params={"fields": "id,username"},
        token=token,
        endpoint="graph",
        judge=graph.judge(),
    )
    me = graph.read(_ME, answer, "the account")
    return Held(account_id=me.id, handle=me.username)


def _changed(change: Change, now: datetime) -> Post | str:
    """The post that a change is, or why it is none."""
    if change.field not in {"replies", "mentions", "publish"}:
        return "nothing was written: " + change.field.encode("utf-8", "replace").decode()[:64]
    made = _post(_ITEM.decode(change.value), now)
    return made if isinstance(made, Post) else made.reason


receive = receiver(_changed)
