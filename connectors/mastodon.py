"""Mastodon and what speaks its API: a hashtag, our mentions, a thread.

https://docs.joinmastodon.org/methods/timelines/#tag, /methods/notifications/, /methods/statuses/#context.
Surprising: pages are newest first inside, yet `min_id` walks upwards without a gap (`since_id` jumps to the
newest page); and a post that reaches a server late gets an id of its writing time, below our cursor. So
every fourth visit that brought nothing reads one plain page from the top as well. An upward walk goes
on until an empty page, because filters make pages short.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import msgspec

from connectors import _mastodon_wire as wire
from connectors._base import (
    Answer,
    Cursor,
    Denied,
    Gone,
    Held,
    Http,
    Need,
    Page,
    Post,
    Reject,
    Spend,
    Watch,
)
from connectors._decode import at_once, envelope, raw_text

platform = "mastodon"
default_host: str | None = None
interval = 60.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "hashtag": Need(term="a hashtag, with or without its sign", example="#acme", credential="optional"),
        "mentions": Need(
            term="the account itself (its token decides)",
            example="@me",
            credential="required",
            scopes=("read:notifications",),
        ),
        "thread": Need(
            term="a post's id on this server, or its address there",
            example="109294719267373593",
            credential="optional",
        ),
    }
)

secret = "an access token: Preferences, Development, New application, with the scope read"  # noqa: S105

PAGE_SIZES = {"hashtag": 40, "mentions": 80}
TOP_EVERY = 4
"""Quiet visits from one plain page of the newest to the next."""

FROM_THE_START = Cursor('{"id":"0"}')
"""For a source that is to read all that the server still has, oldest first, instead of from now on."""

SKEW = timedelta(minutes=5)
"""A server's clock may be ahead of ours by so much."""

_ITEM = msgspec.json.Decoder(msgspec.Raw)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class _Stand(msgspec.Struct, omit_defaults=True):
    """The cursor: the highest id landed, how many quiet visits since the last look at the top, and
    whether the next call is such a look."""

    id: str
    quiet: int = 0
    top: bool = False


class _Notification(msgspec.Struct):
    id: str | int
    type: str
    status: msgspec.Raw = msgspec.Raw(b"null")


class _Told(msgspec.Struct, gc=False):
    """A notification of which all can be read, as nearly always."""

    id: str | int
    type: str
    status: wire.Status | None = None


class _Context(msgspec.Struct):
    ancestors: list[msgspec.Raw]
    descendants: list[msgspec.Raw]


class _Whole(msgspec.Struct):
    ancestors: list[wire.Status]
    descendants: list[wire.Status]


class _App(msgspec.Struct):
    scopes: frozenset[str] | None = None


class _Account(msgspec.Struct):
    acct: str
    uri: str | None = None


_APP = msgspec.json.Decoder(_App)
_ACCOUNT = msgspec.json.Decoder(_Account)
_STAND = msgspec.json.Decoder(_Stand)
_NOTIFICATION = msgspec.json.Decoder(_Notification)
_CONTEXT = msgspec.json.Decoder(_Context)
_STATUSES = msgspec.json.Decoder(list[wire.Status])
_NOTIFICATIONS = msgspec.json.Decoder(list[_Told])
_WHOLE = msgspec.json.Decoder(_Whole)

_Item: TypeAlias = msgspec.Raw | wire.Status | _Told
_WORDS = frozenset({"mention", "quote"})


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page. See the module for how the walk goes."""
    match watch.kind:
        case "hashtag":
            name = quote(watch.term.strip().lstrip("#"), safe="")
            return await _walk(http, watch, cursor, f"/api/v1/timelines/tag/{name}", {})
        case "mentions":
            if not watch.token:
                raise Denied("mentions take the account's own token", refreshable=False)
            kinds = {"types[]": "mention", "include_filtered": "true"}
            return await _walk(http, watch, cursor, "/api/v1/notifications", kinds)
        case "thread":
            return await _thread(http, watch, cursor)
        case other:
            raise Gone(f"mastodon has no watch of the kind {other!r}")


async def _walk(http: Http, watch: Watch, cursor: Cursor | None, path: str, fixed: Mapping[str, str]) -> Page:
    """The page above the cursor; the newest one on a first visit and when it is time for the top."""
    stand = _stand(cursor)
    largest = PAGE_SIZES[watch.kind]
    params = dict(fixed, limit=str(min(watch.page_size or largest, largest)))
    upwards = stand is not None and not stand.top
    if stand is not None and upwards:
        params["min_id"] = stand.id
    answer = await http.get(
        watch.host + path, params=params, token=watch.token, endpoint=watch.kind, judge=judge
    )
    items = _items(answer, watch.kind)
    ids, posts, rejects = _read(items, watch)
    if not ids and len(items) >= int(params["limit"]):
        # a whole page that nothing tells the place of: better passed (it lands) than met for ever
        ids = [found for item in items if (found := _bare_id(item)) is not None]
    after, more = _next(stand, ids)
    return Page(
        posts=tuple(posts),
        rejects=tuple(rejects),
        cursor=Cursor(msgspec.json.encode(after).decode()),
        more=more,
    )


def _items(answer: Answer, kind: str) -> Sequence[_Item]:
    """The items of a page, read where all of them can be. Raises Garbled."""
    if kind == "hashtag":
        whole: Sequence[_Item] | None = at_once(_STATUSES, answer)
    else:
        told = at_once(_NOTIFICATIONS, answer)
        lacks = told is None or any(one.status is None and one.type in _WORDS for one in told)
        whole = None if lacks or not all(_places(str(one.id)) for one in told or ()) else told
    if whole is not None:
        return whole
    return envelope(_ITEMS, answer, f"the {kind} page")


def _next(stand: _Stand | None, ids: list[str]) -> tuple[_Stand, bool]:
    """Where the walk stands after a page with these ids, and whether there is more right now."""
    if stand is None:
        return _Stand(id=max(ids, key=_order, default="0")), False
    if stand.top:
        meets = bool(ids) and _order(min(ids, key=_order)) <= _order(stand.id)
        highest = max([stand.id, *ids], key=_order) if meets else stand.id
        return _Stand(id=highest), False
    highest = max([stand.id, *ids], key=_order)
    if highest != stand.id:
        return _Stand(id=highest, quiet=stand.quiet), True
    if stand.quiet + 1 >= TOP_EVERY:
        return _Stand(id=stand.id, top=True), True
    return _Stand(id=stand.id, quiet=stand.quiet + 1), False


def _order(number: str) -> tuple[int, str]:
    """Ids are text: the longer is the later, then the alphabet decides."""
    return len(number), number


_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def _places(number: str) -> bool:
    """Whether a walk can stand at this id; anything else that is long would lie behind all ids that are still to come."""
    return _ID.fullmatch(number) is not None


def _stand(cursor: Cursor | None) -> _Stand | None:
    if cursor is None:
        return None
    try:
        return _STAND.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of mastodon's", cursor=True) from None


def _read(items: Sequence[_Item], watch: Watch) -> tuple[list[str], list[Post], list[Reject]]:
    """Ids that the cursor may move to, the posts, and what was neither.

    Some servers make an id of the time that a post claims: one from the future would carry the cursor
    past all that is written until then, so it lands but does not move it.
    """
    if watch.kind == "hashtag":
        read, rejects = wire.statuses([item for item in items if not isinstance(item, _Told)])
        bound = watch.now + SKEW
        ids = [
            number
            for status in read
            if _places(number := str(status.id)) and (wire.created(status) or watch.now) <= bound
        ]
    else:
        ids, inner, rejects = _notified(items)
        read, unread = wire.statuses(inner)
        rejects += unread
    if rejects:
        ids += [found for item in items if (found := _bare_id(item)) is not None]
    posts, unbelievable = wire.posts(read, host=watch.host, now=watch.now)
    return ids, posts, rejects + unbelievable


def _notified(items: Sequence[_Item]) -> tuple[list[str], list[msgspec.Raw | wire.Status], list[Reject]]:
    """Notifications that are somebody's words to us; follows, likes and boosts are not posts."""
    ids: list[str] = []
    inner: list[msgspec.Raw | wire.Status] = []
    rejects: list[Reject] = []
    for item in items:
        if not isinstance(item, msgspec.Raw):
            ids.append(str(item.id))
            if isinstance(item, _Told) and item.status is not None and item.type in _WORDS:
                inner.append(item.status)
            continue
        try:
            notification = _NOTIFICATION.decode(item)
        except (msgspec.ValidationError, RecursionError) as error:
            rejects.append(Reject(raw=raw_text(item), reason=f"no notification: {error}"))
            continue
        if not _places(str(notification.id)):
            rejects.append(Reject(raw=raw_text(item), reason="no notification: its id is none"))
            continue
        ids.append(str(notification.id))
        if notification.type in _WORDS:
            if bytes(notification.status) == b"null":
                rejects.append(Reject(raw=raw_text(item), reason=f"a {notification.type} without its status"))
            else:
                inner.append(notification.status)
    return ids, inner, rejects


class _Bare(msgspec.Struct):
    id: str | int


_BARE = msgspec.json.Decoder(_Bare)


def _bare_id(item: _Item) -> str | None:
    """The id of an item that is otherwise unreadable, so that the walk passes it (it is in the rejects)."""
    try:
        found = str((_BARE.decode(item) if isinstance(item, msgspec.Raw) else item).id)
    except msgspec.ValidationError:
        return None
    return found if _places(found) else None


async def _thread(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """First what surrounds the post, then once the post itself; on later visits the surroundings only."""
    number = _local_number(watch)
    path = f"{watch.host}/api/v1/statuses/{quote(number, safe='')}"
    netloc = urlsplit(watch.host).netloc
    if cursor == "root":
        try:
            answer = await http.get(path, token=watch.token, endpoint="thread", judge=judge)
        except Gone:
            return Page(posts=(), rejects=(), cursor=Cursor("context"))
        read, rejects = wire.statuses([envelope(_ITEM, answer, "the post")])
        posts, unbelievable = wire.posts(read, host=watch.host, now=watch.now)
        return Page(posts=tuple(posts), rejects=(*rejects, *unbelievable), cursor=Cursor("context"))
    answer = await http.get(f"{path}/context", token=watch.token, endpoint="thread", judge=judge)
    context = at_once(_WHOLE, answer) or envelope(_CONTEXT, answer, "the thread")
    read, rejects = wire.statuses([*context.ancestors, *context.descendants])
    root = read[0].uri if context.ancestors and read else f"{netloc}/{number}"
    posts, unbelievable = wire.posts(read, host=watch.host, now=watch.now, thread=root)
    first = cursor is None
    return Page(
        posts=tuple(posts),
        rejects=(*rejects, *unbelievable),
        cursor=Cursor("root" if first else "context"),
        more=first,
    )


def _local_number(watch: Watch) -> str:
    """The id in the term: an id as it is, or the last part of an address on this server."""
    term = watch.term.strip()
    if "/" not in term:
        return term
    parts = urlsplit(term)
    if parts.netloc != urlsplit(watch.host).netloc:
        raise Gone("a thread is followed on the server that was asked: give its address there")
    return parts.path.rstrip("/").rpartition("/")[2]


async def check(http: Http, watch: Watch) -> Held:
    """Whose the token is, and its scopes where the server tells them (Mastodon 4.3). Raises Denied when it is refused.

    https://docs.joinmastodon.org/methods/apps/#verify_credentials takes any living token, an app's too; that the
    account may not be read with it is no refusal. Servers that lack it are asked for the account alone.
    """
    app = None
    path = f"{watch.host}/api/v1"
    try:
        answer = await http.get(
            f"{path}/apps/verify_credentials", token=watch.token, endpoint="check", judge=judge
        )
        app = envelope(_APP, answer, "the application")
    except Gone:
        pass
    try:
        answer = await http.get(
            f"{path}/accounts/verify_credentials", token=watch.token, endpoint="check", judge=judge
        )
    except Denied:
        if app is None:
            raise
        return Held(scopes=app.scopes)
    account = envelope(_ACCOUNT, answer, "the account")
    handle = account.acct if "@" in account.acct else f"{account.acct}@{urlsplit(watch.host).netloc}"
    return Held(account_id=account.uri, handle=handle, scopes=app.scopes if app else None)


def judge(answer: Answer) -> Denied | None:
    """422 is how Mastodon says that a user's token is needed where an app's was sent."""
    if answer.status == 422:
        return Denied("mastodon wants a user's token with this scope", refreshable=False)
    return None
