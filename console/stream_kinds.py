"""Of what kinds a filter's posts are: by platform, language and voice, each without the filter's own word about it, so that the
others are there to be chosen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.stream import Filter
from workers.hours import NEGATIVE

PARTS = ("platform", "language", "voice")
MOST = 8

_FROM_HOURS = text("""
    SELECT h.platform, h.language, h.voice, sum(h.n) AS n, sum(h.negative) AS negative FROM hours h
    WHERE h.org_id = :org AND h.scope = :scope AND h.hour >= :since AND h.hour < :until GROUP BY 1, 2, 3
""")
_FROM_POSTS = """
    SELECT e.platform, coalesce(e.lang, 'und') AS language, e.voice, count(*) AS n,
           count(*) FILTER (WHERE e.sentiment <= {negative}) AS negative
    FROM ({some}) e WHERE {second} GROUP BY 1, 2, 3
"""


class Kind(NamedTuple):
    """One platform, language or voice, its posts and the negative among them."""

    name: str
    n: int
    negative: int


def kinds(session: Session, of: Filter) -> dict[str, list[Kind]]:
    """The most frequent of each of PARTS. A post that only words, an author or a sentiment choose is counted among the newest
    posts (`console.stream.SAMPLE`)."""
    if of.counted:
        rows = session.execute(_FROM_HOURS, of.values(scope=of.scope)).all()
    else:
        every = replace(of, platform="", language="", voice="all")
        some = every.examined("e.platform, e.lang, e.voice, e.sentiment, e.text, e.identity_id")
        found = _FROM_POSTS.format(some=some, second=of.second(), negative=NEGATIVE)
        rows = session.execute(text(found), every.values()).all()
    told: dict[str, list[Kind]] = {}
    for part in PARTS:
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in rows:
            if row.n and all(_chosen(of, other, getattr(row, other)) for other in PARTS if other != part):
                counts[getattr(row, part)][0] += row.n
                counts[getattr(row, part)][1] += row.negative
        named = [Kind(name, n, negative) for name, (n, negative) in counts.items() if n > 0]
        told[part] = sorted(named, key=lambda one: (-one.n, one.name))[:MOST]
    return told


def _chosen(of: Filter, part: str, word: str) -> bool:
    wish = getattr(of, part)
    if part == "voice" and not wish:
        return word != "own"
    return wish in ("", "all", word)
