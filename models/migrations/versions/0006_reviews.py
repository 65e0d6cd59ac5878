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

# Posts that were heard before their author was linked, or whose author is linked otherwise since, follow now.
STRAYS = """
    INSERT INTO followings (org_id, identity_id)
    SELECT i.org_id, i.id FROM identities i WHERE EXISTS (
        SELECT FROM social_events e
        LEFT JOIN matches p ON p.event_id = e.id AND p.author AND p.kind = 'contact'
        LEFT JOIN matches k ON k.event_id = e.id AND k.author AND k.kind = 'account'
        WHERE e.identity_id = i.id AND e.sightings <> '{}'
          AND (p.record_id IS DISTINCT FROM i.contact_id
               OR (i.account_id IS NOT NULL OR i.contact_id IS NULL) AND k.record_id IS DISTINCT FROM i.account_id))
    ORDER BY i.platform, i.stable_id
"""
# A neighbour deletes a Ticket or a Contact, and the foreign keys take it out. What follows from that is done here,
# so that it does not depend on which program deleted. Events are locked in their order, after their case.
LOST = """
CREATE FUNCTION case_has_lost_its_ticket() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
-- the case has no Ticket now, or another: its posts are of the one that they name
BEGIN
    PERFORM FROM social_events WHERE case_id = NEW.id AND sightings <> '{{}}'
    ORDER BY platform, external_id FOR NO KEY UPDATE;
    UPDATE social_events e SET ticket_id = said.ticket
    FROM (
        SELECT of_case.id, t.id AS ticket
        FROM social_events of_case
        LEFT JOIN (
            SELECT event_id, min(record_id::text)::uuid AS named FROM matches
            WHERE kind = 'ticket' AND state = 'live' GROUP BY event_id HAVING count(*) = 1
        ) m ON m.event_id = of_case.id
        LEFT JOIN tickets t ON t.id = coalesce(NEW.ticket_id, m.named)
        WHERE of_case.case_id = NEW.id AND of_case.sightings <> '{{}}'
    ) said
    WHERE e.id = said.id AND e.ticket_id IS DISTINCT FROM said.ticket;
    RETURN NULL;
END
$$;
CREATE TRIGGER case_has_lost_its_ticket AFTER UPDATE OF ticket_id ON cases FOR EACH ROW
    WHEN (OLD.ticket_id IS NOT NULL AND NEW.ticket_id IS DISTINCT FROM OLD.ticket_id)
    EXECUTE FUNCTION case_has_lost_its_ticket();

CREATE FUNCTION identity_has_lost_its_link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
-- A step of a person that unlinks an author has its posts follow by itself: only a record that is gone concerns us.
BEGIN
    IF OLD.contact_id IS NOT NULL AND NEW.contact_id IS NULL
            AND NOT EXISTS (SELECT FROM contacts WHERE id = OLD.contact_id)
        OR OLD.account_id IS NOT NULL AND NEW.account_id IS NULL
            AND NOT EXISTS (SELECT FROM accounts WHERE id = OLD.account_id)
        OR OLD.lead_id IS NOT NULL AND NEW.lead_id IS NULL
            AND NOT EXISTS (SELECT FROM leads WHERE id = OLD.lead_id)
        OR OLD.merged_into IS NOT NULL AND NEW.merged_into IS NULL
            AND NOT EXISTS (SELECT FROM identities WHERE id = OLD.merged_into)
    THEN
        INSERT INTO followings (org_id, identity_id)
        SELECT org_id, id FROM identities WHERE id = NEW.id OR merged_into = NEW.id ORDER BY platform, stable_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER identity_has_lost_its_link AFTER UPDATE OF contact_id, account_id, lead_id, merged_into ON identities
    FOR EACH ROW
    WHEN ((OLD.contact_id, OLD.account_id, OLD.lead_id, OLD.merged_into)
          IS DISTINCT FROM (NEW.contact_id, NEW.account_id, NEW.lead_id, NEW.merged_into))
    EXECUTE FUNCTION identity_has_lost_its_link()
"""
LOSERS = ("case_has_lost_its_ticket()", "identity_has_lost_its_link()")


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
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
    op.execute(STRAYS)
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
    op.execute(LOST.format(schema=schema))


def _kinds(listed: str) -> None:
    words = ", ".join(f"'{word}'" for word in listed.split())
    op.drop_constraint("kind", "matches", type_="check")
    op.create_check_constraint("kind", "matches", f"kind IN ({words})")


def downgrade() -> None:
    for function in LOSERS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_table("reviewed_events")
    op.drop_table("followings")
    op.drop_table("refusals")
    op.drop_table("reviews")
    op.drop_index("ix_matches_suggested", "matches")
    op.drop_column("matches", "by")
    op.drop_column("matches", "author")
    op.execute("DELETE FROM matches WHERE kind = 'lead'")
    _kinds(KINDS)
