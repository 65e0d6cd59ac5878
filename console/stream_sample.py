"""What the newest posts of a filter have in common: who writes most, about what, and how much that was answered. SAMPLE posts are
read once for all of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.stream import Filter, reached
from console.stream_engagement import NAMES, SUMS
from console.stream_words import most_frequent
from workers.hours import NEGATIVE

MOST = 12

_READ = """
    WITH newest AS MATERIALIZED (SELECT e.* FROM ({some}) e WHERE {second})
    SELECT (SELECT array_agg(e.text) FROM newest e) AS texts,
           (SELECT row_to_json(s) FROM (SELECT {sums} FROM newest e) s) AS engagement,
           (SELECT json_agg(a ORDER BY a.n DESC, a.id) FROM (
               SELECT x.*, i.platform, i.handle, i.name FROM (
                   SELECT e.identity_id AS id, count(*) AS n, count(*) FILTER (WHERE e.sentiment <= {negative}) AS negative
                   FROM newest e WHERE e.identity_id IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {most}
               ) x JOIN identities i ON i.id = x.id) a) AS authors
"""


class Sample(NamedTuple):
    """Of `read` posts: authors {id, platform, handle, name, n, negative}, words and in how many posts they stand, and what
    platforms counted (likes, 267)."""

    read: int
    authors: list[dict[str, Any]]
    words: list[tuple[str, int]]
    engagement: list[tuple[str, int]]


def sample(session: Session, of: Filter) -> Sample:
    """What a filter's newest SAMPLE posts have in common."""
    of = reached(session, of)
    some = of.examined("e.text, e.sentiment, e.identity_id, e.counts, e.reposts")
    asked = _READ.format(some=some, second=of.second(), sums=SUMS, negative=NEGATIVE, most=MOST)
    found = session.execute(text(asked), of.values()).one()
    texts: list[str] = found.texts or []
    summed = [(name, found.engagement[name]) for name in NAMES]
    return Sample(
        len(texts),
        found.authors or [],
        most_frequent(texts, {word.lower() for word in of.words}, MOST),
        [(name, int(n)) for name, n in summed if n is not None],
    )
