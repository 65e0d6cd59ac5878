"""The CRM: users, accounts, contacts, campaigns, leads, opportunities, tickets, activities.

In revisions words and numbers stand as literals, not as the models' constants: a revision does not change
when those do.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.migrations._columns import count, index, moment, record, text, texts, to, word

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RECORD_SOURCES = "crm social web email phone import partner campaign other"
PRIORITIES = "low normal high urgent"

UUIDV7 = """
CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    -- RFC 9562: 48 bits of milliseconds, version 7, then (section 6.2, method 3, as PostgreSQL 18 does)
    -- 12 bits of the millisecond's fraction; variant and 62 random bits are those of a version 4
    SELECT (lpad(to_hex(micros / 1000), 12, '0')
            || '7' || lpad(to_hex(micros % 1000 * 4096 / 1000), 3, '0')
            || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) AS reading
$$
"""
"""PostgreSQL has a uuidv7() of its own from 18 on."""


def upgrade() -> None:
    if _without_uuidv7():
        op.execute(UUIDV7)
    record("users", text("name", default=""), text("email"))
    record(
        "accounts",
        text("name", default=""),
        *texts("industry website phone"),
        to("owner_id", "users"),
        moment("created_at", default="now()"),
    )
    index("accounts", "org_id name")
    record(
        "contacts",
        to("account_id", "accounts"),
        *texts("first_name last_name email phone"),
        to("owner_id", "users"),
        moment("created_at", default="now()"),
    )
    index("contacts", "account_id")
    record(
        "campaigns",
        text("name", default=""),
        *word("type", "social email event advertisement launch referral webinar other", default="other"),
        *word("status", "planned active paused completed cancelled", default="planned"),
        sa.Column("starts_on", sa.Date),
        sa.Column("ends_on", sa.Date),
        moment("created_at", default="now()"),
    )
    record(
        "leads",
        to("account_id", "accounts"),
        to("owner_id", "users"),
        *texts("first_name last_name company email phone"),
        *word("status", "new open contacted qualified unqualified converted lost", default="new"),
        *word("source", RECORD_SOURCES, default="crm"),
        to("contact_id", "contacts"),
        to("campaign_id", "campaigns"),
        moment("created_at", default="now()"),
    )
    record(
        "opportunities",
        to("account_id", "accounts"),
        to("contact_id", "contacts"),
        to("owner_id", "users"),
        text("name", default=""),
        sa.Column("amount", sa.Numeric),
        text("currency"),
        *word("stage", "prospecting qualification proposal negotiation won lost", default="prospecting"),
        count("probability"),
        sa.CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
        to("campaign_id", "campaigns"),
        moment("created_at", default="now()"),
    )
    record(
        "tickets",
        to("account_id", "accounts"),
        to("contact_id", "contacts"),
        text("subject", default=""),
        *word("status", "open in_progress waiting resolved closed", default="open"),
        *word("source", RECORD_SOURCES, default="crm"),
        sa.Column("number", sa.BigInteger, sa.Identity(always=False, start=1001), nullable=False),
        *word("priority", PRIORITIES, default="normal"),
        to("owner_id", "users"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "number"),
    )
    index("tickets", "account_id")
    index("tickets", "contact_id")
    record(
        "activities",
        to("owner_id", "users"),
        to("account_id", "accounts"),
        to("contact_id", "contacts"),
        to("lead_id", "leads"),
        to("opportunity_id", "opportunities"),
        to("ticket_id", "tickets"),
        to("campaign_id", "campaigns"),
        text("subject", default=""),
        *word("channel", "social email phone meeting web other", default="other"),
        *word("activity_type", "follow_up call email meeting task note other", default="task"),
        *word("status", "planned in_progress done cancelled", default="planned"),
        moment("created_at", default="now()"),
    )
    for column in ("account_id", "contact_id", "ticket_id"):
        index("activities", column)


def downgrade() -> None:
    for table in [
        "activities",
        "tickets",
        "opportunities",
        "leads",
        "campaigns",
        "contacts",
        "accounts",
        "users",
    ]:
        op.drop_table(table)
    if _without_uuidv7():
        op.execute("DROP FUNCTION uuidv7()")


def _without_uuidv7() -> bool:
    version = op.get_context().dialect.server_version_info
    return version is not None and version < (18,)
