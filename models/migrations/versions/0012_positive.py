"""Hours count the positive posts beside the negative ones."""

from __future__ import annotations

from alembic import op

from models.migrations._columns import count

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COUNTED = """
    UPDATE hours h SET positive = x.positive
    FROM (
        SELECT e.org_id, s.scope, date_trunc('hour', e.occurred_at, 'UTC') AS hour, e.platform,
               coalesce(nullif(e.lang, ''), 'und') AS language, e.voice, count(*) AS positive
        FROM social_events e
        CROSS JOIN LATERAL (VALUES ('all'), ('account:' || e.account_id), ('campaign:' || e.campaign_id)) s(scope)
        WHERE e.sentiment >= 0.05 AND e.sightings <> '{}' AND s.scope IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6
    ) x
    WHERE (h.org_id, h.scope, h.hour, h.platform, h.language, h.voice)
        = (x.org_id, x.scope, x.hour, x.platform, x.language, x.voice)
"""
"""One reading of the posts. The new column's lock on `hours` holds until the end, so no digest counts meanwhile."""


def upgrade() -> None:
    op.add_column("hours", count("positive", default="0"))
    op.execute(COUNTED)
    # the update leaves the rows in the order of its join, and a read of sixty days takes five times as long
    op.execute("CLUSTER hours USING pk_hours")
    op.execute("ALTER TABLE hours SET WITHOUT CLUSTER")


def downgrade() -> None:
    op.drop_column("hours", "positive")
