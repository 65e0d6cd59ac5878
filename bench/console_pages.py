"""Every page that the console has, with what is asked of it here; ids are those of the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import psycopg

from bench import console_rows as rows
from bench.console_people import Line, Page

_SCRIPT = re.compile(r'<script src="([^"]+)"')
_KNOWN = {
    "account": f"SELECT bench.record({rows.ACCOUNT}, 3)",
    "quiet account": f"SELECT bench.record({rows.ACCOUNT}, 1990)",
    "campaign": f"SELECT bench.record({rows.CAMPAIGN}, 1)",
    "source": f"SELECT bench.record({rows.SOURCE}, 10)",
    "identity": f"SELECT bench.record({rows.IDENTITY}, 0)",
    "incident": f"SELECT bench.record({rows.INCIDENT}, 0)",
    "hold": f"SELECT bench.record({rows.HOLD}, 0)",
    "case": "SELECT id FROM cases WHERE org_id = 'main' AND closed_at IS NULL AND ticket_id IS NOT NULL"
    " AND parent_id IS NULL AND event_id IS NOT NULL ORDER BY opened_at DESC LIMIT 1",
    "closed case": "SELECT id FROM cases WHERE org_id = 'main' AND closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT 1",
    "rule": "SELECT id FROM bench.rules WHERE n = 0",
    "other rule": "SELECT id FROM bench.rules WHERE n = 7",
    "word": "SELECT split_part(words, ' ', 3) FROM bench.phrases WHERE n = 1",
    "rare word": "SELECT split_part(words, ' ', 4) FROM bench.phrases WHERE n = 4000",
    "storm": "SELECT to_char(date_trunc('hour', max(at), 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24\"Z\"') FROM bench.hours"
    " WHERE at < now() - interval '3 hours' AND at > now() - interval '6 days' AND storm",
    "spot": "SELECT occurred_at::text || ',' || id FROM social_events WHERE org_id = 'main'"
    " AND occurred_at < now() - interval '9 hours' ORDER BY occurred_at DESC LIMIT 1",
    "due": "SELECT (created_at + interval '24 hours')::text || '~' || id FROM tickets WHERE org_id = 'main'"
    " AND status = 'open' AND priority = 'normal' ORDER BY created_at OFFSET 20000 LIMIT 1",
    "held": "SELECT id FROM quarantine WHERE org_id = 'main' AND state = 'held' ORDER BY id DESC OFFSET 50000 LIMIT 1",
}


def roles() -> Sequence[str]:
    """In turn: whoever may change everything is shown all forms, and may export."""
    return ("admin",)


def pages(db: psycopg.Connection[Any] | None, org: str) -> list[Page]:
    """Every page. Without a database the ids are missing, the names are the same."""
    known = dict.fromkeys(_KNOWN, "")
    if db is not None:
        for name, query in _KNOWN.items():
            row = db.execute(query).fetchone()
            known[name] = quote(str(row[0])) if row and row[0] is not None else ""
    of = known
    stream = [
        ("everything, 24 h", ""),
        ("everything, 7 days", "span=7d"),
        ("everything, 30 days", "span=30d"),
        ("a platform, 7 days", "platform=youtube&span=7d"),
        ("a language, 7 days", "language=fr&span=7d"),
        ("competitors, 30 days", "voice=competitor&span=30d"),
        ("a campaign, 30 days, lift", f"scope=campaign:{of['campaign']}&span=30d"),
        ("an account, 7 days", f"scope=account:{of['account']}&span=7d"),
        ("a quiet account, 30 days", f"scope=account:{of['quiet account']}&span=30d"),
        ("a hashtag, 7 days", "scope=%23topic3&span=7d"),
        ("negative, 24 h", "sentiment=negative"),
        ("a word, 24 h", f"words={of['word']}"),
        ("a rare word, 30 days", f"words={of['rare word']}&span=30d"),
        ("an author, 30 days", f"author={of['identity']}&span=30d"),
        ("an hour of a storm", f"span=7d&at={of['storm']}"),
        ("older posts", f"before={of['spot']}"),
        ("with authors and words", "more=1"),
    ]
    cases = [
        ("all", ""),
        ("mine", "show=mine"),
        ("unassigned", "show=unassigned"),
        ("tickets", "show=tickets"),
        ("incidents", "show=incidents"),
        ("activities", "show=activities"),
        ("closed", "show=closed"),
        ("an account's", f"account={of['account']}"),
        ("words", f"q={of['word']}"),
        ("nothing fits", "q=nothingofthekind"),
        ("page 400", f"after={of['due']}"),
    ]
    return [
        Page("fleet", "/fleet"),
        Page("fleet, found", "/fleet?find=topic1"),
        Page("a source", f"/fleet/sources/{of['source']}"),
        Page("follow something", "/fleet/sources/new"),
        Page("quarantine", "/fleet/quarantine"),
        Page("quarantine, a rare platform", "/fleet/quarantine?platform=lemmy"),
        Page("quarantine, page 2,000", f"/fleet/quarantine?before={of['held']}"),
        *(Page(f"stream: {name}", f"/stream?{query}") for name, query in stream),
        Page(
            "export of an hour",
            "/stream/export",
            {"address": f"span=7d&at={of['storm']}&platform=bluesky", "as": "csv"},
            bar=False,
        ),
        *(Page(f"cases: {name}", f"/cases?{query}") for name, query in cases),
        Page("a case", f"/cases/{of['case']}"),
        Page("a closed case", f"/cases/{of['closed case']}"),
        Page("an Incident of many", f"/cases/{of['incident']}"),
        Page("rules", "/rules"),
        Page("a rule", f"/rules/{of['rule']}"),
        Page("another rule", f"/rules/{of['other rule']}"),
        Page("what a crisis switch holds", f"/rules/crisis/{of['hold']}"),
        Page("words and what one would change", f"/rules/lexicon?word={of['word']}&weight=-2.5"),
        Page("review", "/review"),
        Page("what people decided", "/review/log"),
        Page("people", "/people"),
        Page("the log", "/people/log"),
        Page("me", "/me"),
    ]


async def scripts(port: int, cookie: str, every: Sequence[Page]) -> int:
    """Bytes of the scripts that the page with most of them loads."""
    line, sizes, most = Line(port, cookie), dict[str, int](), 0
    for page in every:
        if page.fields is None:
            _, _, body = await line.ask(page.path)
            found = _SCRIPT.findall(body.decode(errors="replace"))
            for path in found:
                if path not in sizes:
                    sizes[path] = len((await line.ask(path))[2])
            most = max(most, sum(sizes[path] for path in found))
    line.close()
    return most
