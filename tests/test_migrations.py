"""Migrating: up, down, up again, two at once, by whom, and that the models and the revisions say the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import errors
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError

from connectors import connectors
from models import Base, migrations
from models.migrations._columns import platforms_are
from models.vocabulary import PLATFORMS
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
TABLES = {table.name for table in Base.metadata.sorted_tables}


@pytest.fixture
def empty(servers: Any) -> Iterator[str]:
    with servers.new_database(migrated=False) as (_, owner):
        yield owner


@pytest.fixture
def fleet(database: str) -> str:
    name = make_url(database).username
    assert name
    return name


def _ask(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as db:
        return db.execute(query, values).fetchall()


def _tables(url: str) -> set[str]:
    return {row[0] for row in _ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def _shape(url: str) -> set[tuple[Any, ...]]:
    """Every column, constraint and index as PostgreSQL writes them, but for the order of columns."""
    return {
        *_ask(
            url,
            """
            SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,
                   pg_get_expr(adbin, adrelid), attidentity
            FROM pg_attribute
            JOIN pg_class ON pg_class.oid = attrelid
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
            """,
        ),
        *_ask(
            url,
            """
            SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
            """,
        ),
        *_ask(url, "SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"),
        *_ask(
            url,
            """
            SELECT 'sequence', sequencename, start_value, increment_by, cycle FROM pg_sequences
            WHERE schemaname = 'public'
            """,
        ),
    }


def test_an_empty_database_waits_for_every_revision_and_a_migrated_one_for_none(empty: str) -> None:
    waiting = migrations.pending(empty)
    assert waiting[0] == "0001"
    assert waiting[-1] == migrations.head()
    migrations.upgrade(empty)
    assert migrations.pending(empty) == []


def test_up_down_and_up_again(empty: str) -> None:
    migrations.upgrade(empty)
    first = _shape(empty)
    migrations.downgrade(empty)
    assert _tables(empty) == {"alembic_version"}
    assert _ask(empty, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []
    assert migrations.pending(empty)[0] == "0001"
    migrations.upgrade(empty)
    assert _shape(empty) == first


def test_a_half_migrated_database_waits_for_the_rest(empty: str) -> None:
    migrations.upgrade(empty)
    migrations.downgrade(empty, "0001")
    assert migrations.pending(empty)[0] == "0002"
    assert "accounts" in _tables(empty)
    assert "sources" not in _tables(empty)


def test_the_positive_posts_of_before_are_counted_when_hours_begin_to_count_them(empty: str) -> None:
    migrations.upgrade(empty)
    migrations.downgrade(empty, "0011")
    with psycopg.connect(empty) as db:
        db.execute("""
            WITH posts AS (
                INSERT INTO social_events (org_id, platform, external_id, sentiment, lang, occurred_at, sightings)
                SELECT 'acme', 'mastodon', n, n * 0.05 - 0.05, CASE WHEN n < 4 THEN 'en' END, now(), '{}'::uuid[] || uuidv7()
                FROM generate_series(0, 5) n RETURNING org_id, platform, lang, occurred_at
            )
            INSERT INTO hours (org_id, scope, hour, platform, language, voice, n)
            SELECT org_id, 'all', date_trunc('hour', occurred_at, 'UTC'), platform, coalesce(lang, 'und'), 'earned', count(*)
            FROM posts GROUP BY 1, 3, 4, 5
        """)
    migrations.upgrade(empty)
    assert _ask(empty, "SELECT language, n, positive FROM hours ORDER BY 1") == [("en", 4, 2), ("und", 2, 2)]


def test_alembic_sees_no_difference_to_the_models(owner_database: str) -> None:
    engine = create_engine(owner_database, poolclass=NullPool)
    with engine.connect() as connection:
        compared = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(compared, Base.metadata) == []


def test_the_models_alone_would_make_the_same_columns_checks_and_indexes(
    owner_database: str, empty: str
) -> None:
    """Alembic does not compare checks, names, index conditions or identities; the catalogue has them all."""
    engine = create_engine(empty, poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.server_version_info < (18,):  # type: ignore[operator]
            connection.execute(text(_uuidv7()))
        Base.metadata.create_all(connection)
    migrated = {fact for fact in _shape(owner_database) if "alembic_version" not in fact}
    assert migrated == _shape(empty)


def test_every_connectors_platform_is_a_word_of_the_vocabulary() -> None:
    missing = sorted(set(connectors()) - set(PLATFORMS))
    assert not missing, (
        f"add {missing} to PLATFORMS in models/vocabulary.py, and a revision in models/migrations/versions whose upgrade()"
        f" is platforms_are({' '.join(sorted({*PLATFORMS, *missing}))!r})"
        f" and whose downgrade() is platforms_are({' '.join(PLATFORMS)!r}) (models/migrations/_columns.py)"
    )


def test_a_new_platform_is_one_line_of_a_revision(empty: str) -> None:
    migrations.upgrade(empty)
    first = _shape(empty)
    engine = create_engine(empty, poolclass=NullPool)
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        platforms_are(" ".join([*PLATFORMS, "newcomer"]))
        connection.commit()
        checks = [str(fact) for fact in _shape(empty) if fact[0] == "constraint" and "youtube" in fact[3]]
        assert len(checks) >= 12
        assert [check for check in checks if "newcomer" not in check] == []
        for name, refused in (("newcomer", False), ("nobody", True)):
            with pytest.raises(IntegrityError) if refused else nullcontext():
                connection.execute(
                    text("INSERT INTO social_events (platform) VALUES (:name)"), {"name": name}
                )
            connection.rollback()
        platforms_are(" ".join(PLATFORMS))
        connection.commit()
    assert _shape(empty) == first


def test_the_body_of_a_page_is_stored_as_it_is(owner_database: str) -> None:
    stored = _ask(
        owner_database,
        "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'pages'::regclass AND attname = 'body'",
    )
    assert stored == [("e",)]


def test_two_processes_may_upgrade_at_once(empty: str) -> None:
    argv = [sys.executable, "-c", "import sys; from models.migrations import upgrade; upgrade(sys.argv[1])"]
    with psycopg.connect(empty, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [migrations.LOCK])
        both = [
            subprocess.Popen([*argv, empty], cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        waiters = """
            SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
        """
        eventually(lambda: holder.execute(waiters).fetchall() == [(2,)], within=30, of="both at the lock")
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in both] == [("", 0), ("", 0)]
    assert _tables(empty) == TABLES | {"alembic_version"}


def test_a_step_that_the_fleet_keeps_waiting_gives_up_and_leaves_everything_as_it_was(empty: str) -> None:
    migrations.upgrade(empty)
    with psycopg.connect(empty) as busy:
        busy.execute("SELECT * FROM ledger, cases, sign_ins, hours, activities")
        with pytest.raises(migrations.Refused, match="held a table for more than 5 seconds"):
            migrations.downgrade(empty, "0002")
        busy.rollback()
    assert migrations.pending(empty) == []
    assert _ask(empty, "SELECT shipped_rules('left alone')") == [(5,)]


def test_the_oldest_server_is_fifteen() -> None:
    migrations.demand_server(150_000)
    with pytest.raises(migrations.Refused, match=r"PostgreSQL 14\.13; Earshot needs 15 or newer"):
        migrations.demand_server(140_013)


def test_a_role_that_does_not_own_the_schema_is_told_so(empty: str, database: str, fleet: str) -> None:
    name = make_url(empty).database
    with psycopg.connect(empty) as db:
        db.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{fleet}"')
    as_fleet = make_url(database).set(database=name).render_as_string(hide_password=False)
    with pytest.raises(migrations.Refused, match=f"role {fleet} may not create tables in schema public"):
        migrations.upgrade(as_fleet)


def test_a_fleet_without_a_role_is_told_so(empty: str) -> None:
    with pytest.raises(migrations.Refused, match="there is no role nobody_made_it"):
        migrations.upgrade(empty, fleet_role="nobody_made_it")


def test_a_database_from_the_future_is_refused(owner_database: str) -> None:
    with psycopg.connect(owner_database) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    for ask in (migrations.pending, migrations.upgrade):
        with pytest.raises(migrations.Refused, match="revision 9999, which this Earshot does not know"):
            ask(owner_database)


def test_the_fleet_may_know_what_is_pending(database: str) -> None:
    assert migrations.pending(database) == []


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE tickets CASCADE",
        "DROP TABLE matches",
        "ALTER TABLE tickets ADD COLUMN mine text",
        "ALTER TABLE tickets DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id int)",
        "CREATE TRIGGER mine BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION case_has_lost()",
        "SELECT settle_cases('{}')",
        "UPDATE alembic_version SET version_num = '0000'",
    ],
)
def test_the_fleet_may_write_rows_and_nothing_else(statement: str, database: str) -> None:
    with psycopg.connect(database) as db, pytest.raises(errors.InsufficientPrivilege):
        db.execute(statement)


def test_the_fleet_may_read_and_write_every_table(database: str, fleet: str) -> None:
    rights = _ask(
        database,
        """
        SELECT relname, has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'),
               has_table_privilege(oid, 'TRUNCATE') OR pg_has_role(relowner, 'MEMBER')
        FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        """,
    )
    assert {row for row in rights if row[0] != "alembic_version"} == {(name, True, False) for name in TABLES}


def test_the_fleet_may_use_a_table_of_a_later_revision(database: str, owner_database: str) -> None:
    with psycopg.connect(owner_database) as db:
        db.execute("CREATE TABLE later (id bigserial, what text)")
    with psycopg.connect(database) as db:
        db.execute("INSERT INTO later (what) VALUES ('a row')")
        with pytest.raises(errors.InsufficientPrivilege):
            db.execute("TRUNCATE later")


def test_an_owner_who_is_the_fleet_needs_no_rights(empty: str) -> None:
    owner = make_url(empty).username
    migrations.upgrade(empty, fleet_role=owner)
    with psycopg.connect(empty) as db:
        db.execute("DELETE FROM rules")


def _uuidv7() -> str:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "models" / "migrations"))
    first = ScriptDirectory.from_config(config).get_revision("0001")
    assert first is not None
    return str(first.module.UUIDV7)


def test_the_server_makes_its_own_keys_where_it_can(owner_database: str) -> None:
    ours = _ask(
        owner_database, "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'uuidv7'"
    )
    (version,) = _ask(owner_database, "SELECT current_setting('server_version_num')::int / 10000")
    assert set(ours) == ({("pg_catalog",)} if version[0] >= 18 else {("public",)})


@pytest.fixture(scope="module")
def keys(servers: Any) -> list[tuple[UUID, datetime, datetime]]:
    """Keys of our own function, made one statement after the other, each with the time before and after."""
    with (
        servers.new_database(migrated=False) as (_, owner),
        psycopg.connect(owner, autocommit=True) as db,
    ):
        db.execute("CREATE SCHEMA older")
        db.execute("SET search_path = older, pg_catalog")
        db.execute(_uuidv7())
        clock = "SELECT clock_timestamp()"
        made = []
        for _ in range(400):
            (before,) = db.execute(clock).fetchall()[0]
            (key,) = db.execute("SELECT older.uuidv7()").fetchall()[0]
            (after,) = db.execute(clock).fetchall()[0]
            made.append((key, before, after))
        return made


def test_our_key_has_the_version_and_variant_of_rfc_9562(keys: list[tuple[UUID, datetime, datetime]]) -> None:
    assert {key.version for key, _, _ in keys} == {7}
    assert {key.int >> 62 & 0b11 for key, _, _ in keys} == {0b10}


def test_our_key_begins_with_the_millisecond(keys: list[tuple[UUID, datetime, datetime]]) -> None:
    def milliseconds(moment: datetime) -> int:
        gone = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return gone // (gone.resolution * 1000)

    late = [
        key for key, before, after in keys if not milliseconds(before) <= key.int >> 80 <= milliseconds(after)
    ]
    assert late == []


def test_our_keys_sort_in_the_order_in_which_they_were_made(
    keys: list[tuple[UUID, datetime, datetime]],
) -> None:
    made = [key for key, _, _ in keys]
    assert made == sorted(made)


def test_the_rest_of_our_key_is_random(keys: list[tuple[UUID, datetime, datetime]]) -> None:
    tails = [key.int & (1 << 62) - 1 for key, _, _ in keys]
    assert len(set(tails)) == len(tails)
    always = never = (1 << 62) - 1
    for tail in tails:
        always &= tail
        never &= ~tail
    assert (always, never) == (0, 0)
