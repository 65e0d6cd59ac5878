"""Where a walk through X's pages stands: newest first, down to the post that was the newest before.

https://docs.x.com/x-api/posts/search/integrate/paginate. `since_id` stays the same for all pages of a walk, and
only the first page's newest id becomes the next one. Ids tell their time, so that a mark which the search no
longer takes (it knows seven days) is known beforehand: the walk then goes down to a `start_time`, and what lies
between is a named gap. `low` is how far down a walk has come: should its token be lost it goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors._base import Cursor, Gap, Gone
from connectors._x_wire import id_at, is_id, time_of

OLDEST = timedelta(days=7) - timedelta(minutes=1)
"""Below this a search takes neither an id nor a time."""

SEARCHED = timedelta(days=7) - timedelta(minutes=15)
"""A walk that went down to the very end of the seven days would outlive it."""

SHORT = "X searches the last seven days only"

OVERLAP = timedelta(minutes=2)
"""The mark stays below the beginning of a walk by this much, because X shows some posts later than younger ones: one that
shows itself so late is found by the next visit. The price: what is younger than this when a visit begins comes once
more with the next one, at visits every 120 s every post of a busy source twice, and is stored once. X charges a
post once per UTC day (a soft guarantee, so it counts each time it comes); a quiet source pays nothing for it."""

LATE = timedelta(days=1)
"""The mark of a source that is quiet follows at this distance: what comes late is found, and it never ages."""

SKEW = timedelta(minutes=5)
"""X's clock may be ahead of ours by so much."""

MENTIONS = 800
"""The mentions of an account end after so many, less those that were deleted since."""

MOST_BARREN = 3
"""So many pages in a row that lead no further down end a walk."""


class Walk(msgspec.Struct, omit_defaults=True):
    """A walk that has not come down to the mark yet. `start`: down to a time, because the mark is too old."""

    high: str | None = None
    low: str | None = None
    token: str | None = None
    start: datetime | None = None
    barren: int = 0
    seen: int = 0


class Stand(msgspec.Struct, omit_defaults=True):
    """The cursor: everything up to the id `since` has landed; a walk if one is on."""

    since: str | None = None
    walk: Walk | None = None


_STAND = msgspec.json.Decoder(Stand)


def stand(cursor: Cursor | None) -> Stand:
    """The cursor as a value. Raises Gone(cursor=True) for text that is none of ours."""
    if cursor is None:
        return Stand()
    try:
        read = _STAND.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of ours", cursor=True) from None
    walk = read.walk or Walk()
    if read.since is None or not all(is_id(n) for n in (read.since, walk.high, walk.low) if n is not None):
        raise Gone("this cursor is not one of ours", cursor=True)
    return read


def begun(before: Stand, now: datetime, *, searches: bool) -> tuple[Stand, Gap | None]:
    """The stand to ask from: as it was, or where a search would not go down to its mark any more, a later one."""
    if before.since is None or not searches:
        return before, None
    floor = _floor(before)
    return (before, None) if floor and floor >= now - OLDEST else aged(before, now)


def aged(before: Stand, now: datetime) -> tuple[Stand, Gap | None]:
    """A walk that goes down to a time instead of the mark, and what is lost by it: nothing where only X finds it too old."""
    walk, floor = before.walk or Walk(), _floor(before)
    start = max(now - SEARCHED, floor or now - SEARCHED).replace(microsecond=0)
    reached = time_of(walk.low) if walk.low else None
    lost = Gap(since=floor, until=start, reason=SHORT) if floor and floor < now - SEARCHED else None
    if reached is None or reached > start:
        walk = msgspec.structs.replace(walk, start=start, token=None)
        return Stand(since=before.since, walk=walk), lost
    # what is left of this walk lies below what the search has: it is over, and a new one begins
    over = Stand(since=walk.high or before.since)
    newer = _floor(over)
    if newer is not None and newer >= now - OLDEST:
        return over, Gap(since=floor, until=reached, reason=SHORT) if lost else None
    return Stand(since=over.since, walk=Walk(start=start)), lost


def _floor(at: Stand) -> datetime | None:
    """The time down to which a walk goes; None for one that takes all there is."""
    return (at.walk and at.walk.start) or time_of(at.since or "1")


def tokenless(before: Stand) -> Stand:
    """The same walk from where it had come down to, without the token that X does not know any more."""
    walk = msgspec.structs.replace(before.walk or Walk(), token=None)
    return Stand(since=before.since, walk=walk)


def asks(at: Stand, token_name: str) -> Mapping[str, str]:
    """What to ask for. Ids and times may not stand in one request."""
    walk = at.walk or Walk()
    asked: dict[str, str] = {}
    if walk.start is not None:
        asked["start_time"] = _stamp(walk.start)
        if walk.token is None and walk.low is not None and (ends := time_of(walk.low)) is not None:
            asked["end_time"] = _stamp(ends + timedelta(seconds=1))
    elif at.since is not None:
        asked["since_id"] = at.since
        if walk.token is None and walk.low is not None:
            asked["until_id"] = walk.low
    if walk.token is not None:
        asked[token_name] = walk.token
    return asked


def step(
    at: Stand, ids: Sequence[str], named: str | None, token: str | None, *, now: datetime, searches: bool
) -> tuple[Stand, bool, Gap | None]:
    """Where the walk stands after a page with these ids, whether there is more right now, and what was lost.

    `named` is what the page calls its newest id, for a page of which no id can be read.
    """
    numbers = sorted(int(n) for n in ids)
    walk = at.walk or Walk()
    if walk.high is None:
        walk = msgspec.structs.replace(walk, high=_high(at, numbers, named, now, searches))
    further = bool(numbers) and (walk.low is None or numbers[0] < int(walk.low))
    walk = msgspec.structs.replace(
        walk,
        low=str(numbers[0]) if further else walk.low,
        barren=0 if further else walk.barren + 1,
        seen=walk.seen + len(numbers),
    )
    if at.since is None:
        older = numbers[:1] if token is not None else []  # what lies below was not asked for
        return Stand(since=str(max([int(_mark(None, walk.high, now)), *older]))), False, None
    why = None
    if token is not None:
        if token != walk.token and walk.barren < MOST_BARREN:
            return Stand(since=at.since, walk=msgspec.structs.replace(walk, token=token)), True, None
        why = "page after page led no further down"
    elif not searches and walk.seen >= MENTIONS * 15 // 16:
        why = f"X shows the newest {MENTIONS} mentions only"
    return Stand(since=_mark(at.since, walk.high, now)), False, _lost(at.since, walk, why)


def _high(at: Stand, numbers: Sequence[int], named: str | None, now: datetime, searches: bool) -> str | None:
    """What a walk will set the mark to, bounded by the time of its first page: what was not to be seen by then is
    not on any of its pages, however late it goes on; and by OVERLAP. None where nothing tells."""
    high = _believed(numbers, named, now)
    if high is None:
        return id_at(now - LATE) if at.since is not None and not searches else None
    return str(min(high, int(id_at(now - OVERLAP))))


def _believed(numbers: Sequence[int], named: str | None, now: datetime) -> int | None:
    """The newest id of a page; one from the future would hide all that is written until then."""
    candidates = numbers or ([int(named)] if named and is_id(named) else [])
    bound = int(id_at(now + SKEW))
    return max((n for n in candidates if n <= bound), default=None)


def _mark(since: str | None, high: str | None, now: datetime) -> str:
    """Up to where everything has landed once a walk is over."""
    if since is None and high is None:
        return id_at(now - SKEW)
    quiet = int(id_at(now - LATE)) if high is None else 0
    return str(max(int(since or 1), int(high or 0), quiet))


def _lost(since: str, walk: Walk, why: str | None) -> Gap | None:
    """The stretch between the mark and how far down the walk came."""
    if why is None or (walk.low is not None and int(walk.low) <= int(since)):
        return None
    until = time_of(walk.low) if walk.low is not None else None
    return Gap(since=walk.start or time_of(since), until=until, reason=why)


def written(at: Stand) -> Cursor:
    return Cursor(msgspec.json.encode(at).decode())


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
