"""Reddit: a search, the comments or submissions of subreddits, what is said to us, a thread.

https://www.reddit.com/dev/api/, https://github.com/reddit-archive/reddit/wiki/OAuth2,
https://support.reddithelp.com/hc/en-us/articles/16160319875092. Surprising: a listing is paged by the name of the
post it goes on behind, and a name that has been removed since leads to an empty page, as if that were the end. So
`before`, which would rest on one such name for ever, is never used; the walk goes from the top backwards, steps to a
neighbour when the name it had leads nowhere, and begins again from the top when none of them does. No listing goes deeper
than about 1,000 posts (a search: 250). Search knows
submissions only: comments are followed by subreddit, all of them. A window of 100 requests a minute is one
credential's for everything, so there is one endpoint class. An app is its owner's: `client_id:client_secret`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from connectors import _backwards as backwards
from connectors import _reddit_thread as thread
from connectors import _reddit_wire as wire
from connectors._base import (
    Cursor,
    Denied,
    Found,
    Gap,
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
from connectors._decode import envelope
from connectors._reddit_answers import get, grantless, judge, judge_login

platform = "reddit"
default_host: str | None = "https://oauth.reddit.com"
interval = 60.0
secret = "; ".join(
    (
        "client_id:client_secret of an app at reddit.com/prefs/apps, for public posts",
        "client_id:client_secret:refresh_token of a user (duration=permanent), also for what is said to that user",
    )
)
_SUBREDDITS = "names of subreddits, joined by +"
watches: Mapping[str, Need] = MappingProxyType(
    {
        "search": Need(
            term="words to search submissions for, in all of Reddit or after r/a+b in these subreddits",
            example="r/coffee+espresso acme",
            credential="required",
            scopes=("read",),
        ),
        "subreddit": Need(
            term=f"{_SUBREDDITS}: their submissions",
            example="coffee+espresso",
            credential="required",
            scopes=("read",),
        ),
        "comments": Need(
            term=f"{_SUBREDDITS}: all their comments (a source's rules and excluded words sort them)",
            example="coffee+espresso",
            credential="required",
            scopes=("read",),
        ),
        "mentions": Need(
            term="the account itself (its token decides): mentions of it and replies to it",
            example="@me",
            credential="required",
            scopes=("privatemessages", "identity"),
        ),
        "thread": Need(
            term="a submission's id or its address",
            example="https://www.reddit.com/r/coffee/comments/1abcde/",
            credential="required",
            scopes=("read",),
        ),
    }
)

FROM_THE_START = Cursor('{"at":{"newest":"2004-01-01T00:00:00Z"}}')
"""For a source that is to read all that the server still has, newest first, instead of from now on."""

PAGE_SIZE = 100
DEEPEST = {"search": 200}
DEEPEST_LISTING = 900
"""So many posts asked for, and an end is taken for Reddit's cap rather than for the beginning of time: posts that
were removed count towards the cap and are not told."""

ANCHORS = 3
"""Neighbours of the last post of a page that are tried when there is nothing behind it."""
AGAIN = 5
"""So often one walk begins again from the top before what it did not reach is a Gap."""
REMOVED = "what the walk had to go on behind was removed again and again"

lookup_size = 100
_NAMES = re.compile(r"[A-Za-z0-9_-]{2,24}(?:\+[A-Za-z0-9_-]{2,24})*")
_FULLNAME = re.compile(r"t[13]_[0-9a-z]{1,13}")


class _Place(msgspec.Struct, omit_defaults=True):
    """The cursor: where the walk backwards stands; the name that Reddit told it to go on behind, and its neighbours, to
    go on behind if that leads nowhere. `ended` is such a name for which all of them did, when the walk began
    again from the top, and `again` how often it has."""

    at: backwards.Stand
    told: str | None = None
    anchors: list[str] = []
    ended: str | None = None
    again: int = 0


class _Grant(msgspec.Struct):
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None
    error: str | int | None = None


class _Me(msgspec.Struct):
    id: str | None = None
    name: str | None = None


_PLACE = msgspec.json.Decoder(_Place)
_LISTING = msgspec.json.Decoder(wire.Listing)
_GRANT = msgspec.json.Decoder(_Grant)
_ME = msgspec.json.Decoder(_Me)


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    if kind == "thread":
        thread.submission(term)
    elif kind in {"search", "subreddit", "comments"}:
        _listing(kind, term)


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page. See `_backwards` and `_reddit_thread` for how the walks go."""
    if watch.kind not in watches:
        raise Gone(f"reddit has no watch of the kind {watch.kind!r}")
    if not watch.token:
        raise Denied("reddit takes an OAuth token for everything", refreshable=False)
    if watch.kind == "thread":
        return await thread.fetch(http, watch, cursor)
    path, fixed = _listing(watch.kind, watch.term)
    return await _walk(http, watch, cursor, path, fixed)


def _listing(kind: str, term: str) -> tuple[str, Mapping[str, str]]:
    """The path and the parameters of a watch. Raises Gone for a term that means nothing."""
    if kind == "mentions":
        return "/message/inbox", {
            "mark": "false"
        }  # hearing is not reading: people's unread mail stays unread
    if kind == "search":
        where, query = "", term.strip()
        if query.lower().startswith(("r/", "/r/")):
            names, _, query = query.partition(" ")
            where = f"/r/{_names(names)}"
        if not (query := query.strip()):
            raise Gone("a search takes words, as in `acme` or `r/coffee acme`")
        fixed = {"q": query, "sort": "new", "t": "all", "type": "link"}
        return f"{where}/search", {**fixed, "restrict_sr": "1"} if where else fixed
    return f"/r/{_names(term)}/{'comments' if kind == 'comments' else 'new'}", {}


def _names(term: str) -> str:
    """`r/a+b` as `a+b`."""
    names = re.sub(r"^/?[rR]/", "", term.strip()).rstrip("/")
    if not _NAMES.fullmatch(names):
        raise Gone("subreddits are named as in `coffee` or `coffee+espresso`")
    return names


async def _walk(http: Http, watch: Watch, cursor: Cursor | None, path: str, fixed: Mapping[str, str]) -> Page:
    before = _place(cursor)
    stand = before.at
    after = stand.walk.token if stand.walk is not None else None
    size = min(watch.page_size or PAGE_SIZE, PAGE_SIZE)
    params = {**fixed, "limit": str(size)}
    if after is not None:
        params["after"] = after
    page = envelope(_LISTING, await get(http, watch, path, params), f"the {watch.kind} page").data
    lost = None
    if stand.walk is not None and after is not None and not (page.children or page.after):
        if _goes_on(before, stand.walk, after):
            return Page(posts=(), rejects=(), cursor=_written(before), more=True)
        if stand.newest is not None and before.told != before.ended and (low := stand.walk.low) is not None:
            lost = Gap(since=stand.newest, until=low, reason=REMOVED) if low > stand.newest else None
    found = wire.read(page.children, now=watch.now, me=watch.me if watch.kind == "mentions" else None)
    step = backwards.step(
        stand,
        found.seen,
        page.after or None,
        now=watch.now,
        depth_cap=0 if _is_deep(watch.kind, stand.walk, size) else None,
        late=True,
    )
    place = _Place(at=backwards.stand(step.cursor))
    if step.more:
        names = [one.id for one in reversed(found.seen) if one.id != page.after]
        place.told, place.anchors = page.after or None, names[:ANCHORS]
        place.ended, place.again = before.ended, before.again
    return Page(
        posts=tuple(found.posts),
        rejects=tuple(found.rejects),
        cursor=_written(place),
        more=step.more,
        gap=step.gap or lost,
    )


def _goes_on(place: _Place, walk: backwards.Walk, after: str) -> bool:
    """Whether a walk that found nothing behind a name goes on elsewhere: behind a neighbour, or from the top again.

    Behind the last post of a listing there is nothing either. That is believed once a walk from the top has been
    told to go on behind the very same post, because one that was removed is not in the listing any more.
    """
    if after == place.ended:
        return False
    place.told = place.told or after
    if place.anchors:
        walk.token, *place.anchors = place.anchors
        return True
    if place.at.newest is None or place.told == place.ended or place.again >= AGAIN:
        return False
    walk.token, walk.tokens, walk.empty = None, [], 0
    place.ended, place.again = place.told, place.again + 1
    return True


def _is_deep(kind: str, walk: backwards.Walk | None, size: int) -> bool:
    """Whether the page just asked for is so deep that Reddit's cap may be what ends the listing there."""
    if walk is not None and walk.until is not None:
        return True
    pages = 1 + (len(walk.tokens) if walk is not None else 0)
    return pages * size >= DEEPEST.get(kind, DEEPEST_LISTING)


def _place(cursor: Cursor | None) -> _Place:
    if cursor is None:
        return _Place(at=backwards.Stand())
    try:
        return _PLACE.decode(cursor)
    except (msgspec.DecodeError, UnicodeError):
        raise Gone("this cursor is not one of reddit's", cursor=True) from None


def _written(place: _Place) -> Cursor:
    return Cursor(msgspec.json.encode(place).decode())


def lookup_cost(count: int) -> Spend:
    """One request for up to a hundred."""
    return Spend()


async def lookup(http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    """How submissions and comments stand now: those that were deleted or removed, or are not told any more, are gone.

    Ids that are no names of Reddit's are passed over.
    """
    asked = [one for one in ids if _FULLNAME.fullmatch(one)]
    if not asked:
        return Found(posts=(), rejects=(), gone=(), spent=Spend(requests=0))
    answer = await get(http, watch, "/api/info", {"id": ",".join(asked)})
    items = envelope(_LISTING, answer, "the look-up").data.children
    found = wire.read(items, now=watch.now)
    told, wanted, removed = {one.id for one in found.seen}, set(asked), set(found.removed)
    if len(found.seen) < len(items):  # one without a name may be any of those that seem to be missing
        told |= wanted
    return Found(
        posts=tuple(post for post in found.posts if post.id in wanted),
        rejects=tuple(found.rejects),
        gone=tuple(one for one in asked if one in removed or one not in told),
        deleted=tuple(one for one in asked if one in removed),
    )


async def check(http: Http, watch: Watch) -> Held:
    """Whose the token is; an app's own is nobody's. Reddit tells scopes only when it grants them."""
    try:
        answer = await http.get(
            f"{watch.host}/api/v1/me",
            params={"raw_json": "1"},
            token=watch.token,
            endpoint="api",
            judge=judge,
        )
    except Denied as denied:
        if "USER_REQUIRED" in str(denied):
            return Held()
        raise
    me = envelope(_ME, answer, "the account")
    return Held(account_id=f"t2_{me.id}" if me.id else None, handle=me.name)


async def sign_in(http: Http, login: Login) -> Session:
    """A fresh session: a user's by the refresh token, an app's own by the secret alone.

    Tokens are given out on www.reddit.com; for a host that is not reddit.com, on that host itself. An app's own
    session belongs to nobody: its account_id is "". Raises Denied(refreshable=False) when all are refused.
    """
    client, _, rest = login.secret.partition(":")
    client_secret, _, refresh_token = rest.partition(":")
    if not client or ":" not in login.secret:
        raise Denied(
            "the secret is client_id:client_secret, and :refresh_token for a user", refreshable=False
        )
    basic = f"{client}:{client_secret}"
    if not refresh_token:
        grant = await _granted(http, login, basic, {"grant_type": "client_credentials"})
        return _session(login, grant, None, _Me())
    offers = list(dict.fromkeys([login.refresh or refresh_token, refresh_token]))
    for offer in offers:
        try:
            grant = await _granted(
                http, login, basic, {"grant_type": "refresh_token", "refresh_token": offer}
            )
        except Denied:
            if offer == offers[-1]:
                raise
            continue
        return _session(login, grant, offer, await _whose(http, login, grant))
    raise AssertionError("there is at least one offer")


async def _granted(http: Http, login: Login, basic: str, form: Mapping[str, str]) -> _Grant:
    """A grant. Refusals come with 200 as well."""
    answer = await http.post(
        f"{_token_host(login.host)}/api/v1/access_token",
        form=form,
        token=basic,
        auth="basic",
        endpoint="token",
        judge=judge_login,
    )
    grant = envelope(_GRANT, answer, "the token")
    if not grant.access_token:
        raise grantless(grant.error)
    return grant


async def _whose(http: Http, login: Login, grant: _Grant) -> _Me:
    """Whose a user's token is; nobody's where it lacks the scope `identity`."""
    try:
        answer = await http.get(
            f"{login.host}/api/v1/me", token=grant.access_token, endpoint="api", judge=judge
        )
    except Denied:
        return _Me()
    return envelope(_ME, answer, "the account")


def _session(login: Login, grant: _Grant, refresh: str | None, me: _Me) -> Session:
    assert grant.access_token is not None
    return Session(
        access=grant.access_token,
        refresh=(grant.refresh_token or refresh) if refresh else None,
        account_id=f"t2_{me.id}" if me.id else "",
        handle=me.name or login.identifier,
        host=login.host,
        lasts=grant.expires_in,
    )


def _token_host(host: str) -> str:
    parts = urlsplit(host)
    return "https://www.reddit.com" if parts.netloc == "oauth.reddit.com" else host
