"""What people think of a case, and what that does to the rules that opened it.

Each verdict counts for the rule that set the case's level and for those that crossed with it. A rule that is wrong
too often only suggests from then on, until a person lets it open again; what it opened stays. What is said of an
Incident is said of all that has its Ticket, unless somebody said otherwise of one. A case that is closed without a
word counts as right: nobody marked it wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

WRONG = ("not_a_complaint", "wrong_record", "spam")
"""Verdicts that count against a rule."""


class Precision(NamedTuple):
    """How often a rule was right: of its `judged` cases (closed, or a person said what they are), `wrong` were marked
    so. Counted since it was last let open."""

    rule: UUID
    name: str
    cases: int
    judged: int
    wrong: int
    suggests: bool

    @property
    def share(self) -> float | None:
        """Right ones among the judged, 0 to 1; None where none is judged."""
        return 1 - self.wrong / self.judged if self.judged else None


_PRECISION = """
    WITH r AS MATERIALIZED (
        SELECT id, name, suggests, coalesce(suggests_since, '-infinity') AS since FROM rules
        WHERE org_id = :org AND action IN ('ticket', 'activity') {which}
    ), judged AS MATERIALIZED (
        SELECT id, ticket_id, verdict FROM cases WHERE org_id = :org AND subject LIKE 'burst:%' AND verdict IS NOT NULL
    ), crossed AS (
        SELECT r.id AS rule_id, c.closed_at, c.verdict, c.parent_id, c.ticket_id
        FROM r JOIN cases c ON c.rule_id = r.id AND c.opened_at >= r.since
        UNION ALL  -- a note of the rule that opened it would count it twice
        SELECT n.rule_id, c.closed_at, c.verdict, c.parent_id, c.ticket_id
        FROM (SELECT DISTINCT rule_id, case_id FROM case_notes WHERE what = 'rule' AND rule_id IN (SELECT id FROM r)) n
        JOIN r ON r.id = n.rule_id JOIN cases c ON c.id = n.case_id
        WHERE c.rule_id IS DISTINCT FROM n.rule_id AND c.opened_at >= r.since
    )
    SELECT r.id, r.name, count(c.rule_id) AS cases,
           count(c.rule_id) FILTER (WHERE c.closed_at IS NOT NULL OR coalesce(c.verdict, i.verdict) IS NOT NULL) AS judged,
           count(c.rule_id) FILTER (WHERE coalesce(c.verdict, i.verdict) = ANY (:wrong)) AS wrong, r.suggests
    FROM r LEFT JOIN crossed c ON c.rule_id = r.id
    LEFT JOIN judged i ON i.id = c.parent_id AND i.ticket_id = c.ticket_id
    GROUP BY r.id, r.name, r.suggests ORDER BY r.name
"""
_OF_ALL = text(_PRECISION.format(which=""))
_OF_THESE = text(_PRECISION.format(which="AND id = ANY (:rules)"))

_JUDGE = text("""
    UPDATE cases SET verdict = :verdict, verdict_at = now(), verdict_by = :by WHERE org_id = :org AND id = :case
""")
_NOTE = text("""
    INSERT INTO case_notes (org_id, case_id, what, by, said) VALUES (:org, :case, 'verdict', :by, :said)
""")
_RULES = text("""
    WITH them AS (SELECT id, rule_id FROM cases WHERE id = :case OR parent_id = :case)
    SELECT rule_id FROM them WHERE rule_id IS NOT NULL
    UNION SELECT n.rule_id FROM case_notes n JOIN them ON n.case_id = them.id WHERE n.what = 'rule' AND n.rule_id IS NOT NULL
""")
_POLICY = text("""
    SELECT coalesce(max(precision_floor), 0.5) AS floor, coalesce(max(precision_least), 20) AS least
    FROM policies WHERE org_id = :org
""")
_ALONE = text("SELECT id FROM rules WHERE id = ANY (:rules) ORDER BY id FOR NO KEY UPDATE")
_DEMOTE = text("""
    WITH demoted AS (
        UPDATE rules SET suggests = true, suggests_since = now() WHERE id = :rule AND NOT suggests
        RETURNING id, org_id, name, owner_id
    ), told AS (
        INSERT INTO activities (org_id, owner_id, subject, channel, activity_type, status)
        SELECT org_id, owner_id, left(format(:said, name), 160), 'other', 'task', 'planned' FROM demoted
        RETURNING id
    ), owed AS (
        INSERT INTO owed (org_id, receiver_id, kind, body)
        SELECT d.org_id, v.id, 'rule.demoted',
               jsonb_build_object('rule', d.name, 'judged', CAST(:judged AS integer), 'wrong', CAST(:wrong AS integer))
        FROM demoted d JOIN receivers v ON v.org_id = d.org_id AND (v.tells = '{}' OR 'rule.demoted' = ANY (v.tells))
        FOR KEY SHARE OF v SKIP LOCKED
    )
    SELECT name FROM demoted
""")


def precisions(session: Session, org: str, rules: Sequence[UUID] | None = None) -> list[Precision]:
    """Of these rules, or of all that open something."""
    values = {"org": org, "wrong": list(WRONG)}
    if rules is None:
        rows = session.execute(_OF_ALL, values)
    else:
        rows = session.execute(_OF_THESE, {**values, "rules": list(rules)})
    return [Precision(*row) for row in rows]


def judge(
    session: Session, org: str, case: UUID, verdict: str, by: str, said: str | None = None
) -> list[Precision]:
    """Note what a person says a case is; the last word counts. Returns the rules that only suggest from now on."""
    rules = session.scalars(_RULES, {"case": case}).all()
    _wait(session, rules)  # before the case is held: who has the turn of a rule wants its case
    session.execute(_JUDGE, {"org": org, "case": case, "verdict": verdict, "by": by})
    told = verdict.replace("_", " ") + (f": {said}" if said else "")
    session.execute(_NOTE, {"org": org, "case": case, "by": by, "said": told})
    return demote(session, org, rules)


def _wait(session: Session, rules: Sequence[UUID]) -> None:
    """Wait for whoever judges by the same rules: the last of them counts what all have said."""
    session.execute(_ALONE, {"rules": list(rules)})


def demote(session: Session, org: str, rules: Sequence[UUID]) -> list[Precision]:
    """Let those of these rules only suggest that are wrong too often; their owners are told."""
    _wait(session, rules)
    policy = session.execute(_POLICY, {"org": org}).one()
    demoted = []
    for one in precisions(session, org, rules):
        too_often = one.judged >= policy.least and one.share is not None and one.share < policy.floor
        if too_often and not one.suggests:
            said = f"Rule %s only suggests from now on: {one.wrong} of {one.judged} cases were marked wrong"
            values = {"rule": one.rule, "said": said, "judged": one.judged, "wrong": one.wrong}
            if session.execute(_DEMOTE, values).first():
                demoted.append(one)
    return demoted
