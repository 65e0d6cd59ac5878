"""Rules over many posts: a mean that falls, a number that rises. They read the hours and nothing else.

`judged` says whether a rule fires or is armed again; the sweep asks it once a minute. Between the two marks nothing
happens, so a value that wavers about the threshold fires once. What has fired opens a case whose subject is the rule
and its scope; a person who closes it while the value is still bad is not told again.

What counts is every stored post of the scope, whoever it is for, competitors' too; reposts and our own posts do not.
The last hour of a window has only begun, so it is held against as large a part of the same hour of the days before.
The hours do not know which source brought a post: of a platform those count that begin after the start mark of its
newest source, or what a source brings of the time before it was followed would fire; of a file, since it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers.escalate import assign, open_cases
from workers.rule import RANK
from workers.standing import rule_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from workers.rule import Rule

DAYS = 7
"""Days before, at the same hours, that a baseline is the mean of."""
LEAST_DAYS = 2
"""With fewer there is no baseline, and no spike."""
HISTORY = 60
"""Days in which the first hour of a scope is looked for."""
LEAST_SHARE = 0.25
"""Of an hour that has just begun: the first posts of an hour are no rate."""


class Measure(NamedTuple):
    """What the hours say of one scope over a rule's window: posts, those with a score, the mean of these, the negative
    ones, and the mean number of the same hours of the days before (posts and negative ones), of the last of them as
    much as has gone by today."""

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


def judged(
    alarm: Alarm, measure: Measure, fired: bool, share: float = 1.0, *, held: bool = False
) -> Literal["fire", "rearm"] | None:
    """Does it fire, is it armed again, or does nothing change? `share` of the current hour has gone by; while it is
    `held` it does not fire. Pure."""
    if held and not fired:
        return None
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
        # half way back to what is usual; an hour that has just begun is always quiet
        if share < 0.5:
            return None
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
_WITHIN = """h.org_id = :org AND h.scope = x.scope AND h.voice <> 'own'
          AND (x.platforms = '{}' OR h.platform = ANY (x.platforms))
          AND (x.languages = '{}' OR h.language = ANY (x.languages))"""
_MEASURE = text(f"""
    WITH marks AS MATERIALIZED (
        -- a file is all of the past, and its mark is never reached; a mark to come holds up nothing that others bring
        SELECT platform, min(escalate_from) FILTER (WHERE kind <> 'file') AS first,
               max(CASE WHEN kind = 'file' THEN last_success_at WHEN escalate_from <= :now THEN escalate_from END) AS newest
        FROM sources WHERE org_id = :org GROUP BY platform
    )
    SELECT x.nth, coalesce(w.n, 0) AS n, coalesce(w.scored, 0) AS scored, w.sum / nullif(w.scored, 0) AS mean,
           coalesce(w.negative, 0) AS negative,
           CASE WHEN k.days >= :least THEN b.n / k.days END AS before,
           CASE WHEN k.days >= :least THEN b.negative / k.days END AS negative_before,
           a.fired_at IS NOT NULL AS fired
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        nth integer, rule_id uuid, scope text, hours integer, platforms text[], languages text[])
    LEFT JOIN alarms a ON a.org_id = :org AND a.rule_id = x.rule_id AND a.scope = x.scope
    CROSS JOIN LATERAL (
        SELECT sum(h.n) AS n, sum(h.scored) AS scored, sum(h.sum) AS sum, sum(h.negative) AS negative
        FROM hours h LEFT JOIN marks m USING (platform)
        WHERE {_WITHIN} AND h.hour > :began - make_interval(hours => x.hours) AND h.hour <= :began
          AND h.hour >= coalesce(m.newest, '-infinity')
    ) w
    LEFT JOIN LATERAL (
        SELECT least(:days, floor(extract(epoch FROM :began - h.hour) / 86400))::integer AS days
        FROM hours h LEFT JOIN marks m USING (platform)
        WHERE {_WITHIN} AND h.hour > :began - make_interval(days => :history)
          AND (m.first IS NULL OR h.hour > m.first - interval '1 hour')
        ORDER BY h.hour LIMIT 1
    ) k ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(h.n * part.of_it), 0) AS n, coalesce(sum(h.negative * part.of_it), 0) AS negative
        FROM generate_series(1, k.days) AS d
        CROSS JOIN LATERAL (SELECT :began - make_interval(hours => 24 * d) AS hour) last
        -- the first bound is the one that the index can take
        JOIN hours h ON {_WITHIN} AND h.hour > :began - make_interval(hours => 24 * :days + x.hours)
            AND h.hour > last.hour - make_interval(hours => x.hours) AND h.hour <= last.hour
        LEFT JOIN marks m USING (platform)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN h.hour = last.hour THEN CAST(:share AS double precision) ELSE 1 END AS of_it
        ) part
        WHERE h.hour + make_interval(hours => 24 * d) >= coalesce(m.newest, '-infinity')
    ) b
    ORDER BY x.nth
""")

_HELD = text("""
    SELECT of, coalesce(platform, campaign_id::text, rule_id::text) AS what FROM holds
    WHERE org_id = :org AND lifted_at IS NULL AND until > :now
""")
_NOW = text("SELECT now()")
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('earshot.alarms.' || :org, 0))")
_NAME = text("""
    SELECT coalesce((SELECT 'campaign ' || name FROM campaigns WHERE 'campaign:' || id = :scope),
                    (SELECT name FROM accounts WHERE 'account:' || id = :scope), 'everything') AS name
""")
_NOTE = text("""
    INSERT INTO alarms AS a (org_id, rule_id, scope, fired_at, looked_at, n, value, baseline, case_id)
    SELECT :org, x.rule_id, x.scope, CASE WHEN x.fired THEN :now END, :now, x.n, x.value, x.baseline, x.case_id
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        rule_id uuid, scope text, fired boolean, n integer, value double precision, baseline double precision,
        case_id uuid)
    ORDER BY x.rule_id, x.scope
    ON CONFLICT (org_id, rule_id, scope) DO UPDATE
    SET fired_at = CASE WHEN excluded.fired_at IS NULL THEN NULL ELSE coalesce(a.fired_at, excluded.fired_at) END,
        looked_at = excluded.looked_at, n = excluded.n, value = excluded.value, baseline = excluded.baseline,
        case_id = CASE WHEN a.fired_at IS NULL AND excluded.fired_at IS NOT NULL THEN excluded.case_id ELSE a.case_id END
""")
_SUGGESTED = text("""
    SELECT r.*, a.id AS alarm, a.scope, a.fired_at, a.looked_at, a.n, a.value, a.baseline, k.name AS account
    FROM alarms a JOIN rules r ON r.id = a.rule_id LEFT JOIN accounts k ON 'account:' || k.id = a.scope
    WHERE a.org_id = :org AND a.fired_at IS NOT NULL AND a.case_id IS NULL AND r.action IN ('ticket', 'activity')
      AND r.trigger <> 'post' AND r.window_hours IS NOT NULL AND (CAST(:alarm AS uuid) IS NULL OR a.id = :alarm)
    ORDER BY a.fired_at DESC, a.id DESC LIMIT :most
""")
# a value that wavers about its marks fills nobody's page; whose case it is reads how bad it has become
_AGAIN = text("""
    INSERT INTO case_notes (org_id, case_id, at, what, rule_id, score, threshold, said)
    SELECT :org, :case, :at, 'note', r.id, :score, :threshold, :said FROM (SELECT 1) one LEFT JOIN rules r ON r.id = :rule
    WHERE NOT EXISTS (SELECT FROM case_notes WHERE case_id = :case AND what = 'note' AND by IS NULL AND rule_id = :rule
                          AND at > CAST(:at AS timestamptz) - interval '1 hour')
""")
_OPENED = text("UPDATE alarms SET case_id = :case WHERE id = :alarm")
_TELL = text("""
    INSERT INTO owed (org_id, receiver_id, kind, body, due_at)
    SELECT :org, v.id, 'post.noticed', jsonb_build_object('rule', r.name, 'said', CAST(:said AS text)), after_quiet(r, now())
    FROM rules r JOIN receivers v ON v.org_id = :org AND (v.tells = '{}' OR 'post.noticed' = ANY (v.tells))
    WHERE r.id = :rule FOR KEY SHARE OF v SKIP LOCKED
""")


def look(session: Session, org: str, now: datetime | None = None) -> list[str]:
    """Look at every rule over many posts of an organisation; what fired, a sentence each. One process at a time.

    `now` is the database's unless it is given.
    """
    alarms = [alarm_of(row, row["scope"]) for row in session.execute(_RULES, {"org": org}).mappings()]
    if not alarms or not session.scalar(_ALONE, {"org": org}):
        return []
    at = now or session.execute(_NOW).scalar_one()
    held = [(row.of, row.what) for row in session.execute(_HELD, {"org": org, "now": at})]
    told: list[str] = []
    notes: list[dict[str, Any]] = []
    for alarm, (measure, fired) in zip(alarms, _measured(session, org, alarms, at), strict=True):
        does = judged(alarm, measure, fired, _gone_by(at), held=is_held(alarm, held))
        value, baseline = alarm.value(measure)
        note = {
            "rule_id": alarm.rule.id,
            "scope": alarm.scope,
            "n": measure.n,
            "value": value,
            "baseline": baseline,
        }
        if does == "fire":
            said = sentence(session, alarm, measure.n, value, baseline, at)
            told.append(said)
            note["case_id"] = _fire(session, org, alarm, value, said, at)
        notes.append({**note, "fired": does == "fire" or (fired and does != "rearm")})
    session.execute(_NOTE, {"org": org, "rows": as_json(notes), "now": at})
    return told


def _gone_by(now: datetime) -> float:
    """The share of the current hour that has gone by; the hours are those of UTC."""
    return now.timestamp() % 3600 / 3600


def is_held(alarm: Alarm, held: Sequence[tuple[str, str]]) -> bool:
    """Does a crisis switch hold it? One for a platform does, where every platform of the rule is held."""
    kind, _, record = alarm.scope.partition(":")
    if ("rule", str(alarm.rule.id)) in held or (kind == "campaign" and ("campaign", record) in held):
        return True
    off = {what for of, what in held if of == "platform"}
    return bool(alarm.rule.platforms) and alarm.rule.platforms <= off


def alarm_of(row: Any, scope: str) -> Alarm:
    """A rule over many posts, from its columns, for one of its scopes."""
    return Alarm(
        rule=rule_of(row),
        scope=scope,
        trigger=row["trigger"],
        hours=row["window_hours"],
        minimum=row["minimum"] or 1,
        rearm=row["rearm"],
        factor=row["factor"] or 2.0,
    )


def _measured(
    session: Session, org: str, alarms: Sequence[Alarm], now: datetime
) -> list[tuple[Measure, bool]]:
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
    values = {
        "org": org,
        "rows": as_json(rows),
        "days": DAYS,
        "least": LEAST_DAYS,
        "history": HISTORY,
        "now": now,
        "began": datetime.fromtimestamp(now.timestamp() // 3600 * 3600, UTC),
        "share": max(_gone_by(now), LEAST_SHARE),
    }
    found = session.execute(_MEASURE, values)
    return [
        (Measure(row.n, row.scored, row.mean, row.negative, row.before, row.negative_before), row.fired)
        for row in found
    ]


def _fire(
    session: Session, org: str, alarm: Alarm, value: float | None, said: str, at: datetime
) -> UUID | None:
    """Open what the rule opens; the case, if it is one. One that only suggests stays listed: see `suggested`."""
    rule = alarm.rule
    if rule.action == "notify":
        session.execute(_TELL, {"org": org, "rule": rule.id, "said": said})
    if rule.suggests or rule.action not in RANK:
        return None
    return _open(session, org, alarm, value, said, at)


def _open(session: Session, org: str, alarm: Alarm, value: float | None, said: str, at: datetime) -> UUID:
    """The case that it opens; where that is open already, it says there that it has fired again."""
    rule = alarm.rule
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
    case = open_cases(session, org, [proposal])[0].case
    if str(case) != proposal["id"]:
        again = {"org": org, "case": case, "at": at, "rule": rule.id, "said": f"It fired again. {said}"}
        session.execute(_AGAIN, {**again, "score": proposal["score"], "threshold": rule.threshold})
    return case


def sentence(
    session: Session, alarm: Alarm, n: int, value: float | None, baseline: float | None, now: datetime
) -> str:
    """What fires, in words, with its figures."""
    what = session.scalar(_NAME, {"scope": alarm.scope}) or "everything"
    if alarm.trigger == "mean":
        return f"The mean sentiment about {what} fell to {value:+.2f} in {alarm.hours} h ({n:,} posts)"
    began = datetime.fromtimestamp((now.timestamp() // 3600 + 1 - alarm.hours) * 3600, UTC)
    since = f"{began:%H:%M}" if alarm.hours < 24 else f"{began:%Y-%m-%d %H:%M}"
    kind = "posts" if alarm.rule.threshold >= 1 else "negative posts"
    return f"{value:,.0f} {kind} about {what} since {since} UTC, {baseline or 0:,.0f} are usual by now"


class Suggested(NamedTuple):
    """An alarm of a rule that only suggests, with where it stands now in words. `account` is its scope's, if it is one."""

    id: UUID
    fired_at: datetime
    rule: str
    action: str
    threshold: float
    score: float | None
    account: str | None
    said: str


def suggested(session: Session, org: str, most: int | None = None) -> list[Suggested]:
    """Alarms that have fired and that nobody has opened a case of, the newest first."""
    found = []
    for row in session.execute(_SUGGESTED, {"org": org, "alarm": None, "most": most}).mappings():
        alarm = alarm_of(row, row["scope"])
        said = sentence(session, alarm, row["n"], row["value"], row["baseline"], row["looked_at"])
        mean = row["value"] if alarm.trigger == "mean" else None
        facts = (
            row["alarm"],
            row["fired_at"],
            row["name"],
            row["action"],
            row["threshold"],
            mean,
            row["account"],
            said,
        )
        found.append(Suggested(*facts))
    return found


def open_suggested(session: Session, org: str, alarm: UUID) -> UUID | None:
    """Open what the rule of an alarm would have, had it not only suggested: the case. None where there is nothing to
    open any more."""
    row = session.execute(_SUGGESTED, {"org": org, "alarm": alarm, "most": 1}).mappings().first()
    if row is None:
        return None
    one = alarm_of(row, row["scope"])
    said = sentence(session, one, row["n"], row["value"], row["baseline"], row["looked_at"])
    at: datetime = session.execute(_NOW).scalar_one()
    case = _open(session, org, one, row["value"], said, at)
    session.execute(_OPENED, {"alarm": alarm, "case": case})
    return case
