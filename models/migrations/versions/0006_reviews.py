"""What people decide about matches and identities, and how it is taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from models.migrations._columns import flag, index, moment, record, text, to, word

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KINDS = "account contact campaign ticket"


def upgrade() -> None:
    _kinds(KINDS + " lead")
    op.add_column("matches", flag("author"))
    op.execute("UPDATE matches SET author = true WHERE how = 'identity'")
    op.add_column("matches", text("by"))
    index("matches", "org_id created_at", name="ix_matches_suggested", where="state = 'suggested'")
    record(
        "reviews",
        *word("action", "accept reject link unlink merge unmerge"),
        to("event_id", "social_events", lost="CASCADE"),
        to("identity_id", "identities", lost="CASCADE"),
        to("into_id", "identities", lost="CASCADE"),
        *word("kind", KINDS + " lead", null=True),
        sa.Column("record_id", UUID),
        sa.Column("before", JSONB, server_default=sa.text("'{}'"), nullable=False),
        text("by"),
        moment("created_at", default="now()"),
        moment("undone_at"),
    )
    index("reviews", "event_id")
    index("reviews", "identity_id")
    index("reviews", "org_id created_at")
    record(
        "refusals",
        *word("kind", KINDS + " lead"),
        sa.Column("record_id", UUID, nullable=False),
        text("evidence", null=False),
        to("review_id", "reviews", lost="CASCADE"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "kind", "record_id", "evidence"),
    )


def _kinds(listed: str) -> None:
    words = ", ".join(f"'{word}'" for word in listed.split())
    op.drop_constraint("kind", "matches", type_="check")
    op.create_check_constraint("kind", "matches", f"kind IN ({words})")


def downgrade() -> None:
    op.drop_table("refusals")
    op.drop_table("reviews")
    op.drop_index("ix_matches_suggested", "matches")
    op.drop_column("matches", "by")
    op.drop_column("matches", "author")
    op.execute("DELETE FROM matches WHERE kind = 'lead'")
    _kinds(KINDS)
