"""Names to look up: the index, what is due in it, and who claimed a handle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from models.migrations._columns import array, big, flag, index, moment, text, to, where_set, word

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


# A statement at a time, whoever writes: an import of a million rows is one insert here.
FOLLOW = """
CREATE FUNCTION {table}_were_renamed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO renamed (org_id, owner, owner_id) SELECT org_id, '{owner}', id FROM fresh;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO renamed (org_id, owner, owner_id{more}) SELECT org_id, '{owner}', id{before} FROM stale;
    ELSE
        INSERT INTO renamed (org_id, owner, owner_id{more})
        SELECT fresh.org_id, '{owner}', fresh.id{before} FROM fresh JOIN stale ON stale.id = fresh.id
        WHERE ({now}) IS DISTINCT FROM ({then});
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER were_renamed AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_were_renamed();
CREATE TRIGGER were_renamed_again AFTER UPDATE ON {table} REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_were_renamed();
CREATE TRIGGER were_removed AFTER DELETE ON {table} REFERENCING OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_were_renamed();
"""
NAMED = {
    "aliases": ("alias", "org_id kind value platform of account_id contact_id"),
    "accounts": ("account", "org_id name website phone"),
    "contacts": ("contact", "org_id email phone"),
}
# whom an alias stood for that had been seen on an identity
MORE = {
    "aliases": (
        ", identity_id, of, record_id",
        ", stale.identity_id, stale.of, coalesce(stale.account_id, stale.contact_id)",
    )
}
LOWERED = """
CREATE FUNCTION lowered(words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_agg(lower(word)) FROM unnest(words) AS t(word)
$$
"""
KINDS = "handle name domain hashtag keyword utm email"


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.create_table(
        "names",
        text("org_id", null=False),
        *word("kind", "handle name domain hashtag utm email phone lookalike similar"),
        text("key", null=False),
        text("platform", default=""),
        *word("owner", "alias account contact"),
        sa.Column("owner_id", UUID, nullable=False),
        big("written_by", default="((pg_current_xact_id())::text)::bigint"),
        sa.PrimaryKeyConstraint("org_id", "kind", "key", "platform", "owner_id"),
    )
    index("names", "owner_id")
    index("names", "org_id written_by", name="ix_names_written_by")
    op.create_table(
        "renamed",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), primary_key=True),
        text("org_id", null=False),
        *word("owner", "alias account contact"),
        sa.Column("owner_id", UUID, nullable=False),
        sa.Column("identity_id", UUID),
        text("of"),
        sa.Column("record_id", UUID),
        moment("noted_at", default="now()"),
    )
    index("renamed", "org_id id", name="ix_renamed_org_id")
    op.add_column("identities", to("merged_into", "identities"))
    op.add_column("identities", flag("decided"))
    op.create_check_constraint("merged_into", "identities", "merged_into <> id")
    where_set("identities", "merged_into")
    op.create_index("ix_identities_handle", "identities", [sa.text("lower(handle)"), "org_id", "platform"])
    op.execute(LOWERED)
    op.create_index(
        "ix_identities_former_handles",
        "identities",
        [sa.text("lowered(former_handles)")],
        postgresql_using="gin",
        postgresql_with={
            "fastupdate": "off"
        },  # a list of what is not sorted in yet would be read at each look
        postgresql_where=sa.text("former_handles <> '{}'::text[]"),
    )
    op.add_column("aliases", to("identity_id", "identities"))
    where_set("aliases", "identity_id")
    index("aliases", "org_id", name="ix_aliases_ourselves", where="of = 'ourselves'")
    op.add_column("aliases", array("needs", sa.Text))
    _kinds(KINDS + " phone")
    where_set("social_events", "identity_id")
    for table, (owner, named) in NAMED.items():
        now = ", ".join(f"fresh.{column}" for column in named.split())
        then = ", ".join(f"stale.{column}" for column in named.split())
        more, before = MORE.get(table, ("", ""))
        op.execute(
            FOLLOW.format(
                table=table, owner=owner, now=now, then=then, more=more, before=before, schema=schema
            )
        )
        op.execute(f"INSERT INTO renamed (org_id, owner, owner_id) SELECT org_id, '{owner}', id FROM {table}")


def _kinds(listed: str) -> None:
    words = ", ".join(f"'{word}'" for word in listed.split())
    op.drop_constraint("kind", "aliases", type_="check")
    op.create_check_constraint("kind", "aliases", f"kind IN ({words})")


def downgrade() -> None:
    for table in NAMED:
        op.execute(f"DROP FUNCTION {table}_were_renamed() CASCADE")
    op.drop_index("ix_social_events_identity_id", "social_events")
    op.execute("DELETE FROM aliases WHERE kind = 'phone'")
    _kinds(KINDS)
    op.drop_index("ix_aliases_ourselves", "aliases")
    op.drop_column("aliases", "needs")
    op.drop_column("aliases", "identity_id")
    op.drop_index("ix_identities_former_handles", "identities")
    op.execute("DROP FUNCTION lowered(text[])")
    op.drop_index("ix_identities_handle", "identities")
    op.drop_column("identities", "decided")
    op.drop_column("identities", "merged_into")
    op.drop_table("renamed")
    op.drop_table("names")
