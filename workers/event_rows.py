"""The two statements that write events: what is new in one, what is known already in the other.

Each takes its rows as one parameter. workers/record.py says when which is asked.
"""

from __future__ import annotations

from sqlalchemy import text

_COLUMNS = """
    id uuid, platform text, external_id text, local_ref text, channel text, verb text, direction text,
    text text, sentiment double precision, unscored text, scorer text, lang text, occurred_at timestamptz,
    edited_at timestamptz, identity_id uuid, url text, reply_to text, thread text, voice text,
    addressed boolean, about_us boolean, counts jsonb, rating double precision, account_id uuid,
    contact_id uuid, campaign_id uuid, sightings uuid[]"""
_NAMES = ", ".join(column.split()[0] for column in _COLUMNS.split(","))
# what most events have in common is not sent for each of them
_USUAL = {
    "channel": "'social'",
    "verb": "'post'",
    "direction": "'inbound'",
    "voice": "'earned'",
    "addressed": "false",
    "about_us": "false",
}
_VALUES = ", ".join(
    f"coalesce({name}, {_USUAL[name]})" if name in _USUAL else name for name in _NAMES.split(", ")
)

# one figure comes back where all are new; which of them are, only where some are not
WRITE_NEW = text(f"""
    WITH written AS (
        INSERT INTO social_events (org_id, {_NAMES})
        SELECT :org, {_VALUES} FROM json_to_recordset(CAST(:rows AS json)) AS x({_COLUMNS})
        ON CONFLICT (org_id, platform, external_id) DO NOTHING
        RETURNING id
    )
    SELECT count(*) AS n, CASE WHEN count(*) < :sent THEN array_agg(id) END AS ids FROM written
""")

# A count that is null has fallen to nothing; nothing is not stored. One that is not there was not told.
_COUNTED = "nullif(jsonb_strip_nulls(coalesce(b.counts, '{}') || coalesce(x.counts, '{}')), '{}')"

# Without an edit stamp a changed text is an edit only where the same source said otherwise before: two
# servers may well render one post differently. Who tells a post again may tell less of it (a look-up often does):
# what is not told stays as it was, and of the counts each by itself. What is told again is not gone. LATERAL holds the
# planner to one look into the unique index a post, whatever it thinks of the table's size; the rows come sorted, so the
# locks are taken in order.
WRITE_AGAIN = text(f"""
    WITH x AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x({_COLUMNS})
    ), before AS MATERIALIZED (
        SELECT e.* FROM x, LATERAL (
            SELECT * FROM social_events e
            WHERE e.org_id = :org AND e.platform = x.platform AND e.external_id = x.external_id
            FOR UPDATE
        ) e
    ), judged AS MATERIALIZED (
        SELECT x.*, b.id AS known, b.case_id, b.sentiment AS was_sentiment, b.lang AS was_lang,
               b.voice AS was_voice, b.account_id AS was_account, b.campaign_id AS was_campaign,
               b.occurred_at AS was_at, b.reposts AS was_reposts,
               b.text AS was_text, b.rating AS was_rating, b.addressed AS was_addressed, b.about_us AS was_about_us,
               b.hold_id AS was_held,
               {_COUNTED} AS counted,
               CASE WHEN x.edited_at > coalesce(b.edited_at, '-infinity')
                         AND (x.text <> b.text OR x.rating <> b.rating) THEN 'edited'
                    WHEN x.edited_at IS NULL AND b.edited_at IS NULL
                         AND (x.text <> b.text OR x.rating <> b.rating) AND b.sightings @> x.sightings THEN 'edited'
                    ELSE 'duplicate' END AS fate,
               NOT b.sightings @> x.sightings AS heard,
               NOT b.sightings @> x.sightings OR coalesce(b.gone_at, b.missed_at) IS NOT NULL
                   OR {_COUNTED} IS DISTINCT FROM b.counts AS touched
        FROM x JOIN before b ON b.platform = x.platform AND b.external_id = x.external_id
    ), edited AS (
        UPDATE social_events e
        SET text = j.text, sentiment = j.sentiment, unscored = j.unscored, scorer = j.scorer, lang = j.lang,
            edited_at = coalesce(j.edited_at, e.edited_at), addressed = coalesce(j.addressed, false),
            about_us = coalesce(j.about_us, false),
            counts = j.counted, rating = coalesce(j.rating, e.rating), url = coalesce(e.url, j.url),
            account_id = j.account_id, contact_id = j.contact_id,
            campaign_id = j.campaign_id, local_ref = coalesce(e.local_ref, j.local_ref), gone_at = NULL, missed_at = NULL,
            sightings = e.sightings || ARRAY(SELECT unnest(j.sightings) EXCEPT SELECT unnest(e.sightings))
        FROM judged j WHERE e.id = j.known AND j.fate = 'edited'
    ), heard AS (
        UPDATE social_events e
        SET counts = j.counted, local_ref = coalesce(e.local_ref, j.local_ref), gone_at = NULL, missed_at = NULL,
            sightings = e.sightings || ARRAY(SELECT unnest(j.sightings) EXCEPT SELECT unnest(e.sightings))
        FROM judged j WHERE e.id = j.known AND j.fate = 'duplicate' AND j.touched
    )
    SELECT platform, external_id, known, fate, case_id, heard,
           was_sentiment, was_lang, was_voice, was_account, was_campaign, was_at, was_reposts,
           CASE WHEN fate = 'edited' THEN was_text END, was_rating, was_addressed, was_about_us,
           was_held IS NOT NULL, (SELECT rule_id FROM holds WHERE id = was_held),
           CASE WHEN fate = 'edited' THEN (
               SELECT subject FROM cases c WHERE c.id = case_id AND subject = 'post:' || platform || ':' || external_id) END
    FROM judged
""")
