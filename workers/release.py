"""What a crisis switch held back, decided again in one go once it is off.

The rules of now decide, in the order in which the posts were written. A post that another switch holds stays held;
one that nobody needs to hear of any more (its author's case is open by now) joins it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import text

from workers.decide import decide
from workers.escalate import carry_out
from workers.incident import adopt
from workers.reheard import COLUMNS, JOINS, facts, heard
from workers.rule import Crossings
from workers.standing import read_rules, stand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session, sessionmaker

BATCH = 500

_HELD = text(f"""
    SELECT {COLUMNS} FROM social_events e {JOINS}
    WHERE e.hold_id = :switch AND e.id IN (
        SELECT id FROM social_events WHERE hold_id = :switch AND org_id = :org ORDER BY occurred_at LIMIT :most)
    ORDER BY e.platform, e.external_id
    FOR NO KEY UPDATE OF e
""")
_LET_GO = text("""
    UPDATE social_events SET hold_id = NULL, held_back = 'released, and crossed no rule any more'
    WHERE id = ANY (:events)
""")


class Released(NamedTuple):
    """What became of a batch: posts that opened or raised or joined a case, that another switch holds, and others."""

    posts: int
    cases: int
    still_held: int


def release(sessions: sessionmaker[Session], org: str, switch: UUID) -> Iterator[Released]:
    """Decide again about everything that a switch held back, batch by batch; what each did."""
    while True:
        with sessions() as session, session.begin():
            rows = session.execute(_HELD, {"org": org, "switch": switch, "most": BATCH}).mappings().all()
            if not rows:
                return
            posts = {one.ref: one for one in map(heard, rows)}
            told = {one.ref: facts(row) for one, row in zip(posts.values(), rows, strict=True)}
            crossings = Crossings(read_rules(session, org), posts.values())
            standing = stand(session, org, list(posts.values()), crossings)
            # the switch itself is off for what it held, whatever its hour says
            standing = replace(standing, switches=[one for one in standing.switches if one.id != switch])
            decisions = decide(list(posts.values()), crossings, standing)
            carried = carry_out(session, org, decisions, told, {}, standing.policy)
            decided = {one.ref for one in decisions}
            session.execute(_LET_GO, {"events": [told[ref].event for ref in posts if ref not in decided]})
            still = sum(one.action == "hold" and one.switch is not None for one in decisions)
            done = Released(len(rows), len(carried.attached), still)
        if carried.burst:
            with sessions() as session, session.begin():
                adopt(session, org)
        yield done
