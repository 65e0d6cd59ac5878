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

# An event's account or contact may have come from its author without a match that says so, or with one that the
# text made: from now on a match says it is the author's. An event that was heard by no source is the neighbour's.
AUTHORS = """
    INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, author)
    SELECT e.org_id, e.id, '{kind}', e.{kind}_id, 'identity', 1, i.handle, true
    FROM social_events e JOIN identities i ON i.id = e.identity_id
    WHERE e.{kind}_id IS NOT NULL AND e.sightings <> '{{}}' AND {which}
    ON CONFLICT (org_id, event_id, kind, record_id) DO UPDATE SET author = true
"""
NAMES_NOT_ONE = """1 <> (
        SELECT count(*) FROM matches m
        WHERE m.event_id = e.id AND m.kind = 'account' AND m.state = 'live' AND m.how <> 'identity')"""
# What else stands there without a match was put there by the neighbour, and stays.
KEPT = """
    INSERT INTO matches (org_id, event_id, kind, record_id, how, sure)
    SELECT e.org_id, e.id, '{kind}', e.{kind}_id, 'crm', 1
    FROM social_events e LEFT JOIN cases c ON c.id = e.case_id
    WHERE e.{kind}_id IS NOT NULL AND e.sightings <> '{{}}' AND ('{kind}' <> 'ticket' OR c.ticket_id IS NULL)
      AND NOT EXISTS (SELECT FROM matches m
                      WHERE m.event_id = e.id AND m.kind = '{kind}' AND m.state = 'live')
    ON CONFLICT (org_id, event_id, kind, record_id) DO NOTHING
"""
# The ticket of a case goes before one that the text names, also where the case rose after the post was heard.
TICKETS = """
    UPDATE social_events e SET ticket_id = p.ticket
    FROM (
        SELECT e.id, CASE WHEN c.ticket_id IS NOT NULL THEN c.ticket_id ELSE t.id END AS ticket
        FROM social_events e
        LEFT JOIN cases c ON c.id = e.case_id
        LEFT JOIN (
            SELECT event_id, min(record_id::text)::uuid AS named FROM matches
            WHERE kind = 'ticket' AND state = 'live' GROUP BY event_id HAVING count(*) = 1
        ) m ON m.event_id = e.id
        LEFT JOIN tickets t ON t.id = m.named
        WHERE e.sightings <> '{}'
    ) p WHERE p.id = e.id AND e.ticket_id IS DISTINCT FROM p.ticket
"""


def upgrade() -> None:
    _kinds(KINDS + " lead")
    op.add_column("matches", flag("author"))
    op.execute("UPDATE matches SET author = true WHERE how = 'identity'")
    op.execute(AUTHORS.format(kind="contact", which="true"))
    op.execute(AUTHORS.format(kind="account", which=NAMES_NOT_ONE))
    for kind in ("account", "campaign", "ticket"):
        op.execute(KEPT.format(kind=kind))
    op.execute(TICKETS)
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
    op.create_table(
        "followings",
        sa.Column("id", sa.BigInteger, sa.Identity(always=False), primary_key=True),
        text("org_id", null=False),
        to("identity_id", "identities", lost="CASCADE", null=False),
        to("review_id", "reviews", lost="CASCADE"),
        to("restores_id", "reviews", lost="CASCADE"),
        sa.Column("after", UUID),
        moment("since"),
        moment("due_at", default="now()"),
        moment("created_at", default="now()"),
    )
    index("followings", "org_id id", name="ix_followings_org_id")
    index("followings", "identity_id id", name="ix_followings_identity_id")
    record(
        "reviewed_events",
        to("review_id", "reviews", lost="CASCADE", null=False),
        to("event_id", "social_events", lost="CASCADE", null=False),
        sa.Column("before", JSONB, nullable=False),
        sa.UniqueConstraint("org_id", "review_id", "event_id"),
    )
    index("reviewed_events", "review_id")
    index("reviewed_events", "event_id")


def _kinds(listed: str) -> None:
    words = ", ".join(f"'{word}'" for word in listed.split())
    op.drop_constraint("kind", "matches", type_="check")
    op.create_check_constraint("kind", "matches", f"kind IN ({words})")


def downgrade() -> None:
    op.drop_table("reviewed_events")
    op.drop_table("followings")
    op.drop_table("refusals")
    op.drop_table("reviews")
    op.drop_index("ix_matches_suggested", "matches")
    op.drop_column("matches", "by")
    op.drop_column("matches", "author")
    op.execute("DELETE FROM matches WHERE kind = 'lead'")
    _kinds(KINDS)
