"""The tables: the diagram's nine entities and Earshot's own state.

Words and numbers stand here as literals, not as the models' constants: a revision does not change when
those do. Names of keys and checks come from the metadata's naming convention.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PLATFORMS = (
    "appstore bluesky discourse facebook feeds file googleplay hackernews instagram lemmy mastodon other"
    " reddit stackexchange telegram threads webhook x youtube"
)
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
    if op.get_context().dialect.server_version_info < (18,):
        op.execute(UUIDV7)
    _crm()
    _ours()
    _events()


def _crm() -> None:
    _record("users", _text("name", default=""), _text("email"))
    _record(
        "accounts",
        _text("name", default=""),
        _text("industry"),
        _text("website"),
        _text("phone"),
        _to("owner_id", "users"),
        _moment("created_at", default="now()"),
    )
    op.create_index("ix_accounts_org_id_name", "accounts", ["org_id", "name"])
    _record(
        "contacts",
        _to("account_id", "accounts"),
        _text("first_name"),
        _text("last_name"),
        _text("email"),
        _text("phone"),
        _to("owner_id", "users"),
        _moment("created_at", default="now()"),
    )
    op.create_index("ix_contacts_account_id", "contacts", ["account_id"])
    _record(
        "campaigns",
        _text("name", default=""),
        *_word("type", "social email event advertisement launch referral webinar other", default="other"),
        *_word("status", "planned active paused completed cancelled", default="planned"),
        sa.Column("starts_on", sa.Date),
        sa.Column("ends_on", sa.Date),
        _moment("created_at", default="now()"),
    )
    _record(
        "leads",
        _to("account_id", "accounts"),
        _to("owner_id", "users"),
        _text("first_name"),
        _text("last_name"),
        _text("company"),
        _text("email"),
        _text("phone"),
        *_word("status", "new open contacted qualified unqualified converted lost", default="new"),
        *_word("source", RECORD_SOURCES, default="crm"),
        _to("contact_id", "contacts"),
        _to("campaign_id", "campaigns"),
        _moment("created_at", default="now()"),
    )
    _record(
        "opportunities",
        _to("account_id", "accounts"),
        _to("contact_id", "contacts"),
        _to("owner_id", "users"),
        _text("name", default=""),
        sa.Column("amount", sa.Numeric),
        _text("currency"),
        *_word(
            "stage", "prospecting qualification proposal negotiation won lost", default="prospecting"
        ),
        _count("probability"),
        sa.CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
        _to("campaign_id", "campaigns"),
        _moment("created_at", default="now()"),
    )
    _record(
        "tickets",
        _to("account_id", "accounts"),
        _to("contact_id", "contacts"),
        _text("subject", default=""),
        *_word("status", "open in_progress waiting resolved closed", default="open"),
        *_word("source", RECORD_SOURCES, default="crm"),
        sa.Column("number", sa.BigInteger, sa.Identity(always=False, start=1001), nullable=False),
        *_word("priority", PRIORITIES, default="normal"),
        _to("owner_id", "users"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "number"),
    )
    op.create_index("ix_tickets_account_id", "tickets", ["account_id"])
    op.create_index("ix_tickets_contact_id", "tickets", ["contact_id"])
    _record(
        "activities",
        _to("owner_id", "users"),
        _to("account_id", "accounts"),
        _to("contact_id", "contacts"),
        _to("lead_id", "leads"),
        _to("opportunity_id", "opportunities"),
        _to("ticket_id", "tickets"),
        _to("campaign_id", "campaigns"),
        _text("subject", default=""),
        *_word("channel", "social email phone meeting web other", default="other"),
        *_word("activity_type", "follow_up call email meeting task note other", default="task"),
        *_word("status", "planned in_progress done cancelled", default="planned"),
        _moment("created_at", default="now()"),
    )
    op.create_index("ix_activities_account_id", "activities", ["account_id"])
    op.create_index("ix_activities_contact_id", "activities", ["contact_id"])
    op.create_index("ix_activities_ticket_id", "activities", ["ticket_id"])


def _ours() -> None:
    _record(
        "credentials",
        *_word("platform", PLATFORMS),
        _text("host", null=False),
        _text("identifier", null=False),
        sa.Column("secret", BYTEA, nullable=False),
        sa.Column("session", BYTEA),
        _text("me"),
        *_word("state", "ok needs_reauth", default="ok"),
        _big("fence", default="0"),
        _moment("refreshing_until"),
        _text("last_error"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "host", "identifier"),
    )
    _record(
        "sources",
        *_word("platform", PLATFORMS),
        _text("kind", null=False),
        _text("term", null=False),
        _text("host", default=""),
        _texts("exclude"),
        _to("credential_id", "credentials"),
        _to("owner_id", "users"),
        _count("priority", default="100"),
        sa.Column("every", sa.Double, nullable=False),
        _moment("escalate_from", default="now()"),
        *_word("state", "active paused needs_reauth off", default="active"),
        _text("cursor"),
        _moment("due_at", default="now()"),
        _big("fence", default="0"),
        _moment("lease_until"),
        _count("lease_pid"),
        _moment("lease_started"),
        sa.Column("poll_id", UUID),
        _count("page_size"),
        _count("failures", default="0"),
        _text("last_error"),
        _moment("last_error_at"),
        _moment("last_success_at"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "kind", "host", "term"),
    )
    op.create_index(
        "ix_sources_due",
        "sources",
        ["platform", "priority", "due_at"],
        postgresql_where=sa.text("state = 'active'"),
    )
    _record(
        "polls",
        _to("source_id", "sources", lost="CASCADE", null=False),
        _big("fence"),
        _moment("started_at", default="now()"),
        _moment("finished_at"),
        _count("visits", default="1"),
        _count("pages", default="0"),
        _count("fetched", default="0"),
        _flag("uncertain"),
        _text("error"),
        _text("gap"),
    )
    op.create_index("ix_polls_source_id", "polls", ["source_id", sa.text("started_at DESC")])
    op.create_table(
        "pages",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), primary_key=True),
        _text("org_id", default="main"),
        *_word("platform", PLATFORMS),
        _to("source_id", "sources", lost="CASCADE", null=False),
        _to("poll_id", "polls"),
        sa.Column("body", BYTEA),
        *_word("state", "landed digested", default="landed"),
        _count("fetched", null=False),
        _count("new", default="0"),
        _count("duplicate", default="0"),
        _count("edited", default="0"),
        sa.Column("filtered", JSONB, server_default=sa.text("'{}'"), nullable=False),
        _count("quarantined", default="0"),
        _big("fence", default="0"),
        _moment("lease_until"),
        _count("lease_pid"),
        _moment("lease_started"),
        _count("attempts", default="0"),
        sa.Column("todo", JSONB),
        sa.Column("trying", JSONB),
        _text("error"),
        _moment("landed_at", default="now()"),
        _moment("digested_at"),
    )
    # the body is compressed already
    op.execute("ALTER TABLE pages ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_index("ix_pages_waiting", "pages", ["id"], postgresql_where=sa.text("state = 'landed'"))
    op.create_index("ix_pages_poll_id", "pages", ["poll_id"])
    _record(
        "quarantine",
        *_word("platform", PLATFORMS),
        _to("source_id", "sources"),
        _big("page_id"),
        _count("item", null=False),
        *_word("stage", "reject digest"),
        _text("external_id"),
        _text("reason", null=False),
        _text("trace"),
        sa.Column("payload", BYTEA, nullable=False),
        *_word("state", "held replayed dropped", default="held"),
        _moment("held_at", default="now()"),
        _moment("settled_at"),
        sa.UniqueConstraint("org_id", "page_id", "item"),
    )
    op.create_index(
        "ix_quarantine_held", "quarantine", ["org_id", "id"], postgresql_where=sa.text("state = 'held'")
    )
    _record(
        "identities",
        *_word("platform", PLATFORMS),
        _text("stable_id", null=False),
        _text("handle"),
        _texts("former_handles"),
        _text("name"),
        _flag("bot"),
        _flag("ours"),
        _to("contact_id", "contacts"),
        _to("account_id", "accounts"),
        _to("lead_id", "leads"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "stable_id"),
    )
    op.create_index("ix_identities_org_id_platform", "identities", ["org_id", "platform", "handle"])
    _where_set("identities", "contact_id")
    _where_set("identities", "account_id")
    _record(
        "aliases",
        *_word("kind", "handle name domain hashtag keyword utm email"),
        _text("value", null=False),
        *_word("platform", PLATFORMS, null=True),
        *_word("of", "ourselves account contact campaign competitor"),
        _text("label"),
        _to("account_id", "accounts", lost="CASCADE"),
        _to("contact_id", "contacts", lost="CASCADE"),
        _to("campaign_id", "campaigns", lost="CASCADE"),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint(
            *["org_id", "kind", "value", "platform", "of", "account_id", "contact_id", "campaign_id"],
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(
            "(account_id IS NOT NULL) = (of = 'account') AND (contact_id IS NOT NULL) = (of = 'contact')"
            " AND (campaign_id IS NOT NULL) = (of = 'campaign')",
            name="target",
        ),
    )
    for column in ("account_id", "contact_id", "campaign_id"):
        op.create_index(f"ix_aliases_{column}", "aliases", [column])
    _record(
        "rules",
        _text("name", null=False),
        *_word("audience", "addressed customer named"),
        sa.Column("threshold", sa.Double, nullable=False),
        *_word("action", "activity ticket"),
        *_word("priority", PRIORITIES, default="normal"),
        _flag("enabled", default="true"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "name"),
        sa.CheckConstraint("threshold BETWEEN -1 AND 1", name="threshold"),
    )
    _record(
        "cases",
        _text("subject", null=False),
        *_word("level", "activity ticket"),
        _moment("opened_at", default="now()"),
        _moment("risen_at"),
        _moment("closed_at"),
        _to("identity_id", "identities"),
        sa.Column("event_id", UUID),
        _to("rule_id", "rules"),
        sa.Column("score", sa.Double),
        sa.Column("threshold", sa.Double),
        _to("ticket_id", "tickets"),
        _to("activity_id", "activities"),
        _to("previous_id", "cases"),
    )
    op.create_index(
        "uq_cases_open",
        "cases",
        ["org_id", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    _where_set("cases", "ticket_id")
    _where_set("cases", "activity_id")
    op.create_index("ix_cases_org_id_subject", "cases", ["org_id", "subject", "opened_at"])
    op.create_table(
        "hours",
        _text("org_id", null=False),
        _text("scope", null=False),
        _moment("hour", null=False),
        *_word("platform", PLATFORMS),
        _text("language", null=False),
        *_word("voice", "own earned competitor"),
        _count("n", default="0"),
        _count("scored", default="0"),
        sa.Column("sum", sa.Double, server_default=sa.text("0"), nullable=False),
        _count("negative", default="0"),
        _count("unscored", default="0"),
        _count("reposts", default="0"),
        sa.PrimaryKeyConstraint("org_id", "scope", "hour", "platform", "language", "voice"),
    )
    op.create_table(
        "beat_lease",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", UUID, nullable=False),
        _big("term"),
        _moment("until", null=False),
    )


def _events() -> None:
    _record(
        "social_events",
        *_word("platform", PLATFORMS, default="other"),
        *_word("channel", "social forum news review message other", default="social"),
        *_word("verb", "post comment repost quote like review message other", default="post"),
        *_word("direction", "inbound outbound", default="inbound"),
        _text("text", default=""),
        sa.Column("sentiment", sa.Double),
        sa.CheckConstraint("sentiment BETWEEN -1 AND 1", name="sentiment"),
        _moment("occurred_at", default="now()"),
        _to("account_id", "accounts"),
        _to("contact_id", "contacts"),
        _to("ticket_id", "tickets"),
        _to("campaign_id", "campaigns"),
        # a neighbour's event was seen on no platform, but the key must not be empty
        sa.Column("external_id", sa.Text, server_default=sa.text("'local:' || uuidv7()"), nullable=False),
        _text("local_ref"),
        _to("identity_id", "identities"),
        _text("url"),
        _text("reply_to"),
        _text("thread"),
        _text("lang"),
        _text("unscored"),
        _text("scorer"),
        *_word("voice", "own earned competitor", default="earned"),
        _flag("addressed"),
        _flag("about_us"),
        sa.Column("counts", JSONB),
        _count("reposts", default="0"),
        sa.Column("rating", sa.Double),
        _moment("edited_at"),
        sa.Column("sightings", ARRAY(UUID), server_default=sa.text("'{}'"), nullable=False),
        _to("case_id", "cases"),
        *_word("case_role", "opened raised joined noted", null=True),
        _to("rule_id", "rules"),
        _text("held_back"),
        _moment("recorded_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "external_id"),
    )
    op.create_index("ix_social_events_org_id_occurred_at", "social_events", ["org_id", "occurred_at"])
    _where_set("social_events", "reply_to", "org_id")
    _where_set("social_events", "local_ref", "org_id")
    _where_set("social_events", "case_id")
    _where_set("social_events", "account_id", "occurred_at")
    _where_set("social_events", "contact_id", "occurred_at")
    _where_set("social_events", "campaign_id", "occurred_at")
    _where_set("social_events", "ticket_id")
    _record(
        "matches",
        _to("event_id", "social_events", lost="CASCADE", null=False),
        *_word("kind", "account contact campaign ticket"),
        sa.Column("record_id", UUID, nullable=False),
        _text("how", null=False),
        sa.Column("sure", sa.Double, nullable=False),
        sa.CheckConstraint("sure BETWEEN 0 AND 1", name="sure"),
        _text("evidence"),
        _count("starts"),
        _count("ends"),
        *_word("state", "live undone suggested", default="live"),
        _moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "event_id", "kind", "record_id"),
    )
    op.create_index("ix_matches_event_id", "matches", ["event_id"])
    op.create_index("ix_matches_record_id", "matches", ["record_id"])


def downgrade() -> None:
    later_first = (
        "matches social_events beat_lease hours cases rules aliases identities quarantine pages polls sources"
        " credentials activities tickets opportunities leads campaigns contacts accounts users"
    )
    for table in later_first.split():
        op.drop_table(table)
    if op.get_context().dialect.server_version_info < (18,):
        op.execute("DROP FUNCTION uuidv7()")


def _record(table: str, *items: Any) -> None:
    op.create_table(
        table,
        sa.Column("id", UUID, server_default=sa.text("uuidv7()"), primary_key=True),
        _text("org_id", default="main"),
        *items,
    )


def _text(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, server_default=default, nullable=null and default is None)


def _texts(name: str) -> sa.Column[Any]:
    return sa.Column(name, ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False)


def _word(name: str, listed: str, *, default: str | None = None, null: bool = False) -> tuple[Any, Any]:
    words = ", ".join(f"'{word}'" for word in listed.split())
    column = sa.Column(name, sa.Text, server_default=default, nullable=null)
    return column, sa.CheckConstraint(f"{name} IN ({words})", name=name)


def _moment(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    made = sa.text(default) if default else None
    return sa.Column(name, TIMESTAMP(timezone=True), server_default=made, nullable=null and default is None)


def _count(name: str, *, default: str | None = None, null: bool = True) -> sa.Column[Any]:
    made = sa.text(default) if default else None
    return sa.Column(name, sa.Integer, server_default=made, nullable=null and default is None)


def _big(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(
        name, sa.BigInteger, server_default=sa.text(default) if default else None, nullable=False
    )


def _flag(name: str, *, default: str = "false") -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, server_default=sa.text(default), nullable=False)


def _to(name: str, table: str, *, lost: str = "SET NULL", null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, UUID, sa.ForeignKey(f"{table}.id", ondelete=lost), nullable=null)


def _where_set(table: str, column: str, *more: str) -> None:
    op.create_index(
        f"ix_{table}_{column}", table, [column, *more], postgresql_where=sa.text(f"{column} IS NOT NULL")
    )
