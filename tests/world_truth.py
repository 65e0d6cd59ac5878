"""The database held against what the simulator says is true: each difference is a sentence.

What is compared: posts, the records that they are about and those that are suggested, how they stand to us, scores, cases with their
Tickets and Activities and the posts attached. Posts of the truth that are close to a threshold expect nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Rows = Callable[..., list[dict[str, Any]]]
Truth = Mapping[str, Any]

EVENTS = """
    SELECT e.platform, e.external_id, e.sentiment, e.case_id, e.ticket_id,
           CASE WHEN e.direction = 'outbound' THEN 'own' WHEN e.addressed THEN 'addressed'
                WHEN e.about_us THEN 'about' ELSE 'none' END AS rel,
           a.name AS account, g.name AS campaign, nullif(concat_ws(' ', c.first_name, c.last_name), '') AS contact,
           ARRAY(SELECT m.kind || ':' || coalesce(ma.name, mg.name) FROM matches m
                 LEFT JOIN accounts ma ON m.kind = 'account' AND ma.id = m.record_id
                 LEFT JOIN campaigns mg ON m.kind = 'campaign' AND mg.id = m.record_id
                 WHERE m.event_id = e.id AND m.state = 'live' AND m.how <> 'identity' AND m.kind IN ('account', 'campaign')
                 ORDER BY 1) AS about,
           ARRAY(SELECT m.kind || ':' || coalesce(ma.name, mg.name, concat_ws(' ', mc.first_name, mc.last_name))
                 FROM matches m
                 LEFT JOIN accounts ma ON m.kind = 'account' AND ma.id = m.record_id
                 LEFT JOIN campaigns mg ON m.kind = 'campaign' AND mg.id = m.record_id
                 LEFT JOIN contacts mc ON m.kind = 'contact' AND mc.id = m.record_id
                 WHERE m.event_id = e.id AND m.state = 'suggested' ORDER BY 1) AS suggests
    FROM social_events e LEFT JOIN accounts a ON a.id = e.account_id LEFT JOIN contacts c ON c.id = e.contact_id
    LEFT JOIN campaigns g ON g.id = e.campaign_id
    ORDER BY e.platform, e.external_id
"""
CASES = """
    SELECT c.id, c.level, c.closed_at IS NULL AS open, c.ticket_id, c.activity_id, i.handle,
           t.id IS NOT NULL AS ticket_exists, a.id IS NOT NULL AS activity_exists, a.ticket_id AS activity_ticket,
           ARRAY(SELECT e.external_id FROM social_events e WHERE e.case_id = c.id ORDER BY 1) AS posts
    FROM cases c LEFT JOIN identities i ON i.id = c.identity_id
    LEFT JOIN tickets t ON t.id = c.ticket_id LEFT JOIN activities a ON a.id = c.activity_id
    ORDER BY c.opened_at, c.id
"""


def differences(rows: Rows, truth: Truth) -> list[str]:
    """Everything in which the database is not what the truth says; empty when all is well."""
    return [*_posts(rows, truth), *_records(rows, truth), *_cases(rows, truth), *_hours(rows)]


def not_told_yet(truth: Truth) -> list[str]:
    """Posts that were made and are there, but were never asked for."""
    return [
        post["key"]
        for post in truth["posts"]
        if post["made"]
        and not post["deleted"]
        and not post["returned"]
        and post["fate"] in ("stored", "either")
    ]


def _posts(rows: Rows, truth: Truth) -> Iterator[str]:
    stored = Counter((row["platform"], row["external_id"]) for row in rows(EVENTS))
    returned = {(platform, post) for platform, log in truth["returned"].items() for post in log}
    payloads = [bytes(row["payload"]) for row in rows("SELECT payload FROM quarantine")]
    fates = {(post["platform"], post["external_id"]): post["fate"] for post in truth["posts"]}
    for key, times in stored.items():
        if times != 1:
            yield f"{key} is stored {times} times"
        if key not in returned:
            yield f"{key} is stored and was never returned"
    for platform, post in sorted(returned - set(stored)):
        aside = fates[platform, post] == "either" and any(_said(post) in payload for payload in payloads)
        if not aside:
            yield f"{platform} {post} was returned and is not stored"


def _said(external_id: str) -> bytes:
    """The part of an id that also stands in what the platform sent."""
    return external_id.rpartition("/")[2].encode()


def _records(rows: Rows, truth: Truth) -> Iterator[str]:
    posts = {(post["platform"], post["external_id"]): post for post in truth["posts"]}
    for row in rows(EVENTS):
        post = posts.get((row["platform"], row["external_id"]))
        if post is None or post["poison"]:
            continue
        accounts = [name.partition(":")[2] for name in post["about"] if name.startswith("account:")]
        campaigns = [name.partition(":")[2] for name in post["about"] if name.startswith("campaign:")]
        wanted = {
            "rel": post["rel"],
            "about": sorted(post["about"]),
            "suggests": sorted(post["suggests"]),
            "account": accounts[0] if len(accounts) == 1 else post["contact_account"],
            "campaign": campaigns[0] if len(campaigns) == 1 else None,
            "contact": post["contact"],
        }
        if post["compound"] is not None or post["tongue"] != "en":
            wanted["sentiment"] = post["compound"] if post["tongue"] == "en" else None
        for name, value in wanted.items():
            if row[name] != value:
                yield f"{post['key']}: {name} is {row[name]!r} and should be {value!r}"


def _cases(rows: Rows, truth: Truth) -> Iterator[str]:
    cases = {row["id"]: row for row in rows(CASES)}
    expected = 0
    for case in truth["cases"]:
        if case["level_now"] is None:
            continue
        found = [row for row in cases.values() if case["opener"] in row["posts"]]
        if len(found) != 1:
            yield f"case {case['key']}: {len(found)} cases have its opener"
            continue
        row = cases.pop(found[0]["id"])
        expected += 1
        yield from _case(row, case)
    free = set(truth["expects_nothing"])
    keys = {post["external_id"]: post["key"] for post in truth["posts"]}
    for row in cases.values():
        if row["handle"] not in free:
            yield f"a case that nobody expects: {row['level']} of {row['handle']}, {[keys[p] for p in row['posts']]}"
    yield from _owned(rows)


def _case(row: Mapping[str, Any], case: Mapping[str, Any]) -> Iterator[str]:
    has = {
        (False, False): "nothing",
        (True, False): "ticket",
        (False, True): "activity",
        (True, True): "both",
    }[row["ticket_exists"], row["activity_exists"]]
    if has != case["level_now"]:
        yield f"case {case['key']} has {has} and should have {case['level_now']}"
    if row["level"] != ("activity" if has == "activity" else "ticket"):
        yield f"case {case['key']} calls itself {row['level']} and has {has}"
    if has == "both" and row["activity_ticket"] != row["ticket_id"]:
        yield f"case {case['key']}: its Activity does not name its Ticket"
    if row["posts"] != sorted(case["posts_now"]):
        extra, missing = (
            set(row["posts"]) - set(case["posts_now"]),
            set(case["posts_now"]) - set(row["posts"]),
        )
        yield f"case {case['key']}: attached and should not be: {extra}; should be and is not: {missing}"


def _owned(rows: Rows) -> Iterator[str]:
    """Every Ticket and Activity is one case's, and a case's events name its Ticket."""
    for table, column in (("tickets", "ticket_id"), ("activities", "activity_id")):
        for row in rows(
            f"SELECT t.id, count(c.id) AS cases FROM {table} t LEFT JOIN cases c ON c.{column} = t.id "
            "GROUP BY t.id HAVING count(c.id) <> 1"
        ):
            yield f"{row['id']} of {table} belongs to {row['cases']} cases"
    for row in rows(
        "SELECT e.external_id FROM social_events e JOIN cases c ON c.id = e.case_id "
        "WHERE e.ticket_id IS DISTINCT FROM c.ticket_id"
    ):
        yield f"{row['external_id']} does not name the Ticket of its case"


def _hours(rows: Rows) -> Iterator[str]:
    """The counts per hour count every event once."""
    [row] = rows(
        "SELECT (SELECT coalesce(sum(n), 0) FROM hours WHERE scope = 'all') AS counted, "
        "(SELECT count(*) FROM social_events) AS stored"
    )
    if row["counted"] != row["stored"]:
        yield f"the hours count {row['counted']} posts, and {row['stored']} are stored"


SNAPSHOTS = {
    "events": "SELECT platform, external_id, text, sentiment, account_id, contact_id, campaign_id, ticket_id, case_id, "
    "case_role, held_back, reposts, edited_at, cardinality(sightings) AS heard FROM social_events",
    "cases": "SELECT id, subject, level, event_id, score, ticket_id, activity_id, closed_at FROM cases",
    "tickets": "SELECT id, subject, status, account_id, contact_id FROM tickets",
    "activities": "SELECT id, subject, status, ticket_id FROM activities",
    "matches": "SELECT event_id, kind, record_id, how, state FROM matches",
    "identities": "SELECT platform, stable_id, handle, ours, contact_id, account_id FROM identities",
    "hours": "SELECT scope, hour, platform, language, voice, n, scored, sum, negative, positive, unscored, reposts FROM hours",
    "quarantine": "SELECT DISTINCT platform, stage, external_id, reason, payload FROM quarantine",
}


def snapshot(rows: Rows) -> dict[str, Counter[str]]:
    """What must not change when everything is heard again, row by row."""
    return {
        name: Counter(repr(sorted(row.items())) for row in rows(query)) for name, query in SNAPSHOTS.items()
    }


def changes(before: Mapping[str, Counter[str]], after: Mapping[str, Counter[str]]) -> list[str]:
    """What is there now and was not, or was and is not."""
    return [
        f"{name}: {sign} {row}"
        for name in before
        for sign, rows in (("+", after[name] - before[name]), ("-", before[name] - after[name]))
        for row in rows
    ]
