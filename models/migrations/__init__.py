"""The database's shape, step by step: Alembic's revisions and the four things one does with them.

The role that migrates owns the tables. The fleet's role may read and write rows and nothing else: it
cannot truncate, drop or alter. An advisory lock lets any number of processes call `upgrade` at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

FLOOR = 15
"""The oldest PostgreSQL served: the first with NULLS NOT DISTINCT and security_invoker views."""

LOCK = 0x4541525348_4F54  # "EARSHOT"
TURN_SECONDS = 300
"""How long `upgrade` waits for another process that migrates the same database."""
LOCK_SECONDS = 5
"""How long a step waits for a table that the fleet holds: a waiting ALTER blocks all who come after it."""


class Refused(Exception):
    """This database cannot be migrated as it stands; the message says why and what to do."""


def upgrade(url: str, *, fleet_role: str | None = None) -> None:
    """Bring the database to `head()` and give `fleet_role`, which exists, its rights on every table.

    `url` is that of the owning role, as `postgresql://user:password@host/name` or with a socket's folder,
    `postgresql://user:password@/name?host=/folder`. Nothing happens to a database that is up to date.

    Raises:
        Refused: the server is older than PostgreSQL 15, the schema is not ours to create in, the role
            does not exist, the database was migrated by a newer Earshot, or a lock was not given in time.
    """
    with _turn(url) as connection:
        demand_server(int(connection.execute(text("SHOW server_version_num")).scalar_one()))
        _demand_a_schema(connection)
        _pending(connection)
        _run(connection, lambda config: command.upgrade(config, "head"))
        if fleet_role is not None:
            _grant(connection, fleet_role)


def downgrade(url: str, to: str = "base") -> None:
    """Undo the revisions after `to`; "base" takes every table away, with what is in it."""
    with _turn(url) as connection:
        _run(connection, lambda config: command.downgrade(config, to))


def pending(url: str) -> list[str]:
    """The revisions that `upgrade` would apply, oldest first. Any role that may read will do.

    Raises:
        Refused: the database was migrated by a newer Earshot.
    """
    with _connected(url) as connection:
        return _pending(connection)


def head() -> str:
    """The newest revision that this checkout knows."""
    newest = _scripts().get_current_head()
    assert newest is not None, "there is at least one revision"
    return newest


def demand_server(version: int) -> None:
    """Refuse a server that is too old; `version` as in its setting server_version_num, 150004 for 15.4."""
    if version < FLOOR * 10_000:
        raise Refused(
            f"this server is PostgreSQL {version // 10_000}.{version % 10_000}; Earshot needs {FLOOR} or newer."
        )


def revise(url: str, words: str) -> Path:
    """Write the next revision: what the models say and the database at `url`, at `head()`, does not."""
    with _turn(url) as connection:
        made = command.revision(
            _config(connection), words, autogenerate=True, rev_id=f"{int(head()) + 1:04d}"
        )
    assert made is not None
    assert not isinstance(made, list)
    return Path(made.path)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # a per cent sign in the folder's name would be read as an interpolation
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        yield connection


@contextmanager
def _turn(url: str) -> Iterator[Connection]:
    """A connection that holds the lock of migrations; the lock ends with the connection."""
    with _connected(url) as connection:
        _patience(connection, TURN_SECONDS)
        with _in_time("another process has been migrating this database for five minutes"):
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        _patience(connection, LOCK_SECONDS)
        connection.commit()
        yield connection


def _patience(connection: Connection, seconds: int) -> None:
    connection.execute(text("SELECT set_config('lock_timeout', :span, false)"), {"span": f"{seconds}s"})


@contextmanager
def _in_time(otherwise: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as refusal:
        if getattr(refusal.orig, "sqlstate", None) == "55P03":
            raise Refused(f"{otherwise}; nothing was half done, try again.") from refusal
        raise


def _run(connection: Connection, step: Callable[[Config], None]) -> None:
    with _in_time(f"the running fleet held a table for more than {LOCK_SECONDS} seconds"):
        step(_config(connection))
        connection.commit()


def _demand_a_schema(connection: Connection) -> None:
    role, schema, may = connection.execute(
        text(
            "SELECT current_user, current_schema(),"
            " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
        )
    ).one()
    if not may:
        raise Refused(
            f"role {role} may not create tables in schema {schema or '(none)'};"
            f" migrate as the database's owner, or GRANT CREATE ON SCHEMA {schema or 'public'} TO {role}."
        )


def _pending(connection: Connection) -> list[str]:
    known = [script.revision for script in _scripts().walk_revisions()]
    applied = set(MigrationContext.configure(connection).get_current_heads())
    if unknown := applied - set(known):
        raise Refused(
            f"the database is at revision {', '.join(sorted(unknown))}, which this Earshot does not know:"
            " a newer one migrated it; run that."
        )
    if not applied:
        return known[::-1]
    (at,) = applied
    return known[: known.index(at)][::-1]


def _grant(connection: Connection, fleet: str) -> None:
    """Rows, and nothing but rows; for tables to come as well. Repeated harmlessly at every upgrade."""
    owner, database, schema, exists = connection.execute(
        text(
            "SELECT current_user, current_database(), current_schema(),"
            " EXISTS (SELECT FROM pg_roles WHERE rolname = :fleet)"
        ),
        {"fleet": fleet},
    ).one()
    if not exists:
        raise Refused(f"there is no role {fleet}: CREATE ROLE {fleet} LOGIN, or name another for the fleet.")
    if fleet == owner:
        return
    quote = connection.dialect.identifier_preparer.quote
    to, within = quote(fleet), quote(schema)
    rows = "SELECT, INSERT, UPDATE, DELETE"
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {within} GRANT"
    statements = [
        f"GRANT USAGE ON SCHEMA {within} TO {to}",
        f"GRANT {rows} ON ALL TABLES IN SCHEMA {within} TO {to}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {within} TO {to}",
        f"{defaults} {rows} ON TABLES TO {to}",
        f"{defaults} USAGE ON SEQUENCES TO {to}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {to}",
    ]
    # PUBLIC usually has it already, and an owner who is not the database's could not give it
    if not connection.execute(
        text("SELECT has_database_privilege(:fleet, current_database(), 'CONNECT')"), {"fleet": fleet}
    ).scalar_one():
        statements.insert(0, f"GRANT CONNECT ON DATABASE {quote(database)} TO {to}")
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.commit()
