"""Short words for the columns of a revision, so that a table reads as a list.

Keys and checks get their names from the metadata's naming convention. Revisions that were released rest on
these functions: add to them, do not change what they make.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID


def record(table: str, *items: Any) -> None:
    key = sa.Column("id", UUID, server_default=sa.text("uuidv7()"), primary_key=True)
    op.create_table(table, key, text("org_id", default="main"), *items)


def _column(name: str, kind: Any, default: str | None, null: bool) -> sa.Column[Any]:
    made = sa.text(default) if default else None
    return sa.Column(name, kind, server_default=made, nullable=null and default is None)


def text(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    return _column(name, sa.Text, None if default is None else f"'{default}'", null)


def texts(names: str, *, null: bool = True) -> list[sa.Column[Any]]:
    return [text(name, null=null) for name in names.split()]


def array(name: str, of: Any) -> sa.Column[Any]:
    return _column(name, ARRAY(of), "'{}'", False)


def word(name: str, listed: str, *, default: str | None = None, null: bool = False) -> tuple[Any, Any]:
    return text(name, default=default, null=null), sa.CheckConstraint(_in(name, listed), name=name)


def _in(name: str, listed: str) -> str:
    words = ", ".join(f"'{word}'" for word in listed.split())
    return f"{name} IN ({words})"


def moment(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    return _column(name, TIMESTAMP(timezone=True), default, null)


def count(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    return _column(name, sa.Integer, default, null)


def big(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return _column(name, sa.BigInteger, default, False)


def flag(name: str, *, default: str = "false") -> sa.Column[Any]:
    return _column(name, sa.Boolean, default, False)


def lease() -> list[sa.Column[Any]]:
    fence = big("fence", default="0")
    return [fence, moment("lease_until"), count("lease_pid"), moment("lease_started")]


def to(name: str, table: str, *, lost: str = "SET NULL", null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, UUID, sa.ForeignKey(f"{table}.id", ondelete=lost), nullable=null)


def index(
    table: str, columns: str, *, name: str | None = None, where: str | None = None, unique: bool = False
) -> None:
    listed = columns.split()
    which = None if where is None else sa.text(where)
    op.create_index(
        name or f"ix_{table}_{'_'.join(listed)}", table, listed, unique=unique, postgresql_where=which
    )


def where_set(table: str, column: str, *more: str) -> None:
    """Most rows do not have the column at all."""
    index(table, " ".join([column, *more]), name=f"ix_{table}_{column}", where=f"{column} IS NOT NULL")


_HELD = sa.text("""
    SELECT relname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE contype = 'c' AND connamespace = current_schema()::regnamespace AND conname = 'ck_' || relname || '_platform'
    ORDER BY relname
""")


def platforms_are(listed: str) -> None:
    """Hold every column `platform` that there is to these names, whichever tables have one by now.

    Going back leaves a name out that rows may have: PostgreSQL then refuses, and who wants it removes them first.
    """
    for table in op.get_bind().scalars(_HELD).all():
        name = f"ck_{table}_platform"
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {name},"
            f" ADD CONSTRAINT {name} CHECK ({_in('platform', listed)})"
        )
