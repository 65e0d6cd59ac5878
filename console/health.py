"""What can be wrong with an installation, one check each: what was found, and the remedy.

Each check stands alone: what it needs and cannot get is said once, by the check whose matter it is, and the others
that need it are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
import redis
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from connectors._base import ConnectorError
from console import fleet
from console.crisis import waits_in_vain
from console.invariants import broken
from console.words import counted, since, span
from workers._settings import PREFIX, BadSetting, Settings, settings

OLD_PAGE = 300.0
"""Seconds after which a page that is not digested is a sign that nobody digests."""
OLD_NAME = 900.0
"""Seconds after which a changed name that is not taken in is a sign that nobody does; a large import takes some."""
OLD_NEWS = 600.0
"""Seconds after which news that nobody was told is a sign that nobody tells."""
OLDEST_REDIS = (6, 2)

_NOT_SETTINGS = tuple(f"{PREFIX}{name}" for name in ("CHILD_OF", "TEST_", "RECORDINGS", "TRUTH", "DB_"))
"""Variables of ours that are no settings of the program."""

State = Literal["ok", "wrong", "note"]


@dataclass(frozen=True)
class Finding:
    """One line: `name` of the check, what was found, and for what is wrong the `remedy`."""

    name: str
    state: State
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name, "ok", found)


def wrong(name: str, found: str, remedy: str) -> Finding:
    return Finding(name, "wrong", found, remedy)


def examine(org: str) -> Iterator[Finding]:
    """Every check, in the order in which one builds on the other. Never raises for what is wrong outside."""
    try:
        ours = settings()
    except BadSetting as error:
        yield wrong("settings", str(error), "Set it as the README's list of settings says.")
        return
    yield _unknown() or ok("settings", f"all readable; organisation {org}, data folder {ours.home}")
    database = list(_database(ours))
    yield from database
    broker = list(_broker(ours))
    yield from broker
    if any(finding.state == "wrong" for finding in database if finding.name in ("database", "tables")):
        return
    engine = create_engine(ours.database, poolclass=NullPool, hide_parameters=True)
    with Session(engine) as session:
        for check in (_role, _keys, _beat):
            yield from check(session, org)
        if broker[0].state == "ok":
            yield from _workers()
        for check in (_sources, _pages, _receivers, _names, _quarantine, _review, _ledger, _projection):
            yield from check(session, org)
    engine.dispose()


def _unknown() -> Finding | None:
    """Variables that look like settings and are none."""
    ours = {name for name in os.environ if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS)}
    unknown = sorted(name for name in ours if name.removeprefix(PREFIX).lower() not in Settings.model_fields)
    if not unknown:
        return None
    return Finding("settings", "note", f"these mean nothing: {', '.join(unknown)}", "Is one misspelt?")


def front_end(gone: Sequence[str]) -> Finding:
    """What the pages take from npm, and which of it is not there."""
    if not gone:
        return ok("front end", "what pages take from npm is installed")
    found = f"not installed: {', '.join(gone)}; nothing on the console's pages is live, and no chart is drawn"
    return wrong("front end", found, "make setup, or .ci/front-end VENV for an environment made otherwise")


def _database(ours: Settings) -> Iterator[Finding]:
    # a third of a second of a fleet's page, which needs this module's bounds alone
    from models.migrations import FLOOR, Refused, pending

    try:
        with psycopg.connect(ours.database, connect_timeout=5) as connection:
            number = connection.info.server_version
            where = f"{connection.info.dbname} on {connection.info.host or 'this machine'}"
    except BadSetting as error:
        yield wrong("database", str(error), "Start `earshot up`, or set EARSHOT_DATABASE_URL.")
        return
    except psycopg.Error as error:
        yield wrong("database", _first_line(error), "Start the server, or mend EARSHOT_DATABASE_URL.")
        return
    if number < FLOOR * 10_000:
        yield wrong(
            "database",
            f"PostgreSQL {number // 10_000} is too old",
            f"Earshot needs PostgreSQL {FLOOR} or newer.",
        )
        return
    yield ok("database", f"PostgreSQL {number // 10_000}.{number % 10_000}, {where}")
    try:
        todo = pending(ours.database)
    except Refused as error:
        yield wrong("tables", str(error), "Run the newer Earshot, or restore the database from before it.")
    except DBAPIError as error:
        yield wrong("tables", _first_line(error.orig), "Grant the fleet's role its rights: earshot migrate.")
    else:
        if todo:
            yield wrong("tables", f"not migrated: {', '.join(todo)} to come", "earshot migrate")
        else:
            yield ok("tables", "up to date")


def _broker(ours: Settings) -> Iterator[Finding]:
    try:
        client = redis.Redis.from_url(ours.redis, socket_timeout=5, socket_connect_timeout=5)
    except BadSetting as error:
        yield wrong("broker", str(error), "Start `earshot up`, or set EARSHOT_BROKER_URL.")
        return
    except ValueError as error:
        yield wrong("broker", str(error), "Mend EARSHOT_BROKER_URL.")
        return
    try:
        told: Mapping[str, Any] = client.info("server")
        version = str(told.get("valkey_version") or told["redis_version"])
        name = "Valkey" if "valkey_version" in told else "Redis"
        if tuple(map(int, version.split(".")[:2])) < OLDEST_REDIS:
            yield wrong("broker", f"{name} {version} is too old", "Earshot needs Redis 6.2 or Valkey.")
            return
        yield ok("broker", f"{name} {version}")
        policy = client.info("memory").get("maxmemory_policy")
        if policy in (None, "noeviction"):
            yield ok("eviction", "never")
        else:
            yield wrong(
                "eviction",
                f"the broker throws keys away when memory is short ({policy})",
                "Set maxmemory-policy noeviction: a key thrown away is a bell or a binding lost.",
            )
    except redis.RedisError as error:
        yield wrong("broker", _first_line(error), "Start the server, or mend EARSHOT_BROKER_URL.")
    finally:
        client.close()


def _role(session: Session, org: str) -> Iterator[Finding]:
    row = session.execute(
        text("""
            SELECT current_user AS role, r.rolsuper AS super,
                   EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                           WHERE n.nspname = current_schema() AND c.relname = 'social_events'
                             AND pg_has_role(c.relowner, 'USAGE')) AS owns
            FROM pg_roles r WHERE r.rolname = current_user
        """)
    ).one()
    remedy = (
        "Give the fleet a role of its own in EARSHOT_DATABASE_URL, and the owner's in EARSHOT_MIGRATIONS_URL;"
        " then earshot migrate."
    )
    if row.super:
        yield wrong("role", f"the fleet works as the superuser {row.role}", remedy)
    elif row.owns:
        yield wrong("role", f"the fleet's role {row.role} owns the tables, and could drop them", remedy)
    else:
        yield ok("role", f"{row.role} may read and write rows, and nothing else")


def _keys(session: Session, org: str) -> Iterator[Finding]:
    from console.keys import mending
    from workers.credentials import unseal

    rows = session.execute(
        text("""
            SELECT id, org_id AS org, platform, host, identifier, secret, session, state
            FROM credentials WHERE org_id = :org
        """),
        {"org": org},
    ).all()
    try:
        keys = settings().keys()
    except BadSetting as error:
        yield wrong("encryption key", str(error), "Mend the setting.")
        return
    if not keys:
        found = "not set" + (f", and {counted(len(rows), 'credential')} cannot be opened" if rows else "")
        remedy = "Set EARSHOT_ENCRYPTION_KEY or EARSHOT_ENCRYPTION_KEY_FILE (32 bytes, URL-safe base64)."
        yield (
            wrong("encryption key", found, remedy)
            if rows
            else Finding("encryption key", "note", found, remedy)
        )
        return
    closed = []
    for row in rows:
        try:
            unseal(row.id, row.secret)
            if row.session:
                unseal(row.id, row.session)
        except BadSetting as error:
            yield wrong("encryption key", str(error), "Mend the setting.")
            return
        except ConnectorError:
            closed.append(f"{row.identifier} on {row.platform}")
    if closed:
        yield wrong(
            "encryption key",
            f"it does not open: {', '.join(closed)}",
            "Put the old key back behind the new one, or give the secrets anew: earshot credentials add.",
        )
    else:
        yield ok("encryption key", f"set; opens {counted(len(rows), 'credential')}")
    for row in rows:
        if row.state == "needs_reauth":
            yield wrong(
                "credential",
                f"{row.platform} refuses the secret of {row.identifier}",
                mending(row._asdict()),
            )


def _beat(session: Session, org: str) -> Iterator[Finding]:
    beat = fleet.beat(session)
    start = "earshot up, or celery -A scheduler.beat beat"
    if beat is None:
        yield wrong("beat", "none ever ran on this database", start)
    elif not beat["awake"]:
        yield wrong(
            "beat", f"none is awake; the last one was {since(beat['until'], fleet.now(session))}", start
        )
    else:
        yield ok("beat", f"awake (term {beat['term']})")


def _workers() -> Iterator[Finding]:
    from console.workers_alive import queues

    found = queues()
    read = {queue for names in found.values() for queue in names}
    missing = [queue for queue in ("fetch", "digest", "notify", "maintenance") if queue not in read]
    if missing:
        yield wrong(
            "workers",
            f"nobody reads {', '.join(missing)}" if found else "none answers",
            f"earshot up, or celery -A workers.app worker -Q {','.join(missing)}",
        )
    else:
        yield ok("workers", f"{counted(len(found), 'worker')} answer: {', '.join(found)}")


def _sources(session: Session, org: str) -> Iterator[Finding]:
    rows, now = fleet.sources(session, org), fleet.now(session)
    if not rows:
        yield Finding("sources", "note", f"{org} follows nothing", "earshot sources add PLATFORM KIND TERM")
        return
    bad = 0
    for row in rows:
        name = f"{row['platform']} {row['kind']} {row['term'][:60]}"
        if row["state"] == "needs_reauth":
            remedy = "Renew its credential: earshot credentials add."
            yield wrong("source", f"{name} was refused ({row['last_error']})", remedy)
        elif row["state"] == "off":
            again = f"earshot sources resume {str(row['id'])[-8:]}"
            trust = "EARSHOT_TRUSTED_HOSTS" in (row["last_error"] or "")
            before = "If it is meant, name it there for the fleet, then" if trust else "When that is mended:"
            yield wrong("source", f"{name} is off ({row['last_error']})", f"{before} {again}")
        elif row["failures"] >= 3:
            found = f"{name} failed {row['failures']} times in a row: {row['last_error']}"
            yield wrong("source", found, _PREVIEW)
        elif row["state"] == "active" and _without_success(row, now):
            last = since(row["last_success_at"], now)
            yield wrong("source", f"{name}: {row['last_error']} (last success: {last})", _PREVIEW)
        elif row["lag"] > max(300.0, 3 * row["every"]):
            found = f"{name} should have been visited {span(row['lag'])} ago"
            last = f" (last success {since(row['last_success_at'], now)})"
            yield wrong("source", found + last, "Are beat and a fetch worker up? Is one enough?")
        else:
            continue
        bad += 1
    if not bad:
        paused = sum(row["state"] == "paused" for row in rows)
        yield ok("sources", f"{len(rows)} in order" + (f", {paused} of them paused" if paused else ""))


_PREVIEW = "earshot sources preview shows what the platform answers."
SILENT, SILENT_VISITS = 600.0, 10
"""Seconds, and visits, without a success until an error is no passing one."""


def _without_success(row: dict[str, Any], now: datetime) -> bool:
    """Has its last visit failed, and the last good one was long ago, or never?"""
    if not row["last_error"] or row["last_success_at"] is None:
        return bool(row["last_error"])
    age = (now - row["last_success_at"]).total_seconds()
    return bool(age > max(SILENT, SILENT_VISITS * row["every"]))


def _pages(session: Session, org: str) -> Iterator[Finding]:
    waits, now = fleet.waiting(session, org), fleet.now(session)
    age = (now - waits["oldest"]).total_seconds() if waits["oldest"] else 0.0
    found = f"{counted(waits['pages'], 'page')} wait" + (f", the oldest for {span(age)}" if age else "")
    if age > OLD_PAGE:
        yield wrong("pages", found, "Is a digest worker up? Its log says why it does not get through.")
    else:
        yield ok("pages", found)


def _receivers(session: Session, org: str) -> Iterator[Finding]:
    from console.owed import standing
    from console.receivers import opens, receivers

    rows, owed = receivers(session, org), standing(session, org)
    if not rows:
        yield Finding(
            "receivers", "note", "nobody is told of cases", "earshot receivers add webhook NAME URL"
        )
        return
    sound = True
    for row in rows:
        about = f"{row['name']} does not take its news ({row['last_error']}); {row['waiting']:,} wait"
        if not opens(session, row):
            remedy = f"Put the old key back behind the new one, or: earshot receivers rotate {row['name']}"
            yield wrong("receivers", f"the encryption key does not open the secret of {row['name']}", remedy)
        elif row["state"] == "failing":
            yield wrong("receivers", about, f"earshot receivers test {row['name']} shows what it answers.")
        elif row["state"] == "paused":
            found = f"{row['name']} is paused; {row['waiting']:,} wait"
            yield Finding("receivers", "note", found, f"earshot receivers resume {row['name']}")
        else:
            continue
        sound = False
    if (owed["late"] or 0) > OLD_NEWS:
        found = f"news should have been told {span(owed['late'])} ago"
        yield wrong(
            "receivers", found, "Is a worker up that reads notify? Its log says why it does not get through."
        )
    elif sound:
        yield ok(
            "receivers", f"{counted(len(rows), 'receiver')} in order; {owed['waiting']:,} pieces of news wait"
        )
    if owed["failed"]:
        found = f"{counted(owed['failed'], 'piece')} of news given up"
        yield Finding("owed", "note", found, "earshot owed list --failed")


def _names(session: Session, org: str) -> Iterator[Finding]:
    row = session.execute(_RENAMED, {"org": org}).one()
    found = f"{counted(row.number, 'change')} {'waits' if row.number == 1 else 'wait'} to be looked up"
    if row.number and row.age > OLD_NAME:
        remedy = "Is a maintenance worker up? Its log says why it does not get through."
        yield wrong("names", f"{found}, the oldest for {span(row.age)}", remedy)
    else:
        yield ok("names", found if row.number else "every change is taken in")


_RENAMED = text("""
    SELECT count(*) AS number, extract(epoch FROM clock_timestamp() - min(noted_at))::float AS age
    FROM renamed WHERE org_id = :org
""")


def _quarantine(session: Session, org: str) -> Iterator[Finding]:
    number = fleet.held(session, org)
    if number:
        found = f"{counted(number, 'post')} held"
        yield Finding("quarantine", "note", found, "earshot quarantine list")
    else:
        yield ok("quarantine", "empty")


def _review(session: Session, org: str) -> Iterator[Finding]:
    number, held = fleet.suggestions(session, org), fleet.leads_held_back(session, org)
    if number:
        found = f"{counted(number, 'suggestion')} {'waits' if number == 1 else 'wait'} for a decision"
        yield Finding("review", "note", found, "earshot review")
    else:
        yield ok("review", "nothing waits for a decision")
    if held:
        found = f"{counted(held, 'lead')} held back in the last 24 hours: the rule had made its number"
        yield Finding("leads", "note", found, "earshot leads --held-back")
    if number := waits_in_vain(session, org):
        found = f"{counted(number, 'post')} held by a crisis switch that is off by now"
        yield Finding("crisis", "note", found, "earshot crisis list, and earshot crisis release of each")


def _ledger(session: Session, org: str) -> Iterator[Finding]:
    rows = fleet.ledger(session, org)
    waits = fleet.waiting(session, org)["posts"]
    total = fleet.total(rows)
    if not all(map(fleet.adds_up, rows)) or total["waiting"] != waits:
        yield wrong(
            "ledger", f"it does not add up: {fleet.sentence(total)}", "This is a defect: please report it."
        )
    else:
        yield ok("ledger", fleet.sentence(total))


def _projection(session: Session, org: str) -> Iterator[Finding]:
    sound = True
    for name, number in broken(session, org):
        sound = False
        yield wrong(
            "projection",
            f"{name}: not so for {counted(number, 'row')}",
            "This is a defect: please report it.",
        )
    if sound:
        yield ok("projection", "events, matches, cases, tickets, identities and hours agree")
    late = session.execute(_FOLLOWINGS, {"org": org}).scalar_one()
    if late:
        yield wrong(
            "review",
            f"the posts of {counted(late, 'author')} have not all followed a decision yet",
            "Is a maintenance worker up? Any `earshot review` step carries it on, too.",
        )


_FOLLOWINGS = text("""
    SELECT count(DISTINCT identity_id) FROM followings
    WHERE org_id = :org AND due_at < now() - interval '10 minutes'
""")


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
