"""What platforms counted of a filter's newest posts: likes, answers, reposts, shares, views, summed up.

A platform counts what it likes to, and not all of that: a number that is not told is none here, not 0.
"""

from __future__ import annotations

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


SUMS = ", ".join(_sum(*both) for both in NAMES.items())
"""A column each of a query over posts e; what none of their platforms counts is NULL."""
