"""What a crisis switch held back, decided again in one go once it is off.

The rules of now decide, in the order in which the posts were written; how old a post may be counts from when it was
heard. A post that another switch holds stays held; one that nobody needs to hear of any more (its author's case is open
by now) joins it; one that is gone opens nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import text

from workers.decide import decide
from workers.escalate import carry_out
from workers.gather import gather
from workers.incident import adopt
from workers.reheard import ANSWERED, COLUMNS, JOINS, facts, heard
from workers.rule import Crossings
from workers.standing import read_rules, stand, wait_for_switches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session, sessionmaker

    from workers.decide import Decision
    from workers.heard import Heard, Ref

BATCH = 500

_HELD = text(f"""
    SELECT {COLUMNS}, answered.answered, answered.answered_case, c.closed_at AS answered_closed,
           e.case_id IS NOT NULL AND (SELECT r.action = 'notify' FROM rules r WHERE r.id = e.rule_id) AS only_tells
    FROM social_events e {JOINS} {ANSWERED} LEFT JOIN cases c ON c.id = answered.answered_case
    WHERE e.hold_id = :switch AND e.id IN (
        SELECT id FROM social_events WHERE hold_id = :switch AND org_id = :org ORDER BY occurred_at LIMIT :most)
    ORDER BY e.platform, e.external_id
    FOR NO KEY UPDATE OF e
""")
_RULE = text("SELECT rule_id FROM holds WHERE id = :switch AND of = 'rule'")
_HELD_ALONE = text("""
    SELECT rule_id, created_at AS since, least(until, lifted_at) AS until FROM holds WHERE org_id = :org AND of = 'rule'
""")
_LET_GO = text("""
    UPDATE social_events SET hold_id = NULL, held_back = CASE WHEN gone_at IS NULL THEN :crossed_no_more ELSE :gone END
    WHERE id = ANY (:events)
""")
CROSSED_NO_MORE = "released, and crossed no rule any more"
GONE = "released, and was deleted by its author before"
TOLD = "its rule only tells"


class Released(NamedTuple):
    """What became of a batch: how many posts, how many of a case now, how many that another switch holds, and why the
    others opened nothing: (event, reason) of each."""

    posts: int
    cases: int
    still_held: int
    nothing: list[tuple[UUID, str]]


def release(sessions: sessionmaker[Session], org: str, switch: UUID) -> Iterator[Released]:
    """Decide again about everything that a switch held back, batch by batch; what each did."""
    with sessions() as session, session.begin():
        wait_for_switches(session, org)
    while True:
        with sessions() as session, session.begin():
            rows = session.execute(_HELD, {"org": org, "switch": switch, "most": BATCH}).mappings().all()
            if not rows:
                return
            rules = read_rules(session, org)
            held = session.scalar(_RULE, {"switch": switch})
            # a switch for a rule held no other, so that those that only tell have told, unless another held them
            heard_of = {rule.id for rule in rules if held and rule.action == "notify" and rule.id != held}
            alone = session.execute(_HELD_ALONE, {"org": org}).all() if heard_of else ()
            posts = [
                _heard(
                    row,
                    heard_of - {one.rule_id for one in alone if one.since <= row["recorded_at"] < one.until},
                )
                for row in rows
                if row["gone_at"] is None
            ]
            told = {(row["platform"], row["external_id"]): facts(row) for row in rows}
            crossings = Crossings(rules, posts)
            # what stands on a case already, which may be closed by now, opens nothing by those that had their say
            said = {(row["platform"], row["external_id"]) for row in rows if row["only_tells"]}
            stands = {post.ref: crossings.only_tell(post) for post in posts if post.ref in said}
            standing = stand(session, org, posts, crossings)
            # the switch itself is off for what it held, whatever its hour says
            standing = replace(standing, switches=[one for one in standing.switches if one.id != switch])
            decisions = [
                one._replace(rule=stands.get(one.ref) or one.rule) if one.action == "tell" else one
                for one in decide(posts, crossings, standing)
            ]
            carried = carry_out(session, org, decisions, told, {}, standing.policy)
            done = _done(rows, {one.ref: one for one in decisions})
            let_go = [event for event, why in done.nothing if why in (CROSSED_NO_MORE, GONE)]
            session.execute(_LET_GO, {"events": let_go, "crossed_no_more": CROSSED_NO_MORE, "gone": GONE})
        with sessions() as session, session.begin():
            gather(session, org, replies=[], attached=sorted(carried.attached), risen=carried.risen)
        if carried.burst:
            with sessions() as session, session.begin():
                adopt(session, org)
        yield done


def _heard(row: RowMapping, told: Set[UUID]) -> Heard:
    parent, is_open = row["answered_case"], row["answered_closed"] is None
    # one that was held back from raising its author's case, which may be closed by now
    closed = row["case_id"] or (None if is_open else parent)
    return heard(
        row,
        heard_at=row["recorded_at"],
        reply_to=row["answered"] or row["reply_to"],
        parent_case=parent if is_open else None,
        closed_case=closed,
        told=frozenset(told),
    )


def _done(rows: Sequence[RowMapping], decisions: Mapping[Ref, Decision]) -> Released:
    cases = still = 0
    nothing: list[tuple[UUID, str]] = []
    for row in rows:
        one = decisions.get((row["platform"], row["external_id"]))
        if one is None:
            nothing.append((row["id"], CROSSED_NO_MORE if row["gone_at"] is None else GONE))
        elif one.held is not None and one.held.switch is not None:
            still += 1
        elif one.action in ("hold", "tell"):
            nothing.append((row["id"], one.reason or TOLD))
        else:
            cases += 1
    return Released(len(rows), cases, still, nothing)
