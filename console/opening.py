"""What rules only suggest, and what came after a rule's number in 24 hours: listed, and opened by a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import CannotDo
from workers import alarms
from workers.decide import SPENT, SUGGESTED, decide
from workers.escalate import carry_out
from workers.gather import gather
from workers.incident import adopt
from workers.reheard import COLUMNS, JOINS, facts, heard
from workers.rule import Rules
from workers.standing import read_rules, stand

_LIST = text("""
    SELECT e.id AS event, e.occurred_at, e.platform, coalesce(i.handle, i.name) AS author, k.name AS account,
           e.sentiment AS score, r.name AS rule, r.action, r.threshold, e.text, e.url
    FROM social_events e
    LEFT JOIN identities i ON i.id = e.identity_id LEFT JOIN rules r ON r.id = e.rule_id
    LEFT JOIN accounts k ON k.id = e.account_id LEFT JOIN cases c ON c.id = e.case_id
    WHERE e.org_id = :org AND e.held_back = :why
      AND (c.id IS NULL OR c.closed_at IS NULL AND c.level = 'activity' AND r.action = 'ticket')
    ORDER BY e.occurred_at DESC, e.id DESC LIMIT :most
""")
_EVENT = text(f"""
    SELECT {COLUMNS}, e.rule_id, e.held_back, c.level, r.action
    FROM social_events e {JOINS} LEFT JOIN cases c ON c.id = e.case_id LEFT JOIN rules r ON r.id = e.rule_id
    WHERE e.id = :event FOR NO KEY UPDATE OF e
""")
_MADE = text("""
    SELECT c.id AS case, c.level, t.number AS ticket, e.case_role AS role
    FROM social_events e JOIN cases c ON c.id = e.case_id LEFT JOIN tickets t ON t.id = c.ticket_id WHERE e.id = :event
""")
_OPENED = text(
    "SELECT c.level, t.number FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id WHERE c.id = :case"
)


class Made(NamedTuple):
    """What a post belongs to now, and whether it opened that or joined it; what has to be looked at afterwards."""

    case: UUID
    level: str
    ticket: int | None
    role: str
    risen: list[UUID]
    burst: bool


def suggested(session: Session, org: str, most: int | None = None) -> list[dict[str, Any]]:
    """Posts, and alarms, for which a rule that only suggests would have opened something, or made more of the case that
    another did, as long as that is open: the newest first, {event, alarm, occurred_at, platform, author, account, score,
    rule, action, threshold, text, url}.

    An alarm has no event, platform, author and address; its text says what it is about."""
    found = _held_back(session, org, SUGGESTED, most)
    for one in alarms.suggested(session, org, most):
        nothing = dict.fromkeys(("event", "platform", "author", "url"))
        told = {"alarm": one.id, "occurred_at": one.fired_at, "text": one.said}
        found.append(nothing | told | {name: getattr(one, name) for name in _OF_ALARMS})
    found.sort(key=lambda one: one["occurred_at"], reverse=True)
    return found[:most]


def over(session: Session, org: str, most: int | None = None) -> list[dict[str, Any]]:
    """Posts that came when their rule had opened its number in 24 hours, the newest first: as `suggested`."""
    return _held_back(session, org, SPENT, most)


_OF_ALARMS = ("account", "score", "rule", "action", "threshold")


def _held_back(session: Session, org: str, why: str, most: int | None) -> list[dict[str, Any]]:
    rows = session.execute(_LIST, {"org": org, "why": why, "most": most}).mappings()
    return [{**row, "alarm": None} for row in rows]


def suggested_alarm(session: Session, org: str, named: str) -> UUID | None:
    """The suggested alarm whose id begins or ends so; None where there is no or more than one."""
    wanted = named.strip().lower()
    fits = [one.id for one in alarms.suggested(session, org) if _is(one.id, wanted)]
    return fits[0] if len(fits) == 1 else None


def _is(row: UUID, wanted: str) -> bool:
    return len(wanted) >= 4 and (str(row).startswith(wanted) or str(row).endswith(wanted))


def open_alarm(session: Session, org: str, alarm: UUID) -> Made:
    """Open what the rule of an alarm would have opened. Raises CannotDo where somebody else has meanwhile."""
    case = alarms.open_suggested(session, org, alarm)
    if case is None:
        raise CannotDo("Somebody has opened it already; see `earshot cases`.")
    level, ticket = session.execute(_OPENED, {"case": case}).one()
    return Made(case, level, ticket, "opened", [], False)


def open_held(session: Session, org: str, event: UUID) -> Made:
    """Open what its rule would have opened for this post, or raise its case to that, had it not only suggested, or had it
    not opened its number in 24 hours; neither that number nor the age of a post count, since a person has looked. Raises CannotDo where
    there is nothing to open, and why."""
    row = session.execute(_EVENT, {"event": event}).mappings().one()
    more = row["held_back"] in (SUGGESTED, SPENT) and row["action"] == "ticket" and row["level"] == "activity"
    if row["case_id"] is not None and not more:
        raise CannotDo("This post belongs to a case already; `earshot explain` shows which.")
    if row["held_back"] not in (SUGGESTED, SPENT):
        why = (
            f"held back: {row['held_back']}"
            if row["held_back"]
            else "it crossed no rule that opens something"
        )
        raise CannotDo(
            f"No rule suggests this post, and none had no room for it ({why}); `earshot cases --suggested` and"
            " `earshot cases --held` list those."
        )
    known = read_rules(session, org)
    rules = Rules(
        replace(rule, suggests=False, per_day=None, oldest=None) if rule.id == row["rule_id"] else rule
        for rule in known
    )
    # its author's case may be closed by now, and is opened again
    post = heard(row, closed_case=row["case_id"])
    standing = stand(session, org, [post], rules)
    decision = next(iter(decide([post], rules, standing)), None)
    held = decision and decision.held
    again = held is not None and held.rule.id == row["rule_id"]
    if decision is None or decision.action in ("hold", "tell", "note") or again:
        why = (held and held.reason) or "it crosses no rule any more"
        raise CannotDo(f"Nothing was opened: {why}.")
    carried = carry_out(session, org, [decision], {post.ref: facts(row)}, {}, standing.policy)
    case, level, ticket, role = session.execute(_MADE, {"event": event}).one()
    return Made(case, level, ticket, role, carried.risen, carried.burst)


def settle_opened(session: Session, org: str, event: UUID, made: Made) -> None:
    """In a transaction of its own: replies that were there join the case, and an Incident takes in what is its."""
    gather(session, org, replies=[], attached=[event], risen=made.risen)
    if made.burst:
        adopt(session, org)
