"""What another weight of a word would make of yesterday's posts: whose score moves, and who would cross a rule for tickets.

Looked at are the newest MOST posts that contain the word, scored twice: with today's lexicon and with the other. Both are
scored anew, since a stored number may be of an older version. Nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console import lexicon
from console.scorers import masked_names
from console.stream import DAY, HEARD, whole_day
from workers import lexicon as weighing
from workers.decide import held_back
from workers.reheard import COLUMNS, JOINS, heard
from workers.rule import strongest
from workers.score import Scorer, Sentiment
from workers.standing import read_rules

MOST = 5_000
"""Posts that are scored at most."""
MOST_ASKED = 50
"""Words that posts are looked through for; with more of them, or another profile, any post may have one."""
SHOWN = 12
FEW = 500
"""Posts of a day that are looked through while somebody waits."""

_YESTERDAY = f"FROM social_events e WHERE e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until AND {HEARD}"
_ANY = text(f"SELECT EXISTS (SELECT {_YESTERDAY})")
_MANY = text(f"SELECT EXISTS (SELECT {_YESTERDAY} OFFSET :most)")
_WITH = """
    SELECT e.id, e.text, e.lang {yesterday} {holding} ORDER BY e.occurred_at DESC, e.id DESC LIMIT :most
"""
_LOOK = text(f"SELECT {COLUMNS} FROM social_events e {JOINS} WHERE e.id = ANY (:ids)")


class Moved(NamedTuple):
    """A post whose score moves; the rules for tickets that it crosses before and after, None where it crosses none."""

    id: UUID
    platform: str
    author: str | None
    text: str
    before: float
    after: float
    opened: str | None
    opens: str | None


@dataclass(frozen=True)
class Effect:
    """Of `looked` posts from `since` until before `until` (`more`: there are others): how many have a score, for how many
    that moves, how many cross a rule for tickets only afterwards, or no more; the most telling of those that move."""

    since: datetime
    until: datetime
    looked: int
    more: bool
    scored: int
    moved: int
    newly: int
    no_longer: int
    top: list[Moved]


def effect(
    session: Session, org: str, words: Mapping[str, float | None], now: datetime, profile: str | None = None
) -> Effect:
    """What these weights (None: none of ours), another profile, or both would do to yesterday's posts (of UTC's day; where
    nothing was heard on it, those of the last 24 hours)."""
    since, until = _yesterday(session, org, now)
    today, other = _scorers(session, org, words, profile)
    anyhow = profile not in (None, lexicon.current(session, org)[1]) or len(words) > MOST_ASKED
    holding, values = _holding({} if anyhow else words)
    found = session.execute(
        text(_WITH.format(yesterday=_YESTERDAY, holding=holding)),
        {"org": org, "since": since, "until": until, "most": MOST + 1, **values},
    ).all()
    rows = found[:MOST]
    told = [(row.text, row.lang) for row in rows]
    both = [
        (row.id, was.compound, then.compound)
        for row, was, then in zip(rows, today.score(told), other.score(told), strict=True)
        if isinstance(was, Sentiment) and isinstance(then, Sentiment)
    ]
    scores = {event: (was, then) for event, was, then in both if was != then}
    moved = _crossing(session, org, scores)
    newly = sum(one.opens is not None and one.opened is None for one in moved)
    no_longer = sum(one.opened is not None and one.opens is None for one in moved)
    moved.sort(key=lambda one: ((one.opens is None) == (one.opened is None), -abs(one.after - one.before)))
    return Effect(
        since, until, len(rows), len(found) > MOST, len(both), len(moved), newly, no_longer, moved[:SHOWN]
    )


def few(session: Session, org: str, now: datetime) -> bool:
    """Are the posts that `effect` would look through few?"""
    since, until = _yesterday(session, org, now)
    return not session.scalar(_MANY, {"org": org, "since": since, "until": until, "most": FEW})


def _yesterday(session: Session, org: str, now: datetime) -> tuple[datetime, datetime]:
    until = whole_day(now)
    if session.scalar(_ANY, {"org": org, "since": until - DAY, "until": until}):
        return until - DAY, until
    return now - timedelta(hours=24), now


def _scorers(
    session: Session, org: str, words: Mapping[str, float | None], profile: str | None
) -> tuple[Scorer, Scorer]:
    version, before = lexicon.current(session, org)
    own = weighing.words_of(session, org, version)
    changed = {word: weight for word, weight in (own | dict(words)).items() if weight is not None}
    names = masked_names(session, org)
    today = Scorer(names, lexicon.whole(before, own))
    return today, Scorer(names, lexicon.whole(profile or before, changed))


def _holding(words: Mapping[str, float | None]) -> tuple[str, dict[str, Any]]:
    """The condition that a text has one of the words: all of a phrase's, wherever they stand. An apostrophe is any character."""
    asked: list[str] = []
    values: dict[str, Any] = {}
    for nth, word in enumerate(words):
        parts = {f"like{nth}_{n}": _like(part) for n, part in enumerate(word.split())}
        asked.append(" AND ".join(f"e.text ILIKE :{name}" for name in parts))
        values |= parts
    return (f"AND ({' OR '.join(f'({one})' for one in asked)})" if asked else ""), values


def _like(part: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", part).replace("'", "_") + "%"


def _crossing(session: Session, org: str, scores: Mapping[UUID, tuple[float, float]]) -> list[Moved]:
    rules = read_rules(session, org)
    moved = []
    for row in session.execute(_LOOK, {"ids": list(scores)}).mappings():
        before, after = scores[row["id"]]
        post = heard(row)
        crossed = [strongest(replace(post, sentiment=number), rules) for number in (before, after)]
        opened, opens = (
            rule.name if rule and rule.action == "ticket" and not held_back(post) else None
            for rule in crossed
        )
        author = f"@{row['handle']}" if row["handle"] else row["name"]
        moved.append(Moved(row["id"], row["platform"], author, row["text"], before, after, opened, opens))
    return moved
