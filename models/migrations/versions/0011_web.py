"""The console: who may sign in, who is signed in, who tried; what people changed there; what changed since a page was drawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.migrations._columns import index, moment, record, text, to, word

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TOPICS = {
    "fleet": "sources credentials quarantine receivers",
    "stream": "social_events corrections",
    "cases": "cases tickets activities case_notes",
    "rules": "rules holds policies lexicons reviews",
}
"""Which page's part a table is of."""

CHANGED = """
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- one row for each organisation, topic and transaction, however many statements it has
    INSERT INTO changes (org_id, topic) SELECT DISTINCT org_id, TG_ARGV[0] FROM touched ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('earshot_changes', '');
    END IF;
    RETURN NULL;
END $$
"""
EVENTS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def upgrade() -> None:
    record(
        "sign_ins",
        to("user_id", "users", lost="CASCADE", null=False),
        text("email", null=False),
        text("password", null=False),
        *word("role", "ops marketing support admin"),
        moment("created_at", default="now()"),
        moment("disabled_at"),
        sa.UniqueConstraint("org_id", "email"),
    )
    index("sign_ins", "email")
    index("sign_ins", "user_id")
    record(
        "web_sessions",
        to("sign_in_id", "sign_ins", lost="CASCADE", null=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        moment("created_at", default="now()"),
        moment("seen_at", default="now()"),
        moment("until", null=False),
    )
    index("web_sessions", "sign_in_id")
    index("web_sessions", "until")
    record("sign_in_attempts", text("email", null=False), moment("at", default="now()"))
    index("sign_in_attempts", "email at")
    index("sign_in_attempts", "at")
    record(
        "audits",
        moment("at", default="now()"),
        text("by", null=False),
        text("what", null=False),
        text("of", null=False),
        sa.Column("of_id", UUID),
        text("said", null=False),
        sa.Column("detail", JSONB, server_default=sa.text("'{}'"), nullable=False),
    )
    index("audits", "org_id at")
    index("audits", "of_id at", where="of_id IS NOT NULL")
    op.create_table(
        "changes",
        sa.Column("xid", sa.BigInteger, server_default=sa.text("pg_current_xact_id()::text::bigint")),
        text("org_id", null=False),
        text("topic", null=False),
        moment("at", default="now()"),
        sa.PrimaryKeyConstraint("org_id", "xid", "topic"),
    )
    index("changes", "xid")
    index("changes", "at")
    op.execute(CHANGED)
    for topic, tables in TOPICS.items():
        for table in tables.split():
            for event, kept in EVENTS.items():
                op.execute(
                    f"CREATE TRIGGER changed_{event.lower()} AFTER {event} ON {table} REFERENCING {kept} TABLE AS touched"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION note_change('{topic}')"
                )


def downgrade() -> None:
    for table in " ".join(TOPICS.values()).split():
        for event in EVENTS:
            op.execute(f"DROP TRIGGER changed_{event.lower()} ON {table}")
    op.execute("DROP FUNCTION note_change()")
    for table in ("changes", "audits", "sign_in_attempts", "web_sessions", "sign_ins"):
        op.drop_table(table)
