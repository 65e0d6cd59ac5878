"""What platforms counted of a filter's newest posts: likes, answers, reposts, shares, views, summed up.

A platform counts what it likes to, and not all of that: a number that is not told is none here, not 0.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.stream import Filter, reached

NAMES = {
    "likes": ("likes",),
    "answers": ("replies", "comments"),
    "reposts": ("reposts",),
    "shares": ("shares",),
    "views": ("views", "plays"),
}
"""What we call it, and what platforms do."""


def _number(name: str) -> str:
    told = f"e.counts -> '{name}'"
    return f"CASE WHEN jsonb_typeof({told}) = 'number' THEN ({told})::numeric END"


def _sum(name: str, called: tuple[str, ...]) -> str:
    one = f"coalesce({', '.join(map(_number, called))})"
    # what we heard ourselves may be more than what the platform says
    return f"sum({f'greatest({one}, nullif(e.reposts, 0))' if name == 'reposts' else one}) AS {name}"


_SUMS = f"SELECT {', '.join(_sum(*both) for both in NAMES.items())} FROM ({{some}}) e WHERE {{second}}"


def engagement(session: Session, of: Filter) -> list[tuple[str, int]]:
    """(likes, 267), ... of a filter's newest SAMPLE posts; only what any of their platforms counts."""
    of = reached(session, of)
    some = of.examined("e.counts, e.reposts, e.text, e.sentiment, e.identity_id")
    found = session.execute(text(_SUMS.format(some=some, second=of.second())), of.values()).one()
    return [(name, int(n)) for name, n in found._mapping.items() if n is not None]
