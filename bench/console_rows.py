"""The statements that `bench.console_world` fills a database with. %(..)s are those of `Size.values`."""

from __future__ import annotations

from collections.abc import Callable

TELL = Callable[[str], None]
ACCOUNTS, CAMPAIGNS = 2_000, 20
BARE = ("social_events", "cases", "tickets", "activities", "case_notes", "matches", "quarantine", "hours")
"""Tables whose indexes are built after their rows."""

FUNCTIONS = (
    "CREATE TABLE bench.phrases (n int PRIMARY KEY, words text)",
    "CREATE TABLE bench.hours (at timestamptz PRIMARY KEY, seconds float8, first bigint, n int, storm bool)",
    "CREATE TABLE bench.rules (n int PRIMARY KEY, id uuid)",
    # a number in [0, 1) that follows from another
    """CREATE FUNCTION bench.dice(n bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (hashint8extended(n, seed) & 9007199254740991) / 9007199254740992.0 $$""",
    # a UUIDv7 of a moment, a kind of record and its number
    """CREATE FUNCTION bench.id(ms bigint, kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || 'a' || lpad(to_hex(n), 15, '0'))::uuid $$""",
    """CREATE FUNCTION bench.record(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT bench.id(1700000000000 + n, kind, n) $$""",
    """CREATE FUNCTION bench.nth(id uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT ('x' || right(replace(id::text, '-', ''), 15))::bit(60)::bigint $$""",
)
IDENTITY, ACCOUNT, CAMPAIGN, SOURCE, USER, CASE, TICKET, ACTIVITY, INCIDENT, HOLD = range(2, 12)

_PLATFORMS = "ARRAY['mastodon','bluesky','reddit','x','youtube','hackernews','feeds','googleplay','appstore','threads']"
BEFORE = (
    f"""INSERT INTO users (id, org_id, name, email)
        SELECT bench.record({USER}, n), %(org)s, 'Person ' || n, 'person' || n || '@acme.example'
        FROM generate_series(0, %(people)s - 1) n""",
    f"""INSERT INTO accounts (id, org_id, name, owner_id)
        SELECT bench.record({ACCOUNT}, n), %(org)s, initcap(p.words) || ' ' || n, bench.record({USER}, n %% %(people)s)
        FROM generate_series(0, %(accounts)s - 1) n JOIN bench.phrases p (nth, words) ON p.nth = n""",
    f"""INSERT INTO campaigns (id, org_id, name, type, status, starts_on, ends_on)
        SELECT bench.record({CAMPAIGN}, n), %(org)s, 'Campaign ' || n, 'launch', 'active',
               current_date - 20 - n * 7, CASE WHEN n > 10 THEN current_date - n * 7 + 20 END
        FROM generate_series(0, %(campaigns)s - 1) n""",
    f"""INSERT INTO sources (id, org_id, platform, kind, term, every, escalate_from, state, due_at, last_success_at, failures,
                            last_error, created_at)
        SELECT bench.record({SOURCE}, n), %(org)s, ({_PLATFORMS})[1 + n %% 10],
               CASE WHEN n %% 3 = 0 THEN 'hashtag' ELSE 'search' END, 'topic' || n, 300, now() - interval '400 days',
               CASE WHEN n %% 37 = 5 THEN 'paused' WHEN n %% 53 = 7 THEN 'needs_reauth' ELSE 'active' END,
               now() + bench.dice(n, 1) * interval '5 min', now() - bench.dice(n, 2) * interval '5 min', n %% 41 / 40,
               CASE WHEN n %% 41 = 40 THEN 'the server answered 502' END, now() - interval '400 days'
        FROM generate_series(0, %(sources)s - 1) n""",
    f"""INSERT INTO identities (id, org_id, platform, stable_id, handle, name)
        SELECT bench.record({IDENTITY}, n), %(org)s, ({_PLATFORMS})[1 + n %% 10], 'did:bench:' || n,
               'author' || n || '.town.example', 'Author ' || n
        FROM generate_series(0, %(identities)s - 1) n""",
    f"""INSERT INTO holds (id, org_id, of, platform, until, reason, by, created_at, lifted_at)
        SELECT bench.record({HOLD}, n), %(org)s, 'platform', 'youtube', now() + (1 - n) * interval '10 days', 'We know of it',
               'person1@acme.example', now() - (n + 1) * interval '10 days', CASE WHEN n > 0 THEN now() - n * interval '9 days' END
        FROM generate_series(0, 11) n""",
)
MORE_RULES = """
    INSERT INTO rules (org_id, name, audience, threshold, action, words)
    SELECT %(org)s, 'About part ' || n, 'named', -0.3 - n / 100.0, CASE WHEN n %% 2 = 0 THEN 'activity' ELSE 'ticket' END,
           ARRAY['broken', 'refund']
    FROM generate_series(1, 15) n
"""
NUMBERED_RULES = """
    INSERT INTO bench.rules (n, id)
    SELECT row_number() OVER (ORDER BY created_at, name) - 1, id FROM rules WHERE org_id = %(org)s AND action IN ('ticket', 'activity')
"""

# what is drawn once a post stands in `d`; `k`: the number of the case that it belongs to
EVENTS = f"""
    INSERT INTO social_events (
        id, org_id, platform, channel, verb, text, sentiment, unscored, occurred_at, recorded_at, account_id, campaign_id,
        external_id, url, identity_id, reply_to, thread, lang, voice, addressed, about_us, counts, reposts, sightings,
        case_id, case_role, rule_id, ticket_id, held_back, hold_id)
    SELECT bench.id((extract(epoch FROM d.at) * 1000)::bigint, 1, d.n), %(org)s, d.platform, 'social',
           CASE WHEN d.root IS NULL THEN 'post' ELSE 'comment' END,
           initcap(left(a.words, 1)) || substr(a.words, 2) || ' ' || b.words || ' ' || c.words
               || CASE WHEN d.c < 0.1 THEN '. #topic' || 3 * floor(d.c * 660)::int ELSE '.' END,
           CASE WHEN d.lang = 'ja' THEN NULL WHEN d.k IS NOT NULL THEN round((-0.42 - 0.55 * d.a)::numeric, 4)::float8
                WHEN d.b < 0.3 THEN 0.0
                ELSE round(greatest(-1, d.a + d.d - 1 - CASE WHEN d.root IS NOT NULL AND d.storm THEN 0.4 ELSE 0 END)::numeric, 4)::float8 END,
           CASE WHEN d.lang = 'ja' THEN 'lang:ja' END, d.at, d.at + interval '30 s',
           CASE WHEN d.d < 0.12 THEN bench.record({ACCOUNT}, floor(%(accounts)s * power(d.a, 2))::bigint) END,
           CASE WHEN d.d > 0.94 THEN bench.record({CAMPAIGN}, floor(%(campaigns)s * power(d.b, 2))::bigint) END,
           'https://' || d.platform || '.example/p/' || d.n, 'https://' || d.platform || '.example/p/' || d.n,
           bench.record({IDENTITY}, coalesce(d.k, floor(%(identities)s * power(d.e, 3))::bigint)),
           'https://' || d.platform || '.example/p/' || d.root, 'https://' || d.platform || '.example/p/' || d.root,
           nullif(d.lang, 'und'), d.voice, d.k IS NOT NULL, d.k IS NOT NULL OR d.d < 0.3,
           CASE WHEN d.f < 0.6 THEN jsonb_build_object('likes', floor(50 * power(d.f, 3))::int, 'replies', floor(5 * d.f)::int) END,
           CASE WHEN d.f > 0.95 THEN 3 ELSE 0 END, ARRAY[bench.record({SOURCE}, d.source)],
           bench.record({CASE}, d.k), CASE WHEN d.k IS NULL THEN NULL WHEN d.n %% %(stride)s = 0 THEN 'opened' ELSE 'joined' END,
           CASE WHEN d.k IS NOT NULL AND d.n %% %(stride)s = 0 THEN (SELECT id FROM bench.rules WHERE n = d.k %% 7) END,
           CASE WHEN d.k %% 3 <> 1 AND d.k / 3 %% 10 >= 3 THEN bench.record({TICKET}, d.k) END,
           CASE WHEN d.k IS NULL AND d.platform = 'youtube' AND d.f BETWEEN 0.6 AND 0.605 THEN 'held' END,
           CASE WHEN d.k IS NULL AND d.platform = 'youtube' AND d.f BETWEEN 0.6 AND 0.605 THEN bench.record({HOLD}, d.n %% 2) END
    FROM (
        SELECT e.*, ({_PLATFORMS})[1 + e.source %% 10] AS platform,
               CASE WHEN e.l < 0.68 THEN 'en' WHEN e.l < 0.78 THEN 'de' WHEN e.l < 0.85 THEN 'es' WHEN e.l < 0.91 THEN 'fr'
                    WHEN e.l < 0.96 THEN 'ja' ELSE 'und' END AS lang,
               CASE WHEN e.k IS NOT NULL OR e.v > 0.07 THEN 'earned' WHEN e.v < 0.02 THEN 'own' ELSE 'competitor' END AS voice,
               CASE WHEN e.storm AND e.t < 0.5 AND e.n > e.first THEN e.first
                    WHEN e.t BETWEEN 0.5 AND 0.7 THEN greatest(0, e.n - 1 - floor(3000 * power(e.a, 3))::bigint) END AS root
        FROM (
            SELECT h.first + i AS n, h.first, h.storm, h.at + (i + 0.5) * h.seconds / h.n * interval '1 s' AS at,
                   CASE WHEN h.first + i < %(events)s
                             AND (h.first + i) %% %(stride)s < 1 + (h.first + i) / %(stride)s %% 3
                             AND (h.first + i) / %(stride)s < 3 * %(cases)s
                        THEN (h.first + i) / %(stride)s END AS k,
                   floor(%(sources)s * power(bench.dice(CASE WHEN h.storm AND bench.dice(h.first + i, 9) < 0.5 THEN h.first
                                                             ELSE h.first + i END, 1), 2))::int AS source,
                   bench.dice(h.first + i, 2) AS a, bench.dice(h.first + i, 3) AS b, bench.dice(h.first + i, 4) AS c,
                   bench.dice(h.first + i, 5) AS d, bench.dice(h.first + i, 6) AS e, bench.dice(h.first + i, 7) AS f,
                   bench.dice(h.first + i, 8) AS v, bench.dice(h.first + i, 9) AS t, bench.dice(h.first + i, 10) AS l,
                   bench.dice(CASE WHEN h.storm AND bench.dice(h.first + i, 9) < 0.5 THEN h.first ELSE h.first + i END, 11) AS p
            FROM bench.hours h CROSS JOIN LATERAL generate_series(greatest(0, %(low)s - h.first), least(h.n, %(high)s - h.first) - 1) i
            WHERE h.first < %(high)s AND h.first + h.n > %(low)s
        ) e
    ) d
    JOIN bench.phrases a ON a.n = floor(4096 * power(d.p, 3))::int
    JOIN bench.phrases b ON b.n = floor(4096 * power(d.c, 2))::int
    JOIN bench.phrases c ON c.n = floor(4096 * d.e)::int
"""

HOURS_OF_EVENTS = """
    INSERT INTO hours AS h (org_id, scope, hour, platform, language, voice, n, scored, sum, negative, positive, unscored)
    SELECT %(org)s, s.scope, date_trunc('hour', e.occurred_at, 'UTC'), e.platform, coalesce(e.lang, 'und'), e.voice,
           count(*), count(e.sentiment), coalesce(sum(e.sentiment), 0), count(*) FILTER (WHERE e.sentiment <= -0.05),
           count(*) FILTER (WHERE e.sentiment >= 0.05), count(*) - count(e.sentiment)
    FROM social_events e
    CROSS JOIN LATERAL (SELECT 'all' AS scope UNION ALL SELECT 'account:' || e.account_id WHERE e.account_id IS NOT NULL
                        UNION ALL SELECT 'campaign:' || e.campaign_id WHERE e.campaign_id IS NOT NULL) s
    WHERE e.occurred_at >= coalesce(%(since)s, '-infinity'::timestamptz)
    GROUP BY s.scope, 3, e.platform, 5, e.voice ORDER BY 3, s.scope
"""
HOURS_ADDED = """
    ON CONFLICT (org_id, scope, hour, platform, language, voice) DO UPDATE
    SET n = h.n + excluded.n, scored = h.scored + excluded.scored, sum = h.sum + excluded.sum,
        negative = h.negative + excluded.negative, positive = h.positive + excluded.positive,
        unscored = h.unscored + excluded.unscored
"""
_WORST = "CASE WHEN c.u < 0.05 THEN 'urgent' WHEN c.u < 0.3 THEN 'high' WHEN c.u < 0.8 THEN 'normal' ELSE 'low' END"
_OWNER = f"CASE WHEN c.v < 0.6 THEN bench.record({USER}, floor(%(people)s * c.v / 0.6)::bigint) END"
AFTER = (
    (
        "hours are counted",
        HOURS_OF_EVENTS.replace("coalesce(%(since)s, '-infinity'::timestamptz)", "'-infinity'"),
    ),
    (
        # every third case is open; the newest of the next third are those of Incidents, and open as well
        "cases are opened",
        """CREATE TABLE bench.cases AS
        SELECT x.*, x.k %% 3 = 0 OR x.parent IS NOT NULL AS open, x.k / 3 %% 10 >= 3 AS ticketed
        FROM (
            SELECT bench.nth(e.case_id) AS k, e.id AS event, e.occurred_at AS at, e.sentiment, e.account_id, e.rule_id, e.text,
                   bench.dice(bench.nth(e.case_id), 21) AS u, bench.dice(bench.nth(e.case_id), 22) AS v,
                   bench.dice(bench.nth(e.case_id), 23) AS w,
                   CASE WHEN bench.nth(e.case_id) %% 3 <> 1 THEN NULL
                        WHEN %(cases)s - 1 - bench.nth(e.case_id) / 3 < %(taken_in)s THEN 0
                        WHEN %(cases)s - 1 - bench.nth(e.case_id) / 3 < %(taken_in)s + 950
                        THEN 1 + (%(cases)s - 1 - bench.nth(e.case_id) / 3 - %(taken_in)s) / 50 END AS parent
            FROM social_events e WHERE e.case_role = 'opened'
        ) x""",
    ),
    (
        "Incidents",
        f"""INSERT INTO cases (id, org_id, subject, level, opened_at, risen_at, ticket_id, rule_id, opened_by, themes)
        SELECT bench.record({INCIDENT}, n), %(org)s, 'burst:campaign:' || bench.record({CAMPAIGN}, n), 'ticket',
               now() - (n + 1) * interval '1 hour', now() - (n + 1) * interval '1 hour', bench.record({TICKET}, 1000000 + n), r.id, r.id,
               ARRAY['campaign:' || bench.record({CAMPAIGN}, n)]
        FROM generate_series(0, 19) n JOIN bench.rules r (nth, id) ON r.nth = 0""",
    ),
    (
        "their tickets",
        f"""INSERT INTO tickets (id, org_id, subject, status, source, number, priority, created_at)
        SELECT bench.record({TICKET}, 1000000 + n), %(org)s, 'Many complain: Campaign ' || n, 'open', 'social', 5000000 + n, 'urgent',
               now() - (n + 1) * interval '1 hour' FROM generate_series(0, 19) n""",
    ),
    (
        "all other cases",
        f"""INSERT INTO cases (id, org_id, subject, level, opened_at, risen_at, closed_at, identity_id, event_id, rule_id, opened_by,
                              score, threshold, ticket_id, activity_id, parent_id, themes, verdict, verdict_at, verdict_by)
        SELECT bench.record({CASE}, c.k), %(org)s, 'identity:' || bench.record({IDENTITY}, c.k),
               CASE WHEN c.ticketed OR c.parent IS NOT NULL THEN 'ticket' ELSE 'activity' END, c.at, c.at,
               CASE WHEN NOT c.open THEN least(now(), c.at + power(c.w, 3) * interval '5 days') END,
               bench.record({IDENTITY}, c.k), c.event, c.rule_id, c.rule_id, c.sentiment, -0.42,
               CASE WHEN c.parent IS NOT NULL THEN bench.record({TICKET}, 1000000 + c.parent)
                    WHEN c.ticketed THEN bench.record({TICKET}, c.k) END,
               CASE WHEN c.parent IS NULL AND NOT c.ticketed THEN bench.record({ACTIVITY}, c.k) END,
               bench.record({INCIDENT}, c.parent),
               CASE WHEN c.parent IS NULL AND c.ticketed AND c.account_id IS NOT NULL THEN ARRAY['account:' || c.account_id] ELSE '{{}}'::text[] END,
               CASE WHEN NOT c.open AND c.w < 0.3 THEN CASE WHEN c.w < 0.2 THEN 'complaint' ELSE 'not_a_complaint' END END,
               CASE WHEN NOT c.open AND c.w < 0.3 THEN c.at + interval '1 hour' END,
               CASE WHEN NOT c.open AND c.w < 0.3 THEN 'person1@acme.example' END
        FROM bench.cases c""",
    ),
    (
        "tickets",
        f"""INSERT INTO tickets (id, org_id, account_id, subject, status, source, number, priority, owner_id, created_at)
        SELECT bench.record({TICKET}, c.k), %(org)s, c.account_id, left(c.text, 80),
               CASE WHEN NOT c.open THEN CASE WHEN c.u < 0.5 THEN 'resolved' ELSE 'closed' END
                    WHEN c.w < 0.6 THEN 'open' WHEN c.w < 0.9 THEN 'in_progress' ELSE 'waiting' END,
               'social', 1001 + c.k, {_WORST}, {_OWNER}, c.at
        FROM bench.cases c WHERE c.ticketed AND c.parent IS NULL""",
    ),
    (
        "activities",
        f"""INSERT INTO activities (id, org_id, owner_id, account_id, subject, channel, activity_type, status, created_at)
        SELECT bench.record({ACTIVITY}, c.k), %(org)s, {_OWNER}, c.account_id, left(c.text, 80), 'social', 'follow_up',
               CASE WHEN c.open THEN 'planned' ELSE 'done' END, c.at
        FROM bench.cases c WHERE NOT c.ticketed AND c.parent IS NULL""",
    ),
    (
        "what happened to cases",
        """INSERT INTO case_notes (org_id, case_id, at, what, event_id, rule_id, score, threshold, by, said)
        SELECT %(org)s, s.id, s.opened_at + i * interval '1 min', CASE i WHEN 0 THEN 'rule' ELSE 'note' END,
               CASE i WHEN 0 THEN s.event_id END, CASE i WHEN 0 THEN r.id END, CASE i WHEN 0 THEN s.score END,
               CASE i WHEN 0 THEN -0.25 END, CASE i WHEN 1 THEN 'person2@acme.example' END,
               CASE i WHEN 1 THEN 'Called them; they wait for the part.' END
        FROM cases s CROSS JOIN generate_series(0, 1) i JOIN bench.rules r ON r.n = (bench.nth(s.id) + 1) %% 7
        WHERE s.event_id IS NOT NULL AND bench.nth(s.id) %% 3 <= i + 1""",
    ),
    (
        "matches",
        """INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, created_at)
        SELECT %(org)s, e.id, m.kind, m.record, 'name', 0.9, 'part of a name', e.recorded_at
        FROM social_events e CROSS JOIN LATERAL (VALUES ('account', e.account_id), ('campaign', e.campaign_id)) m(kind, record)
        WHERE m.record IS NOT NULL""",
    ),
    (
        "suggestions",
        f"""INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, state, created_at)
        SELECT %(org)s, e.id, 'account', bench.record({ACCOUNT}, n %% %(accounts)s), 'similar', 0.6, 'Evidence ' || n %% 1500,
               'suggested', e.recorded_at
        FROM (SELECT id, recorded_at, row_number() OVER () AS n FROM (
            SELECT id, recorded_at FROM social_events WHERE org_id = %(org)s AND account_id IS NULL ORDER BY occurred_at DESC LIMIT 5000) x) e""",
    ),
    (
        "quarantine",
        f"""INSERT INTO quarantine (id, org_id, platform, source_id, page_id, item, stage, external_id, reason, trace, payload, state,
                                   held_at, settled_at)
        SELECT bench.id((extract(epoch FROM now() - (%(quarantined)s * 1.2 - n) * interval '1 min') * 1000)::bigint, 12, n::bigint), %(org)s,
               CASE WHEN n < 12 THEN 'lemmy' ELSE ({_PLATFORMS})[1 + floor(10 * power(bench.dice(n, 1), 3))::int] END,
               bench.record({SOURCE}, n %% %(sources)s), n, 0, CASE WHEN n %% 3 = 0 THEN 'digest' ELSE 'reject' END,
               'https://post.example/' || n, 'field “created_at” is no moment: ' || n %% 20,
               CASE WHEN n %% 3 = 0 THEN repeat('  File "workers/digest.py", line 1, in digest' || chr(10), 12) END,
               convert_to('{{"id": "' || n || '", "text": "' || repeat('what it said ', 20) || '"}}', 'UTF8'),
               CASE WHEN n %% 6 = 5 THEN 'dropped' ELSE 'held' END, now() - (%(quarantined)s * 1.2 - n) * interval '1 min',
               CASE WHEN n %% 6 = 5 THEN now() END
        FROM generate_series(0, (%(quarantined)s * 1.2)::int - 1) n""",
    ),
    (
        "visits",
        f"""INSERT INTO polls (id, org_id, source_id, fence, started_at, finished_at, visits, pages, fetched, gap, error)
        SELECT bench.id((extract(epoch FROM p.at) * 1000)::bigint, 13, s * 100000 + t), %(org)s, bench.record({SOURCE}, s), t, p.at,
               p.at + interval '2 s', 1 + t %% 4, 1, 12 + t %% 40, CASE WHEN t %% 300 = 7 THEN 'more than 20 pages were waiting' END,
               CASE WHEN t %% 200 = 9 THEN 'the server answered 502' END
        FROM generate_series(0, %(sources)s - 1) s CROSS JOIN generate_series(1, least(%(days)s, 90) * 24) t
        CROSS JOIN LATERAL (SELECT now() - (least(%(days)s, 90) * 24 - t) * interval '1 hour' AS at) p""",
    ),
    (
        "their pages",
        """INSERT INTO pages (org_id, platform, source_id, poll_id, state, fetched, new, duplicate, landed_at, digested_at)
        SELECT p.org_id, s.platform, p.source_id, p.id, 'digested', p.fetched, p.fetched - 4, 4, p.started_at, p.finished_at
        FROM polls p JOIN sources s ON s.id = p.source_id ORDER BY p.started_at""",
    ),
    (
        "pages that wait",
        f"""INSERT INTO pages (org_id, platform, source_id, body, state, fetched)
        SELECT %(org)s, 'mastodon', bench.record({SOURCE}, 10 * (n %% 20)), '\\x00', 'landed', 40 FROM generate_series(1, 60) n""",
    ),
    (
        "corrections",
        """INSERT INTO corrections (org_id, event_id, label, sentiment, by)
        SELECT %(org)s, id, 'negative', sentiment, 'person3@acme.example'
        FROM (SELECT id, sentiment FROM social_events WHERE org_id = %(org)s ORDER BY occurred_at DESC LIMIT 20000) e WHERE sentiment > 0.4""",
    ),
    (
        "what people did",
        f"""INSERT INTO audits (org_id, at, by, what, of, of_id, said)
        SELECT %(org)s, now() - n * interval '3 min', 'person' || n %% %(people)s || '@acme.example', 'gave', 'case',
               bench.record({CASE}, n * 3), 'Ticket #' || 1001 + n * 3 || ' is Person ' || n %% %(people)s || '''s.'
        FROM generate_series(0, 50000) n""",
    ),
    (
        "decisions",
        f"""INSERT INTO reviews (org_id, action, event_id, kind, record_id, by, created_at)
        SELECT %(org)s, 'accept', e.id, 'account', bench.record({ACCOUNT}, 1), 'person4@acme.example', now() - interval '1 day'
        FROM (SELECT id FROM social_events WHERE org_id = %(org)s AND account_id IS NOT NULL ORDER BY occurred_at DESC LIMIT 2000) e""",
    ),
    (
        "receivers",
        f"""INSERT INTO receivers (org_id, name, kind, address, owner_id)
        SELECT %(org)s, 'Receiver ' || n, 'email', 'desk' || n || '@acme.example', bench.record({USER}, n) FROM generate_series(1, 3) n""",
    ),
    (
        "news",
        f"""INSERT INTO owed (org_id, receiver_id, case_id, kind, body, state, created_at, due_at, delivered_at)
        SELECT %(org)s, r.id, bench.record({CASE}, 3 * n), 'case.opened', jsonb_build_object('subject', 'A complaint'),
               CASE WHEN n < 300 THEN 'owed' WHEN n < 400 THEN 'failed' ELSE 'delivered' END, now() - n * interval '2 min',
               now() - n * interval '2 min', CASE WHEN n >= 400 THEN now() - n * interval '2 min' END
        FROM receivers r CROSS JOIN generate_series(0, 10000) n WHERE r.org_id = %(org)s""",
    ),
)
