"""What the database does by itself: cases follow their Ticket or Activity, the ledger, the shipped rules.

A neighbour closes a Ticket by SQL, so a trigger carries it to the case. Locks: a digest holds cases
before it writes tickets, and its foreign keys take only KEY SHARE on a Ticket, which an UPDATE of status
does not fight; so the trigger may lock the case after the Ticket.
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
CREATE FUNCTION settle_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {{schema}}, pg_temp AS $$
-- TG_ARGV[0] is the column of cases by which the row that fired is known.
-- SECURITY DEFINER: whoever may close a Ticket need not be allowed to write cases.
DECLARE
    held uuid[];
    matter record;
BEGIN
    -- first the locks, then, in a statement of its own that sees what was committed meanwhile, the look
    EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM cases WHERE %I = $1 ORDER BY id
                    FOR NO KEY UPDATE) AS locked', TG_ARGV[0]) INTO held USING NEW.id;
    FOR matter IN
        -- a Ticket decides alone; without one the Activity; a case that has lost both is over
        SELECT cases.id, cases.closed_at,
               coalesce(tickets.status IN {TICKET_CLOSED}, activities.status IN {ACTIVITY_CLOSED}, true) AS settled
        FROM cases
        LEFT JOIN tickets ON tickets.id = cases.ticket_id
        LEFT JOIN activities ON activities.id = cases.activity_id
        WHERE cases.id = ANY (held)
        ORDER BY cases.opened_at DESC, cases.id DESC
    LOOP
        IF matter.settled AND matter.closed_at IS NULL THEN
            UPDATE cases SET closed_at = now() WHERE id = matter.id;
        ELSIF NOT matter.settled AND matter.closed_at IS NOT NULL THEN
            BEGIN
                UPDATE cases SET closed_at = NULL WHERE id = matter.id;
            EXCEPTION WHEN unique_violation THEN
                NULL;  -- the subject has complained again since: the newer case is the open one
            END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""

TRIGGERS = (
    f"""
    CREATE TRIGGER settle_case AFTER UPDATE OF status ON tickets FOR EACH ROW
    WHEN ((OLD.status IN {TICKET_CLOSED}) IS DISTINCT FROM (NEW.status IN {TICKET_CLOSED}))
    EXECUTE FUNCTION settle_case('ticket_id')
    """,
    f"""
    CREATE TRIGGER settle_case AFTER UPDATE OF status ON activities FOR EACH ROW
    WHEN ((OLD.status IN {ACTIVITY_CLOSED}) IS DISTINCT FROM (NEW.status IN {ACTIVITY_CLOSED}))
    EXECUTE FUNCTION settle_case('activity_id')
    """,
    # a deleted Ticket or Activity is taken out of its open case by the foreign key; if what is left does
    # not keep it open, nobody could ever close it
    """
    CREATE TRIGGER settle_case AFTER UPDATE OF ticket_id, activity_id ON cases FOR EACH ROW
    WHEN (NEW.closed_at IS NULL AND (OLD.ticket_id IS NOT NULL AND NEW.ticket_id IS NULL
                                     OR OLD.activity_id IS NOT NULL AND NEW.activity_id IS NULL))
    EXECUTE FUNCTION settle_case('id')
    """,
)

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
    for statement in (SETTLE.format(schema=schema), *TRIGGERS, LEDGER, SHIPPED_RULES):
        op.execute(statement)
    op.execute("SELECT shipped_rules('main')")


def downgrade() -> None:
    op.execute("DROP FUNCTION shipped_rules(text)")
    op.execute("DROP VIEW ledger")
    for table in ("cases", "activities", "tickets"):
        op.execute(f"DROP TRIGGER settle_case ON {table}")
    op.execute("DROP FUNCTION settle_case()")
