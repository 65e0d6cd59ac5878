"""Rules with a scope, cases that an Incident takes in, verdicts, the crisis switch."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIME, UUID

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
    "assign": "assign IN ('account', 'rotation')",
    "window_hours": "window_hours > 0",
    "rearm": "rearm BETWEEN -1 AND 1",
    "factor": "factor > 1",
    "minimum": "minimum > 0",
    "max_age_hours": "max_age_hours > 0",
    "quiet": "(quiet_from IS NULL) = (quiet_to IS NULL)",
}

SETTLE = """
CREATE OR REPLACE FUNCTION settle_cases(which uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    over text[];
    whose text[];
    again uuid[];
    earlier uuid;
BEGIN
    -- first the locks, then, in statements of their own that see what was committed meanwhile, the look
    PERFORM FROM cases WHERE id = ANY (which) ORDER BY org_id, subject, id FOR NO KEY UPDATE;
    -- A Ticket decides alone; without one the Activity; a case that has lost both is over. All at once: an Incident
    -- that closes takes thousands with it. No joins: a table that has just grown by thousands has no statistics
    -- yet, and a join would compare each with each.
    WITH closed AS (
        UPDATE cases c SET closed_at = now()
        WHERE c.id = ANY (which) AND c.closed_at IS NULL AND coalesce(
            (SELECT t.status IN {tickets} FROM tickets t WHERE t.id = c.ticket_id),
            (SELECT a.status IN {activities} FROM activities a WHERE a.id = c.activity_id), true)
        RETURNING c.org_id, c.subject
    )
    SELECT array_agg(subject), array_agg(DISTINCT org_id) INTO over, whose FROM closed;
    IF over IS NOT NULL THEN
        -- the earlier ones of a subject, which may have had to wait for the one that has closed now
        which := which || ARRAY(SELECT id FROM cases
                                WHERE org_id = ANY (whose) AND subject = ANY (over) AND closed_at IS NOT NULL);
    END IF;
    again := ARRAY(
        SELECT DISTINCT ON (c.org_id, c.subject) c.id FROM cases c
        WHERE c.id = ANY (which) AND c.closed_at IS NOT NULL
          -- in this order: of thousands that have just closed none is looked up
          AND CASE WHEN coalesce(
                  (SELECT t.status IN {tickets} FROM tickets t WHERE t.id = c.ticket_id),
                  (SELECT a.status IN {activities} FROM activities a WHERE a.id = c.activity_id), true) THEN false
              -- whoever has complained again since: the newer case is the open one
              ELSE coalesce((SELECT false FROM cases n
                             WHERE n.org_id = c.org_id AND n.subject = c.subject AND n.closed_at IS NULL), true) END
        ORDER BY c.org_id, c.subject, c.opened_at DESC);
    IF again = '{{}}' THEN
        RETURN;
    END IF;
    BEGIN
        UPDATE cases SET closed_at = NULL, reopened_at = now() WHERE id = ANY (again);
    EXCEPTION WHEN unique_violation THEN
        FOREACH earlier IN ARRAY again LOOP
            BEGIN
                UPDATE cases SET closed_at = NULL, reopened_at = now() WHERE id = earlier;
            EXCEPTION WHEN unique_violation THEN
                NULL;  -- at this very moment
            END;
        END LOOP;
    END;
END
$$
"""
SETTLE_BEFORE = """
CREATE OR REPLACE FUNCTION settle_cases(which uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    matter record;
BEGIN
    PERFORM FROM cases WHERE id = ANY (which) ORDER BY org_id, subject, id FOR NO KEY UPDATE;
    FOR matter IN
        SELECT cases.id, cases.org_id, cases.subject, cases.closed_at,
               coalesce(tickets.status IN {tickets}, activities.status IN {activities}, true)
                   AS settled
        FROM cases
        LEFT JOIN tickets ON tickets.id = cases.ticket_id
        LEFT JOIN activities ON activities.id = cases.activity_id
        WHERE cases.id = ANY (which)
    LOOP
        IF matter.settled AND matter.closed_at IS NULL THEN
            UPDATE cases SET closed_at = now() WHERE id = matter.id;
            UPDATE cases SET closed_at = NULL WHERE id = (
                SELECT earlier.id FROM cases AS earlier
                LEFT JOIN tickets ON tickets.id = earlier.ticket_id
                LEFT JOIN activities ON activities.id = earlier.activity_id
                WHERE earlier.org_id = matter.org_id AND earlier.subject = matter.subject
                  AND earlier.id <> matter.id AND earlier.closed_at IS NOT NULL
                  AND NOT coalesce(tickets.status IN {tickets},
                                   activities.status IN {activities}, true)
                ORDER BY earlier.opened_at DESC LIMIT 1);
        ELSIF NOT matter.settled AND matter.closed_at IS NOT NULL THEN
            BEGIN
                UPDATE cases SET closed_at = NULL WHERE id = matter.id;
            EXCEPTION WHEN unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$$
"""
CLOSED = {"tickets": "('resolved', 'closed')", "activities": "('done', 'cancelled')"}

LATER = """
CREATE FUNCTION case_hears_of_its_post() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    INSERT INTO case_notes (org_id, case_id, what, event_id, score)
    VALUES (NEW.org_id, NEW.case_id,
            CASE WHEN NEW.gone_at IS DISTINCT FROM OLD.gone_at THEN 'gone' ELSE 'edited' END, NEW.id, NEW.sentiment);
    RETURN NULL;
END
$$;
CREATE TRIGGER case_hears_of_its_post AFTER UPDATE OF gone_at, edited_at ON social_events FOR EACH ROW
    WHEN (NEW.case_id IS NOT NULL AND (OLD.gone_at IS NULL AND NEW.gone_at IS NOT NULL OR NEW.text <> OLD.text
                                       OR NEW.edited_at IS DISTINCT FROM OLD.edited_at))
    EXECUTE FUNCTION case_hears_of_its_post()
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
        *(array(name, UUID) for name in ("sources", "campaigns", "accounts", "assignees")),
        text("trigger", default="post"),
        count("window_hours"),
        sa.Column("rearm", sa.Double),
        sa.Column("factor", sa.Double),
        count("minimum"),
        to("owner_id", "users"),
        text("assign", default="account"),
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
    op.execute(SUMMARY.format(schema=schema))
    op.execute(LATER.format(schema=schema))
    op.execute(SETTLE.format(**CLOSED))


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
    op.add_column("cases", to("opened_by", "rules"))
    op.execute("UPDATE cases SET opened_by = rule_id")
    where_set("cases", "rule_id", "risen_at")
    where_set("cases", "opened_by", "opened_at")
    op.create_index(
        "ix_cases_burst",
        "cases",
        ["org_id", sa.text("greatest(coalesce(risen_at, opened_at), reopened_at)")],
        postgresql_where=sa.text("level = 'ticket' AND themes <> '{}'"),
    )
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
    where_set("case_notes", "rule_id", "what", "at")
    index("case_notes", "org_id case_id what event_id rule_id", name="uq_case_notes_once", unique=True)


def _switch_and_alarms() -> None:
    op.add_column("identities", flag("blocked"))
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


def downgrade() -> None:
    op.execute(SETTLE_BEFORE.format(**CLOSED))
    for function in (
        "case_hears_of_its_post()",
        "incident_closed()",
    ):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_table("alarms")
    op.drop_column("identities", "blocked")
    op.drop_column("social_events", "hold_id")
    op.drop_table("holds")
    op.drop_table("case_notes")
    op.drop_table("policies")
    op.drop_index("ix_cases_rule_id", "cases")
    for gone in ("opened_by", "verdict_by", "verdict_at", "verdict", "reopened_at", "themes", "parent_id"):
        op.drop_column("cases", gone)
    op.drop_column("tickets", "parent_id")
    op.execute("DELETE FROM rules WHERE action = 'notify' OR trigger <> 'post'")
    for check in RULE_CHECKS:
        op.drop_constraint(op.f(f"ck_rules_{check}"), "rules")
    op.drop_constraint(op.f("ck_rules_action"), "rules")
    op.create_check_constraint("action", "rules", f"action IN ({ACTIONS_BEFORE})")
    for column in rule_columns():
        op.drop_column("rules", column.name)
