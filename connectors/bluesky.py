"""Bluesky: a search, our mentions, a thread.

https://docs.bsky.app/docs/api/app-bsky-feed-search-posts, .../app-bsky-notification-list-notifications,
.../app-bsky-feed-get-post-thread, .../com-atproto-server-create-session. Surprising: search takes a session
(the public AppView answers 403 with a page of HTML), ends after about 10 000 posts, and `since` is not
honoured everywhere, so the walk back to the watermark relies on nothing but the order of the pages. An
expired token is 400, not 401; logins are few a day, so a session is refreshed, not opened again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import msgspec

from connectors import _anew as anew
from connectors import _backwards as backwards
from connectors import _bluesky_wire as wire
from connectors._base import (
    Answer,
    ConnectorError,
    Cursor,
    Denied,
    Garbled,
    Gone,
    Held,
    Http,
    Login,
    Need,
    Page,
    Session,
    Spend,
    Watch,
)
from connectors._decode import at_once, envelope

platform = "bluesky"
default_host: str | None = "https://bsky.social"
interval = 60.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "search": Need(term="words to search for", example="acme", credential="required"),
        "mentions": Need(
            term="the account itself (its session decides)", example="@me", credential="required"
        ),
        "thread": Need(
            term="a post's at:// uri or its address on bsky.app",
            example="at://did:plc:x/app.bsky.feed.post/y",
            credential="optional",
        ),
    }
)

secret = "an app password: Settings, Privacy and security, App passwords"  # noqa: S105

FROM_THE_START = Cursor('{"newest":"2004-01-01T00:00:00Z"}')
"""For a source that is to read all that the server still has, newest first, instead of from now on."""

PAGE_SIZE = 100
SEARCH_DEPTH = 9_000
THREAD_DEPTH = 100
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})
_MISSING = frozenset({"NotFound", "RecordNotFound", "BadQueryString"})


_NOTHING = msgspec.Raw(b"null")


class _Search(msgspec.Struct):
    posts: list[msgspec.Raw]
    cursor: str | None = None


class _Notifications(msgspec.Struct):
    notifications: list[msgspec.Raw]
    cursor: str | None = None


class _Node(msgspec.Struct):
    type: str | None = msgspec.field(name="$type", default=None)
    post: msgspec.Raw = _NOTHING
    parent: msgspec.Raw = _NOTHING
    replies: list[msgspec.Raw] | None = None


class _Thread(msgspec.Struct):
    thread: _Node


class _Views(msgspec.Struct):
    """A search page of which every item can be read, as nearly always; so are the next two. No second decoding."""

    posts: list[wire.View]
    cursor: str | None = None


class _Told(msgspec.Struct):
    notifications: list[wire.View]
    cursor: str | None = None


class _Place(msgspec.Struct, gc=False):
    type: str | None = msgspec.field(name="$type", default=None)
    post: wire.View | None = None
    parent: _Place | None = None
    replies: list[_Place | None] | None = None


class _WholeThread(msgspec.Struct):
    thread: _Place


class _Error(msgspec.Struct):
    error: str | None = None


class _Service(msgspec.Struct):
    id: str = ""
    endpoint: msgspec.Raw = msgspec.field(name="serviceEndpoint", default=_NOTHING)


class _DidDoc(msgspec.Struct):
    service: list[_Service] = []


class _Session(msgspec.Struct):
    did: str
    handle: str
    access: str = msgspec.field(name="accessJwt")
    refresh: str = msgspec.field(name="refreshJwt")
    did_doc: _DidDoc | None = msgspec.field(name="didDoc", default=None)
    active: bool | None = None


class _Account(msgspec.Struct):
    did: str
    handle: str | None = None
    active: bool | None = None


_SEARCH = msgspec.json.Decoder(_Search)
_NOTIFICATIONS = msgspec.json.Decoder(_Notifications)
_THREAD = msgspec.json.Decoder(_Thread)
_VIEWS = msgspec.json.Decoder(_Views)
_TOLD = msgspec.json.Decoder(_Told)
_WHOLE_THREAD = msgspec.json.Decoder(_WholeThread)
_NODE = msgspec.json.Decoder(_Node)
_ERROR = msgspec.json.Decoder(_Error)
_SESSION = msgspec.json.Decoder(_Session)
_ACCOUNT = msgspec.json.Decoder(_Account)
_ADDRESS = msgspec.json.Decoder(str)


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    if kind == "thread":
        _uri(term)


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page. See `_backwards` for how the walk closes its gap."""
    match watch.kind:
        case "search":
            return await _walk(
                http, watch, cursor, "app.bsky.feed.searchPosts", {"q": watch.term, "sort": "latest"}
            )
        case "mentions":
            if not watch.token:
                raise Denied("mentions take the account's own session", refreshable=False)
            reasons = {"reasons": ["mention", "reply", "quote"]}
            return await _walk(http, watch, cursor, "app.bsky.notification.listNotifications", reasons)
        case "thread":
            return await _thread(http, watch)
        case other:
            raise Gone(f"bluesky has no watch of the kind {other!r}")


async def _walk(
    http: Http, watch: Watch, cursor: Cursor | None, method: str, fixed: Mapping[str, str | list[str]]
) -> Page:
    stand = backwards.stand(cursor)
    size = min(watch.page_size or PAGE_SIZE, PAGE_SIZE)
    params: dict[str, object] = {**fixed, "limit": str(size)}
    if stand.walk is not None and stand.walk.token is not None:
        params["cursor"] = stand.walk.token
    if stand.walk is not None and stand.walk.until is not None:
        # until is exclusive: a millisecond more, so that posts of the same instant are not passed over
        until = stand.walk.until + timedelta(milliseconds=1)
        params["until"] = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        answer = await http.get(
            f"{watch.host}/xrpc/{method}",
            params=params,
            token=watch.token,
            endpoint=watch.kind,
            judge=judge_walk if "cursor" in params else judge,
        )
    except Gone as lost:
        again = anew.step(stand, lost, now=watch.now)
        return Page(posts=(), rejects=(), cursor=again.cursor, more=again.more, gap=again.gap)
    read, token = _read(answer, watch)
    step = backwards.step(
        stand,
        read.seen,
        token or None,
        now=watch.now,
        depth_cap=SEARCH_DEPTH if watch.kind == "search" else None,
        late=True,
    )
    return Page(
        posts=tuple(read.posts),
        rejects=tuple(read.rejects),
        cursor=step.cursor,
        more=step.more,
        gap=step.gap,
    )


def _read(answer: Answer, watch: Watch) -> tuple[wire.Read, str | None]:
    """A page of a search or of notifications, and the token to the next one. Raises Garbled."""
    if watch.kind == "search":
        whole = at_once(_VIEWS, answer)
        read = wire.at_once(whole.posts, watch.now) if whole else None
        if whole and read:
            return read, whole.cursor
        found = envelope(_SEARCH, answer, "the search page")
        return wire.each(found.posts, watch.now), found.cursor
    told = at_once(_TOLD, answer)
    read = wire.at_once(told.notifications, watch.now, notifications=True) if told else None
    if told and read:
        return read, told.cursor
    listed = envelope(_NOTIFICATIONS, answer, "the page of notifications")
    return wire.each(listed.notifications, watch.now, notifications=True), listed.cursor


async def _thread(http: Http, watch: Watch) -> Page:
    """A thread is not paged: every visit reads all that is shown of it."""
    params = {"uri": _uri(watch.term), "depth": str(THREAD_DEPTH), "parentHeight": "80"}
    answer = await http.get(
        f"{watch.host}/xrpc/app.bsky.feed.getPostThread",
        params=params,
        token=watch.token,
        endpoint="thread",
        judge=judge,
    )
    whole = at_once(_WHOLE_THREAD, answer)
    views = _unfolded_views(whole.thread) if whole else None
    read = wire.at_once(views, watch.now) if views else None
    if read is not None:
        return Page(posts=tuple(read.posts), rejects=(), cursor=Cursor("read"))
    top = envelope(_THREAD, answer, "the thread").thread
    kind = (top.type or "").rpartition("#")[2]
    if kind == "notFoundPost":
        raise Gone("this thread's post does not exist any more")
    if kind == "blockedPost":
        raise Gone("this thread cannot be shown to our account: its author and we block each other")
    if _is_null(top.post):
        raise Garbled("the thread has another shape: no post at its top")
    read = wire.each(_unfolded(top), watch.now)
    return Page(posts=tuple(read.posts), rejects=tuple(read.rejects), cursor=Cursor("read"))


def _unfolded_views(top: _Place) -> list[wire.View] | None:
    """The same of a thread that was read at once; None where its own post is not shown."""
    if top.post is None:
        return None
    found: list[wire.View] = []
    places = [top]
    while places:
        place = places.pop()
        if place.post is not None:
            found.append(place.post)
        if place.parent is not None:
            places.append(place.parent)
        if place.replies:
            places += [reply for reply in place.replies if reply is not None]
    return found


def _unfolded(top: _Node) -> list[msgspec.Raw]:
    """All posts of a nested thread; deleted and blocked ones are only places, their branches go on elsewhere."""
    found: list[msgspec.Raw] = []
    nodes = [top]
    while nodes:
        node = nodes.pop()
        if not _is_null(node.post):
            found.append(node.post)
        for raw in (node.parent, *(node.replies or ())):
            if _is_null(raw):
                continue
            try:
                nodes.append(_NODE.decode(raw))
            except msgspec.ValidationError:
                found.append(raw)
    return found


def _is_null(raw: msgspec.Raw) -> bool:
    return bytes(raw) == b"null"


def _uri(term: str) -> str:
    term = term.strip()
    if term.startswith("at://"):
        who, _, key = term.removeprefix("at://").partition(wire.POST)
    else:
        _, _, path = term.partition("bsky.app/profile/")
        who, _, key = path.partition("/post/")
        key = re.split("[/?#]", key)[0]
    if not who or not key or "/" in who + key:
        raise Gone("a thread is named by its post's at:// uri or by its address on bsky.app")
    return f"at://{who}{wire.POST}{key}"


async def sign_in(http: Http, login: Login) -> Session:
    """A fresh session: by the refresh token while it lives, else by the secret (an app password).

    Raises Denied(refreshable=False) when both are refused.
    """
    base = f"{login.host}/xrpc/com.atproto.server"
    if login.refresh:
        try:
            answer = await http.post(
                f"{base}.refreshSession", token=login.refresh, endpoint="refreshSession", judge=judge
            )
            return _session(answer, login)
        except Denied:
            pass
    answer = await http.post(
        f"{base}.createSession",
        json={"identifier": login.identifier, "password": login.secret},
        endpoint="createSession",
        judge=judge_login,
    )
    return _session(answer, login)


async def check(http: Http, watch: Watch) -> Held:
    """Whose the session is: com.atproto.server.getSession, which does not count as a login.

    Raises Denied when it has ended, or the account is not active.
    """
    answer = await http.get(
        f"{watch.host}/xrpc/com.atproto.server.getSession", token=watch.token, endpoint="check", judge=judge
    )
    account = envelope(_ACCOUNT, answer, "the account")
    if account.active is False:
        raise Denied("this account is not active", refreshable=False)
    return Held(account_id=account.did, handle=account.handle)


def _session(answer: Answer, login: Login) -> Session:
    found = envelope(_SESSION, answer, "the session")
    if found.active is False:
        raise Denied("this account is not active", refreshable=False)
    return Session(
        access=found.access,
        refresh=found.refresh,
        account_id=found.did,
        handle=found.handle,
        host=_pds(found.did_doc) or login.host,
    )


def _pds(doc: _DidDoc | None) -> str | None:
    """Where the account's data live: its requests go there, not to the entryway."""
    for service in doc.service if doc else ():
        if service.id.endswith("#atproto_pds") and not _is_null(service.endpoint):
            try:
                return _ADDRESS.decode(service.endpoint).rstrip("/")
            except msgspec.ValidationError:
                return None
    return None


def judge(answer: Answer) -> ConnectorError | None:
    """The error code in the body decides, where there is one; the status where there is none."""
    code = _code(answer)
    if answer.status == 400 and code in _EXPIRED:
        return Denied("the session has expired or was revoked", refreshable=True)
    if answer.status == 400 and code in _MISSING:
        return Gone(f"bluesky says {code}")
    if answer.status == 400 and code == "AccountTakedown":
        return Denied("the account was taken down", refreshable=False)
    if answer.status == 401:
        return Denied(
            "bluesky wants a session", refreshable=code not in {"AccountTakedown", "AccountDeactivated"}
        )
    return None


def judge_walk(answer: Answer) -> ConnectorError | None:
    """The same in the middle of a walk, where a bad request can only be about the token we came with."""
    verdict = judge(answer)
    if verdict is None and answer.status == 400:
        return Gone("the place in the walk is not known any more", cursor=True)
    return verdict


def judge_login(answer: Answer) -> ConnectorError | None:
    """What is refused at the door stays refused until a person changes something."""
    if answer.status in {400, 401, 403}:
        return Denied(f"bluesky refuses the login ({_code(answer) or answer.status})", refreshable=False)
    return None


def _code(answer: Answer) -> str | None:
    try:
        return _ERROR.decode(answer.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
