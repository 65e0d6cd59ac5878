"""X: a search, the mentions of an account, a conversation; what stored posts have become, how much a search brings.

https://docs.x.com/x-api/posts/search/introduction, .../posts/timelines, .../posts/lookup, .../posts/counts,
.../getting-started/pricing. Surprising: what costs is not the request but every post and user that comes
back, the included ones, as far as is known, like the others; a fifth for the mentions of the account that owns the
app, but no answer says whether it is that account: they count in full, so that nothing costs more than was counted. A
429 may be the monthly cap, whatever its headers say; a search knows seven days and takes no older mark. See
`_x_walk` for how the gap is closed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import msgspec

from connectors import _x_answer as answered
from connectors import _x_session
from connectors import _x_walk as walking
from connectors._base import (
    Cursor,
    Denied,
    Found,
    Gap,
    Garbled,
    Gone,
    Http,
    Need,
    Page,
    Quota,
    Spend,
    Volume,
    Watch,
)
from connectors._decode import envelope
from connectors._x_refused import Stale, Tokenless, judged
from connectors._x_wire import either, is_id

platform = "x"
default_host: str | None = "https://api.x.com"
interval = 120.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "search": Need(
            term="a query in X's own words; reposts cost as much as posts, so leave them out where you can",
            example='("Acme" OR @acme) -is:retweet lang:en',
            credential="required",
            scopes=("tweet.read", "users.read"),
        ),
        "mentions": Need(
            term="an account's number, or @me for the credential's own account",
            example="@me",
            credential="required",
            scopes=("tweet.read", "users.read"),
        ),
        "conversation": Need(
            term="the number or the address of a conversation's first post",
            example="https://x.com/acme/status/1440716895355764743",
            credential="required",
            scopes=("tweet.read", "users.read"),
        ),
    }
)
secret = _x_session.WHAT_IT_TAKES
sign_in = _x_session.sign_in
check = _x_session.check
quotas: Sequence[Quota] = (Quota(of="units", amount=3_000_000, period="month"),)
lookup_size = 100
counted = frozenset({"search", "conversation"})

FROM_THE_START = Cursor('{"since":"1"}')
"""For a source that is to read all that X still has, newest first, instead of from now on."""

POST, USER, COUNT = 5_000, 10_000, 5_000
"""Prices in millionths of a US dollar: a post, a user, a request for a count."""

PAGE_SIZE, LEAST, MOST = 25, {"search": 10, "mentions": 5, "conversation": 10}, 100
VERSIONS = 6
"""A post can be edited five times."""

MAX_QUERY = 4_096

_FIELDS = {
    "tweet.fields": "created_at,author_id,conversation_id,in_reply_to_user_id,referenced_tweets,entities,lang,"
    "public_metrics,note_tweet,edit_history_tweet_ids",
}
_EXPANDED = {
    **_FIELDS,
    "user.fields": "username,name,protected",
    "expansions": "author_id,referenced_tweets.id,referenced_tweets.id.author_id",
}
_STATUS = re.compile(
    r"https://(?:www\.|mobile\.)?(?:x|twitter)\.com/(?:\w+|i/web)/status/(\d{1,19})(?:[/?#]|$)"
)
_WEAK = re.compile(r"-?(?:(?:lang|is|has|sample|place_country|bounding_box|point_radius|place):|-)")


class _Bucket(msgspec.Struct):
    start: datetime
    end: datetime
    tweet_count: int | None = None
    post_count: int | None = None


class _Counted(msgspec.Struct):
    data: list[_Bucket]


_COUNTED = msgspec.json.Decoder(_Counted)


def cost(watch: Watch) -> Spend:
    """A full page of posts, each of which answers one post and quotes another, all by different people."""
    size = _size(watch)
    return Spend(units=3 * size, money=3 * size * (POST + USER))


def lookup_cost(count: int) -> Spend:
    """Every post in all versions that it can have."""
    return Spend(units=VERSIONS * count, money=VERSIONS * count * POST)


def check_cost(watch: Watch) -> Spend:
    """A user that comes back is paid for; whether also when it is oneself is not told."""
    return Spend(money=USER)


def volume_cost(watch: Watch) -> Spend:
    """A count is paid by the request."""
    return Spend(money=COUNT)


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    if kind == "search":
        _query(term)
    elif kind == "conversation":
        _root(term)
    elif kind == "mentions" and term.strip() != "@me" and not is_id(term.strip()):
        raise Gone(
            "mentions are followed by an account's number, because handles change hands; @me is your own"
        )


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page. See `_x_walk` for how the walk closes its gap."""
    match watch.kind:
        case "search":
            return await _walk(http, watch, cursor, "/2/tweets/search/recent", {"query": _query(watch.term)})
        case "conversation":
            query = f"conversation_id:{_root(watch.term)}"
            return await _walk(
                http, watch, cursor or FROM_THE_START, "/2/tweets/search/recent", {"query": query}
            )
        case "mentions":
            return await _walk(http, watch, cursor, f"/2/users/{_account(watch)}/mentions", {})
        case other:
            raise Gone(f"x has no watch of the kind {other!r}")


async def _walk(http: Http, watch: Watch, cursor: Cursor | None, path: str, fixed: Mapping[str, str]) -> Page:
    searches = watch.kind != "mentions"
    at, gap = walking.begun(walking.stand(cursor), watch.now, searches=searches)
    params = {**fixed, **_EXPANDED, "max_results": str(_size(watch))}
    if searches:
        params["sort_order"] = "recency"
    params.update(walking.asks(at, "next_token" if searches else "pagination_token"))
    try:
        answer = await http.get(
            watch.host + path,
            params=params,
            token=_token(watch),
            endpoint="search" if searches else "mentions",
            judge=judged(watch.now),
        )
    except Tokenless:
        if at.walk is None or at.walk.token is None:
            raise Garbled("X refuses a token that it was not given") from None
        return _again(walking.tokenless(at), gap)
    except Stale:
        if at.since is None or (at.walk and at.walk.start):
            raise Garbled("X refuses a mark that it was not given") from None
        at, lost = walking.aged(at, watch.now)
        return _again(at, lost or gap)
    told = answered.told_by(answer, f"the {watch.kind} page")
    _whole(told, watch)
    read = answered.read(told)
    meta = told.meta or answered.Meta()
    after, more, lost = walking.step(
        at, read.ids, meta.newest_id, meta.next_token or None, now=watch.now, searches=searches
    )
    root = _root(watch.term) if watch.kind == "conversation" else None
    posts, unbelievable = answered.posts(read, now=watch.now, also=root)
    return Page(
        posts=tuple(posts),
        rejects=(*read.rejects, *unbelievable, *answered.missing(read)),
        cursor=walking.written(after),
        more=more,
        gap=lost or gap,
        spent=_spent(read),
    )


def _again(at: walking.Stand, gap: Gap | None) -> Page:
    """No page yet, but where to ask from at once: what X refuses costs nothing."""
    return Page(posts=(), rejects=(), cursor=walking.written(at), more=True, gap=gap, spent=Spend())


def _whole(told: answered.Told | answered.Typed, watch: Watch) -> None:
    """Raises what an answer means that is no page: without `meta` there is none."""
    if told.meta is None:
        for trouble in answered.troubles(told):
            if trouble.parameter == "id" and trouble.type.endswith("/resource-not-found"):
                raise Gone("this account does not exist on X any more")
            if trouble.parameter == "id" and trouble.type.endswith("/not-authorized-for-resource"):
                raise Denied("X does not show this account to us", refreshable=False)
        raise Garbled(f"the {watch.kind} page has another shape: no meta")
    if told.meta.result_count and not told.data:
        raise Garbled(f"the {watch.kind} page has another shape: results are counted and none is there")


def _spent(read: answered.Read) -> Spend:
    posts = read.count + read.count_included
    return Spend(units=posts, money=posts * POST + read.count_users * USER)


async def lookup(http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    """How these posts stand now, each in its newest version; without their authors' names, which would cost
    twice as much as the posts."""
    known = [number for number in ids if is_id(number)][:lookup_size]
    if not known:
        return Found(posts=(), rejects=(), gone=(), spent=Spend(requests=0))
    params = {**_FIELDS, "expansions": "edit_history_tweet_ids", "ids": ",".join(known)}
    answer = await http.get(
        f"{watch.host}/2/tweets",
        params=params,
        token=_token(watch),
        endpoint="lookup",
        judge=judged(watch.now),
    )
    told = answered.told_by(answer, "the looked up posts")
    if told.data is None and told.errors is None:
        raise Garbled("the looked up posts have another shape: neither data nor errors")
    read = answered.read(told)
    posts, unbelievable = answered.posts(answered.newest(read), now=watch.now)
    lost = {
        str(trouble.resource_id or trouble.value)
        for trouble in read.troubles
        if trouble.type.endswith(("/resource-not-found", "/not-authorized-for-resource"))
    }
    here = {post.id for post in posts}
    gone = tuple(number for number in known if number in lost and number not in here)
    return Found(
        posts=tuple(posts),
        rejects=(*read.rejects, *unbelievable),
        gone=gone,
        deleted=gone,
        spent=_spent(read),
    )


async def volume(http: Http, watch: Watch) -> Volume:
    """How many posts a search or a conversation has a day, by the last seven days; X does not count mentions."""
    query = _query(watch.term) if watch.kind == "search" else f"conversation_id:{_root(watch.term)}"
    answer = await http.get(
        f"{watch.host}/2/tweets/counts/recent",
        params={"query": query, "granularity": "day"},
        token=_token(watch),
        endpoint="counts",
        judge=judged(watch.now),
    )
    buckets = envelope(_COUNTED, answer, "the count").data
    seconds = sum(max((b.end - b.start).total_seconds(), 0.0) for b in buckets)
    found = sum(either(b, "tweet_count") or 0 for b in buckets)
    return Volume(
        posts_a_day=found * 86_400 / seconds if seconds else 0.0,
        spent=volume_cost(watch),
        each=Spend(requests=0, units=1, money=POST + USER),
    )


def _size(watch: Watch) -> int:
    return max(LEAST.get(watch.kind, 10), min(watch.page_size or PAGE_SIZE, MOST))


def _token(watch: Watch) -> str:
    if not watch.token:
        raise Denied("X answers nobody without a token", refreshable=False)
    return watch.token


def _account(watch: Watch) -> str:
    """The number of the account that is mentioned."""
    term = watch.term.strip()
    if term == "@me":
        if not watch.me:
            raise Denied(
                "@me takes a user's own token; for an app's, give the account's number", refreshable=False
            )
        term = watch.me
    check_term("mentions", term)
    return term


def _query(term: str) -> str:
    """The query, if X can be asked it: not empty, not too long, and with something to find that stands alone."""
    term = term.strip()
    if len(term) > MAX_QUERY:
        raise Gone(f"X takes no query of more than {MAX_QUERY} characters")
    words = re.sub(r"[()]", " ", term).split()
    if all(word == "OR" or _WEAK.match(word) for word in words):
        raise Gone("a query on X takes a word, a phrase, a hashtag or a handle beside what only narrows it")
    return term


def _root(term: str) -> str:
    """The number of a conversation's first post."""
    term = term.strip()
    found = _STATUS.match(term)
    number = found[1] if found else term
    if not is_id(number):
        raise Gone("a conversation is named by the number or the address of its first post")
    return number
