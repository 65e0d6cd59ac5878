"""Reposts are no events: each is noted once, and counted on its original, whichever of the two comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from workers._rows import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.orm import Session

_REPOSTS = text("""
    INSERT INTO reposts (org_id, platform, external_id, of)
    SELECT DISTINCT ON (platform, external_id) :org, platform, external_id, of
    FROM json_to_recordset(CAST(:rows AS json)) AS x(platform text, external_id text, of text)
    ORDER BY platform, external_id
    ON CONFLICT DO NOTHING
""")

# Whichever comes first, a repost or its original, the second to come finds the other.
_OWED = text("""
    WITH originals AS MATERIALIZED (
        SELECT e.id, e.platform, e.external_id
        FROM (SELECT DISTINCT platform, of FROM reposts
              WHERE org_id = :org AND NOT counted
                AND of = ANY(ARRAY(SELECT json_array_elements_text(CAST(:of AS json))))) r, LATERAL (
            SELECT * FROM social_events e
            WHERE e.org_id = :org AND e.platform = r.platform AND e.external_id = r.of
        ) e
        ORDER BY e.platform, e.external_id FOR UPDATE OF e
    ), counted AS (
        UPDATE reposts r SET counted = true FROM originals o
        WHERE r.org_id = :org AND NOT r.counted AND r.platform = o.platform AND r.of = o.external_id
        RETURNING o.id
    )
    UPDATE social_events e SET reposts = e.reposts + c.n
    FROM (SELECT id, count(*)::integer AS n FROM counted GROUP BY id) c
    WHERE e.id = c.id
    RETURNING e.platform, c.n, e.occurred_at, e.lang, e.voice, e.account_id, e.campaign_id
""")


class Reposted(NamedTuple):
    """An original whose count rose by `n`, with what it is counted under."""

    platform: str
    n: int
    occurred_at: datetime
    lang: str | None
    voice: str
    account: UUID | None
    campaign: UUID | None


def record_reposts(session: Session, org: str, reposts: Sequence[tuple[str, str, str]]) -> None:
    """Note reposts by (platform, repost id, original id), each once; `count_reposts` counts them."""
    if reposts:
        rows = [{"platform": platform, "external_id": repost, "of": of} for platform, repost, of in reposts]
        session.execute(_REPOSTS, {"org": org, "rows": as_json(rows)})


def count_reposts(session: Session, org: str, originals: Iterable[str]) -> list[Reposted]:
    """Raise the counts of those of these posts that have uncounted reposts; in a transaction of its own,
    because the one that writes the events has its locks already."""
    of = sorted(set(originals))
    if not of:
        return []
    # as JSON: psycopg writes an array element by element, in Python
    return [Reposted(*row) for row in session.execute(_OWED, {"org": org, "of": as_json(of)})]
