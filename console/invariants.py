"""What must hold between tables, each as one query that counts the rows for which it does not.

They are written apart from what they check: workers/project.py says the same in another way. An event that no source
has heard (`sightings` is empty) was written by the neighbour, and is neither projected nor counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

_ONLY = """(
    SELECT event_id, min(record_id::text)::uuid AS only FROM matches
    WHERE org_id = :org AND kind = '{kind}' AND state = 'live' AND {which}
    GROUP BY event_id HAVING count(*) = 1
)"""


def _only(kind: str, which: str = "true") -> str:
    """The record of this kind of each event that has exactly one such live match."""
    return _ONLY.format(kind=kind, which=which)


INVARIANTS: Mapping[str, TextClause] = {
    "an event's contact is its author's, by the only live match that says so": text(f"""
        SELECT count(*) FROM social_events e
        LEFT JOIN {_only("contact", "author")} m ON m.event_id = e.id
        LEFT JOIN contacts p ON p.id = m.only
        WHERE e.org_id = :org AND e.sightings <> '{{}}' AND e.contact_id IS DISTINCT FROM p.id
    """),
    "an event's account is whom a person tied it to, else the only one that it names, else its author's": text(f"""
        SELECT count(*) FROM social_events e
        LEFT JOIN {_only("account", "by IS NOT NULL")} decided ON decided.event_id = e.id
        LEFT JOIN {_only("account", "how <> 'identity'")} named ON named.event_id = e.id
        LEFT JOIN {_only("account", "author")} own ON own.event_id = e.id
        LEFT JOIN accounts k ON k.id = coalesce(decided.only, named.only, own.only)
        WHERE e.org_id = :org AND e.sightings <> '{{}}' AND e.account_id IS DISTINCT FROM k.id
    """),
    "an event's campaign is the only live match of that kind": text(f"""
        SELECT count(*) FROM social_events e
        LEFT JOIN {_only("campaign")} m ON m.event_id = e.id
        LEFT JOIN campaigns g ON g.id = m.only
        WHERE e.org_id = :org AND e.sightings <> '{{}}' AND e.campaign_id IS DISTINCT FROM g.id
    """),
    "an event's ticket is its case's, else the only live match of that kind": text(f"""
        SELECT count(*) FROM social_events e
        LEFT JOIN cases c ON c.id = e.case_id
        LEFT JOIN {_only("ticket")} m ON m.event_id = e.id
        LEFT JOIN tickets t ON t.id = coalesce(c.ticket_id, m.only)
        WHERE e.org_id = :org AND e.sightings <> '{{}}' AND e.ticket_id IS DISTINCT FROM t.id
    """),
    "an event is its author's contact's, and the account's that its author is linked to": text("""
        WITH linked AS (
            SELECT i.id, r.contact_id, r.account_id
            FROM identities i JOIN identities r ON r.id = coalesce(i.merged_into, i.id)
            WHERE i.org_id = :org AND NOT EXISTS (SELECT FROM followings f WHERE f.identity_id = i.id)
        )
        SELECT count(*) FROM (
            -- an account that is its contact's may be the one of then
            SELECT FROM matches m JOIN social_events e ON e.id = m.event_id JOIN linked l ON l.id = e.identity_id
            WHERE m.org_id = :org AND m.author AND m.state = 'live' AND e.sightings <> '{}'
              AND (m.kind = 'contact' AND m.record_id IS DISTINCT FROM l.contact_id
                   OR m.kind = 'account' AND (l.account_id IS NOT NULL OR l.contact_id IS NULL)
                      AND m.record_id IS DISTINCT FROM l.account_id)
            UNION ALL
            SELECT FROM linked l
            CROSS JOIN LATERAL (VALUES ('contact', l.contact_id), ('account', l.account_id)) AS v(kind, record_id)
            JOIN social_events e ON e.identity_id = l.id
            WHERE v.record_id IS NOT NULL AND e.sightings <> '{}' AND NOT EXISTS (
                SELECT FROM matches m
                WHERE m.event_id = e.id AND m.kind = v.kind AND m.record_id = v.record_id
                  AND (m.author AND m.state = 'live' OR m.state = 'undone'))
        ) strays
    """),
    "an open case has a ticket or an activity": text("""
        SELECT count(*) FROM cases WHERE org_id = :org AND closed_at IS NULL
          AND ticket_id IS NULL AND activity_id IS NULL
    """),
    "an event that crossed a rule for cases has one, or a reason why not": text("""
        SELECT count(*) FROM social_events e JOIN rules r ON r.id = e.rule_id
        WHERE e.org_id = :org AND r.action IN ('ticket', 'activity') AND e.case_id IS NULL AND e.held_back IS NULL
    """),
    "no post waits for a crisis switch whose posts were released": text("""
        SELECT count(*) FROM social_events e JOIN holds h ON h.id = e.hold_id
        WHERE e.org_id = :org AND h.released_at < now() - interval '3 minutes'
    """),
    "a case that was taken in was so by an Incident, or merged into a case whose ticket it has": text("""
        SELECT count(*) FROM cases c JOIN cases p ON p.id = c.parent_id LEFT JOIN cases g ON g.id = p.parent_id
        WHERE c.org_id = :org AND (
            p.org_id <> c.org_id OR c.subject LIKE 'burst:%'
            OR p.subject NOT LIKE 'burst:%' AND c.closed_at IS NULL
               AND (c.ticket_id IS DISTINCT FROM p.ticket_id OR p.ticket_id IS NULL OR g.ticket_id = p.ticket_id))
    """),
    # one that joined at that very moment is closed within a minute: workers/incident.py, settle_left
    "an open case that has its Incident's ticket has an open Incident": text("""
        SELECT count(*) FROM cases c JOIN cases p ON p.id = c.parent_id
        WHERE c.org_id = :org AND c.closed_at IS NULL AND c.ticket_id = p.ticket_id
          AND p.closed_at < now() - interval '3 minutes'
    """),
    "no identity is merged into one that is merged itself": text("""
        SELECT count(*) FROM identities i JOIN identities r ON r.id = i.merged_into
        WHERE i.org_id = :org AND (r.merged_into IS NOT NULL OR r.org_id <> i.org_id)
    """),
    "identities that are merged are of a platform each": text("""
        SELECT count(*) FROM (
            SELECT FROM identities
            WHERE org_id = :org AND (merged_into IS NOT NULL
                                     OR id IN (SELECT merged_into FROM identities WHERE org_id = :org))
            GROUP BY coalesce(merged_into, id), platform HAVING count(*) > 1
        ) twice
    """),
    "the hours count what is stored": text("""
        WITH stored AS (
            SELECT s.scope, date_trunc('hour', e.occurred_at, 'UTC') AS hour, e.platform,
                   coalesce(nullif(e.lang, ''), 'und') AS language, e.voice, count(*) AS n,
                   count(e.sentiment) AS scored, count(*) - count(e.sentiment) AS unscored,
                   count(*) FILTER (WHERE e.sentiment <= -0.05) AS negative,
                   count(*) FILTER (WHERE e.sentiment >= 0.05) AS positive, coalesce(sum(e.sentiment), 0) AS sum,
                   sum(e.reposts) AS reposts
            FROM social_events e CROSS JOIN LATERAL (
                VALUES ('all'), ('account:' || e.account_id), ('campaign:' || e.campaign_id)
            ) s(scope)
            WHERE e.org_id = :org AND e.sightings <> '{}' AND s.scope IS NOT NULL
            GROUP BY 1, 2, 3, 4, 5
        ), counted AS (
            -- what was counted for a record that is gone is nobody's any more
            SELECT * FROM hours
            WHERE org_id = :org AND (scope = 'all' OR scope IN (
                SELECT 'account:' || id FROM accounts UNION ALL SELECT 'campaign:' || id FROM campaigns))
        )
        SELECT count(*)
        FROM stored s FULL JOIN counted c USING (scope, hour, platform, language, voice)
        WHERE coalesce(s.n, 0) <> coalesce(c.n, 0) OR coalesce(s.scored, 0) <> coalesce(c.scored, 0)
           OR coalesce(s.unscored, 0) <> coalesce(c.unscored, 0) OR coalesce(s.negative, 0) <> coalesce(c.negative, 0)
           OR coalesce(s.positive, 0) <> coalesce(c.positive, 0)
           OR abs(coalesce(s.sum, 0) - coalesce(c.sum, 0)) > 1e-6
           OR coalesce(s.reposts, 0) <> coalesce(c.reposts, 0)
    """),
}


def broken(session: Session, org: str) -> Iterator[tuple[str, int]]:
    """Each invariant that does not hold, by name, with the number of rows for which it does not."""
    for name, query in INVARIANTS.items():
        number = session.execute(query, {"org": org}).scalar_one()
        if number:
            yield name, number
