"""YouTube: the comments of a channel and its videos, of one video, or under one comment.

https://developers.google.com/youtube/v3/docs/commentThreads/list, .../comments/list, .../determine_quota_cost.
Surprising: threads are sorted by their top comment, and a reply does not move its thread. So every visit reads the
newest page of threads (one unit), compares how many replies each is said to have, and reads those that have grown
thread by thread; every six hours it looks at the newest thousand. Not seen: a reply under an older thread (follow it by
`thread`), and one that came while another was deleted, so that the count stayed. There is no rate header; what
counts is units by the day of California.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from types import MappingProxyType

import msgspec

from connectors import _backwards as backwards
from connectors import _failing as failing
from connectors import _youtube_terms as terms
from connectors import _youtube_wire as wire
from connectors._base import (
    Cursor,
    Denied,
    Found,
    Gap,
    Garbled,
    Gone,
    Held,
    Http,
    Need,
    Page,
    Post,
    Quota,
    Reject,
    Spend,
    TryLater,
    Watch,
)
from connectors._decode import envelope

platform = "youtube"
default_host: str | None = "https://www.googleapis.com/youtube/v3"
interval = 300.0
watches: Mapping[str, Need] = MappingProxyType(
    {
        "channel": Need(
            term="a channel's id (UC...) or its address with that id",
            example="UC_x5XG1OV2P6uZZ5FSM9Ttw",
            credential="required",
        ),
        "video": Need(term="a video's id or its address", example="F1UP7wRCPH8", credential="required"),
        "thread": Need(
            term="a comment's id, or the address of its video with lc=",
            example="Ugw5zYU6n9pmIgAZWvN4AaABAg",
            credential="required",
        ),
    }
)
secret = "an API key of a Google Cloud project in which the YouTube Data API v3 is switched on"  # noqa: S105
quotas: Sequence[Quota] = (Quota(of="units", amount=10_000, period="day", zone="America/Los_Angeles"),)
lookup_size = 50

FROM_THE_START = Cursor('{"walk":{"newest":"2004-01-01T00:00:00Z"}}')
"""For a source that is to read all that YouTube still has, newest first, instead of from now on."""

PAGE_SIZE = 100
LOOK_EVERY = timedelta(hours=6)
LOOK_PAGES = 10
"""So many pages of threads, from the top, are looked at for replies every LOOK_EVERY."""
KNOWN = 1_000
"""Of so many threads that did not come with all of their replies we remember how many there were."""
MISSING = timedelta(days=1)
"""A comment that was there is believed to be gone when it has not been told for so long: one empty answer may be a fault."""
DEEPEST = 50
"""So many pages of replies are read under one comment; YouTube itself ends sooner."""

_FILTER = {"channel": "allThreadsRelatedToChannelId", "video": "videoId"}
_LOOKED_UP = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_SOME_VIDEO = "jNQXAC9IVRw"


class _Replies(msgspec.Struct, omit_defaults=True):
    """Where the reading of one comment's replies is: the token of the next page, the pages that are behind us, and
    whether we had to begin anew."""

    page: str | None = None
    met: list[str] = []
    again: bool = False


class _Stand(msgspec.Struct, omit_defaults=True):
    """The cursor of a walk over threads.

    `pending` are threads that have more replies than we know, the first of them being read now; `counts` is how many
    those had that did not come whole. `looked` is when the last look at older threads began, `deeper` the token to go on
    with in one, `look` how many pages it still has. `again`: the walk had to begin anew. `sick` are threads whose replies
    could not be read; they are tried once a visit.
    """

    walk: backwards.Stand = msgspec.field(default_factory=backwards.Stand)
    pending: list[wire.Parent] = []
    replies: _Replies = msgspec.field(default_factory=_Replies)
    counts: dict[str, int] = {}
    looked: datetime | None = None
    deeper: str | None = None
    look: int = 0
    again: bool = False
    sick: dict[str, failing.Sick[wire.Parent]] = {}

    @property
    def token(self) -> str | None:
        return self.deeper or (self.walk.walk.token if self.walk.walk else None)

    @property
    def more(self) -> bool:
        return bool(self.pending) or self.deeper is not None or self.walk.walk is not None


class _Reading(msgspec.Struct, omit_defaults=True):
    """The cursor of one thread: how many replies it had when they were last read, and when; where a reading is; since
    when it is not told any more."""

    total: int = 0
    read: datetime | None = None
    missing: datetime | None = None
    parent: wire.Parent | None = None
    replies: _Replies = msgspec.field(default_factory=_Replies)


_STAND = msgspec.json.Decoder(_Stand)
_READING = msgspec.json.Decoder(_Reading)
_PAGE = msgspec.json.Decoder(wire.Page)


def cost(watch: Watch) -> Spend:
    """One request, one unit."""
    return Spend(units=1)


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    if kind in watches:
        _id(kind, term)


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One call, one page. See the module for how replies are found."""
    if watch.kind not in watches:
        raise Gone(f"youtube has no watch of the kind {watch.kind!r}")
    if watch.kind == "thread":
        return await _thread(http, watch, cursor)
    try:
        stand = _Stand() if cursor is None else _STAND.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of youtube's", cursor=True) from None
    if stand.pending:
        return await _pending(http, watch, stand)
    return await _threads(http, watch, stand)


async def _threads(http: Http, watch: Watch, stand: _Stand) -> Page:
    """A page of threads: of the walk to known ground, or of a look below it."""
    params = {"part": "snippet,replies", _FILTER[watch.kind]: _id(watch.kind, watch.term), "order": "time"}
    try:
        found = await _list(http, watch, "commentThreads", params, stand.token)
    except Gone as lost:
        if not lost.cursor or (stand.again and stand.deeper is None):
            raise
        return _from_the_top(stand)
    read, posts, rejects = wire.threads(found.items, watch.now)
    _remember_grown(stand, read)
    gap = None
    if stand.deeper is not None:
        stand.look -= 1
        goes_on = found.token and found.token != stand.deeper and stand.look > 0
        stand.deeper = found.token if goes_on else None
    else:
        sightings = [
            backwards.Sighting(id=one.parent.id, at=one.at, sorted_by=one.at)
            for one in read
            if one.at is not None
        ]
        if found.items and not sightings:
            sightings = [backwards.unread(stand.walk, watch.now)]
        step = backwards.step(stand.walk, sightings, found.token or None, now=watch.now, late=True)
        gap = step.gap or (None if found.items or found.token else backwards.cut_short(stand.walk))
        stand.walk = backwards.stand(step.cursor)
        if not step.more:
            waits = {one.id for one in stand.pending}
            stand.pending += [one for one in failing.due(stand.sick) if one.id not in waits]
            _look_deeper(stand, found.token or None, watch.now)
    return _page(stand, posts, rejects, gap)


def _look_deeper(stand: _Stand, token: str | None, now: datetime) -> None:
    """After a walk that has arrived, a look at older threads if one is due. A first visit asks for nothing older."""
    stand.again = False
    if stand.looked is None:
        stand.looked = now
    elif now - stand.looked >= LOOK_EVERY:
        stand.looked, stand.deeper, stand.look = now, token, LOOK_PAGES - 1


def _from_the_top(stand: _Stand) -> Page:
    """A token that is not known any more: a walk begins once more below the same watermark, a look is given up."""
    if stand.deeper is not None:
        stand.deeper = None
        return _page(
            stand, [], [], Gap(reason="a look at older threads was broken off; replies under them wait")
        )
    stand.walk.walk, stand.again = None, True
    return msgspec.structs.replace(_page(stand, [], [], None), more=True)


def _remember_grown(stand: _Stand, read: list[wire.Thread]) -> None:
    """Threads with more replies than we have are to be read; how many they have is remembered."""
    for one in read:
        mark = _mark(one.parent.id)
        known = stand.counts.pop(mark, 0)
        if one.total > one.held:
            stand.counts[mark] = one.total
            if one.total > known:
                stand.pending.append(one.parent)
    for mark in list(stand.counts)[:-KNOWN]:
        del stand.counts[mark]


async def _pending(http: Http, watch: Watch, stand: _Stand) -> Page:
    """A page of the replies under the first thread that has grown."""
    parent = stand.pending[0]
    gap = None
    try:
        posts, rejects, gap = await _replies(http, watch, parent, stand.replies, inner=True)
    except Gone as lost:
        posts, rejects = [], []
        if lost.cursor and stand.replies.page and not stand.replies.again:
            stand.replies = _Replies(again=True)
            return _page(stand, posts, rejects, None)
        stand.replies = _Replies()
        if lost.cursor:
            stand.counts.pop(_mark(parent.id), None)
            gap = Gap(reason="replies that could not be read are asked for when their comment is seen again")
    except (TryLater, Garbled) as error:
        return _unread(stand, parent, error)
    failing.read(stand.sick)
    if stand.replies.page is None:
        stand.pending, stand.replies = stand.pending[1:], _Replies()
        stand.sick.pop(_mark(parent.id), None)
    return _page(stand, posts, rejects, gap)


def _unread(stand: _Stand, parent: wire.Parent, error: TryLater | Garbled) -> Page:
    """Replies that cannot be read wait for the next visit; the other threads do not wait for them."""
    verdict = failing.failed(stand.sick, _mark(parent.id), parent, error)
    stand.pending, stand.replies = stand.pending[1:], _Replies()
    if verdict.rest:
        failing.wait(stand.sick, [(_mark(one.id), one) for one in stand.pending])
        stand.pending = []
    gap = None
    if verdict.over:
        stand.sick.pop(_mark(parent.id), None)
        gap = Gap(reason=f"the replies under {parent.id} are not asked for until there are more: {error}")
    page = _page(stand, [], [], gap)
    return msgspec.structs.replace(page, more=page.more and not verdict.rest)


async def _replies(
    http: Http, watch: Watch, parent: wire.Parent, stand: _Replies, *, inner: bool
) -> tuple[list[Post], list[Reject], Gap | None]:
    """One page of the replies under a comment; `stand` moves on, to no page after the last."""
    params = {"part": "snippet", "parentId": parent.id}
    found = await _list(http, watch, "comments", params, stand.page, inner=inner)
    posts, rejects = wire.comments(found.items, watch.now, parent)
    if stand.page:
        stand.met.append(_mark(stand.page))
    stand.page = found.token or None
    if stand.page is None or (_mark(stand.page) not in stand.met and len(stand.met) < DEEPEST):
        return posts, rejects, None
    stand.page = None
    return posts, rejects, Gap(reason="the pages of the replies under a comment do not end")


async def _thread(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """The comment with a few of its replies; where their number has changed, all of them page by page.

    A cursor that is not ours is as good as none: the thread is read anew, and nothing is lost.
    """
    try:
        stand = _Reading() if cursor is None else _READING.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        stand = _Reading()
    if stand.parent is not None:
        return await _read_on(http, watch, stand, stand.parent)
    params = {"part": "snippet,replies", "id": _id("thread", watch.term)}
    found = await _list(http, watch, "commentThreads", params, None)
    if not found.items:
        return _missing(stand, cursor, watch.now)
    stand.missing = None
    read, posts, rejects = wire.threads(found.items, watch.now)
    for one in read[:1]:
        stale = stand.read is None or watch.now - stand.read >= LOOK_EVERY
        if one.total > one.held and (one.total != stand.total or stale):
            stand = _Reading(total=one.total, read=watch.now, parent=one.parent)
    return _page(stand, posts, rejects, None)


def _missing(stand: _Reading, cursor: Cursor | None, now: datetime) -> Page:
    """A thread that is not told, and of which YouTube does not say that it is gone."""
    if cursor is None:
        raise Garbled("YouTube tells nothing under this comment's id")
    if stand.missing is None:
        stand.missing = now
    elif now - stand.missing >= MISSING:
        raise Gone("this comment is not told any more")
    return _page(stand, [], [], None)


async def _read_on(http: Http, watch: Watch, stand: _Reading, parent: wire.Parent) -> Page:
    gap = None
    try:
        posts, rejects, gap = await _replies(http, watch, parent, stand.replies, inner=False)
    except Gone as lost:
        if not lost.cursor or stand.replies.again:
            raise
        stand.replies = _Replies(again=True)
        return _page(stand, [], [], None)
    if stand.replies.page is None:
        stand.parent, stand.replies = None, _Replies()
    return _page(stand, posts, rejects, gap)


def _page(stand: _Stand | _Reading, posts: list[Post], rejects: list[Reject], gap: Gap | None) -> Page:
    return Page(
        posts=tuple(posts),
        rejects=tuple(rejects),
        cursor=Cursor(msgspec.json.encode(stand).decode()),
        more=stand.more if isinstance(stand, _Stand) else stand.parent is not None,
        gap=gap,
    )


async def _list(
    http: Http,
    watch: Watch,
    what: str,
    params: Mapping[str, str],
    token: str | None,
    *,
    inner: bool = False,
) -> wire.Page:
    """What one request brings. All lists share a quota and a rate: one endpoint class."""
    if not watch.token:
        raise Denied("YouTube takes an API key", refreshable=False)
    asked = {**params, "textFormat": "plainText"}
    if "id" not in params:
        asked["maxResults"] = str(max(1, min(watch.page_size or PAGE_SIZE, PAGE_SIZE)))
    if token:
        asked["pageToken"] = token
    answer = await http.get(
        f"{watch.host}/{what}",
        params=asked,
        token=watch.token,
        auth="x-goog-api-key",
        endpoint="list",
        judge=partial(wire.judge, now=watch.now, token=token is not None, inner=inner),
    )
    return envelope(_PAGE, answer, f"the page of {what}")


def check_cost(watch: Watch) -> Spend:
    """As any list."""
    return Spend(units=1)


async def check(http: Http, watch: Watch) -> Held:
    """Whether the key opens the door, for one unit. A key is nobody's and has no scopes. Raises Denied."""
    if not watch.token:
        raise Denied("YouTube takes an API key", refreshable=False)
    answer = await http.get(
        f"{watch.host}/videos",
        params={"part": "id", "id": _SOME_VIDEO},
        token=watch.token,
        auth="x-goog-api-key",
        endpoint="list",
        judge=partial(wire.judge, now=watch.now),
    )
    envelope(_PAGE, answer, "the page of videos")
    return Held()


def lookup_cost(count: int) -> Spend:
    """Two requests and units, however many of `lookup_size`: the second where edited ones do not say where they stand."""
    calls = 2 * -(-count // lookup_size)
    return Spend(requests=calls, units=calls)


async def lookup(http: Http, watch: Watch, ids: Sequence[str]) -> Found:
    """How these comments stand now; what is not among the answers is gone.

    A comment that is read by its own id does not say under which video it stands, nor always at which channel: where
    it was edited, its thread is asked. Raises Garbled where YouTube says that one is missing, and not which.
    """
    asked = [one for one in dict.fromkeys(ids[:lookup_size]) if _LOOKED_UP.fullmatch(one)]
    if not asked:
        return Found(posts=(), rejects=(), gone=(), spent=Spend(requests=0))
    once = Spend(units=1)
    try:
        found = await _list(http, watch, "comments", {"part": "snippet", "id": ",".join(asked)}, None)
    except Gone:
        if len(asked) > 1:
            raise Garbled("YouTube does not say which of these comments is missing") from None
        return Found(posts=(), rejects=(), gone=tuple(asked), deleted=tuple(asked), spent=once)
    posts, rejects = wire.comments(found.items, watch.now)
    there = {wire.bare_id(item) for item in found.items}
    # an item whose id cannot be read may be any of those that we miss
    gone = () if None in there else tuple(one for one in asked if one not in there)
    nowhere = {post.thread or post.id for post in posts if post.edited_at is not None and post.place is None}
    if nowhere:
        parents = await _parents(http, watch, sorted(nowhere))
        posts = [wire.placed(post, parents.get(post.thread or post.id)) for post in posts]
    spent = Spend(requests=2, units=2) if nowhere else once
    return Found(posts=tuple(posts), rejects=tuple(rejects), gone=gone, spent=spent)


async def _parents(http: Http, watch: Watch, ids: Sequence[str]) -> Mapping[str, wire.Parent]:
    """The threads of these ids, as far as YouTube tells them."""
    try:
        found = await _list(http, watch, "commentThreads", {"part": "snippet", "id": ",".join(ids)}, None)
    except Gone:
        return {}
    read, _, _ = wire.threads(found.items, watch.now)
    return {one.parent.id: one.parent for one in read}


def _id(kind: str, term: str) -> str:
    """The id in a term. Raises Gone where there is none."""
    found = terms.ident(kind, term)
    if found is None:
        raise Gone(f"this is no {watches[kind].term}")
    return found


def _mark(text: str) -> str:
    """Ten characters that stand for an id or a token in a cursor."""
    return blake2b(text.encode(), digest_size=5).hexdigest()
