"""Sources that bring nothing any more, though no credential is to blame: ops hear of them, once for a server.

A source is told of when it was refused and its credential, asked since, is in order; or when for an hour each of its visits
failed. One Activity names all of the same server and credential, since a platform that is away takes hundreds of sources
with it. It is done by itself when the last of them brings a page, or is paused. A source that waits for its budget does
not fail. Surprising: the Activity's id is made of what it is about, so there is one, and new trouble opens it again; who
closes it by hand hears no more of this trouble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from models.vocabulary import NEVER_VISITED
from workers.reauth import OPEN, REASON

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

SILENT_HOURS = 1
"""Without a page for so long, and for three visits, no error is a passing one."""

_ABOUT = (
    "md5(concat_ws(' ', 'unheard', s.org_id, s.platform, s.host, coalesce(s.credential_id::text, '-')))::uuid"
)

# who waits for a budget, or as long as the platform asked for, is not due for long; all others fail often
_TELL = text(f"""
    WITH failing AS (
        SELECT {_ABOUT} AS id, s.org_id, s.platform, s.host, s.kind, s.term, s.last_error,
               s.last_error_at, began, c.identifier,
               CASE s.state
                   WHEN 'needs_reauth' THEN c.checked_at > s.last_error_at OR began < now() - interval '{SILENT_HOURS} hours'
                   ELSE s.failures >= 3
                        OR s.last_error_at > now() - interval '5 minutes' AND s.due_at < now() + interval '5 minutes'
               END AS clear
        FROM sources s LEFT JOIN credentials c ON c.id = s.credential_id,
        LATERAL (SELECT coalesce(s.last_success_at, s.created_at) AS began) b
        WHERE s.state IN ('active', 'needs_reauth') AND s.kind NOT IN {NEVER_VISITED}
          AND s.last_error IS NOT NULL AND coalesce(c.state, 'ok') = 'ok'
          AND (s.state = 'needs_reauth'
               OR began < now() - greatest(interval '{SILENT_HOURS} hours', make_interval(secs => 3 * s.every)))
    ), trouble AS (
        SELECT id, org_id, platform, host, identifier, count(*) AS sources, max(began) AS began,
               min(kind || ' ' || term) AS one, (array_agg(last_error ORDER BY last_error_at DESC))[1] AS reason
        FROM failing GROUP BY id, org_id, platform, host, identifier HAVING bool_or(clear)
    ), news AS (
        SELECT t.*, to_char(t.began AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS since
        FROM trouble t LEFT JOIN activities a ON a.id = t.id
        WHERE a.id IS NULL OR a.status NOT IN {OPEN} AND a.created_at < t.began
    ), mended AS (
        UPDATE activities a SET status = 'done'
        FROM (SELECT DISTINCT {_ABOUT} AS id FROM sources s) about
        WHERE a.id = about.id AND a.status IN {OPEN} AND NOT EXISTS (SELECT FROM failing f WHERE f.id = a.id)
    )
    INSERT INTO activities (id, org_id, subject, channel, activity_type, status)
    SELECT id, org_id,
           CASE sources WHEN 1 THEN left(one, 60) ELSE sources || ' sources' END
               || ' on ' || platform || coalesce(' at ' || nullif(host, ''), '') || coalesce(' for ' || identifier, '')
               || CASE sources WHEN 1 THEN ' has' ELSE ' have' END || ' brought nothing since ' || since || ': '
               || left(reason, {REASON}) || '. What to do: earshot doctor',
           'other', 'task', 'planned'
    FROM news
    ON CONFLICT (id) DO UPDATE SET status = 'planned', subject = excluded.subject, created_at = now()
""")


async def tell_unheard(sessions: async_sessionmaker[AsyncSession]) -> None:
    """One round over the sources of all organisations, in one statement."""
    async with sessions() as session, session.begin():
        await session.execute(_TELL)
