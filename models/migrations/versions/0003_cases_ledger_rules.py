"""What the database does by itself: cases follow their Ticket or Activity, the ledger, the shipped rules.

A neighbour closes a Ticket by SQL, so triggers carry it to the case. Locks: a digest holds cases, in the
order of their subjects, when it writes events that name a Ticket. That takes only KEY SHARE on the Ticket,
which an UPDATE of its status does not fight; so the triggers may lock cases after Tickets, if in that order.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TICKET_CLOSED = "('resolved', 'closed')"
ACTIVITY_CLOSED = "('done', 'cancelled')"

SETTLE = f"""
CREATE FUNCTION settle_cases(which uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    matter record;
BEGIN
    -- first the locks, then, in a statement of its own that sees what was committed meanwhile, the look
    PERFORM FROM cases WHERE id = ANY (which) ORDER BY org_id, subject, id FOR NO KEY UPDATE;
    FOR matter IN
        -- a Ticket decides alone; without one the Activity; a case that has lost both is over
        SELECT cases.id, cases.org_id, cases.subject, cases.closed_at,
               coalesce(tickets.status IN {TICKET_CLOSED}, activities.status IN {ACTIVITY_CLOSED}, true)
                   AS settled
        FROM cases
        LEFT JOIN tickets ON tickets.id = cases.ticket_id
        LEFT JOIN activities ON activities.id = cases.activity_id
        WHERE cases.id = ANY (which)
    LOOP
        IF matter.settled AND matter.closed_at IS NULL THEN
            UPDATE cases SET closed_at = now() WHERE id = matter.id;
            -- an earlier case whose Ticket was opened again meanwhile had to wait for this one
            UPDATE cases SET closed_at = NULL WHERE id = (
                SELECT earlier.id FROM cases AS earlier
                LEFT JOIN tickets ON tickets.id = earlier.ticket_id
                LEFT JOIN activities ON activities.id = earlier.activity_id
                WHERE earlier.org_id = matter.org_id AND earlier.subject = matter.subject
                  AND earlier.id <> matter.id AND earlier.closed_at IS NOT NULL
                  AND NOT coalesce(tickets.status IN {TICKET_CLOSED},
                                   activities.status IN {ACTIVITY_CLOSED}, true)
                ORDER BY earlier.opened_at DESC LIMIT 1);
        ELSIF NOT matter.settled AND matter.closed_at IS NOT NULL THEN
            BEGIN
                UPDATE cases SET closed_at = NULL WHERE id = matter.id;
            EXCEPTION WHEN unique_violation THEN
                NULL;  -- the subject has complained again since: the newer case is the open one
            END;
        END IF;
    END LOOP;
END
$$
"""

FOLLOW = """
CREATE FUNCTION cases_follow_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
-- SECURITY DEFINER: whoever may close a Ticket need not be allowed to write cases
BEGIN
    PERFORM settle_cases(array_agg(cases.id))
    FROM cases
    JOIN fresh ON fresh.id = cases.{column}
    JOIN stale ON stale.id = fresh.id
    WHERE (stale.status IN {closed}) <> (fresh.status IN {closed})
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER cases_follow AFTER UPDATE ON {table}
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION cases_follow_{table}()
"""
"""A statement at a time: one that closes many Tickets must lock their cases in order."""

LOSE = """
CREATE FUNCTION case_has_lost() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $$
BEGIN
    PERFORM settle_cases(ARRAY[NEW.id]);
    RETURN NULL;
END
$$;
CREATE TRIGGER case_has_lost AFTER UPDATE OF ticket_id, activity_id ON cases FOR EACH ROW
    WHEN (NEW.closed_at IS NULL AND (OLD.ticket_id IS NOT NULL AND NEW.ticket_id IS NULL
                                     OR OLD.activity_id IS NOT NULL AND NEW.activity_id IS NULL))
    EXECUTE FUNCTION case_has_lost()
"""
"""A deleted Ticket or Activity is taken out of its open case by the foreign key; if what is left does not keep
the case open, nobody could ever close it."""

LEDGER = """
CREATE VIEW ledger WITH (security_invoker = true) AS
SELECT polls.id AS poll_id, polls.org_id, polls.source_id, sources.platform, polls.started_at,
       polls.finished_at, polls.visits, polls.uncertain, polls.error, polls.gap,
       sums.pages, sums.fetched, sums.new, sums.duplicate, sums.edited, reasons.filtered,
       reasons.filtered_by, sums.quarantined,
       -- what no page accounts for: 0 once all are digested, or something was lost
       sums.fetched - sums.new - sums.duplicate - sums.edited - reasons.filtered - sums.quarantined
           AS waiting
FROM polls
JOIN sources ON sources.id = polls.source_id
CROSS JOIN LATERAL (
    SELECT count(*) AS pages, coalesce(sum(pages.fetched), 0) AS fetched, coalesce(sum(pages.new), 0) AS new,
           coalesce(sum(pages.duplicate), 0) AS duplicate, coalesce(sum(pages.edited), 0) AS edited,
           coalesce(sum(pages.quarantined), 0) AS quarantined
    FROM pages WHERE pages.poll_id = polls.id
) AS sums
CROSS JOIN LATERAL (
    SELECT coalesce(sum(per.posts), 0)::bigint AS filtered,
           coalesce(jsonb_object_agg(per.reason, per.posts), '{}') AS filtered_by
    FROM (
        SELECT reason, sum(posts::bigint)::bigint AS posts
        FROM pages, jsonb_each_text(pages.filtered) AS each (reason, posts)
        WHERE pages.poll_id = polls.id
        GROUP BY reason
    ) AS per
) AS reasons
"""

SHIPPED_RULES = """
CREATE FUNCTION shipped_rules(org text) RETURNS integer LANGUAGE sql AS $$
    -- how many were given: none to an organisation that has rules of its own, even one
    WITH given AS (
        INSERT INTO rules (org_id, name, audience, threshold, action, priority)
        SELECT org, shipped.*
        FROM (VALUES
            ('A complaint to us', 'addressed', -0.40::double precision, 'ticket', 'high'),
            ('A customer complains about us', 'customer', -0.40, 'ticket', 'high'),
            ('Displeasure addressed to us', 'addressed', -0.25, 'activity', 'normal'),
            ('Bad talk about us or ours', 'named', -0.50, 'activity', 'normal')
        ) AS shipped (name, audience, threshold, action, priority)
        WHERE NOT EXISTS (SELECT FROM rules WHERE rules.org_id = org)
        ON CONFLICT (org_id, name) DO NOTHING
        RETURNING 1
    )
    SELECT count(*)::integer FROM given
$$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(SETTLE)
    op.execute("REVOKE EXECUTE ON FUNCTION settle_cases(uuid[]) FROM PUBLIC")
    for table, column, closed in (
        ("tickets", "ticket_id", TICKET_CLOSED),
        ("activities", "activity_id", ACTIVITY_CLOSED),
    ):
        op.execute(FOLLOW.format(table=table, column=column, closed=closed, schema=schema))
    op.execute(LOSE.format(schema=schema))
    op.execute(LEDGER)
    op.execute(SHIPPED_RULES)
    op.execute("SELECT shipped_rules('main')")


def downgrade() -> None:
    op.execute("DROP FUNCTION shipped_rules(text)")
    op.execute("DROP VIEW ledger")
    # each with its trigger
    for function in ("case_has_lost()", "cases_follow_activities()", "cases_follow_tickets()"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.execute("DROP FUNCTION settle_cases(uuid[])")
