"""An organisation's rules, and what is so at this moment: everything that decide has to be told.

One statement a batch, and only for a batch that has something to decide. Where Tickets come near a burst, or a rule
has a number in 24 hours, those who decide about the same wait for each other, so that the numbers are exact.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from workers.decide import Closed, Policy, Standing, Switch, themes_of
from workers.rule import RANK, Level, Rule, Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from workers.decide import Heard

INCIDENT = "burst:"
"""What the subject of an Incident begins with; its theme follows."""

_COLUMNS = """id, name, audience, threshold, action, priority, words, per_day, rating, platforms, kinds, languages,
    sources, campaigns, accounts, max_age_hours, suggests, assign"""
_RULES = text(f"""
    SELECT {_COLUMNS} FROM rules
    WHERE org_id = :org AND enabled AND trigger = 'post' ORDER BY threshold DESC, id
""")


def read_rules(session: Session, org: str) -> Rules:
    """The organisation's enabled rules over single posts."""
    return Rules(rule_of(row) for row in session.execute(_RULES, {"org": org}).mappings())


def rule_of(row: Any) -> Rule:
    """A rule from its columns."""
    return Rule(
        id=row["id"],
        name=row["name"],
        audience=row["audience"],
        threshold=row["threshold"],
        action=row["action"],
        priority=row["priority"],
        words=tuple(row["words"]),
        per_day=row["per_day"],
        rating=row["rating"],
        platforms=frozenset(row["platforms"]),
        kinds=frozenset(row["kinds"]),
        languages=frozenset(row["languages"]),
        sources=frozenset(row["sources"]),
        campaigns=frozenset(row["campaigns"]),
        accounts=frozenset(row["accounts"]),
        oldest=timedelta(hours=row["max_age_hours"]) if row["max_age_hours"] else None,
        suggests=row["suggests"],
        rotates=row["assign"] == "rotation",
    )


_STANDING = text("""
    WITH policy AS MATERIALIZED (
        SELECT coalesce(max(burst_after), 20) AS burst_after, coalesce(max(burst_all), 100) AS burst_all,
               coalesce(max(burst_minutes), 60) AS burst_minutes, coalesce(max(reopen_days), 14) AS reopen_days
        FROM policies WHERE org_id = :org
    )
    SELECT json_build_object(
        'now', now(),
        'policy', (SELECT json_build_array(burst_after, burst_all, burst_minutes, reopen_days) FROM policy),
        'open', (SELECT json_object_agg(subject, level) FROM cases
                 WHERE org_id = :org AND closed_at IS NULL AND subject = ANY (:subjects)),
        'tickets', (SELECT json_object_agg(theme, n) FROM (
                        SELECT theme, count(*) AS n FROM cases, policy, unnest(themes) AS theme
                        WHERE org_id = :org AND level = 'ticket' AND parent_id IS NULL
                          AND opened_at > now() - make_interval(mins => policy.burst_minutes)
                          AND theme = ANY (:themes)
                        GROUP BY theme) AS counted),
        'spent', (SELECT json_object_agg(rule_id, n) FROM (
                      SELECT rule_id, count(*) AS n FROM cases
                      WHERE rule_id = ANY (:rules) AND opened_at > now() - interval '24 hours'
                      GROUP BY rule_id) AS counted),
        'switches', (SELECT json_agg(json_build_array(id, of, coalesce(platform, campaign_id::text, rule_id::text),
                                                      until) ORDER BY id)
                     FROM holds WHERE org_id = :org AND lifted_at IS NULL AND until > now()
                                  AND coalesce(platform, campaign_id::text, rule_id::text) IS NOT NULL),
        'blocked', (SELECT json_agg('identity:' || id) FROM identities
                    WHERE id = ANY (:authors) AND blocked),
        'closed', (SELECT json_agg(json_build_array(id, subject, closed_at)) FROM cases
                   WHERE id = ANY (:closed) AND closed_at IS NOT NULL)
    )::text
""")


class _Told(msgspec.Struct):
    now: datetime
    policy: tuple[int, int, int, int]
    open: dict[str, Level] | None = None
    tickets: dict[str, int] | None = None
    spent: dict[UUID, int] | None = None
    switches: list[tuple[UUID, str, str, datetime]] | None = None
    blocked: list[str] | None = None
    closed: list[tuple[UUID, str, datetime]] | None = None


_told = msgspec.json.Decoder(_Told)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


_NOTHING = Standing(now=datetime.max.replace(tzinfo=UTC))
"""For who decides about nothing: neither the time nor anything else is asked."""


class _Asked(NamedTuple):
    """What a batch wants to know: subjects of those who cross, Tickets it might open by theme, rules with a number."""

    subjects: list[str]
    might: Counter[str]
    rules: list[UUID]
    closed: list[UUID]

    @property
    def values(self) -> dict[str, Any]:
        themes = sorted(self.might)
        return {
            "subjects": self.subjects + [INCIDENT + theme for theme in themes],
            "authors": [UUID(who[9:]) for who in self.subjects if who.startswith("identity:")],
            "themes": themes,
            "rules": self.rules,
            "closed": self.closed,
        }


def stand(session: Session, org: str, posts: Sequence[Heard], rules: Rules) -> Standing:
    """What is so as far as these posts are concerned. Asks nothing where none crosses or answers a closed case."""
    asked = _asked(posts, rules)
    if not (asked.subjects or asked.closed):
        return _NOTHING
    standing = _read(session, org, asked)
    alone = [f"rule {rule}" for rule in asked.rules]
    alone += [
        f"burst {org} {theme}"
        for theme, n in asked.might.items()
        if 2 * (standing.tickets.get(theme, 0) + n) >= standing.policy.most(theme)
    ]
    if not alone:
        return standing
    for what in sorted(alone):
        session.execute(_ALONE, {"what": f"earshot.{what}"})
    return _read(session, org, asked)


def _asked(posts: Sequence[Heard], rules: Rules) -> _Asked:
    subjects: set[str] = set()
    might: Counter[str] = Counter()
    numbered: set[UUID] = set()
    closed = {post.closed_case for post in posts if post.closed_case is not None}
    for post in posts:
        crossed = rules.crossed_by(post)
        if not crossed:
            continue
        subjects.add(post.subject)
        numbered.update(rule.id for rule in crossed if rule.per_day is not None)
        # an Activity opens no burst, but joins an Incident that is there
        for level in RANK:
            themes = {theme for rule in crossed if rule.action == level for theme in themes_of(post, rule)}
            might.update(dict.fromkeys(themes, int(level == "ticket")))
    return _Asked(sorted(subjects), might, sorted(numbered), sorted(closed))


def _read(session: Session, org: str, asked: _Asked) -> Standing:
    told = _told.decode(session.execute(_STANDING, {"org": org, **asked.values}).scalar_one())
    burst_after, burst_all, minutes, days = told.policy
    held = told.open or {}
    return Standing(
        now=told.now,
        open={subject: level for subject, level in held.items() if not subject.startswith(INCIDENT)},
        incidents=frozenset(who.removeprefix(INCIDENT) for who in held if who.startswith(INCIDENT)),
        tickets=told.tickets or {},
        spent=told.spent or {},
        switches=[_switch(*row) for row in told.switches or ()],
        blocked=frozenset(told.blocked or ()),
        closed={case: Closed(subject, at) for case, subject, at in told.closed or ()},
        policy=Policy(burst_after, burst_all, timedelta(minutes=minutes), timedelta(days=days)),
    )


def _switch(id_: UUID, of: Any, what: str, until: datetime) -> Switch:
    return Switch(id_, of, what if of == "platform" else UUID(what), until)
