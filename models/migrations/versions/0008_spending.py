"""Platforms that cost, that deliver by themselves, and that say what became of a post."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.migrations._columns import (
    array,
    big,
    count,
    index,
    moment,
    record,
    text,
    texts,
    to,
    where_set,
    word,
)

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PLATFORMS = (
    "appstore bluesky discourse facebook feeds file googleplay hackernews instagram lemmy mastodon other reddit"
    " stackexchange telegram threads webhook x youtube"
)
OF, PERIODS = "requests units money", "day month"
CREDENTIAL = ("credential_id", "credentials")
KEPT = ("units", "money", "held_units", "held_money")

HEARD_FIRST = """
    CREATE INDEX ix_social_events_heard_first ON social_events ((sightings[1]), id) WHERE gone_at IS NULL
"""
"""A source asks what became of the posts that it heard first, in the order in which they were recorded."""

STARS = "Few stars in a review"
SHIPPED_RULES = """
CREATE OR REPLACE FUNCTION shipped_rules(org text) RETURNS integer LANGUAGE sql AS $$
    -- how many were given: none to an organisation that has rules of its own, even one
    WITH given AS (
        INSERT INTO rules (org_id, name, audience, threshold, action, priority{column})
        SELECT org, shipped.*
        FROM (VALUES
            ('A complaint to us', 'addressed', -0.42::double precision, 'ticket', 'high'{none}),
            ('A customer complains about us', 'customer', -0.42, 'ticket', 'high'{no}),
            ('Displeasure addressed to us', 'addressed', -0.25, 'activity', 'normal'{no}),
            ('Bad talk about us or ours', 'named', -0.50, 'activity', 'normal'{no}){stars}
        ) AS shipped (name, audience, threshold, action, priority{column})
        WHERE NOT EXISTS (SELECT FROM rules WHERE rules.org_id = org)
        ON CONFLICT (org_id, name) DO NOTHING
        RETURNING 1
    )
    SELECT count(*)::integer FROM given
$$
"""
BEFORE = {"column": "", "none": "", "no": "", "stars": ""}
SINCE = {
    "column": ", rating",
    "none": ", NULL::integer",
    "no": ", NULL",
    "stars": f",\n            ('{STARS}', 'addressed', 1, 'ticket', 'high', 2)",
}
GIVEN = f"""
INSERT INTO rules (org_id, name, audience, threshold, rating, action, priority)
SELECT DISTINCT org_id, '{STARS}', 'addressed', 1, 2, 'ticket', 'high' FROM rules
ON CONFLICT (org_id, name) DO NOTHING
"""
"""Whoever has rules gets this one beside them: no review could open anything before."""


def upgrade() -> None:
    record(
        "quotas",
        *word("platform", PLATFORMS),
        to(*CREDENTIAL, lost="CASCADE"),
        *word("of", OF),
        *word("period", PERIODS),
        big("amount"),
        text("zone", default="UTC"),
        moment("created_at", default="now()"),
        sa.CheckConstraint("amount >= 0", name="amount"),
        sa.UniqueConstraint(
            "org_id", "platform", "credential_id", "of", "period", postgresql_nulls_not_distinct=True
        ),
    )
    record(
        "spendings",
        *word("platform", PLATFORMS),
        to(*CREDENTIAL, lost="CASCADE"),
        *word("of", OF),
        *word("period", PERIODS),
        sa.Column("starts_on", sa.Date, nullable=False),
        big("spent", default="0"),
        big("held", default="0"),
        moment("first_at", default="now()"),
        sa.UniqueConstraint(
            "org_id", "platform", "credential_id", "of", "starts_on", "period",
            name="uq_spendings_window",
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    where_set("spendings", "credential_id")
    record(
        "deliveries",
        to("source_id", "sources", lost="CASCADE", null=False),
        text("delivery", null=False),
        moment("received_at", default="now()"),
        sa.UniqueConstraint("org_id", "source_id", "delivery"),
    )
    index("deliveries", "received_at")
    record(
        "rechecks",
        *word("platform", PLATFORMS),
        to("source_id", "sources", lost="CASCADE", null=False),
        sa.Column("after", sa.UUID),
        moment("due_at", default="now()"),
        moment("round_at", default="now()"),
        moment("lease_until"),
        big("asked", default="0"),
        big("gone", default="0"),
        *texts("last_error"),
        sa.UniqueConstraint("org_id", "source_id"),
    )
    for name in KEPT:
        op.add_column("polls", big(name, default="0"))
    scopes = array("scopes", sa.Text)
    scopes.nullable, scopes.server_default = True, None
    op.add_column("credentials", scopes)
    op.add_column("credentials", moment("checked_at"))
    op.add_column("credentials", moment("expires_at"))
    op.add_column("credentials", moment("renew_at"))
    op.add_column("credentials", to("activity_id", "activities"))
    op.add_column("social_events", moment("missed_at"))
    op.add_column("social_events", moment("gone_at"))
    op.execute(HEARD_FIRST)
    where_set("sources", "credential_id")
    op.add_column("rules", count("rating"))
    op.create_check_constraint("rating", "rules", "rating BETWEEN 1 AND 5")
    op.execute(SHIPPED_RULES.format(**SINCE))
    op.execute(GIVEN)


def downgrade() -> None:
    op.execute("DELETE FROM rules WHERE rating IS NOT NULL")
    op.execute(SHIPPED_RULES.format(**BEFORE))
    op.drop_column("rules", "rating")
    op.drop_index("ix_sources_credential_id", "sources")
    op.drop_index("ix_social_events_heard_first", "social_events")
    op.drop_column("social_events", "gone_at")
    op.drop_column("social_events", "missed_at")
    for name in ("activity_id", "renew_at", "expires_at", "checked_at", "scopes"):
        op.drop_column("credentials", name)
    for name in KEPT:
        op.drop_column("polls", name)
    for table in ("rechecks", "deliveries", "spendings", "quotas"):
        op.drop_table(table)
