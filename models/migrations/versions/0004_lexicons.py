"""What words weigh, by organisation and version; what people say of a score; the thresholds that go with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.migrations._columns import count, index, moment, record, text, texts, to, word

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


SHIPPED_RULES = """
CREATE OR REPLACE FUNCTION shipped_rules(org text) RETURNS integer LANGUAGE sql AS $$
    -- how many were given: none to an organisation that has rules of its own, even one
    WITH given AS (
        INSERT INTO rules (org_id, name, audience, threshold, action, priority)
        SELECT org, shipped.*
        FROM (VALUES
            ('A complaint to us', 'addressed', {ticket}::double precision, 'ticket', 'high'),
            ('A customer complains about us', 'customer', {ticket}, 'ticket', 'high'),
            ('Displeasure addressed to us', 'addressed', -0.25, 'activity', 'normal'),
            ('Bad talk about us or ours', 'named', -0.50, 'activity', 'normal')
        ) AS shipped (name, audience, threshold, action, priority)
        WHERE NOT EXISTS (SELECT FROM rules WHERE rules.org_id = org)
        ON CONFLICT (org_id, name) DO NOTHING
        RETURNING 1
    )
    SELECT count(*)::integer FROM given
$$
"""
MOVED = """
UPDATE rules SET threshold = {to}
WHERE threshold = {of} AND action = 'ticket' AND priority = 'high'
  AND (name, audience) IN (('A complaint to us', 'addressed'), ('A customer complains about us', 'customer'))
"""
"""Rules that are still as they were shipped: a threshold that somebody has chosen stays."""
BEFORE, SINCE = "-0.40", "-0.42"


def upgrade() -> None:
    op.execute(SHIPPED_RULES.format(ticket=SINCE))
    op.execute(MOVED.format(of=BEFORE, to=SINCE))
    record(
        "lexicons",
        count("version", null=False),
        *word("profile", "support none", default="support"),
        *texts("by note"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "version"),
        sa.CheckConstraint("version > 0", name="version"),
    )
    record(
        "lexicon_words",
        text("word", null=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.CheckConstraint("weight BETWEEN -4 AND 4", name="weight"),
        count("since", null=False),
        count("until"),
        sa.CheckConstraint("until > since", name="until"),
        sa.UniqueConstraint("org_id", "word", "since"),
    )
    index("lexicon_words", "org_id word", name="uq_lexicon_words_current", where="until IS NULL", unique=True)
    record(
        "corrections",
        to("event_id", "social_events", lost="CASCADE", null=False),
        *word("label", "negative neutral positive"),
        sa.Column("sentiment", sa.Double),
        *texts("scorer by note"),
        moment("created_at", default="now()"),
        moment("undone_at"),
    )
    index("corrections", "event_id")


def downgrade() -> None:
    for table in ("corrections", "lexicon_words", "lexicons"):
        op.drop_table(table)
    op.execute(MOVED.format(of=SINCE, to=BEFORE))
    op.execute(SHIPPED_RULES.format(ticket=BEFORE))
