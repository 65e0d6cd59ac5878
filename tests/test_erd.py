"""The data contract: what the migrations make of an empty PostgreSQL, held against the diagram in docs/ERD.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import dict_row

ROOT = Path(__file__).parent.parent
DIAGRAM = (ROOT / "docs" / "ERD.md").read_text()
RECORD = (ROOT / "docs" / "decisions" / "0002-what-we-add-to-the-diagram.md").read_text()
GIVEN = ROOT.parent / "shared" / "design" / "ERD.md"

TYPES = {
    "uuid": "uuid",
    "text": "text",
    "timestamp": "timestamp with time zone",
    "float": "double precision",
    "int": "integer",
    "numeric": "numeric",
}
POINTS_BY = {
    "USERS": "owner_id",
    "ACCOUNTS": "account_id",
    "CONTACTS": "contact_id",
    "CAMPAIGNS": "campaign_id",
}
WORDS = {
    ("leads", "status"): "qualified",
    ("leads", "source"): "social",
    ("opportunities", "stage"): "proposal",
    ("tickets", "status"): "waiting",
    ("tickets", "source"): "email",
    ("campaigns", "type"): "launch",
    ("campaigns", "status"): "active",
    ("activities", "channel"): "phone",
    ("activities", "activity_type"): "call",
    ("activities", "status"): "planned",
    ("social_events", "platform"): "mastodon",
    ("social_events", "channel"): "social",
    ("social_events", "verb"): "comment",
    ("social_events", "direction"): "inbound",
}
"""The diagram's columns that hold a word of a list, with one that is allowed."""


def _mermaid() -> str:
    blocks = re.findall(r"```mermaid\n(.*?)```", DIAGRAM, re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def _entities() -> dict[str, dict[str, str]]:
    """TABLE -> column -> type, as drawn; USERS, drawn without columns, has those the issue names."""
    drawn = {
        name.lower(): {column: kind for kind, column in re.findall(r"^\s+(\w+) (\w+)$", body, re.MULTILINE)}
        for name, body in re.findall(r"^\s+(\w+) \{(.*?)\}", _mermaid(), re.DOTALL | re.MULTILINE)
    }
    return {"users": {"id": "uuid", "org_id": "text", "name": "text", "email": "text"}, **drawn}


ENTITIES = _entities()
RELATIONS = [
    (one, many) for one, many in re.findall(r"^\s+(\w+) \|\|--o\{ (\w+) :", _mermaid(), re.MULTILINE)
]
PARENTS_FIRST = "users accounts contacts campaigns leads opportunities tickets activities social_events"


@pytest.fixture(scope="module")
def urls(servers: Any) -> Iterator[tuple[str, str]]:
    with servers.new_database() as made:
        yield made


@pytest.fixture
def neighbour(urls: tuple[str, str]) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """Somebody else's connection with the fleet's rights; what it writes is rolled back."""
    with psycopg.connect(urls[0], row_factory=dict_row) as db:
        yield db
        db.rollback()


@pytest.fixture(scope="module")
def columns(urls: tuple[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with psycopg.connect(urls[1], row_factory=dict_row) as db:
        for row in db.execute(
            """
            SELECT table_name, column_name, data_type, is_nullable, column_default
            FROM information_schema.columns NATURAL JOIN information_schema.tables
            WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
            """
        ):
            found.setdefault(row["table_name"], {})[row["column_name"]] = row
    del found["alembic_version"]
    return found


@pytest.fixture(scope="module")
def foreign_keys(urls: tuple[str, str]) -> set[tuple[str, str, str]]:
    """(table, column, the table it points to); all point to the id."""
    with psycopg.connect(urls[1]) as db:
        rows = db.execute(
            """
            SELECT conrelid::regclass::text, child.attname, confrelid::regclass::text, parent.attname
            FROM pg_constraint
            JOIN pg_attribute child ON child.attrelid = conrelid AND child.attnum = ALL (conkey)
            JOIN pg_attribute parent ON parent.attrelid = confrelid AND parent.attnum = ALL (confkey)
            WHERE contype = 'f'
            """
        ).fetchall()
    assert all(row[3] == "id" for row in rows)
    return {row[:3] for row in rows}


def test_the_diagram_was_read_whole() -> None:
    assert sum(len(drawn) for name, drawn in ENTITIES.items() if name != "users") == 71
    assert len(RELATIONS) == len(set(RELATIONS)) == 19
    assert sorted(ENTITIES) == sorted(PARENTS_FIRST.split())


def test_our_copy_of_the_diagram_is_the_one_we_were_given() -> None:
    if not GIVEN.exists():
        pytest.skip("the given diagram is not beside this checkout")
    assert GIVEN.read_text() == DIAGRAM


@pytest.mark.parametrize("table", ENTITIES)
def test_an_entity_is_a_table_with_the_columns_and_types_of_the_diagram(
    table: str, columns: dict[str, dict[str, dict[str, Any]]]
) -> None:
    found = {name: columns[table][name]["data_type"] for name in ENTITIES[table] if name in columns[table]}
    assert found == {name: TYPES[kind] for name, kind in ENTITIES[table].items()}


@pytest.mark.parametrize(("one", "many"), RELATIONS)
def test_a_relation_is_a_foreign_key_from_the_many_to_the_one(
    one: str, many: str, foreign_keys: set[tuple[str, str, str]]
) -> None:
    assert (many.lower(), POINTS_BY[one], one.lower()) in foreign_keys


@pytest.mark.parametrize(
    ("table", "column"),
    [(t, c) for t, drawn in ENTITIES.items() for c, kind in drawn.items() if kind == "uuid" and c != "id"],
)
def test_every_reference_in_the_diagram_is_kept_by_a_foreign_key_that_may_be_empty(
    table: str,
    column: str,
    foreign_keys: set[tuple[str, str, str]],
    columns: dict[str, dict[str, dict[str, Any]]],
) -> None:
    parents = {"owner_id": "users", "opportunity_id": "opportunities"}
    assert (table, column, parents.get(column, column.removesuffix("_id") + "s")) in foreign_keys
    assert columns[table][column]["is_nullable"] == "YES"


def test_what_we_add_to_the_diagram_is_what_the_decision_record_lists(
    columns: dict[str, dict[str, dict[str, Any]]],
) -> None:
    here, listed = "", dict[str, set[str]]()
    for table, column in re.findall(r"^\| (?:`(\w+)`)? ?\| (?:`(\w+)`)? ?\|", RECORD, re.MULTILINE):
        here = table or here  # a row without a table goes on with the one above
        listed.setdefault(here, set()).update({column} - {""})
    assert listed == {table: set(columns[table]) - set(drawn) for table, drawn in ENTITIES.items()}
    sentence = RECORD.partition("Tables of our own:")[2].partition("Besides")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(columns) - set(ENTITIES)


def test_every_row_belongs_to_an_organisation(columns: dict[str, dict[str, dict[str, Any]]]) -> None:
    # the lease says which beat of the whole fleet is awake
    belonging = {table: held.get("org_id") for table, held in columns.items() if table != "beat_lease"}
    assert {table for table, held in belonging.items() if not held or held["is_nullable"] != "NO"} == set()
    assert {held["data_type"] for held in belonging.values() if held} == {"text"}


def test_the_organisation_leads_every_unique_key(urls: tuple[str, str]) -> None:
    """But primary keys: an id is unique by itself. Those of several columns are natural keys, and it leads them.

    beat_lease is the fleet's, not an organisation's; alembic_version is Alembic's.
    """
    with psycopg.connect(urls[1]) as db:
        keys = db.execute(
            """
            SELECT indrelid::regclass::text, indisprimary, array_agg(attname::text ORDER BY place)
            FROM pg_index
            JOIN pg_class AS here ON here.oid = indrelid
            CROSS JOIN LATERAL unnest(indkey::int2[]) WITH ORDINALITY AS part (number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number
            WHERE indisunique AND relnamespace = current_schema()::regnamespace
            GROUP BY indexrelid, indrelid, indisprimary
            """
        ).fetchall()
    ours = [key for key in keys if key[0] not in ("beat_lease", "alembic_version")]
    assert [key for key in ours if key[2] != ["id"] and key[2][0] != "org_id"] == []
    assert {key[0] for key in ours if key[1] and key[2] != ["id"]} == {"changes", "hours", "names", "reposts"}
    assert sum(not key[1] for key in ours) >= 9


def test_keys_are_made_by_the_database(columns: dict[str, dict[str, dict[str, Any]]]) -> None:
    assert {columns[table]["id"]["column_default"] for table in ENTITIES} == {"uuidv7()"}


def _row(table: str, parents: dict[str, Any]) -> dict[str, Any]:
    """A value for every column that the diagram draws."""
    row: dict[str, Any] = {}
    for column, kind in ENTITIES[table].items():
        if column in parents:
            row[column] = parents[column]
        else:
            row[column] = {
                "uuid": uuid4(),
                "text": WORDS.get((table, column), f"a {column}"),
                "timestamp": "2026-03-01 12:00:00+01",
                "float": -0.5,
                "int": 60,
                "numeric": "1250.50",
            }[kind]
    return row


def _insert(db: psycopg.Connection[dict[str, Any]], table: str, row: dict[str, Any]) -> dict[str, Any]:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Literal, row.values())),
    )
    made = db.execute(statement).fetchone()
    assert made is not None
    return made


def test_a_neighbour_inserts_every_entity_with_the_columns_of_the_diagram_alone(
    neighbour: psycopg.Connection[dict[str, Any]],
) -> None:
    parents: dict[str, Any] = {"org_id": "acme"}
    for table in PARENTS_FIRST.split():
        row = _row(table, parents)
        made = _insert(neighbour, table, row)
        assert made["id"] == row["id"]
        points = "owner_id" if table == "users" else re.sub("ies$", "y", table).removesuffix("s") + "_id"
        parents[points] = made["id"]


@pytest.mark.parametrize("table", ENTITIES)
def test_a_neighbour_need_not_give_more_than_the_organisation(
    table: str, neighbour: psycopg.Connection[dict[str, Any]]
) -> None:
    first, second = (_insert(neighbour, table, {"org_id": "acme"}) for _ in range(2))
    assert first["id"] != second["id"]
    assert first["id"].version == 7


@pytest.mark.parametrize(("table", "column"), WORDS)
def test_a_word_outside_its_list_is_refused(
    table: str, column: str, neighbour: psycopg.Connection[dict[str, Any]]
) -> None:
    with pytest.raises(errors.CheckViolation, match=f"ck_{table}_{column}"):
        _insert(neighbour, table, {"org_id": "acme", column: "no such word"})


def test_a_platform_brings_a_post_once(neighbour: psycopg.Connection[dict[str, Any]]) -> None:
    post = {"org_id": "acme", "platform": "bluesky", "external_id": "at://one"}
    _insert(neighbour, "social_events", post)
    _insert(neighbour, "social_events", {**post, "org_id": "other"})
    with pytest.raises(errors.UniqueViolation):
        _insert(neighbour, "social_events", post)


def test_a_record_survives_what_it_points_to(neighbour: psycopg.Connection[dict[str, Any]]) -> None:
    account = _insert(neighbour, "accounts", {"org_id": "acme"})
    ticket = _insert(neighbour, "tickets", {"org_id": "acme", "account_id": account["id"]})
    neighbour.execute("DELETE FROM accounts")
    found = neighbour.execute("SELECT account_id FROM tickets WHERE id = %s", [ticket["id"]]).fetchone()
    assert found == {"account_id": None}
