"""News of cases that somebody is owed: who is told, and what still has to be."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from models.migrations._columns import array, count, index, lease, moment, record, text, to, word

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

QUIET = """
CREATE FUNCTION after_quiet(rule rules, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    -- when people may be told: now, or the end of the quiet hours that `at` lies in; they may span midnight
    SELECT CASE
        WHEN rule.quiet_from IS NULL OR rule.quiet_from = rule.quiet_to THEN at
        WHEN rule.quiet_from < rule.quiet_to
            THEN CASE WHEN local.clock::time >= rule.quiet_from AND local.clock::time < rule.quiet_to
                      THEN (local.clock::date + rule.quiet_to) AT TIME ZONE rule.quiet_zone ELSE at END
        WHEN local.clock::time >= rule.quiet_from
            THEN (local.clock::date + 1 + rule.quiet_to) AT TIME ZONE rule.quiet_zone
        WHEN local.clock::time < rule.quiet_to
            THEN (local.clock::date + rule.quiet_to) AT TIME ZONE rule.quiet_zone
        ELSE at END
    FROM (SELECT at AT TIME ZONE rule.quiet_zone AS clock) AS local
$$
"""

TOLD = """
CREATE FUNCTION case_told(which uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    -- a case as a receiver is told of it, as it is at this moment
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'case', c.id, 'subject', coalesce(t.subject, a.subject), 'level', c.level, 'opened_at', c.opened_at,
        'risen_at', c.risen_at, 'reopened_at', c.reopened_at, 'closed_at', c.closed_at,
        'score', c.score, 'threshold', c.threshold, 'rule', r.name, 'previous', c.previous_id,
        'incident', c.parent_id, 'themes', to_jsonb(c.themes),
        'ticket', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object(
            'id', t.id, 'number', t.number, 'status', t.status, 'priority', t.priority) END,
        'activity', CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('id', a.id, 'status', a.status) END,
        'owner', u.email, 'account', k.name, 'contact', nullif(concat_ws(' ', p.first_name, p.last_name), ''),
        'post', CASE WHEN e.id IS NOT NULL THEN jsonb_build_object(
            'id', e.id, 'platform', e.platform, 'text', left(e.text, 2000), 'url', e.url,
            'occurred_at', e.occurred_at, 'author', coalesce('@' || i.handle, i.name)) END))
    FROM cases c
    LEFT JOIN rules r ON r.id = c.rule_id
    LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN social_events e ON e.id = c.event_id
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN accounts k ON k.id = coalesce(t.account_id, a.account_id)
    LEFT JOIN contacts p ON p.id = coalesce(t.contact_id, a.contact_id)
    LEFT JOIN users u ON u.id = coalesce(t.owner_id, a.owner_id)
    WHERE c.id = which
$$
"""

OWE = """
CREATE FUNCTION cases_owe_{when}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
-- whoever opens or closes a case, by whatever means, owes the news in the same transaction. A case that an Incident
-- took in without a Ticket of its own is not told: the Incident is. A receiver that somebody is removing is owed nothing
-- more. What makes a case worse brings forward what waits for quiet hours before it, which would hold it back
BEGIN
    WITH told AS (
        INSERT INTO owed (org_id, receiver_id, case_id, kind, body, due_at)
        SELECT n.org_id, v.id, n.id, n.kind, case_told(n.id), coalesce(after_quiet(r, now()), now())
        FROM ({news}) AS n
        JOIN receivers v ON v.org_id = n.org_id AND (v.tells = '{{}}' OR n.kind = ANY (v.tells))
        LEFT JOIN rules r ON r.id = n.rule_id
        ORDER BY n.subject, v.id
        FOR KEY SHARE OF v SKIP LOCKED
        RETURNING receiver_id, case_id, kind, due_at
    ), before AS (
        SELECT o.id, t.due_at FROM told t JOIN owed o ON o.case_id = t.case_id AND o.receiver_id = t.receiver_id
        WHERE t.kind LIKE ANY ('{{%.raised,%.reopened}}') AND o.state = 'owed' AND o.attempts = 0 AND o.due_at > t.due_at
        FOR NO KEY UPDATE OF o SKIP LOCKED
    )
    UPDATE owed o SET due_at = before.due_at FROM before WHERE o.id = before.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER cases_owe AFTER {event} ON cases REFERENCING {tables}
    FOR EACH STATEMENT EXECUTE FUNCTION cases_owe_{when}()
"""
OPENED = """
    SELECT c.*, CASE WHEN c.subject LIKE 'burst:%' THEN 'incident' ELSE 'case' END || '.opened' AS kind
    FROM fresh c LEFT JOIN cases p ON p.id = c.parent_id
    WHERE p.id IS NULL OR c.ticket_id IS DISTINCT FROM p.ticket_id
"""
CHANGED = """
    SELECT c.*, CASE WHEN c.subject LIKE 'burst:%' THEN 'incident' ELSE 'case' END || CASE
               WHEN b.closed_at IS NULL AND c.closed_at IS NOT NULL THEN '.closed'
               WHEN b.closed_at IS NOT NULL AND c.closed_at IS NULL THEN '.reopened'
               ELSE '.raised' END AS kind
    FROM fresh c JOIN stale b ON b.id = c.id LEFT JOIN cases p ON p.id = c.parent_id
    WHERE ((b.closed_at IS NULL) <> (c.closed_at IS NULL) OR b.level = 'activity' AND c.level = 'ticket')
      AND (p.id IS NULL OR c.ticket_id IS DISTINCT FROM p.ticket_id)
"""


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    record(
        "receivers",
        text("name", null=False),
        *word("kind", "webhook email"),
        text("address", null=False),
        sa.Column("secret", sa.LargeBinary),
        array("tells", sa.Text),
        count("per_hour"),
        to("owner_id", "users"),
        *word("state", "active paused failing", default="active"),
        count("failures", default="0"),
        text("last_error"),
        moment("last_success_at"),
        moment("due_at", default="now()"),
        *lease(),
        array("replayed", TIMESTAMP(timezone=True)),
        to("activity_id", "activities"),
        to("lost_id", "activities"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id", "name"),
        sa.CheckConstraint("per_hour > 0", name="per_hour"),
    )
    op.create_table(
        "owed",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        text("org_id", null=False),
        to("receiver_id", "receivers", lost="CASCADE", null=False),
        to("case_id", "cases"),
        text("kind", null=False),
        sa.Column("body", JSONB, nullable=False),
        *word("state", "owed delivered failed folded", default="owed"),
        moment("created_at", default="now()"),
        moment("due_at", default="now()"),
        moment("until", default="now() + interval '72 hours'"),
        count("attempts", default="0"),
        text("last_error"),
        moment("delivered_at"),
        sa.Column("folded_into", sa.BigInteger),
    )
    index("owed", "receiver_id id", name="ix_owed_waiting", where="state = 'owed'")
    index("owed", "case_id receiver_id id", name="ix_owed_case_id")
    index("owed", "receiver_id delivered_at", name="ix_owed_delivered", where="state = 'delivered'")
    index("owed", "created_at", name="ix_owed_ended", where="state IN ('failed', 'folded')")
    op.execute(QUIET)
    op.execute(TOLD)
    fresh = "NEW TABLE AS fresh"
    op.execute(OWE.format(when="opened", event="INSERT", tables=fresh, news=OPENED, schema=schema))
    op.execute(
        OWE.format(
            when="changed", event="UPDATE", tables=f"OLD TABLE AS stale {fresh}", news=CHANGED, schema=schema
        ).replace("CREATE TRIGGER cases_owe ", "CREATE TRIGGER cases_owe_again ")
    )


def downgrade() -> None:
    for function in ("cases_owe_changed()", "cases_owe_opened()"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.execute("DROP FUNCTION case_told(uuid)")
    op.execute("DROP FUNCTION after_quiet(rules, timestamptz)")
    op.drop_table("owed")
    op.drop_table("receivers")
