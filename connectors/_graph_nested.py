"""A walk over what hangs under many objects: the comments of a page's posts, as one watch.

A visit is a sweep. The list of objects is walked backwards as any other until it has met known ground and a
window of the newest objects has been seen; an object that changed since the last sweep, by the mark that its
module makes of it, is visited at once, before the list goes on, and what hangs under it is read from the newest back
to where the last sweep began. So a sweep that is broken off goes on where it stood, and what is written while
it runs is the next one's. Every twelfth sweep visits all objects of the window back to where the last such began:
a comment that came while another was deleted leaves a count as it was.

Not found: what is said under an object that is no longer among the newest `window` ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

import msgspec

from connectors import _backwards as backwards
from connectors._backwards import Sighting, Stand, Walk
from connectors._base import Cursor, Gap, Gone, Page, Post, Reject, Watch
from connectors._decode import raw_text

WHOLE_EVERY = 12
"""Sweeps from one that trusts no mark to the next."""

FROM_THE_START = Cursor('{"list":{"newest":"2004-01-01T00:00:00Z"},"heard":"2004-01-01T00:00:00Z"}')
"""For a source that is to read all that there still is instead of from now on."""


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
    """One page of the list of objects. `date` is the server's clock."""

    told: Sequence[Told]
    sightings: Sequence[Sighting]
    token: str | None
    date: datetime | None = None


class Below(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what hangs under an object; `deeper` are things in it that have more below them than it shows."""

    posts: Sequence[Post | Reject]
    sightings: Sequence[Sighting]
    token: str | None
    deeper: Sequence[Thing] = ()


class Reads(Protocol):
    """A platform's side: `reach` is how many items below an object are read at least, whatever their age."""

    window: int

    async def listing(self, token: str | None) -> Listing: ...

    async def below(self, thing: Thing, token: str | None) -> Below: ...

    def reach(self, thing: Thing) -> int: ...


class _Sweep(msgspec.Struct, omit_defaults=True):
    """A sweep that is under way: when it began, what is pending, and where it is in the first of that.

    `token` leads on below the known ground of the list; `on` below that of an object; `read` counts its items.
    """

    since: datetime
    whole: bool = False
    listed: bool = False
    depth: int = 0
    token: str | None = None
    pending: list[Thing] = []
    walk: Walk | None = None
    on: str | None = None
    read: int = 0
    marks: dict[str, str] = {}


class _State(msgspec.Struct, omit_defaults=True):
    """The cursor: the list's own stand, since when what is below has been heard, and the marks of the window."""

    list: Stand = msgspec.field(default_factory=Stand)
    heard: datetime | None = None
    whole: datetime | None = None
    sweeps: int = 0
    marks: dict[str, str] = {}
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
    token = walk.token if walk is not None else state.sweep.token if state.sweep is not None else None
    listing = await reads.listing(token)
    first = state.heard is None and state.list.newest is None
    sweep = state.sweep
    if sweep is None:
        began = watch.now if listing.date is None else min(watch.now, listing.date)
        whole = state.whole is not None and state.sweeps % WHOLE_EVERY == 0
        sweep = state.sweep = _Sweep(since=began, whole=whole)
    posts = [one for told in listing.told for one in _noted(told, state, sweep)]
    sweep.depth += len(listing.sightings)
    gap = None
    known = sweep.token is not None
    if not known:
        step = backwards.step(state.list, listing.sightings, listing.token, now=watch.now)
        state.list, gap, known = backwards.stand(step.cursor), step.gap, not step.more
    further = known and not first and sweep.depth < reads.window and bool(listing.sightings)
    sweep.token = listing.token if further else None
    sweep.listed = known and sweep.token is None
    return _page(state, sweep, posts, reads.window, gap)


def _noted(told: Told, state: _State, sweep: _Sweep) -> list[Post | Reject]:
    """The post of an item if it is news; its mark is taken down, and what is below it becomes pending."""
    key = _short(told.key)
    here = sweep.marks.get(key, state.marks.get(key))
    changed = here != told.mark
    due = changed or (key not in sweep.marks and (told.always or sweep.whole))
    if due and told.below is not None and told.below not in sweep.pending:
        sweep.pending.append(told.below)
    sweep.marks[key] = told.mark
    return [told.post] if changed else []


async def _below(reads: Reads, watch: Watch, state: _State, sweep: _Sweep) -> Page:
    thing = sweep.pending[0]
    token = sweep.on or (sweep.walk.token if sweep.walk is not None else None)
    floor = state.whole if sweep.whole else state.heard
    try:
        found = await reads.below(thing, token)
    except Gone as error:
        low = sweep.walk.low if sweep.walk is not None else None
        _next(sweep)
        # a place that is lost costs what is below it under this one object; an object that is gone costs nothing
        gap = Gap(since=floor, until=low, reason=f"under {thing.id}: {error}") if error.cursor else None
        return _page(state, sweep, (), reads.window, gap)
    sweep.read += len(found.sightings)
    gap = None
    ended = sweep.on is not None
    if not ended:
        step = backwards.step(
            Stand(newest=floor, walk=sweep.walk), found.sightings, found.token, now=watch.now
        )
        sweep.walk = backwards.stand(step.cursor).walk
        ended, gap = not step.more, step.gap
    if ended:
        on = found.token if sweep.read < reads.reach(thing) and found.sightings else None
        sweep.on, sweep.walk = (on if on != token else None), None
    sweep.pending[1:1] = [one for one in found.deeper if one not in sweep.pending]
    if ended and sweep.on is None:
        _next(sweep)
    return _page(state, sweep, found.posts, reads.window, gap)


def _next(sweep: _Sweep) -> None:
    del sweep.pending[0]
    sweep.walk, sweep.on, sweep.read = None, None, 0


def _page(state: _State, sweep: _Sweep, posts: Sequence[Post | Reject], window: int, gap: Gap | None) -> Page:
    """The page and its cursor; a sweep that has nothing left to do ends here."""
    more = bool(sweep.pending) or not sweep.listed
    if not more:
        state.heard = sweep.since
        if sweep.whole or state.whole is None:
            state.whole = sweep.since
        state.sweeps += 1
        kept = {**sweep.marks, **{k: m for k, m in state.marks.items() if k not in sweep.marks}}
        state.marks = dict(list(kept.items())[:window])
        state.sweep = None
    return Page(
        posts=tuple(one for one in posts if isinstance(one, Post)),
        rejects=tuple(one for one in posts if isinstance(one, Reject)),
        cursor=Cursor(msgspec.json.encode(state).decode()),
        more=more,
        gap=gap,
    )


def _short(key: str) -> str:
    return blake2b(key.encode("utf-8", "replace"), digest_size=5).hexdigest()
