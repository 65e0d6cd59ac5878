"""Rules with a scope, cases that an Incident takes in, verdicts, the crisis switch, and news that is owed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIME, UUID

from models.migrations._columns import (
    array,
    big,
    count,
    flag,
    index,
    moment,
    record,
    text,
    texts,
    to,
    where_set,
    word,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PLATFORMS = (
    "appstore bluesky discourse facebook feeds file googleplay hackernews instagram lemmy mastodon other reddit"
    " stackexchange telegram threads webhook x youtube"
)
ACTIONS, ACTIONS_BEFORE = "'activity', 'ticket', 'lead', 'notify'", "'activity', 'ticket', 'lead'"
NOTES = "rule reply reopened gone edited verdict summary"
VERDICTS = "complaint not_a_complaint wrong_record spam"

RULE_CHECKS = {
    "trigger": "trigger IN ('post', 'mean', 'spike')",
    "owner": "owner IN ('account', 'rotation')",
    "window_hours": "window_hours > 0",
    "rearm": "rearm BETWEEN -1 AND 1",
    "factor": "factor > 1",
    "minimum": "minimum > 0",
    "max_age_hours": "max_age_hours > 0",
    "quiet": "(quiet_from IS NULL) = (quiet_to IS NULL)",
}

QUIET = """
CREATE FUNCTION after_quiet(rule rules, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    -- when people may be told: now, or the end of the quiet hours that `at` lies in; they may span midnight
    SELECT CASE
        WHEN rule.quiet_from IS NULL OR rule.quiet_from = rule.quiet_to THEN at
        WHEN rule.quiet_from < rule.quiet_to
            THEN CASE WHEN local.at::time >= rule.quiet_from AND local.at::time < rule.quiet_to
                      THEN (local.at::date + rule.quiet_to) AT TIME ZONE rule.quiet_zone ELSE at END
        WHEN local.at::time >= rule.quiet_from
            THEN (local.at::date + 1 + rule.quiet_to) AT TIME ZONE rule.quiet_zone
        WHEN local.at::time < rule.quiet_to THEN (local.at::date + rule.quiet_to) AT TIME ZONE rule.quiet_zone
        ELSE at END
    FROM (SELECT at AT TIME ZONE rule.quiet_zone AS at) AS local
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
-- took in without a Ticket of its own is not told: the Incident is
BEGIN
    INSERT INTO owed (org_id, receiver_id, case_id, kind, body, due_at)
    SELECT n.org_id, v.id, n.id, n.kind, case_told(n.id), coalesce(after_quiet(r, now()), now())
    FROM ({news}) AS n
    JOIN receivers v ON v.org_id = n.org_id AND v.state <> 'paused'
                    AND (v.tells = '{{}}' OR n.kind = ANY (v.tells))
    LEFT JOIN rules r ON r.id = n.rule_id
    ORDER BY n.subject, v.id;
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

SUMMARY = """
CREATE FUNCTION incident_closed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
-- what it was, in a sentence, the moment that it is over
BEGIN
    INSERT INTO case_notes (org_id, case_id, what, said)
    SELECT NEW.org_id, NEW.id, 'summary', format(
        '%s posts by %s authors on %s between %s and %s, mean sentiment %s; %s cases, %s with a ticket of their own',
        count(e.id), count(DISTINCT e.identity_id),
        coalesce(string_agg(DISTINCT e.platform, ', '), 'no platform'),
        to_char(min(e.occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        to_char(max(e.occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
        coalesce(to_char(avg(e.sentiment), 'FMS0.00'), 'unknown'),
        count(DISTINCT c.id), count(DISTINCT c.id) FILTER (WHERE c.ticket_id <> NEW.ticket_id))
    FROM cases c LEFT JOIN social_events e ON e.case_id = c.id WHERE c.parent_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER incident_closed AFTER UPDATE OF closed_at ON cases FOR EACH ROW
    WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND NEW.subject LIKE 'burst:%')
    EXECUTE FUNCTION incident_closed()
"""


def rule_columns() -> list[sa.Column[Any]]:
    return [
        *(array(name, sa.Text) for name in ("platforms", "kinds", "languages")),
        *(array(name, UUID) for name in ("sources", "campaigns", "accounts", "owners")),
        text("trigger", default="post"),
        count("window_hours"),
        sa.Column("rearm", sa.Double),
        sa.Column("factor", sa.Double),
        count("minimum"),
        text("owner", default="account"),
        big("turn", default="0"),
        sa.Column("quiet_from", TIME),
        sa.Column("quiet_to", TIME),
        text("quiet_zone", default="UTC"),
        count("max_age_hours"),
        flag("suggests"),
        moment("suggests_since"),
    ]


def upgrade() -> None:
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    for column in rule_columns():
        op.add_column("rules", column)
    op.drop_constraint(op.f("ck_rules_action"), "rules")
    op.create_check_constraint("action", "rules", f"action IN ({ACTIONS})")
    for name, check in RULE_CHECKS.items():
        op.create_check_constraint(name, "rules", check)
    _cases()
    _switch_and_alarms()
    _news()
    op.execute(QUIET)
    op.execute(TOLD)
    fresh = "NEW TABLE AS fresh"
    op.execute(OWE.format(when="opened", event="INSERT", tables=fresh, news=OPENED, schema=schema))
    op.execute(
        OWE.format(
            when="changed", event="UPDATE", tables=f"OLD TABLE AS stale {fresh}", news=CHANGED, schema=schema
        ).replace("CREATE TRIGGER cases_owe ", "CREATE TRIGGER cases_owe_again ")
    )
    op.execute(SUMMARY.format(schema=schema))


def _cases() -> None:
    record(
        "policies",
        count("burst_after", default="20"),
        count("burst_all", default="100"),
        count("burst_minutes", default="60"),
        count("reopen_days", default="14"),
        sa.Column("precision_floor", sa.Double, server_default=sa.text("0.5"), nullable=False),
        count("precision_least", default="20"),
        moment("created_at", default="now()"),
        sa.UniqueConstraint("org_id"),
        sa.CheckConstraint("burst_after > 0", name="burst_after"),
        sa.CheckConstraint("burst_all > 0", name="burst_all"),
        sa.CheckConstraint("burst_minutes > 0", name="burst_minutes"),
        sa.CheckConstraint("reopen_days >= 0", name="reopen_days"),
        sa.CheckConstraint("precision_floor BETWEEN 0 AND 1", name="precision_floor"),
        sa.CheckConstraint("precision_least > 0", name="precision_least"),
    )
    op.add_column("tickets", to("parent_id", "tickets"))
    where_set("tickets", "parent_id")
    op.add_column("cases", to("parent_id", "cases"))
    op.add_column("cases", array("themes", sa.Text))
    op.add_column("cases", moment("reopened_at"))
    op.add_column("cases", text("verdict"))
    op.add_column("cases", moment("verdict_at"))
    op.add_column("cases", text("verdict_by"))
    listed = ", ".join(f"'{verdict}'" for verdict in VERDICTS.split())
    op.create_check_constraint("verdict", "cases", f"verdict IN ({listed})")
    where_set("cases", "parent_id")
    where_set("cases", "rule_id", "opened_at")
    index("cases", "org_id opened_at", name="ix_cases_burst", where="level = 'ticket' AND parent_id IS NULL")
    record(
        "case_notes",
        to("case_id", "cases", lost="CASCADE", null=False),
        moment("at", default="now()"),
        *word("what", NOTES),
        sa.Column("event_id", UUID),
        to("rule_id", "rules"),
        sa.Column("score", sa.Double),
        sa.Column("threshold", sa.Double),
        *texts("by said"),
    )
    index("case_notes", "case_id at", name="ix_case_notes_case_id")
    where_set("case_notes", "rule_id")
    index("case_notes", "org_id case_id what event_id rule_id", name="uq_case_notes_once", unique=True)


def _switch_and_alarms() -> None:
    record(
        "holds",
        *word("of", "campaign platform rule"),
        *word("platform", PLATFORMS, null=True),
        to("campaign_id", "campaigns"),
        to("rule_id", "rules"),
        moment("until", null=False),
        *texts("reason by", null=False),
        moment("created_at", default="now()"),
        moment("lifted_at"),
        text("lifted_by"),
        moment("released_at"),
        text("released_by"),
        sa.CheckConstraint(
            "(of = 'platform') = (platform IS NOT NULL) AND (of = 'campaign' OR campaign_id IS NULL)"
            " AND (of = 'rule' OR rule_id IS NULL)",
            name="concerns",
        ),
    )
    op.add_column("social_events", to("hold_id", "holds"))
    where_set("social_events", "hold_id")
    record(
        "alarms",
        to("rule_id", "rules", lost="CASCADE", null=False),
        text("scope", null=False),
        moment("fired_at"),
        moment("looked_at", default="now()"),
        count("n", default="0"),
        sa.Column("value", sa.Double),
        sa.Column("baseline", sa.Double),
        to("case_id", "cases"),
        sa.UniqueConstraint("org_id", "rule_id", "scope"),
    )


def _news() -> None:
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
        moment("lease_until"),
        big("fence", default="0"),
        to("activity_id", "activities"),
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
        count("attempts", default="0"),
        text("last_error"),
        moment("delivered_at"),
        sa.Column("folded_into", sa.BigInteger),
    )
    index("owed", "receiver_id id", name="ix_owed_waiting", where="state = 'owed'")
    index("owed", "case_id receiver_id id", name="ix_owed_case_id")
    index("owed", "delivered_at", name="ix_owed_done", where="state = 'delivered'")


def downgrade() -> None:
    for function in ("incident_closed()", "cases_owe_changed()", "cases_owe_opened()"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.execute("DROP FUNCTION case_told(uuid)")
    op.execute("DROP FUNCTION after_quiet(rules, timestamptz)")
    op.drop_table("owed")
    op.drop_table("receivers")
    op.drop_table("alarms")
    op.drop_column("social_events", "hold_id")
    op.drop_table("holds")
    op.drop_table("case_notes")
    op.drop_table("policies")
    op.drop_index("ix_cases_rule_id", "cases")
    for gone in ("verdict_by", "verdict_at", "verdict", "reopened_at", "themes", "parent_id"):
        op.drop_column("cases", gone)
    op.drop_column("tickets", "parent_id")
    op.execute("DELETE FROM rules WHERE action = 'notify' OR trigger <> 'post'")
    for check in RULE_CHECKS:
        op.drop_constraint(op.f(f"ck_rules_{check}"), "rules")
    op.drop_constraint(op.f("ck_rules_action"), "rules")
    op.create_check_constraint("action", "rules", f"action IN ({ACTIONS_BEFORE})")
    for column in rule_columns():
        op.drop_column("rules", column.name)
