"""What a run of the bench follows: rows for the sources, the names and the key of the corpus."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet
from uuid_utils import uuid7


def follow(
    db: psycopg.Connection[Any], told: dict[str, Any], sources: list[dict[str, Any]], key: str
) -> None:
    """Follow these sources of the simulator (`told` is what its control says) from their beginning."""
    db.execute("SELECT shipped_rules('main')")
    db.execute(
        "INSERT INTO aliases (kind, value, of) VALUES ('name', 'Northwind', 'ourselves'),"
        " ('hashtag', 'northwind', 'ourselves'), ('domain', 'northwind.example', 'ourselves')"
    )
    # a first visit takes the newest page only; the bench wants all there is
    before_all = {"mastodon": {"id": told["before_first_id"]}, "bluesky": {"newest": told["mark"]}}
    for source in sources:
        cursor = before_all.get(source["platform"])
        db.execute(
            "INSERT INTO sources (platform, kind, term, host, every, cursor, escalate_from, credential_id)"
            " VALUES (%s, %s, %s, %s, 3600, %s, %s, %s)",
            (
                source["platform"],
                source["kind"],
                source["term"],
                source["host"],
                json.dumps(cursor) if cursor else None,
                told["mark"],
                _credential(db, source, key),
            ),
        )


def _credential(db: psycopg.Connection[Any], source: dict[str, Any], key: str) -> UUID | None:
    login = source.get("login")
    if not login:
        return None
    row = UUID(str(uuid7()))
    db.execute(
        "INSERT INTO credentials (id, platform, host, identifier, secret) VALUES (%s, %s, %s, %s, %s)",
        (
            row,
            source["platform"],
            source["host"],
            login["identifier"],
            Fernet(key).encrypt(row.bytes + login["password"].encode()),
        ),
    )
    return row
