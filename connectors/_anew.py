"""A walk whose page token is not known any more begins once more at the top, down to the same mark.

Tokens age while a walk waits for a rate limit, or for a worker that was away. What was read before the token was lost
comes again and is stored once. Surprising: the walk keeps the mark that it was going to set, so what was
written meanwhile comes once more at the next visit; and a second loss ends it with a named Gap, because a place that
is refused time and again would be asked for without end.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from connectors import _backwards as backwards
from connectors._backwards import Stand, Step
from connectors._base import Cursor, Gap, Gone

_ANEW = "anew"
"""Among the tokens that a walk has met: it began anew. Those are told by ten hex digits, so none is called this."""


def step(before: Stand, lost: Gone, *, now: datetime) -> Step:
    """Where a walk stands after its token was refused. Raises `lost` where no token was."""
    walk = before.walk
    if walk is None or not lost.cursor:
        raise lost
    if _ANEW not in walk.tokens:
        top = replace(walk, low=None, token=None, until=None, depth=0, empty=0, tokens=[_ANEW], seen=[])
        again = replace(before, walk=top)
        return Step(Cursor(msgspec.json.encode(again).decode()), more=True)
    ended = backwards.step(before, (), None, now=now)
    since = before.newest
    reached = since is None or (walk.low is not None and walk.low <= since)
    gap = (
        None
        if reached
        else Gap(since=since, until=walk.low or walk.high, reason=f"{lost}, twice in one walk")
    )
    return Step(ended.cursor, more=False, gap=gap)
