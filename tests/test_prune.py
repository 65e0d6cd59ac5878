"""What the sweep drops of what the console keeps."""

from __future__ import annotations

from tests.journey import Journey
from tests.signing_in import OLGA, let_in
from workers.prune import prune


def test_what_pages_needed_is_dropped_once_nobody_can_ask_for_it(database: str) -> None:
    journey = Journey(database)
    let_in(journey, OLGA)
    journey.source(term="acme", host="https://town.example")
    journey.execute("UPDATE changes SET at = now() - interval '61 minutes' WHERE topic = 'fleet'")
    journey.execute("INSERT INTO tickets (subject) VALUES ('new')")
    journey.execute(
        "INSERT INTO web_sessions (org_id, sign_in_id, secret, until, seen_at)"
        " SELECT org_id, id, ''::bytea, now() + seen.until, now() - seen.ago FROM sign_ins,"
        " (VALUES (interval '1 day', interval '1 hour'), ('-1 second', '1 hour'), ('1 day', '25 hours')) AS seen (until, ago)"
    )
    journey.execute(
        "INSERT INTO sign_in_attempts (email, at) VALUES ('a', now()), ('a', now() - interval '25 hours')"
    )
    prune(journey.sessions, journey.settings)
    for _ in range(2):
        assert journey.execute("SELECT DISTINCT topic FROM changes ORDER BY topic") == [
            ("cases",),
            ("dropped",),
        ]
        prune(journey.sessions, journey.settings)
    assert journey.value("SELECT count(*) FROM web_sessions") == 1
    assert journey.value("SELECT count(*) FROM sign_in_attempts") == 1
    journey.close()
