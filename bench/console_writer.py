"""`python -m bench.console_writer URL UNTIL`: what the fleet writes while people look, through the real tables and their triggers.

Five posts in a transaction with their hours, `EVERY` so many seconds; once a second a ticket changes hands, a source is visited,
a post is set aside. Stops at UNTIL (seconds since 1970) or when it is told to.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime

import psycopg

from bench import console_rows as rows

EVERY = 0.2
POSTS = 5
_POSTS = """
    WITH made AS (
        INSERT INTO social_events (org_id, platform, text, sentiment, occurred_at, external_id, url, identity_id, lang, sightings)
        SELECT o.org_id, o.platform, o.text, o.sentiment, now(), 'https://new.example/p/' || %(first)s + row_number() OVER (),
               o.url, o.identity_id, 'en', o.sightings
        FROM (SELECT * FROM social_events WHERE org_id = 'main' AND occurred_at < %(like)s ORDER BY occurred_at DESC LIMIT %(posts)s) o
        RETURNING org_id, platform, sentiment, occurred_at
    )
    INSERT INTO hours AS h (org_id, scope, hour, platform, language, voice, n, scored, sum, negative, positive, unscored)
    SELECT org_id, 'all', date_trunc('hour', occurred_at, 'UTC'), platform, 'en', 'earned', count(*), count(sentiment),
           coalesce(sum(sentiment), 0), count(*) FILTER (WHERE sentiment <= -0.05),
           count(*) FILTER (WHERE sentiment >= 0.05), count(*) - count(sentiment)
    FROM made GROUP BY 1, 3, 4
    ON CONFLICT (org_id, scope, hour, platform, language, voice) DO UPDATE
    SET n = h.n + excluded.n, scored = h.scored + excluded.scored, sum = h.sum + excluded.sum,
        negative = h.negative + excluded.negative, positive = h.positive + excluded.positive,
        unscored = h.unscored + excluded.unscored
"""
_TICKET = """
    UPDATE tickets SET owner_id = (SELECT id FROM users WHERE org_id = 'main' ORDER BY random() LIMIT 1)
    WHERE org_id = 'main' AND number = %s
"""
_SOURCE = f"""
    UPDATE sources SET due_at = now() + interval '5 min', last_success_at = now() WHERE id = bench.record({rows.SOURCE}, %s)
"""
_HELD = """
    INSERT INTO quarantine (org_id, platform, page_id, item, stage, reason, payload)
    VALUES ('main', 'mastodon', 1, 0, 'reject', 'field “created_at” is no moment', convert_to(%s, 'UTF8'))
"""


def write(url: str, until: float) -> int:
    """Write until then; how many posts that were."""
    dice, written, first = random.Random(1), 0, time.time_ns()
    with psycopg.connect(url, autocommit=True) as db:
        tickets = [row[0] for row in db.execute(
            "SELECT number FROM tickets WHERE org_id = 'main' AND status = 'open' ORDER BY created_at DESC LIMIT 500"
        )]  # fmt: skip
        turn = 0
        while time.time() < until:
            started = time.monotonic()
            like = datetime.fromtimestamp(time.time() - dice.uniform(3_600, 80_000), UTC)
            db.execute(_POSTS, {"first": first + written, "like": like, "posts": POSTS})
            written += POSTS
            if turn % 5 == 0:
                db.execute(_TICKET, [dice.choice(tickets)])
                db.execute(_SOURCE, [dice.randrange(50)])
                db.execute(_HELD, [f"what came at {time.time()}"])
            turn += 1
            time.sleep(max(0.0, EVERY - (time.monotonic() - started)))
    return written


if __name__ == "__main__":
    print(write(sys.argv[1], float(sys.argv[2])))
