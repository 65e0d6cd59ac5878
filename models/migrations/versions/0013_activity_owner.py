"""A person's activities are found without reading everybody's."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_activities_owner_id", "activities", ["owner_id"])


def downgrade() -> None:
    op.drop_index("ix_activities_owner_id", "activities")
