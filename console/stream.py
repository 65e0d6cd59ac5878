"""What was heard, filtered: the posts behind every figure of the stream's pages.

A filter has two halves. Record, platform, language and voice are what the hours are counted by too (`console.stream_hours`),
and are read as far as they reach. Words, a hashtag, a sentiment and an author are known to the posts alone: they are looked for
among the newest SAMPLE posts of the first half, and who asks is told how far back that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.hours import NEGATIVE, POSITIVE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAMPLE = 20_000
"""Posts that are looked through at most, the newest."""
READ = 100_000
"""Posts of any kind that are read at most to find those of one kind."""
PAGE = 40
MOST_WORDS = 5
HEARD = "NOT starts_with(e.external_id, 'local:')"
"""Events that the CRM's other writers made were seen on no platform; the hours do not have them either."""

_SENTIMENTS = {
    "negative": f"e.sentiment <= {NEGATIVE}",
    "neutral": f"e.sentiment > {NEGATIVE} AND e.sentiment < {POSITIVE}",
    "positive": f"e.sentiment >= {POSITIVE}",
    "unscored": "e.sentiment IS NULL",
}
SENTIMENTS = tuple(_SENTIMENTS)


@dataclass(frozen=True)
class Filter:
    """Which posts. `voice` "" is everybody but us, "all" with us. `scope` is as in the hours: all, account:<id>, campaign:<id>.

    `hours` are those that have such posts, where that was asked (`reached`); `stops_at` is set where there are more before it.
    """

    org: str
    since: datetime
    until: datetime
    scope: str = "all"
    platform: str = ""
    language: str = ""
    voice: str = ""
    sentiment: str = ""
    words: tuple[str, ...] = ()
    author: UUID | None = None
    hours: tuple[datetime, ...] | None = None
    stops_at: datetime | None = None

    @property
    def counted(self) -> bool:
        """Do the hours know everything that it asks for?"""
        return not (self.words or self.sentiment or self.author)

    @property
    def narrow(self) -> bool:
        """May its posts be few among many others?"""
        return bool(self.platform or self.language or self.voice not in ("", "all"))

    def values(self, **more: Any) -> dict[str, Any]:
        """The parameters of a statement made of `first` and `second`."""
        given: dict[str, Any] = {"org": self.org, "since": self.since, "until": self.until}
        if self.scope != "all":
            given["record"] = UUID(self.scope.partition(":")[2])
        given |= {name: getattr(self, name) for name in ("platform", "language", "voice", "author")}
        for nth, word in enumerate(self.words):
            given[f"word{nth}"] = _tagged(word) if word.startswith("#") else _like(word)
        if self.hours is not None:
            given["hours"] = list(self.hours)
        return given | more

    def first(self) -> str:
        """What the hours know too, as a condition on `social_events e`."""
        kind = self.scope.partition(":")[0]
        return " AND ".join(
            [
                "e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until",
                HEARD,
                *([f"e.{kind}_id = :record"] if kind != "all" else []),
                kind_of(self, "e", "coalesce(e.lang, 'und')"),
            ]
        )

    def second(self) -> str:
        """What the posts alone know."""
        asked = [
            f"e.text ~* :word{nth}" if word.startswith("#") else f"e.text ILIKE :word{nth}"
            for nth, word in enumerate(self.words)
        ]
        if self.sentiment:
            asked.append(_SENTIMENTS[self.sentiment])
        if self.author:
            asked.append("e.identity_id = :author")
        return " AND ".join(asked) or "true"

    def examined(self, columns: str, more: str = "", most: int = SAMPLE) -> str:
        """The newest `most` posts of the first half, as a statement; `more` is a condition."""
        events = "social_events e"
        if self.hours is not None:
            # OFFSET 0 keeps the planner from joining the other way round
            events = """unnest(CAST(:hours AS timestamptz[])) h(at) CROSS JOIN LATERAL (
                SELECT * FROM social_events o WHERE o.org_id = :org AND o.occurred_at >= h.at
                  AND o.occurred_at < h.at + interval '1 hour' OFFSET 0) e"""
        return (
            f"SELECT {columns} FROM {events} WHERE {self.first()} {more}"
            f" ORDER BY e.occurred_at DESC, e.id DESC LIMIT {most}"
        )


def kind_of(of: Filter, table: str, language: str = "h.language") -> str:
    """Platform, language and voice as a condition on `social_events e` or `hours h`."""
    asked = []
    if of.platform:
        asked.append(f"{table}.platform = :platform")
    if of.language:
        asked.append(f"{language} = :language")
    if of.voice != "all":
        asked.append(f"{table}.voice = :voice" if of.voice else f"{table}.voice <> 'own'")
    return " AND ".join(asked) or "true"


def asked_words(words: str) -> tuple[str, ...]:
    """The words of a search: each has to be in the text; one with # is a hashtag."""
    found = [word.strip("\0")[:60] for word in words.replace("\0", " ").split()]
    return tuple(dict.fromkeys(word for word in found if word.strip("#")))[:MOST_WORDS]


def _like(word: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"


def _tagged(word: str) -> str:
    # a tag ends where its word ends: #bean is not in #beanfriday
    return rf"(^|[^\w&/])#{re.escape(word.lstrip('#'))}(?!\w)"


_SHOWN = """
    e.id, e.platform, e.external_id, e.occurred_at, e.verb, e.voice, e.text, e.url, e.lang, e.sentiment, e.unscored,
    e.counts, e.reposts, e.rating, e.edited_at, e.gone_at, e.reply_to IS NOT NULL AS answer, e.identity_id,
    i.handle, i.name AS author, k.name AS account, g.name AS campaign, c.label AS corrected, c.by AS corrected_by,
    c.id AS correction,
    ARRAY(SELECT s.platform || ' ' || s.kind || ' ' || s.term FROM sources s WHERE s.id = ANY (e.sightings)
          ORDER BY array_position(e.sightings, s.id)) AS heard_by
"""
_BESIDE = """
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN accounts k ON k.id = e.account_id
    LEFT JOIN campaigns g ON g.id = e.campaign_id
    LEFT JOIN LATERAL (SELECT label, by, id FROM corrections WHERE event_id = e.id AND undone_at IS NULL
                       ORDER BY created_at DESC, id DESC LIMIT 1) c ON true
"""
_BEFORE = "AND (e.occurred_at, e.id) < (:at, CAST(:last AS uuid))"


@dataclass(frozen=True)
class Posts:
    """A page of posts, the newest first. `next` is where the next one begins, None at the end; `gave_up`: the page is short
    since SAMPLE posts were looked through, not since there are no more."""

    rows: list[dict[str, Any]]
    next: tuple[datetime, UUID] | None
    gave_up: bool = False


def posts(
    session: Session, of: Filter, before: tuple[datetime, UUID] | None = None, most: int = PAGE
) -> Posts:
    """The newest `most` posts of a filter, or those before `before` (the moment and id of a page's last post)."""
    at, last = before or (None, None)
    of = reached(session, of, most + 1 if of.counted else SAMPLE, at)
    values = of.values(at=at, last=last, most=most + 1)
    after = _BEFORE if before else ""
    # only what chooses them goes through the sort: a whole post is many times as wide
    some = of.examined(
        f"e.id, e.occurred_at, {of.second()} AS fits", after, most + 1 if of.counted else SAMPLE
    )
    found = session.execute(
        text(f"""
            SELECT {_SHOWN} FROM (
                SELECT o.id FROM ({some}) o WHERE o.fits ORDER BY o.occurred_at DESC, o.id DESC LIMIT :most
            ) these JOIN social_events e ON e.id = these.id {_BESIDE} ORDER BY e.occurred_at DESC, e.id DESC
        """),
        values,
    )
    rows = [dict(row) for row in found.mappings()]
    if len(rows) > most:
        rows = rows[:most]
        return Posts(rows, (rows[-1]["occurred_at"], rows[-1]["id"]))
    if not of.counted:
        some = of.examined("e.occurred_at, e.id", after)
        last_read = text(f"""
            SELECT x.occurred_at, x.id FROM ({some}) x ORDER BY x.occurred_at DESC, x.id DESC OFFSET {SAMPLE - 1}
        """)
        if oldest := session.execute(last_read, values).one_or_none():
            return Posts(rows, (oldest.occurred_at, oldest.id), gave_up=True)
    if of.stops_at:
        return Posts(rows, (of.stops_at, UUID(int=0)), gave_up=True)
    return Posts(rows, None)


_TICK = timedelta(microseconds=1)
_WINDOWS = (6 * HOUR, 2 * DAY, 8 * DAY)
_REACH = """
    SELECT h.hour, sum(h.n) AS n, coalesce(sum(h.n) FILTER (WHERE {kind}), 0) AS kind FROM hours h
    WHERE h.org_id = :org AND h.scope = :scope AND h.hour >= :since AND h.hour < :until GROUP BY 1 ORDER BY 1 DESC
"""


def reached(session: Session, of: Filter, most: int = SAMPLE, before: datetime | None = None) -> Filter:
    """A filter by platform, language or voice together with the hours in which such posts were counted: from `before` back until
    they have `most` of them, or READ posts of any kind would be read."""
    if not of.narrow:
        return of
    until = of.until if before is None else min(of.until, whole_hour(before - _TICK) + HOUR)
    hours: list[datetime] = []
    wanted, read = 0, 0
    for row in _hours_before(session, of, until):
        if not row.kind:
            continue
        if hours and (wanted >= most or read + row.n > READ):
            return replace(of, hours=tuple(hours), stops_at=hours[-1])
        hours.append(row.hour)
        read += row.n
        # of the hour in which the last page ended some are shown already
        wanted += 0 if before is not None and len(hours) == 1 else row.kind
    return replace(of, hours=tuple(hours))


def _hours_before(session: Session, of: Filter, until: datetime) -> Iterator[Any]:
    """The newest hours first, the older ones only if somebody goes on: most pages end within a few."""
    found = text(_REACH.format(kind=kind_of(of, "h")))
    first = whole_hour(of.since)
    for far in (*_WINDOWS, until - first):
        begins = max(first, until - far)
        yield from session.execute(found, of.values(scope=of.scope, until=until, since=begins))
        if (until := begins) <= first:
            return


def newer(session: Session, of: Filter, than: tuple[datetime, UUID], most: int = 100) -> int:
    """How many posts there are of a filter that are newer than one; `most` is as many or more."""
    found = text(f"""
        SELECT count(*) FROM (
            SELECT FROM social_events e WHERE {of.first()} AND {of.second()}
              AND (e.occurred_at, e.id) > (:at, CAST(:last AS uuid)) LIMIT :most) x
    """)
    at, last = than
    return int(session.execute(found, of.values(at=at, last=last, most=most)).scalar_one())


_CHOICES = text("""
    SELECT 'campaign:' || id AS scope, name, 1 AS kind FROM campaigns WHERE org_id = :org
    UNION ALL
    SELECT scope, name, 2 FROM (
        SELECT DISTINCT '#' || ltrim(term, '#') AS scope, '#' || ltrim(term, '#') AS name FROM sources
        WHERE org_id = :org AND kind = 'hashtag') t
    ORDER BY kind, name LIMIT 500
""")
_NAME = {
    "campaign": text("SELECT name FROM campaigns WHERE org_id = :org AND id = :id"),
    "account": text("SELECT name FROM accounts WHERE org_id = :org AND id = :id"),
}
_AUTHOR = text("SELECT coalesce(handle, name, stable_id) FROM identities WHERE org_id = :org AND id = :id")


def choices(session: Session, org: str) -> list[dict[str, Any]]:
    """What a filter may be about: {scope, name, kind}; campaigns, then the hashtags that sources follow."""
    return [dict(row) for row in session.execute(_CHOICES, {"org": org}).mappings()]


def name_of(session: Session, org: str, scope: str) -> str | None:
    """What the record of a scope is called; None where the organisation has no such record."""
    kind, _, record = scope.partition(":")
    found: str | None = session.execute(_NAME[kind], {"org": org, "id": UUID(record)}).scalar()
    return found


def author_of(session: Session, org: str, identity: UUID) -> str | None:
    """What an author is called."""
    found: str | None = session.execute(_AUTHOR, {"org": org, "id": identity}).scalar()
    return found


def whole_hour(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def whole_day(moment: datetime) -> datetime:
    """The beginning of its day in UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
