"""Social events, and Earshot's own state: what is followed, what came of it, what was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

from models.migrations._columns import (
    array,
    big,
    count,
    flag,
    index,
    lease,
    moment,
    record,
    text,
    texts,
    to,
    where_set,
    word,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PLATFORMS = (
    "appstore bluesky discourse facebook feeds file googleplay hackernews instagram lemmy mastodon other"
    " reddit stackexchange telegram threads webhook x youtube"
)


def upgrade() -> None:
    _listening()
    _knowing()
    _deciding()
    _events()
    _counting()


def _listening() -> None:
    record(
        "credentials",
        *word("platform", PLATFORMS),
        *texts("host identifier", null=False),
        sa.Column("secret", BYTEA, nullable=False),
        sa.Column("session", BYTEA),
        text("me"),
        *word("state", "ok needs_reauth", default="ok"),
        big("fence", default="0"),
        moment("refreshing_until"),
        text("last_error"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "host", "identifier"),
    )
    record(
        "sources",
        *word("platform", PLATFORMS),
        *texts("kind term", null=False),
        text("host", default=""),
        array("exclude", sa.Text),
        to("credential_id", "credentials"),
        to("owner_id", "users"),
        count("priority", default="100"),
        sa.Column("every", sa.Double, nullable=False),
        moment("escalate_from", default="now()"),
        *word("state", "active paused needs_reauth off", default="active"),
        text("cursor"),
        moment("due_at", default="now()"),
        *lease(),
        sa.Column("poll_id", UUID),
        count("page_size"),
        count("failures", default="0"),
        text("last_error"),
        moment("last_error_at"),
        moment("last_success_at"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "kind", "host", "term"),
    )
    index("sources", "platform priority due_at", name="ix_sources_due", where="state = 'active'")
    record(
        "polls",
        to("source_id", "sources", lost="CASCADE", null=False),
        big("fence"),
        moment("started_at", default="now()"),
        moment("finished_at"),
        count("visits", default="1"),
        count("pages", default="0"),
        count("fetched", default="0"),
        flag("uncertain"),
        *texts("error gap"),
    )
    op.create_index("ix_polls_source_id", "polls", ["source_id", sa.text("started_at DESC")])
    op.create_table(
        "pages",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), primary_key=True),
        text("org_id", default="main"),
        *word("platform", PLATFORMS),
        to("source_id", "sources", lost="CASCADE", null=False),
        to("poll_id", "polls"),
        sa.Column("body", BYTEA),
        *word("state", "landed digested", default="landed"),
        count("fetched", null=False),
        *(count(name, default="0") for name in ("new", "duplicate", "edited", "quarantined")),
        sa.Column("filtered", JSONB, server_default=sa.text("'{}'"), nullable=False),
        *lease(),
        count("attempts", default="0"),
        sa.Column("todo", JSONB),
        sa.Column("trying", JSONB),
        text("error"),
        moment("landed_at", default="now()"),
        moment("digested_at"),
    )
    # the body is compressed already
    op.execute("ALTER TABLE pages ALTER COLUMN body SET STORAGE EXTERNAL")
    index("pages", "id", name="ix_pages_waiting", where="state = 'landed'")
    index("pages", "source_id", name="ix_pages_leased", where="lease_until IS NOT NULL")
    index("pages", "digested_at", name="ix_pages_digested", where="state = 'digested'")
    index("pages", "poll_id")
    record(
        "quarantine",
        *word("platform", PLATFORMS),
        to("source_id", "sources"),
        big("page_id"),
        count("item", null=False),
        *word("stage", "reject digest"),
        text("external_id"),
        text("reason", null=False),
        text("trace"),
        sa.Column("payload", BYTEA, nullable=False),
        sa.Column("fingerprint", sa.Text, sa.Computed("md5(payload)", persisted=True), nullable=False),
        count("nth", default="0"),
        *word("state", "held replayed dropped", default="held"),
        moment("held_at", default="now()"),
        moment("settled_at"),
        sa.UniqueConstraint("org_id", "source_id", "fingerprint", "nth"),
    )
    index("quarantine", "org_id id", name="ix_quarantine_held", where="state = 'held'")


def _knowing() -> None:
    record(
        "identities",
        *word("platform", PLATFORMS),
        text("stable_id", null=False),
        text("handle"),
        array("former_handles", sa.Text),
        text("name"),
        flag("bot"),
        flag("ours"),
        to("contact_id", "contacts"),
        to("account_id", "accounts"),
        to("lead_id", "leads"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "stable_id"),
    )
    where_set("identities", "contact_id")
    where_set("identities", "account_id")
    record(
        "aliases",
        *word("kind", "handle name domain hashtag keyword utm email"),
        text("value", null=False),
        *word("platform", PLATFORMS, null=True),
        *word("of", "ourselves account contact campaign competitor"),
        text("label"),
        to("account_id", "accounts", lost="CASCADE"),
        to("contact_id", "contacts", lost="CASCADE"),
        to("campaign_id", "campaigns", lost="CASCADE"),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        moment("created_at", default="now()"),
        sa.UniqueConstraint(
            *("org_id", "kind", "value", "platform", "of", "account_id", "contact_id", "campaign_id"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(
            "(account_id IS NOT NULL) = (of = 'account') AND (contact_id IS NOT NULL) = (of = 'contact')"
            " AND (campaign_id IS NOT NULL) = (of = 'campaign')",
            name="target",
        ),
    )
    for column in ("account_id", "contact_id", "campaign_id"):
        index("aliases", column)


def _deciding() -> None:
    record(
        "rules",
        text("name", null=False),
        *word("audience", "addressed customer named"),
        sa.Column("threshold", sa.Double, nullable=False),
        *word("action", "activity ticket"),
        *word("priority", "low normal high urgent", default="normal"),
        flag("enabled", default="true"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "name"),
        sa.CheckConstraint("threshold BETWEEN -1 AND 1", name="threshold"),
    )
    record(
        "cases",
        text("subject", null=False),
        *word("level", "activity ticket"),
        moment("opened_at", default="now()"),
        moment("risen_at"),
        moment("closed_at"),
        to("identity_id", "identities"),
        sa.Column("event_id", UUID),
        to("rule_id", "rules"),
        sa.Column("score", sa.Double),
        sa.Column("threshold", sa.Double),
        to("ticket_id", "tickets"),
        to("activity_id", "activities"),
        to("previous_id", "cases"),
    )
    index("cases", "org_id subject", name="uq_cases_open", where="closed_at IS NULL", unique=True)
    index("cases", "org_id subject opened_at", name="ix_cases_org_id_subject")
    where_set("cases", "ticket_id")
    where_set("cases", "activity_id")


def _events() -> None:
    record(
        "social_events",
        *word("platform", PLATFORMS, default="other"),
        *word("channel", "social forum news review message other", default="social"),
        *word("verb", "post comment repost quote like review message other", default="post"),
        *word("direction", "inbound outbound", default="inbound"),
        text("text", default=""),
        sa.Column("sentiment", sa.Double),
        sa.CheckConstraint("sentiment BETWEEN -1 AND 1", name="sentiment"),
        moment("occurred_at", default="now()"),
        to("account_id", "accounts"),
        to("contact_id", "contacts"),
        to("ticket_id", "tickets"),
        to("campaign_id", "campaigns"),
        # a neighbour's event was seen on no platform, but the key must not be empty
        sa.Column(
            "external_id",
            sa.Text,
            server_default=sa.text("('local:'::text || (uuidv7())::text)"),
            nullable=False,
        ),
        text("local_ref"),
        to("identity_id", "identities"),
        *texts("url reply_to thread lang unscored scorer"),
        *word("voice", "own earned competitor", default="earned"),
        flag("addressed"),
        flag("about_us"),
        sa.Column("counts", JSONB),
        count("reposts", default="0"),
        sa.Column("rating", sa.Double),
        moment("edited_at"),
        array("sightings", UUID),
        to("case_id", "cases"),
        *word("case_role", "opened raised joined noted", null=True),
        to("rule_id", "rules"),
        text("held_back"),
        moment("recorded_at", default="now()"),
        sa.UniqueConstraint("org_id", "platform", "external_id"),
    )
    index("social_events", "org_id occurred_at")
    where_set("social_events", "reply_to", "org_id")
    index(
        "social_events",
        "org_id recorded_at",
        name="ix_social_events_unattached",
        where="reply_to IS NOT NULL AND case_id IS NULL",
    )
    where_set("social_events", "local_ref", "org_id")
    where_set("social_events", "case_id")
    where_set("social_events", "account_id", "occurred_at")
    where_set("social_events", "contact_id", "occurred_at")
    where_set("social_events", "campaign_id", "occurred_at")
    where_set("social_events", "ticket_id")
    record(
        "matches",
        to("event_id", "social_events", lost="CASCADE", null=False),
        *word("kind", "account contact campaign ticket"),
        sa.Column("record_id", UUID, nullable=False),
        text("how", null=False),
        sa.Column("sure", sa.Double, nullable=False),
        sa.CheckConstraint("sure BETWEEN 0 AND 1", name="sure"),
        text("evidence"),
        count("starts"),
        count("ends"),
        *word("state", "live undone suggested", default="live"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "event_id", "kind", "record_id"),
    )
    index("matches", "event_id")
    index("matches", "record_id")


def _counting() -> None:
    op.create_table(
        "reposts",
        text("org_id", null=False),
        *word("platform", PLATFORMS),
        *texts("external_id of", null=False),
        flag("counted"),
        sa.PrimaryKeyConstraint("org_id", "platform", "external_id"),
    )
    index("reposts", "org_id of", name="ix_reposts_owed", where="NOT counted")
    op.create_table(
        "hours",
        *texts("org_id scope", null=False),
        moment("hour", null=False),
        *word("platform", PLATFORMS),
        text("language", null=False),
        *word("voice", "own earned competitor"),
        *(count(name, default="0") for name in ("n", "scored", "negative", "unscored", "reposts")),
        sa.Column("sum", sa.Double, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "scope", "hour", "platform", "language", "voice"),
    )
    op.create_table(
        "beat_lease",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", UUID, nullable=False),
        big("term"),
        moment("until", null=False),
    )


def downgrade() -> None:
    later_first = (
        "beat_lease hours reposts matches social_events cases rules aliases identities quarantine pages polls"
        " sources credentials"
    )
    for table in later_first.split():
        op.drop_table(table)
