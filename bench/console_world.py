"""An organisation of any size as the console's pages read it: made by SQL from numbers, the same for a size.

Everything about a post follows from its number: when, by whom, on what, in which case. Hours have their day and night, authors and
sources are skewed, some hours are a storm about one thread. `hours` is counted from the posts, so that both agree.

Triggers and foreign keys are off while rows are written (session_replication_role) and what triggers would have counted is
counted here; indexes other than primary keys are built afterwards. A database that is used again is first told what was written
since: the hours up to now.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from bench import console_rows as rows
from bench.names_world import vocabulary
from local.postgres import NAMES
from models.rule import SHIPPED

ORG = "main"
TELL = rows.TELL
PHRASES = 4096
AT_ONCE = 250_000
NIGHT = 0.7
STORM = 6.0
"""An hour of a storm has so many times its posts; every 97th hour is one."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is. `cases` are the open ones; twice as many are closed, and one in nine more belong to Incidents."""

    events: int = 10_000_000
    cases: int = 100_000
    days: int = 180
    people: int = 50
    quarantined: int = 100_000
    sources: int = 200

    @property
    def identities(self) -> int:
        """Authors: those of cases are each somebody else, all others are drawn from everybody."""
        return max(3 * self.cases, self.events // 20)

    @property
    def stride(self) -> int:
        """Every so many posts one opens a case."""
        return max(3, self.events // (3 * self.cases))

    @property
    def taken_in(self) -> int:
        """Cases that the largest Incident took in."""
        return self.cases // 10

    def values(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            "org": ORG,
            "events": self.events,
            "cases": self.cases,
            "stride": self.stride,
            "identities": self.identities,
            "sources": self.sources,
            "people": self.people,
            "taken_in": self.taken_in,
            "quarantined": self.quarantined,
            "accounts": rows.ACCOUNTS,
            "campaigns": rows.CAMPAIGNS,
            "days": self.days,
        }


def build(superuser: str, size: Size, tell: TELL, fleet: str = NAMES["fleet"]) -> None:
    """Everything into a migrated database. Takes the superuser's URL for psycopg, and the role that the fleet has."""
    with _connected(superuser) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("SET maintenance_work_mem = '1GB'")
        db.execute("SET work_mem = '256MB'")
        db.execute("SET synchronous_commit = off")
        _functions(db, fleet)
        for statement in rows.BEFORE:
            db.execute(statement, size.values())
        _rules(db)
        tell("people, records, sources and authors are there")
        left_out = _without_indexes(db)
        now = datetime.now(UTC)
        _plan(db, size, now - timedelta(days=size.days), now, size.events)
        _events(db, size, tell)
        _indexes(db, "social_events", left_out, tell)
        for what, statement in rows.AFTER:
            started = time.monotonic()
            db.execute(statement, size.values())
            tell(f"{what} ({time.monotonic() - started:.0f} s)")
        for table in rows.BARE[1:]:
            _indexes(db, table, left_out, tell)
        _sequences(db)
        db.execute("SET session_replication_role = DEFAULT")
        db.execute("VACUUM (ANALYZE)")
        tell("vacuumed and analysed")


def up_to_now(superuser: str, size: Size, tell: TELL) -> None:
    """The posts that would have been heard since the database was built or used last."""
    with _connected(superuser) as db:
        row = db.execute(
            "SELECT max(at + seconds * interval '1 s'), max(first + n) FROM bench.hours"
        ).fetchone()
        assert row
        last, first = row
        now = datetime.now(UTC)
        n = int(size.events / (size.days * 86_400) * (now - last).total_seconds())
        if n < 1:
            return
        db.execute("SET session_replication_role = replica")
        begins = _plan(db, size, last, now, n, first)
        db.execute(rows.EVENTS, size.values() | {"low": begins, "high": begins + 10**9})
        db.execute(rows.HOURS_OF_EVENTS + rows.HOURS_ADDED, {"org": ORG, "since": last})
        db.execute("ANALYZE social_events, hours")
        tell(f"{n:,} posts of the {(now - last).total_seconds() / 3600:.1f} hours since")


def _connected(url: str) -> psycopg.Connection[Any]:
    # values are written into the statements: CREATE TABLE .. AS takes no parameters
    return psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)


def _functions(db: psycopg.Connection[Any], fleet: str) -> None:
    db.execute("CREATE SCHEMA bench")
    for statement in rows.FUNCTIONS:
        db.execute(statement)
    with db.cursor().copy("COPY bench.phrases (n, words) FROM STDIN") as copy:
        for n, words in enumerate(phrases()):
            copy.write_row((n, words))
    db.execute("ANALYZE bench.phrases")
    db.execute(sql.SQL("GRANT USAGE ON SCHEMA bench TO {}").format(sql.Identifier(fleet)))


def phrases() -> Iterator[str]:
    """Parts of sentences, four to eight words each: some words stand in many, most in few."""
    dice = random.Random("phrases")
    words = vocabulary(1)[:20_000]
    for _ in range(PHRASES):
        yield " ".join(words[int(len(words) * dice.random() ** 4)] for _ in range(dice.randint(4, 8)))


def _rules(db: psycopg.Connection[Any]) -> None:
    db.execute("DELETE FROM rules WHERE org_id = %s", [ORG])
    for rule in SHIPPED:
        names = sql.SQL(", ").join(map(sql.Identifier, rule))
        given = sql.SQL(", ").join(sql.Placeholder() * len(rule))
        db.execute(
            sql.SQL("INSERT INTO rules (org_id, {}) VALUES (%s, {})").format(names, given),
            [ORG, *rule.values()],
        )
    db.execute(rows.MORE_RULES, {"org": ORG})
    db.execute(rows.NUMBERED_RULES, {"org": ORG})


def _plan(
    db: psycopg.Connection[Any], size: Size, since: datetime, until: datetime, events: int, first: int = 0
) -> int:
    """Pieces of at most an hour with how many posts each has, `events` in all; the number of the first."""
    pieces, at = [], since
    while at < until:
        ends = min(until, at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
        hour = int(at.timestamp()) // 3600
        storm = hour % 97 == 0
        weight = (1 - NIGHT * math.cos((at.hour - 3) / 12 * math.pi)) * (STORM if storm else 1)
        pieces.append((at, (ends - at).total_seconds(), storm, weight * (ends - at).total_seconds()))
        at = ends
    whole = sum(weight for *_, weight in pieces)
    done, so_far = 0, 0.0
    with db.cursor().copy("COPY bench.hours (at, seconds, first, n, storm) FROM STDIN") as copy:
        for at, seconds, storm, weight in pieces:
            so_far += weight
            upto = round(events * so_far / whole)
            copy.write_row((at, seconds, first + done, upto - done, storm))
            done = upto
    return first


def _events(db: psycopg.Connection[Any], size: Size, tell: TELL) -> None:
    values = size.values()
    for low in range(0, size.events, AT_ONCE):
        db.execute(rows.EVENTS, values | {"low": low, "high": low + AT_ONCE})
        if (low // AT_ONCE) % 4 == 3 or low + AT_ONCE >= size.events:
            tell(f"{min(low + AT_ONCE, size.events):,} of {size.events:,} posts")


def _without_indexes(db: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Take the indexes of the large tables away; the statements that make them again, by table."""
    made: dict[str, list[str]] = {}
    for table in rows.BARE:
        constraints = db.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'u'",
            [table],
        ).fetchall()
        again = [f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {told}' for name, told in constraints]
        for name, _ in constraints:
            db.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                    sql.Identifier(table), sql.Identifier(name)
                )
            )
        indexes = db.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = %s::regclass AND NOT indisprimary",
            [table],
        ).fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        made[table] = again + [told for _, told in indexes]
    return made


def _indexes(db: psycopg.Connection[Any], table: str, left_out: dict[str, list[str]], tell: TELL) -> None:
    started = time.monotonic()
    for statement in left_out[table]:
        db.execute(statement)
    db.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
    tell(f"{len(left_out[table])} indexes of {table} ({time.monotonic() - started:.0f} s)")


def _sequences(db: psycopg.Connection[Any]) -> None:
    for table, column in (("tickets", "number"), ("pages", "id"), ("owed", "id")):
        db.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"
            f" (SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
        )


def told(size: Size) -> str:
    """The size as a file keeps it."""
    return json.dumps({name: getattr(size, name) for name in size.__slots__})
