"""What set a spike off, as far as its posts tell: the thread that they belong to, the words that were rare before, who wrote
most, and how it sounds. Read from its newest posts and, for the words, from as many before it.

Most spikes are over, and every page of their week tells them again: `known_cause` reads the posts of one that has grown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.lately import Lately
from console.stream import Filter, reached
from console.stream_hours import Spike
from console.stream_words import counted_words, telling
from console.words import one_line
from workers.hours import NEGATIVE

READ = 1_000
"""Posts of a spike that are read, and of what was before it."""
PART = 0.2
"""A thread or an author with so much of a spike is worth a word."""
LONGEST = 600.0
"""Seconds that a cause is kept: an edited post or a corrected score is in it by then."""
GROWING = 10.0
"""Seconds that the newest READ posts stand for a spike that grows and has more of them."""

_OF = "SELECT * FROM ({some}) e WHERE e.fits"
_PART_OF = (
    "e.text, e.sentiment, e.platform, e.external_id, coalesce(e.thread, e.reply_to) AS thread, e.identity_id"
)
_ROOT = text("""
    SELECT e.id, e.text, e.url, coalesce(i.handle, i.name) AS author FROM social_events e
    LEFT JOIN identities i ON i.id = e.identity_id
    WHERE e.org_id = :org AND e.platform = :platform AND e.external_id = :thread
""")
_WHO = text("SELECT coalesce(handle, name, stable_id) FROM identities WHERE id = :id")


class Part(NamedTuple):
    """Something that many posts of a spike have in common: what it is called, and how many of them."""

    name: str
    n: int
    url: str | None = None


@dataclass(frozen=True)
class Cause:
    """Of `read` posts of a spike: how many are negative, one thread's, one author's; the words that were rare before."""

    read: int
    negative: int
    thread: Part | None
    author: Part | None
    words: list[tuple[str, int]]


_KNOWN = Lately()


def known_cause(session: Session, of: Filter, spike: Spike) -> Cause:
    """`cause`, which may be from a while ago where the spike has as many posts as then."""

    def holds(known: tuple[int, Cause], ago: float) -> bool:
        n, found = known
        return ago < (LONGEST if n == spike.n else GROWING if found.read == READ else 0.0)

    key = (of, spike.since, spike.until)
    return _KNOWN.value(session, key, lambda: (spike.n, cause(session, of, spike)), holds)[1]


def cause(session: Session, of: Filter, spike: Spike) -> Cause:
    """What the posts of a spike have in common."""
    rows = _read(session, replace(of, since=spike.since, until=spike.until), _PART_OF)
    before = _read(session, replace(of, since=of.since - (of.until - of.since), until=spike.since), "e.text")
    here, elsewhere = counted_words(row.text for row in rows), counted_words(row.text for row in before)
    return Cause(
        len(rows),
        sum(row.sentiment is not None and row.sentiment <= NEGATIVE for row in rows),
        _thread(session, of.org, rows),
        _author(session, rows),
        telling(here, max(1, len(rows)), elsewhere, len(before)),
    )


def _read(session: Session, of: Filter, columns: str) -> list[Any]:
    of = reached(session, of, READ)
    found = text(_OF.format(some=of.examined(f"{columns}, {of.second()} AS fits", most=READ)))
    return list(session.execute(found, of.values()))


def _thread(session: Session, org: str, rows: list[Any]) -> Part | None:
    if not rows:
        return None
    threads = Counter((row.platform, row.thread or row.external_id) for row in rows)
    (platform, thread), n = threads.most_common(1)[0]
    if n < 2 or n < PART * len(rows):
        return None
    root = session.execute(_ROOT, {"org": org, "platform": platform, "thread": thread}).one_or_none()
    if root is None:
        return Part(f"a thread on {platform} whose first post was not heard", n)
    by = f"{root.author}: " if root.author else ""
    return Part(f"{by}“{one_line(root.text, 90)}”", n, root.url)


def _author(session: Session, rows: list[Any]) -> Part | None:
    writers = Counter(row.identity_id for row in rows if row.identity_id is not None)
    if not writers:
        return None
    who, n = writers.most_common(1)[0]
    if n < 2 or n < PART * len(rows):
        return None
    return Part(str(session.execute(_WHO, {"id": who}).scalar()), n)
