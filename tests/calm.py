"""When the fleet of `tests.trouble` has heard all there is."""

from __future__ import annotations

from collections import Counter

from psycopg.types.json import Json

from tests.fleet import Fleet

BROKE = "(platform = 'x' AND lease_until IS NULL AND due_at > now() + interval '10 minutes')"
"""A source that waits for money: nothing else makes one of X wait for so long here."""


def calm(made: Fleet, within: float) -> None:
    """Wait until every source was visited to its end by a visit that begins anew and is answered (who is told to wait
    has heard nothing, who goes on with a walk that was broken off hears nothing that is newer than the walk, and is
    visited once more). Sources of X that wait for money are at their end: they bring nothing before the month is over.

    None waits for its turn, which is nothing that is tried here; whom a platform told to wait, the budget holds back.
    """
    made.rows("UPDATE sources SET due_at = now() WHERE state = 'active' AND due_at > now()")
    at_end = f"(coalesce(lease_until IS NULL AND last_error IS NULL AND due_at > last_success_at, false) OR {BROKE})"
    from_now = "SELECT id::text, fence + 1 + (lease_until IS NOT NULL)::int AS fence, clock_timestamp()::text AS since, "
    asked = made.rows(f"{from_now} NOT {at_end} AS again FROM sources")
    query = (
        "SELECT asked.id::text, platform, term, due_at - now() AS waits, last_error FROM sources "
        "JOIN json_to_recordset(%(asked)s) AS asked (id uuid, fence bigint, since timestamptz) USING (id) "
        f"WHERE state = 'active' AND NOT {BROKE}"
        f"  AND (sources.fence < asked.fence OR NOT {at_end} OR last_success_at < asked.since)"
    )
    turn = (
        "UPDATE sources SET due_at = now() FROM json_to_recordset(%(asked)s) AS asked (id uuid, fence bigint) "
        "WHERE sources.id = asked.id AND sources.fence < asked.fence AND lease_until IS NULL "
        "AND due_at > now() AND last_error IS NULL"
    )

    def done() -> bool:
        # whoever was at the end has heard all: nothing is said any more
        left = {row["id"] for row in made.rows(query, asked=Json(asked))}
        once = [row["id"] for row in asked if row["again"] and row["id"] not in left]
        more = made.rows(
            f"{from_now} false AS again FROM sources WHERE id = ANY(%(once)s::uuid[])", once=once
        )
        asked[:] = [*(row for row in asked if row["id"] in left), *more]
        made.rows(turn, asked=Json(asked))
        return not asked

    try:
        made.eventually(done, within=within, of="the end of it", every=1.0)
    except AssertionError as failed:
        left = made.rows(query, asked=Json(asked))
        failed.add_note(f"left over: {Counter(str(row['platform']) for row in left)}: {left[:8]}")
        raise


def paid_in_vain(made: Fleet, lost: set[str]) -> bool:
    """May posts that X returned be missing? Of visits that were cut off after X had answered, a page each, where there is
    no money to ask again: they are in the account as uncertain."""
    waits = made.value(f"SELECT count(*) FROM sources WHERE {BROKE}")
    pages = made.value(
        "SELECT count(*) FROM polls p JOIN sources s ON s.id = p.source_id WHERE s.platform = 'x' AND p.uncertain"
    )
    return bool(waits) and len(lost) <= 100 * pages
