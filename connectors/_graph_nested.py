"""A walk over what hangs under many objects: the comments of a page's posts, as one watch.

A visit is a sweep. The list of objects is walked backwards as any other until it has met known ground and a
window of the newest objects has been seen; an object that changed since the last sweep, by the mark that its
module makes of it, is visited at once, before the list goes on, and what hangs under it is read from the newest back
to the newest that is known of it. So a sweep that is broken off goes on where it stood. Every twelfth sweep visits
all objects of the window: a comment that came while another was deleted leaves a count as it was.

An object below which nothing can be read is tried once a sweep, after all others, then passed over with a named Gap,
and heard again once it can be (see `_failing`).

Under an object that a first visit meets, the newest page is taken, as of any list; under one that comes later,
everything. Not found: what is said under an object that is no longer among the newest `window` ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol
from zlib import crc32

import msgspec

from connectors import _anew as anew
from connectors import _backwards as backwards
from connectors import _failing as failing
from connectors._backwards import Sighting, Stand, Walk
from connectors._base import Cursor, Denied, Gap, Garbled, Gone, Page, Post, Reject, TryLater, Watch
from connectors._decode import raw_text

WHOLE_EVERY = 12
"""Sweeps from one that trusts no mark to the next."""

FROM_THE_START = Cursor('{"list":{"newest":"2004-01-01T00:00:00Z"}}')
"""For a source that is to read all that there still is instead of from now on."""

_BEGINNING = datetime(2004, 1, 1, tzinfo=UTC)
_EMPTY = 10
"""An empty page counts as so many items: what was deleted or hidden from us makes pages short, and they still go on."""


class Thing(msgspec.Struct, array_like=True):
    """An object that has something below it. `url` is what its comments are shown at, where they have no address."""

    id: str
    url: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the list: the post that it is (or why it is none), what it changes by, and what is below it.

    `always`: the mark does not tell whether something came below, so it is visited in every sweep.
    """

    key: str
    mark: str
    post: Post | Reject
    below: Thing | None = None
    always: bool = False


def unreadable(raw: msgspec.Raw, reason: str) -> Told:
    """An item that is no object as far as we can read; it is told once, until it changes."""
    text = raw_text(raw)
    return Told(key=text, mark="unreadable", post=Reject(raw=text, reason=reason))


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the list of objects."""

    told: Sequence[Told]
    sightings: Sequence[Sighting]
    token: str | None


class Below(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what hangs under an object; `deeper` are things in it that have more below them than it shows."""

    posts: Sequence[Post | Reject]
    sightings: Sequence[Sighting]
    token: str | None
    deeper: Sequence[Thing] = ()


class Reads(Protocol):
    """A platform's side: `reach` is how many items below an object are read at least, whatever their age. `tries`: so
    often it failed, so that less is to be asked for (`_failing.fewer`)."""

    window: int

    async def listing(self, token: str | None) -> Listing: ...

    async def below(self, thing: Thing, token: str | None, tries: int) -> Below: ...

    def reach(self, thing: Thing) -> int: ...


class _Known(msgspec.Struct, array_like=True):
    """What is known of an object: its mark, and the newest that was read below it. None: nothing, and only its newest
    page is wanted; the beginning: nothing, and all of it is."""

    mark: str
    newest: datetime | None = None


class _Sweep(msgspec.Struct, omit_defaults=True):
    """A sweep that is under way: how many objects it has met, what is pending, and where it is in the first of that.

    `token` leads on below the known ground of the list, `on` below that of an object; `read` counts its items.
    `relisted`, `again`: of the one and the other, the place was lost, and the reading began anew. `retry` are the objects
    that failed in earlier sweeps.
    """

    whole: bool = False
    listed: bool = False
    depth: int = 0
    token: str | None = None
    pending: list[Thing] = []
    walk: Walk | None = None
    on: str | None = None
    read: int = 0
    relisted: bool = False
    again: bool = False
    retry: list[str] = []
    known: dict[str, _Known] = {}


class _State(msgspec.Struct, omit_defaults=True):
    """The cursor: the list's own stand, what is known of its newest objects, those that fail, and a sweep if one is on."""

    list: Stand = msgspec.field(default_factory=Stand)
    sweeps: int = 0
    known: dict[str, _Known] = {}
    sick: dict[str, failing.Sick[Thing]] = {}
    sweep: _Sweep | None = None


_STATE = msgspec.json.Decoder(_State)


async def visit(reads: Reads, watch: Watch, cursor: Cursor | None) -> Page:
    """One call of a sweep: a page of the list, or a page of what is below one object."""
    try:
        state = _State() if cursor is None else _STATE.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of ours", cursor=True) from None
    if state.sweep is not None and state.sweep.pending:
        return await _below(reads, watch, state, state.sweep)
    return await _list(reads, watch, state)


async def _list(reads: Reads, watch: Watch, state: _State) -> Page:
    walk = state.list.walk
    sweep = state.sweep = state.sweep or _Sweep(
        whole=state.sweeps % WHOLE_EVERY == WHOLE_EVERY - 1,
        retry=[_short(one.id) for one in failing.due(state.sick)],
    )
    try:
        listing = await reads.listing(walk.token if walk is not None else sweep.token)
    except Gone as lost:
        gap = _list_anew(state, sweep, lost, reads.window, watch.now)
        return _page(state, sweep, (), reads.window, gap)
    newest = state.list.newest
    fresh = set() if newest is None else {one.id for one in listing.sightings if one.at >= newest}
    pending = {thing.id for thing in sweep.pending}
    posts = [
        one for told in listing.told for one in _noted(told, state, sweep, pending, new=told.key in fresh)
    ]
    sweep.depth += len(listing.sightings) or _EMPTY
    gap = None
    met = sweep.token is not None
    if not met:
        step = backwards.step(state.list, listing.sightings, listing.token, now=watch.now, late=True)
        state.list, gap, met = backwards.stand(step.cursor), step.gap, not step.more
    further = met and newest is not None and sweep.depth < reads.window
    sweep.token = listing.token if further else None
    sweep.listed = met and sweep.token is None
    return _page(state, sweep, posts, reads.window, gap)


def _list_anew(state: _State, sweep: _Sweep, lost: Gone, window: int, now: datetime) -> Gap | None:
    """A lost place in the list: from the top once more, where what this sweep has met is known. Below known ground a
    second loss costs nothing but time: the next sweep looks there again."""
    sweep.depth = 0
    # what is newer than all of it comes behind it now, and must not be the first to be forgotten
    sweep.known = _first(sweep.known, window, sweep.pending)
    if sweep.token is not None and lost.cursor:
        sweep.token, sweep.listed, sweep.relisted = None, sweep.relisted, True
        reason = f"what is new under older posts waits for the next sweep: {lost}"
        return Gap(reason=reason) if sweep.listed else None
    step = anew.step(state.list, lost, now=now)
    state.list, sweep.listed = backwards.stand(step.cursor), not step.more
    return step.gap


def _noted(
    told: Told, state: _State, sweep: _Sweep, pending: set[str], *, new: bool
) -> tuple[Post | Reject, ...]:
    """The post of an item if it is news; its mark is taken down, and what is below it becomes pending."""
    key, mark = _short(told.key), f"{crc32(told.mark.encode('utf-8', 'replace')):x}"
    before = sweep.known.get(key) or state.known.get(key)
    changed = before is None or before.mark != mark
    due = changed or (key not in sweep.known and (told.always or sweep.whole))
    if due and told.below is not None and told.below.id not in pending:
        pending.add(told.below.id)
        sweep.pending.append(told.below)
    newest = before.newest if before is not None else _BEGINNING if new or told.below is None else None
    sweep.known[key] = _Known(mark, newest)
    return (told.post,) if changed else ()


async def _below(reads: Reads, watch: Watch, state: _State, sweep: _Sweep) -> Page:
    thing = sweep.pending[0]
    key = _short(thing.id)
    known = sweep.known.get(key) or state.known.get(key) or _Known("")
    token = sweep.on or (sweep.walk.token if sweep.walk is not None else None)
    try:
        found = await reads.below(thing, token, state.sick[key].tries if key in state.sick else 0)
    except Gone as lost:
        return _page(state, sweep, (), reads.window, _below_anew(state, sweep, known, lost))
    except (TryLater, Denied, Garbled) as error:
        return _below_fails(state, sweep, known, error, reads.window)
    failing.read(state.sick)
    sweep.read += len(found.sightings) or _EMPTY
    gap = None
    ended = sweep.on is not None
    if not ended:
        stand = Stand(newest=known.newest, walk=sweep.walk)
        step = backwards.step(stand, found.sightings, found.token, now=watch.now)
        after = backwards.stand(step.cursor)
        ended, gap, sweep.walk = not step.more, step.gap, after.walk
        if ended:
            known.newest = after.newest
    if ended:
        on = found.token if sweep.read < reads.reach(thing) else None
        sweep.on = on if on != token else None
    sweep.pending[1:1] = [one for one in found.deeper if one not in sweep.pending]
    if ended and sweep.on is None:
        state.sick.pop(key, None)
        _next(sweep)
    return _page(state, sweep, found.posts, reads.window, gap)


def _below_fails(
    state: _State, sweep: _Sweep, known: _Known, error: TryLater | Denied | Garbled, window: int
) -> Page:
    """Nothing is read below this object now, and the others do not wait for it."""
    thing = sweep.pending[0]
    key = _short(thing.id)
    verdict = failing.failed(state.sick, key, thing, error)
    sweep.retry = [one for one in sweep.retry if one != key]
    gap = None
    if verdict.over:
        low = sweep.walk.low if sweep.walk is not None else None
        since = known.newest if known.newest is None or low is None or known.newest < low else None
        gap = Gap(since=since, until=low, reason=f"under {thing.id}, until it can be read: {error}")
    _next(sweep)
    if verdict.rest:
        failing.wait(state.sick, [(_short(one.id), one) for one in sweep.pending])
        sweep.pending, sweep.retry = [], []
    page = _page(state, sweep, (), window, gap)
    return msgspec.structs.replace(page, more=page.more and not verdict.rest)


def _below_anew(state: _State, sweep: _Sweep, known: _Known, lost: Gone) -> Gap | None:
    """A lost place under an object: from its newest once more. A second loss costs what is below the place under this one
    object; an object that is gone costs nothing."""
    if lost.cursor and not sweep.again:
        sweep.walk, sweep.on, sweep.read, sweep.again = None, None, 0, True
        return None
    gap = None
    if lost.cursor:
        since = known.newest if sweep.on is None else None
        low = sweep.walk.low if sweep.walk is not None else None
        gap = Gap(since=since, until=low, reason=f"under {sweep.pending[0].id}: {lost}, twice in one walk")
    state.sick.pop(_short(sweep.pending[0].id), None)
    _next(sweep)
    return gap


def _next(sweep: _Sweep) -> None:
    del sweep.pending[0]
    sweep.walk, sweep.on, sweep.read, sweep.again = None, None, 0, False


def _page(state: _State, sweep: _Sweep, posts: Sequence[Post | Reject], window: int, gap: Gap | None) -> Page:
    """The page and its cursor; a sweep that has nothing left to do ends here."""
    if sweep.listed and not sweep.pending:
        sweep.pending = [state.sick[key].thing for key in sweep.retry if key in state.sick]
        sweep.retry = []
    more = bool(sweep.pending) or not sweep.listed
    # the last page of a window reaches below it
    sweep.known = _first(sweep.known, 2 * window, sweep.pending)
    if not more:
        state.sweeps += 1
        older = {key: known for key, known in state.known.items() if key not in sweep.known}
        state.known = _first({**sweep.known, **older}, 2 * window, ())
        again = {_short(one.id) for one in failing.due(state.sick)}
        state.sick = {key: one for key, one in state.sick.items() if key in state.known or key in again}
        state.sweep = None
    return Page(
        posts=tuple(one for one in posts if isinstance(one, Post)),
        rejects=tuple(one for one in posts if isinstance(one, Reject)),
        cursor=Cursor(msgspec.json.encode(state).decode()),
        more=more,
        gap=gap,
    )


def _first(known: dict[str, _Known], many: int, pending: Sequence[Thing]) -> dict[str, _Known]:
    """What is known of the newest objects, and of those that are still to be visited."""
    if len(known) <= many:
        return known
    also = {_short(thing.id) for thing in pending}
    return {key: one for n, (key, one) in enumerate(known.items()) if n < many or key in also}


def _short(key: str) -> str:
    return blake2b(key.encode("utf-8", "replace"), digest_size=5).hexdigest()
