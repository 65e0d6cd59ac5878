"""Leads by rule, and campaigns by source."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from models.migrations._columns import array, count, index, to, where_set

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", to("campaign_id", "campaigns"))
    op.add_column("leads", sa.Column("identity_id", UUID))
    op.add_column("leads", to("rule_id", "rules"))
    index(
        "leads",
        "org_id identity_id",
        name="uq_leads_identity_id",
        where="identity_id IS NOT NULL",
        unique=True,
    )
    where_set("leads", "rule_id", "created_at")
    where_set("social_events", "rule_id")  # a rule that is removed is taken out of its posts
    op.add_column("rules", array("words", sa.Text))
    op.add_column("rules", count("per_day"))
    op.create_check_constraint("per_day", "rules", "per_day > 0")
    _actions("activity ticket lead")


def _actions(listed: str) -> None:
    words = ", ".join(f"'{word}'" for word in listed.split())
    op.drop_constraint("action", "rules", type_="check")
    op.create_check_constraint("action", "rules", f"action IN ({words})")


def downgrade() -> None:
    op.drop_index("ix_social_events_rule_id", "social_events")
    op.execute("DELETE FROM rules WHERE action = 'lead'")
    _actions("activity ticket")
    op.drop_column("rules", "per_day")
    op.drop_column("rules", "words")
    op.drop_column("leads", "rule_id")
    op.drop_column("leads", "identity_id")
    op.drop_column("sources", "campaign_id")
