"""The console: who may sign in, who is signed in, who tried; what people changed there; what changed since a page was drawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.migrations._columns import count, index, moment, record, text, to, word

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

DUE = {"due_urgent": "60", "due_high": "240", "due_normal": "1440", "due_low": "4320"}
"""Minutes until a ticket of each priority is due; an activity is as one of low priority."""
IN_ORDER = "0 < due_urgent AND due_urgent <= due_high AND due_high <= due_normal AND due_normal <= due_low"

NOTES_BEFORE = "'rule', 'reply', 'reopened', 'gone', 'edited', 'verdict', 'summary'"
OPEN = "status NOT IN ('resolved', 'closed')"
HEARS = """
CREATE OR REPLACE FUNCTION case_hears_of_its_post() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    INSERT INTO case_notes (org_id, case_id, what, event_id, score{said})
    VALUES (NEW.org_id, NEW.case_id,
            CASE WHEN NEW.gone_at IS DISTINCT FROM OLD.gone_at THEN 'gone' ELSE 'edited' END, NEW.id, NEW.sentiment{was});
    RETURN NULL;
END
$$
"""
"""What a post of a case said before it was edited is kept nowhere else."""


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
    _worked_on()
    index("polls", "org_id started_at id", name="ix_polls_gap", where="gap IS NOT NULL")
    for column, minutes in DUE.items():
        op.add_column("policies", count(column, default=minutes))
    op.create_check_constraint("due", "policies", IN_ORDER)


def _worked_on() -> None:
    """Open tickets by when they are due and by whose they are, cases that people write notes to, texts before edits."""
    index("tickets", "org_id priority created_at", name="ix_tickets_open", where=OPEN)
    index("tickets", "org_id owner_id priority created_at", name="ix_tickets_open_owner", where=OPEN)
    index("cases", "org_id opened_at", name="ix_cases_opened", where="closed_at IS NULL")
    index("cases", "org_id opened_at", name="ix_cases_alone", where="closed_at IS NULL AND ticket_id IS NULL")
    index(
        "cases",
        "org_id opened_at",
        name="ix_cases_incidents",
        where="closed_at IS NULL AND subject LIKE 'burst:%'",
    )
    index("cases", "org_id closed_at", name="ix_cases_closed", where="closed_at IS NOT NULL")
    _counted()
    _notes_are(f"{NOTES_BEFORE}, 'note'")
    _hears(", said", ", CASE WHEN NEW.text <> OLD.text THEN OLD.text END")


def _counted() -> None:
    """What pages count over all that there is: the cases of a rule, its posts that opened nothing, what is held of a platform."""
    op.create_index(
        "ix_cases_counted",
        "cases",
        ["rule_id", "opened_at"],
        postgresql_include=["closed_at", "verdict", "parent_id", "ticket_id"],
        postgresql_where=sa.text("rule_id IS NOT NULL"),
    )
    index("case_notes", "rule_id case_id", name="ix_case_notes_crossed", where="what = 'rule'")
    apart = "rule_id IS NOT NULL AND (held_back IS NOT NULL OR case_id IS NULL)"
    index("social_events", "rule_id held_back", name="ix_social_events_rule_apart", where=apart)
    index("quarantine", "org_id platform id", name="ix_quarantine_held_platform", where="state = 'held'")
    index("social_events", "org_id recorded_at")  # a back-test reads what was decided lately, in that order


def _notes_are(listed: str) -> None:
    op.drop_constraint(op.f("ck_case_notes_what"), "case_notes")
    op.create_check_constraint("what", "case_notes", f"what IN ({listed})")


def _hears(said: str, was: str) -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(HEARS.format(schema=schema, said=said, was=was))


def downgrade() -> None:
    op.drop_constraint(op.f("ck_policies_due"), "policies")
    for column in DUE:
        op.drop_column("policies", column)
    op.drop_index("ix_polls_gap", "polls")
    _hears("", "")
    op.execute("DELETE FROM case_notes WHERE what = 'note'")
    _notes_are(NOTES_BEFORE)
    op.drop_index("ix_social_events_org_id_recorded_at", "social_events")
    op.drop_index("ix_quarantine_held_platform", "quarantine")
    op.drop_index("ix_social_events_rule_apart", "social_events")
    op.drop_index("ix_case_notes_crossed", "case_notes")
    for made in (
        "ix_cases_counted",
        "ix_cases_closed",
        "ix_cases_incidents",
        "ix_cases_alone",
        "ix_cases_opened",
    ):
        op.drop_index(made, "cases")
    for made in ("ix_tickets_open_owner", "ix_tickets_open"):
        op.drop_index(made, "tickets")
    for table in " ".join(TOPICS.values()).split():
        for event in EVENTS:
            op.execute(f"DROP TRIGGER changed_{event.lower()} ON {table}")
    op.execute("DROP FUNCTION note_change()")
    for table in ("changes", "audits", "sign_in_attempts", "web_sessions", "sign_ins"):
        op.drop_table(table)
