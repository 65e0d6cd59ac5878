"""What is stored, counted by the hour: the only thing that charts, baselines and rolling means read."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from workers._rows import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from workers.draft import Draft, Recorded
    from workers.reposts import Reposted

NEGATIVE, POSITIVE = -0.05, 0.05
"""VADER's own bounds of a negative and a positive text; charts count by them, no rule does."""

_HOURS = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            scope text, hour timestamptz, platform text, language text, voice text, n integer, scored integer,
            sum double precision, negative integer, positive integer, unscored integer, reposts integer)
    )
    INSERT INTO hours AS h (org_id, scope, hour, platform, language, voice, n, scored, sum, negative, positive, unscored, reposts)
    SELECT :org, scope, hour, platform, language, voice, n, scored, sum, negative, positive, unscored, reposts
    FROM x ORDER BY scope, hour, platform, language, voice
    ON CONFLICT (org_id, scope, hour, platform, language, voice) DO UPDATE
    SET n = h.n + excluded.n, scored = h.scored + excluded.scored, sum = h.sum + excluded.sum,
        negative = h.negative + excluded.negative, positive = h.positive + excluded.positive,
        unscored = h.unscored + excluded.unscored, reposts = h.reposts + excluded.reposts
""")


class _Kind(NamedTuple):
    """What events have in common that are counted into the same rows. `hour` counts hours since 1970."""

    platform: str
    hour: int
    language: str
    voice: str
    account: UUID | None
    campaign: UUID | None


class Counted(NamedTuple):
    """A stored event by what decides where it is counted. `lang` None is `und`."""

    platform: str
    occurred_at: datetime
    lang: str | None
    voice: str
    account: UUID | None
    campaign: UUID | None
    sentiment: float | None
    reposts: int


class _Count(msgspec.Struct, kw_only=True):
    """One row's growth; negative where an edited event is taken out."""

    scope: str
    hour: datetime
    platform: str
    language: str
    voice: str
    n: int = 0
    scored: int = 0
    sum: float = 0.0
    negative: int = 0
    positive: int = 0
    unscored: int = 0
    reposts: int = 0


def record_hours(
    session: Session,
    org: str,
    drafts: Iterable[Draft],
    recorded: dict[tuple[str, str], Recorded],
    reposted: Iterable[Reposted] = (),
) -> None:
    """Count new events into their hours (of the organisation, the account, the campaign); an edited event
    is taken out as what it was and put in as what it is. A repost counts in its original's hour."""
    kinds: dict[_Kind, list[tuple[float | None, int]]] = defaultdict(list)
    reposts: Counter[_Kind] = Counter()
    for one in reposted:
        kind = _Kind(
            one.platform, _hour(one.occurred_at), one.lang or "und", one.voice, one.account, one.campaign
        )
        reposts[kind] += one.n
        kinds[kind]  # a kind of its own row, though no event is new in it
    for draft in drafts:
        outcome, found = recorded[draft.key], draft.resolved
        if outcome.fate == "duplicate":
            continue
        voice, at, was = found.voice, found.post.posted_at, outcome.before
        if was is not None:
            # an edit moves neither the author nor the time
            voice, at = was.voice, was.occurred_at
            before = _Kind(found.platform, _hour(at), was.lang or "und", voice, was.account, was.campaign)
            kinds[before].append((was.sentiment, -1))
            reposts[before] -= was.reposts
        is_now = _Kind(
            found.platform, _hour(at), draft.score.lang or "und", voice, found.account, found.campaign
        )
        kinds[is_now].append((draft.sentiment, 1))
        reposts[is_now] += was.reposts if was else 0
    if kinds:
        session.execute(_HOURS, {"org": org, "rows": as_json(_counted(kinds, reposts))})


def recount(session: Session, org: str, was: Iterable[Counted], now: Iterable[Counted]) -> None:
    """Move stored events from where they were counted to where they belong now, their reposts with them.

    Whoever changes what events are counted by (score, language, account, campaign) holds their rows and calls this
    in the same transaction.
    """
    kinds: dict[_Kind, list[tuple[float | None, int]]] = defaultdict(list)
    reposts: Counter[_Kind] = Counter()
    for events, sign in ((was, -1), (now, 1)):
        for one in events:
            kind = _Kind(
                one.platform, _hour(one.occurred_at), one.lang or "und", one.voice, one.account, one.campaign
            )
            kinds[kind].append((one.sentiment, sign))
            reposts[kind] += sign * one.reposts
    if kinds:
        session.execute(_HOURS, {"org": org, "rows": as_json(_counted(kinds, reposts))})


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)


def _counted(kinds: dict[_Kind, list[tuple[float | None, int]]], reposts: Counter[_Kind]) -> list[_Count]:
    counts: dict[tuple[str, int, str, str, str], _Count] = {}
    for kind, events in kinds.items():
        scopes = ["all"]
        if kind.account:
            scopes.append(f"account:{kind.account}")
        if kind.campaign:
            scopes.append(f"campaign:{kind.campaign}")
        for scope in scopes:
            key = (scope, kind.hour, kind.platform, kind.language, kind.voice)
            if (count := counts.get(key)) is None:
                count = counts[key] = _Count(
                    scope=scope,
                    hour=datetime.fromtimestamp(kind.hour * 3600, UTC),
                    platform=kind.platform,
                    language=kind.language,
                    voice=kind.voice,
                )
            count.reposts += reposts[kind]
            for sentiment, sign in events:
                count.n += sign
                if sentiment is None:
                    count.unscored += sign
                else:
                    count.scored += sign
                    count.sum += sign * sentiment
                    count.negative += sign * (sentiment <= NEGATIVE)
                    count.positive += sign * (sentiment >= POSITIVE)
    return list(counts.values())
