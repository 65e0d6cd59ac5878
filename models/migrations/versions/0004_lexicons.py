"""What words weigh, by organisation and version; what people say of a score; the thresholds that go with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.migrations._columns import count, index, moment, record, text, texts, to, word

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
    )
    index("corrections", "event_id")


def downgrade() -> None:
    for table in ("corrections", "lexicon_words", "lexicons"):
        op.drop_table(table)
