"""Rules over many posts: a mean that falls, a number that rises. They read the hours and nothing else.

`judged` says whether a rule fires or is armed again; the sweep asks it once a minute. Between the two marks nothing
happens, so a value that wavers about the threshold fires once. What has fired opens a case whose subject is the rule
and its scope; a person who closes it while the value is still bad is not told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers.escalate import assign, open_cases
from workers.rule import RANK
from workers.standing import rule_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from workers.rule import Rule

DAYS = 7
"""Days before, at the same hours, that a baseline is the mean of."""
LEAST_DAYS = 2
"""With fewer there is no baseline, and no spike."""


class Measure(NamedTuple):
    """What the hours say of one scope over a rule's window: posts, those with a score, the mean of these, the negative
    ones, and the mean number of the same hours of the days before (posts and negative ones)."""

    n: int
    scored: int
    mean: float | None
    negative: int
    before: float | None
    negative_before: float | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule over many posts for one scope of the hours (`all`, `campaign:<id>`, `account:<id>`)."""

    rule: Rule
    scope: str
    trigger: Literal["mean", "spike"]
    hours: int
    minimum: int
    rearm: float | None
    factor: float | None

    @property
    def above(self) -> float:
        """A mean has to come back to this before it can fire again."""
        return self.rule.threshold + 0.05 if self.rearm is None else self.rearm

    def value(self, measure: Measure) -> tuple[float | None, float | None]:
        """What is compared, and with what: a mean has no baseline. A spike with a threshold counts negative posts."""
        if self.trigger == "mean":
            return measure.mean, None
        if self.rule.threshold >= 1:
            return measure.n, measure.before
        return measure.negative, measure.negative_before


def judged(alarm: Alarm, measure: Measure, fired: bool) -> Literal["fire", "rearm"] | None:
    """Does it fire, is it armed again, or does nothing change? Pure."""
    value, baseline = alarm.value(measure)
    if alarm.trigger == "mean":
        if value is None or measure.scored < alarm.minimum:
            return None
        if fired:
            return "rearm" if value >= alarm.above else None
        return "fire" if value <= alarm.rule.threshold else None
    assert alarm.factor is not None
    assert value is not None
    if baseline is None:
        return None
    if fired:
        # half way back to what is usual
        return "rearm" if value < max(baseline * (1 + alarm.factor) / 2, alarm.minimum / 2) else None
    return "fire" if value >= alarm.minimum and value >= alarm.factor * baseline else None


_RULES = text("""
    SELECT r.*, s.scope FROM rules r, LATERAL (
        SELECT 'campaign:' || c AS scope FROM unnest(r.campaigns) AS c
        UNION ALL
        SELECT 'account:' || a FROM unnest(r.accounts) AS a
        UNION ALL
        SELECT 'all' WHERE r.campaigns = '{}' AND r.accounts = '{}'
    ) s
    WHERE r.org_id = :org AND r.enabled AND r.trigger <> 'post' AND r.window_hours IS NOT NULL
    ORDER BY r.id, s.scope
""")

# Own posts say nothing about how people feel. A day before the first that was counted is no day with nothing.
_MEASURE = text("""
    SELECT x.nth, coalesce(w.n, 0) AS n, coalesce(w.scored, 0) AS scored, w.sum / nullif(w.scored, 0) AS mean,
           coalesce(w.negative, 0) AS negative,
           CASE WHEN b.days >= :least THEN b.n::double precision / b.days END AS before,
           CASE WHEN b.days >= :least THEN b.negative::double precision / b.days END AS negative_before,
           a.fired_at IS NOT NULL AS fired
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        nth integer, rule_id uuid, scope text, hours integer, platforms text[], languages text[])
    LEFT JOIN alarms a ON a.org_id = :org AND a.rule_id = x.rule_id AND a.scope = x.scope
    CROSS JOIN LATERAL (
        SELECT sum(h.n) AS n, sum(h.scored) AS scored, sum(h.sum) AS sum, sum(h.negative) AS negative FROM hours h
        WHERE h.org_id = :org AND h.scope = x.scope AND h.hour > now() - make_interval(hours => x.hours)
          AND h.voice <> 'own' AND (x.platforms = '{}' OR h.platform = ANY (x.platforms))
          AND (x.languages = '{}' OR h.language = ANY (x.languages))
    ) w
    CROSS JOIN LATERAL (
        SELECT least(:days, floor(extract(epoch FROM now() - min(h.hour)) / 86400))::integer AS known FROM hours h
        WHERE h.org_id = :org AND h.scope = x.scope AND h.hour > now() - make_interval(days => :days + 1)
    ) k
    CROSS JOIN LATERAL (
        SELECT k.known AS days, coalesce(sum(h.n), 0) AS n, coalesce(sum(h.negative), 0) AS negative
        FROM generate_series(1, k.known) AS d
        JOIN hours h ON h.org_id = :org AND h.scope = x.scope
            AND h.hour > now() - make_interval(days => d, hours => x.hours)
            AND h.hour <= now() - make_interval(days => d)
            AND h.voice <> 'own' AND (x.platforms = '{}' OR h.platform = ANY (x.platforms))
            AND (x.languages = '{}' OR h.language = ANY (x.languages))
    ) b
    ORDER BY x.nth
""")

_HELD = text("""
    SELECT coalesce('rule:' || rule_id, 'campaign:' || campaign_id) FROM holds
    WHERE org_id = :org AND lifted_at IS NULL AND until > now() AND of <> 'platform'
""")
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('earshot.alarms.' || :org, 0))")
_NAME = text("""
    SELECT coalesce((SELECT 'campaign ' || name FROM campaigns WHERE 'campaign:' || id = :scope),
                    (SELECT name FROM accounts WHERE 'account:' || id = :scope), 'everything') AS name
""")
_NOTE = text("""
    INSERT INTO alarms AS a (org_id, rule_id, scope, fired_at, looked_at, n, value, baseline, case_id)
    SELECT :org, x.rule_id, x.scope, CASE WHEN x.fired THEN now() END, now(), x.n, x.value, x.baseline, x.case_id
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        rule_id uuid, scope text, fired boolean, n integer, value double precision, baseline double precision,
        case_id uuid)
    ORDER BY x.rule_id, x.scope
    ON CONFLICT (org_id, rule_id, scope) DO UPDATE
    SET fired_at = CASE WHEN excluded.fired_at IS NULL THEN NULL ELSE coalesce(a.fired_at, excluded.fired_at) END,
        looked_at = excluded.looked_at, n = excluded.n, value = excluded.value, baseline = excluded.baseline,
        case_id = coalesce(excluded.case_id, a.case_id)
""")
_TELL = text("""
    INSERT INTO owed (org_id, receiver_id, kind, body, due_at)
    SELECT :org, v.id, 'post.noticed', jsonb_build_object('rule', r.name, 'said', CAST(:said AS text)), after_quiet(r, now())
    FROM rules r JOIN receivers v ON v.org_id = :org AND (v.tells = '{}' OR 'post.noticed' = ANY (v.tells))
    WHERE r.id = :rule
""")


def look(session: Session, org: str) -> list[str]:
    """Look at every rule over many posts of an organisation; what fired, a sentence each. One process at a time."""
    alarms = [_alarm(row) for row in session.execute(_RULES, {"org": org}).mappings()]
    if not alarms or not session.scalar(_ALONE, {"org": org}):
        return []
    held = set(session.scalars(_HELD, {"org": org}))
    told: list[str] = []
    notes: list[dict[str, Any]] = []
    for alarm, (measure, fired) in zip(alarms, _measured(session, org, alarms), strict=True):
        does = judged(alarm, measure, fired)
        if does == "fire" and not held.isdisjoint({f"rule:{alarm.rule.id}", alarm.scope}):
            does = None
        value, baseline = alarm.value(measure)
        note = {
            "rule_id": alarm.rule.id,
            "scope": alarm.scope,
            "n": measure.n,
            "value": value,
            "baseline": baseline,
        }
        if does == "fire":
            said = _sentence(alarm, measure, session.scalar(_NAME, {"scope": alarm.scope}) or "everything")
            told.append(said)
            note["case_id"] = _fire(session, org, alarm, value, said)
        notes.append({**note, "fired": does == "fire" or (fired and does != "rearm")})
    session.execute(_NOTE, {"org": org, "rows": as_json(notes)})
    return told


def _alarm(row: Any) -> Alarm:
    return Alarm(
        rule=rule_of(row),
        scope=row["scope"],
        trigger=row["trigger"],
        hours=row["window_hours"],
        minimum=row["minimum"] or 1,
        rearm=row["rearm"],
        factor=row["factor"] or 2.0,
    )


def _measured(session: Session, org: str, alarms: list[Alarm]) -> list[tuple[Measure, bool]]:
    rows = [
        {
            "nth": nth,
            "rule_id": alarm.rule.id,
            "scope": alarm.scope,
            "hours": alarm.hours,
            "platforms": sorted(alarm.rule.platforms),
            "languages": sorted(alarm.rule.languages),
        }
        for nth, alarm in enumerate(alarms)
    ]
    found = session.execute(_MEASURE, {"org": org, "rows": as_json(rows), "days": DAYS, "least": LEAST_DAYS})
    return [
        (Measure(row.n, row.scored, row.mean, row.negative, row.before, row.negative_before), row.fired)
        for row in found
    ]


def _fire(session: Session, org: str, alarm: Alarm, value: float | None, said: str) -> UUID | None:
    """Open what the rule opens; the case, if it is one."""
    rule = alarm.rule
    if rule.suggests or rule.action not in RANK:
        if rule.action == "notify":
            session.execute(_TELL, {"org": org, "rule": rule.id, "said": said})
        return None
    kind, _, record = alarm.scope.partition(":")
    proposal = {
        "id": str(uuid7()),
        "subject": f"rule:{rule.id}:{alarm.scope}",
        "level": rule.level,
        "rule_id": rule.id,
        "score": value if alarm.trigger == "mean" else None,
        "threshold": rule.threshold,
        "ticket_id": str(uuid7()) if rule.level == "ticket" else None,
        "activity_id": str(uuid7()) if rule.level == "activity" else None,
        "about": said if len(said) <= 160 else said[:159] + "…",
        "priority": rule.priority,
        "account_id": record if kind == "account" else None,
        "campaign_id": record if kind == "campaign" else None,
        "themes": [],
    }
    assign(session, [rule], [proposal])
    return open_cases(session, org, [proposal])[0].case


def _sentence(alarm: Alarm, measure: Measure, what: str) -> str:
    value, baseline = alarm.value(measure)
    over = f"in {alarm.hours} h"
    if alarm.trigger == "mean":
        return f"The mean sentiment about {what} fell to {value:+.2f} {over} ({measure.scored:,} posts)"
    kind = "posts" if alarm.rule.threshold >= 1 else "negative posts"
    return f"{value:,.0f} {kind} about {what} {over}, {baseline or 0:,.0f} are usual"
