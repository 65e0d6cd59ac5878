"""What the CRM should contain before the run, and which sources to follow: as values and as CSV texts.

Accounts, campaigns and aliases stand in `world/records.toml`; contacts are the people who belong to an
account. Nobody else is known.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable
from typing import Any

from simulator.mastodon import TOKEN
from simulator.people import WORLD
from simulator.sessions import PASSWORD
from simulator.stage import Stage

COLUMNS = {
    "accounts": ("name", "industry", "website", "phone"),
    "contacts": ("account", "first_name", "last_name", "email", "phone", "handles"),
    "campaigns": ("name", "type", "status", "starts_on", "ends_on", "hashtags", "keywords"),
    "aliases": ("kind", "value", "platform", "of", "target"),
}


def tables(stage: Stage) -> dict[str, list[dict[str, str]]]:
    """The four tables, a row a dictionary of texts."""
    records = tomllib.loads((WORLD / "records.toml").read_text(encoding="utf-8"))
    people = stage.script.cast
    contacts = []
    for person in people.values():
        if person.contact_of is None:
            continue
        first, _, last = person.name.partition(" ")
        handles = (
            f"mastodon:{person.mastodon}",
            f"bluesky:{person.did}|{person.bluesky}",
            f"feeds:{person.forum_uri}|{person.forum}",
        )
        contacts.append(
            {
                "account": person.contact_of,
                "first_name": first,
                "last_name": last,
                "email": person.email or "",
                "phone": "",
                "handles": " ".join(handles),
            }
        )
    us, them = people["us"], people["competitor"]
    aliases = [dict(row) for row in records["alias"]]
    for person, of in ((us, "ourselves"), (them, "competitor")):
        for platform, handle in (
            ("mastodon", person.mastodon),
            ("bluesky", person.bluesky),
            ("feeds", person.forum_uri),
        ):
            aliases.append({"kind": "handle", "value": handle, "platform": platform, "of": of, "target": ""})
    return {
        "accounts": records["account"],
        "contacts": contacts,
        "campaigns": records["campaign"],
        "aliases": aliases,
    }


def as_csv(name: str, rows: Iterable[dict[str, str]]) -> str:
    """One table as `earshot import` reads it; a column that a row lacks is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS[name], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def sources(stage: Stage, base: str) -> list[dict[str, Any]]:
    """What to follow. A thread's root must have been said: before act 1 there are no threads here."""
    mastodon, bluesky, feeds = f"{base}/mastodon", f"{base}/bluesky", f"{base}/feeds"
    token = {"token": TOKEN}
    login = {"identifier": stage.script.cast["us"].bluesky, "password": PASSWORD}
    found: list[dict[str, Any]] = [
        {"platform": "mastodon", "kind": "hashtag", "term": tag, "host": mastodon}
        for tag in ("tarnbeck", "slowmornings", "beanfriday")
    ]
    found.append(
        {"platform": "mastodon", "kind": "mentions", "term": "@me", "host": mastodon, "login": token}
    )
    root = stage.get("our-mastodon-post")
    if root is not None:
        found.append({"platform": "mastodon", "kind": "thread", "term": str(root.number), "host": mastodon})
    for term in ("tarnbeck", "velmora hotels", "orchard"):
        found.append({"platform": "bluesky", "kind": "search", "term": term, "host": bluesky, "login": login})
    found.append({"platform": "bluesky", "kind": "mentions", "term": "@me", "host": bluesky, "login": login})
    root = stage.get("our-bluesky-post")
    if root is not None:
        term = root.line.external_id
        found.append({"platform": "bluesky", "kind": "thread", "term": term, "host": bluesky, "login": login})
    for name in ("news.rss", "forum.atom", "blogs.json"):
        found.append({"platform": "feeds", "kind": "feed", "term": f"{feeds}/{name}", "host": feeds})
    return found


def setup(stage: Stage, base: str) -> dict[str, Any]:
    """Everything that `GET /_control/crm` answers."""
    us = stage.script.cast["us"]
    held = tables(stage)
    return {
        **held,
        "own": {
            "name": us.name,
            "names": [
                row["value"] for row in held["aliases"] if row["of"] == "ourselves" and row["kind"] == "name"
            ],
            "mastodon": us.mastodon,
            "mastodon_id": us.mastodon_uri,
            "bluesky": us.bluesky,
            "bluesky_id": us.did,
            "feeds": us.forum,
            "feeds_id": us.forum_uri,
        },
        "sources": sources(stage, base),
        "mark": stage.mark.isoformat(),
        "csv": {name: as_csv(name, rows) for name, rows in held.items()},
    }
