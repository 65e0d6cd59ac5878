"""A gap-proof walk over pages that only go from the newest backwards.

The watermark stays where it is until a walk from the top has met what was landed before it; until then the
cursor carries where to resume. Between two walks it keeps the ids of its last minutes, because instants
tie and servers sort loosely. Keys are the server's own times (when it indexed a post), never the author's:
those lie in both directions.

A walk ends when it meets known ground, when there is no further token, when a token comes back, and when
page after page is empty. A platform that stops at some depth is asked for a window below it; where it
will not open one, the Gap is named.

Known ground is where each of the last TAIL items of a page is known or lies OVERLAP below the watermark. That alone would
pass over a post that shows itself late and lies below ten known ones. So for `late` walks all of them are also sorted
OVERLAP below the moment at which the walk before began: what was not to be seen then, and shows itself at most OVERLAP
late, lies above that line, and is met wherever on its pages it is. The price: a source that fills its pages faster
than OVERLAP is read again down to that line on every visit, which is posts a second * (OVERLAP + seconds between
visits) / posts a page requests, and one at most for the page that the line goes through. Where fewer posts come than
that, and once a burst is OVERLAP older than the last visit, it is one request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from connectors._base import Cursor, Gap, Gone

OVERLAP = timedelta(minutes=5)
"""Below the watermark by this much, an id that is not remembered is still news; and so late a post may show itself,
by the platform's clock, while ours agrees with it."""

TAIL = 10
"""So many known posts at the end of a page mean that the walk has arrived."""

REMEMBERED = 200
MAX_EMPTY = 3


class Sighting(msgspec.Struct, frozen=True):
    """One item of a page: its global id, when the server took it in, and by what time it is sorted."""

    id: str
    at: datetime
    sorted_by: datetime


class Walk(msgspec.Struct, omit_defaults=True):
    """A walk that has not met known ground yet. `began` is when its first page was asked for, if it is a `late` one."""

    high: datetime
    began: datetime | None = None
    low: datetime | None = None
    token: str | None = None
    until: datetime | None = None
    depth: int = 0
    empty: int = 0
    tokens: list[str] = []
    seen: list[str] = []


class Stand(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The cursor: everything up to `newest` has landed that could be seen when the last walk began, at `read` (None:
    nobody knows); `seen` are ids near it; a walk if one is on."""

    newest: datetime | None = None
    read: datetime | None = None
    seen: list[str] = []
    walk: Walk | None = None


class Step(msgspec.Struct, frozen=True):
    """What follows from a page."""

    cursor: Cursor
    more: bool
    gap: Gap | None = None


_STAND = msgspec.json.Decoder(Stand)


def stand(cursor: Cursor | None) -> Stand:
    """The cursor as a value. Raises Gone(cursor=True) for text that is none of ours."""
    if cursor is None:
        return Stand()
    try:
        return _STAND.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of ours", cursor=True) from None


def step(
    before: Stand,
    items: Sequence[Sighting],
    token: str | None,
    *,
    now: datetime,
    depth_cap: int | None = None,
    late: bool = False,
) -> Step:
    """Where the walk stands after one page.

    `token` leads to the next page, None at the end. `depth_cap` is after how many items the platform
    answers no more, None where it has no such limit. `now` bounds the watermark. `late`: no post that shows itself
    up to OVERLAP late may be passed over; this takes items that are sorted by the server's own times.
    """
    marks = [_mark(item.id) for item in items]
    if before.newest is None and before.walk is None:
        return _begin(items, marks, token, now, late)
    walk = before.walk or Walk(
        high=_high(items, now, before.newest), began=now if late else None, tokens=[], seen=[]
    )
    fresh = walk.depth == 0 and walk.until is None
    near = walk.high - OVERLAP
    walk.seen = _remember(walk.seen, [m for i, m in zip(items, marks, strict=True) if i.at >= near])
    if items:
        oldest = min(item.sorted_by for item in items)
        walk.low = oldest if walk.low is None else min(walk.low, oldest)
    walk.depth += len(items)
    walk.empty = 0 if items else walk.empty + 1
    known = set(before.seen)
    floor = (before.newest or walk.high) - OVERLAP
    line = floor if before.read is None else max(floor, before.read - OVERLAP)
    tail = list(zip(items, marks, strict=True))[-TAIL:]
    arrived = bool(tail) and all(
        (item.at < floor or mark in known) and (item.sorted_by < line or not late) for item, mark in tail
    )
    if walk.until is not None and not fresh and items and all(i.sorted_by > walk.until for i in items):
        return _end(before, walk, _lost(before, walk, "the platform shows no more than its newest pages"))
    if arrived:
        return _end(before, walk, None)
    if walk.empty >= MAX_EMPTY:
        return _end(before, walk, _lost(before, walk, "page after page was empty"))
    if token is not None and _mark(token) in walk.tokens:
        return _end(before, walk, _lost(before, walk, "the token to the next page came back"))
    if token is None:
        capped = depth_cap is not None and walk.depth >= depth_cap and walk.low is not None
        if not capped:
            return _end(before, walk, None)
        walk.until, walk.depth, walk.token, walk.tokens = walk.low, 0, None, []
    else:
        walk.token = token
        walk.tokens.append(_mark(token))
    return Step(_write(msgspec.structs.replace(before, walk=walk)), more=True)


def unread(before: Stand, now: datetime) -> Sighting:
    """What stands for a page of which no item could be read: it is no empty one, and the walk goes on behind it."""
    walk = before.walk or Walk(high=now)
    return Sighting(f"behind {walk.token}", walk.low or before.newest or now, walk.low or now)


def _begin(items: Sequence[Sighting], marks: list[str], token: str | None, now: datetime, late: bool) -> Step:
    """A first visit takes the newest page and sets the mark there: what is older was not asked for."""
    began = now if late else None
    if not items and token is not None:
        walk = Walk(high=now - OVERLAP, began=began, token=token, tokens=[_mark(token)], empty=1, seen=[])
        return Step(_write(Stand(newest=None, walk=walk)), more=True)
    high = _high(items, now, None)
    near = high - OVERLAP
    seen = _remember([], [m for i, m in zip(items, marks, strict=True) if i.at >= near])
    return Step(_write(Stand(newest=high, read=began, seen=seen)), more=False)


def _lost(before: Stand, walk: Walk, reason: str) -> Gap | None:
    """The stretch between the watermark and the oldest that the walk saw; None if it reached below."""
    if before.newest is None or (walk.low is not None and walk.low <= before.newest):
        return None
    return Gap(since=before.newest, until=walk.low, reason=reason)


def cut_short(before: Stand) -> Gap | None:
    """What lies below a walk that has not arrived, where an empty page without a token, out of the blue, ends it."""
    if before.walk is None or before.walk.low is None:
        return None
    return _lost(before, before.walk, "the list ended with an empty page")


def _end(before: Stand, walk: Walk, gap: Gap | None) -> Step:
    newest = walk.high if before.newest is None else max(walk.high, before.newest)
    seen = walk.seen if newest > (before.newest or newest) + OVERLAP else _remember(walk.seen, before.seen)
    return Step(_write(Stand(newest=newest, read=walk.began, seen=seen)), more=False, gap=gap)


def _high(items: Sequence[Sighting], now: datetime, newest: datetime | None) -> datetime:
    """The mark that a walk from this first page will set. Without items: what it was, or long ago."""
    times = [min(item.at, now) for item in items]
    if newest is not None:
        times.append(newest)
    return max(times, default=datetime(2004, 1, 1, tzinfo=UTC))


def _remember(first: list[str], then: list[str]) -> list[str]:
    return list(dict.fromkeys([*first, *then]))[:REMEMBERED]


def _mark(text: str) -> str:
    """Ten characters that stand for an id in a cursor."""
    return blake2b(text.encode(), digest_size=5).hexdigest()


def _write(value: Stand) -> Cursor:
    return Cursor(msgspec.json.encode(value).decode())
