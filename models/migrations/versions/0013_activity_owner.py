"""A person's activities are found without reading everybody's, and what an Incident took in without reading the cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BELOW = sa.text("parent_id IS NOT NULL")
_SET = sa.text("activity_id IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_activities_owner_id", "activities", ["owner_id", "id"])
    op.drop_index("ix_cases_activity_id", "cases")
    op.create_index(
        "ix_cases_activity_id",
        "cases",
        ["activity_id"],
        postgresql_include=["org_id", "closed_at", "ticket_id"],
        postgresql_where=_SET,
    )
    op.drop_index("ix_cases_parent_id", "cases")
    op.create_index(
        "ix_cases_parent_id",
        "cases",
        ["parent_id", "score", "id"],
        postgresql_include=["rule_id"],
        postgresql_where=_BELOW,
    )


def downgrade() -> None:
    op.drop_index("ix_cases_parent_id", "cases")
    op.create_index("ix_cases_parent_id", "cases", ["parent_id"], postgresql_where=_BELOW)
    op.drop_index("ix_cases_activity_id", "cases")
    op.create_index("ix_cases_activity_id", "cases", ["activity_id"], postgresql_where=_SET)
    op.drop_index("ix_activities_owner_id", "activities")
