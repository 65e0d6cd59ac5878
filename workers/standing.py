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
from workers.rule import RANK, Crossings, Level, Rule, Rules

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
    ), over AS MATERIALIZED (
        -- an Incident that is over has dealt with what was before
        SELECT substr(subject, length(:incident) + 1) AS theme, max(closed_at) AS at FROM cases
        WHERE org_id = :org AND subject = ANY (:incidents) AND closed_at IS NOT NULL GROUP BY subject
    )
    SELECT json_build_object(
        'now', now(),
        'policy', (SELECT json_build_array(burst_after, burst_all, burst_minutes, reopen_days) FROM policy),
        'open', (SELECT json_object_agg(subject, level) FROM cases
                 WHERE org_id = :org AND closed_at IS NULL AND subject = ANY (:subjects)),
        'tickets', (SELECT json_object_agg(theme, n) FROM (
                        SELECT theme, count(*) AS n FROM cases, policy, unnest(themes) AS theme
                        WHERE org_id = :org AND level = 'ticket' AND themes <> '{}'
                          AND opened_at > now() - make_interval(mins => policy.burst_minutes)
                          AND theme = ANY (:themes)
                          AND opened_at > coalesce((SELECT at FROM over WHERE over.theme = theme.theme), '-infinity')
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
        'closed', (SELECT json_agg(json_build_array(c.id, c.subject, c.closed_at, p.id IS NOT NULL))
                   FROM cases c LEFT JOIN cases p ON p.id = c.parent_id AND p.ticket_id = c.ticket_id
                   WHERE c.id = ANY (:closed) AND c.closed_at IS NOT NULL)
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
    closed: list[tuple[UUID, str, datetime, bool]] | None = None


_told = msgspec.json.Decoder(_Told)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


_NOTHING = Standing(now=datetime.max.replace(tzinfo=UTC))
"""For who decides about nothing: neither the time nor anything else is asked."""


class _Asked(NamedTuple):
    """What a batch wants to know: subjects of those who cross, what they might count for, rules with a number.

    `tickets` are the Tickets that it might open, each as what it would count for by one rule or another.
    """

    subjects: list[str]
    themes: list[str]
    tickets: list[list[tuple[str, ...]]]
    rules: list[UUID]
    closed: list[UUID]

    @property
    def values(self) -> dict[str, Any]:
        incidents = [INCIDENT + theme for theme in self.themes]
        return {
            "subjects": self.subjects + incidents,
            "incidents": incidents,
            "incident": INCIDENT,
            "authors": [UUID(who[9:]) for who in self.subjects if who.startswith("identity:")],
            "themes": self.themes,
            "rules": self.rules,
            "closed": self.closed,
        }


def stand(session: Session, org: str, posts: Sequence[Heard], rules: Rules | Crossings) -> Standing:
    """What is so as far as these posts are concerned. Asks nothing where none crosses or answers a closed case."""
    asked = _asked(posts, rules)
    if not (asked.subjects or asked.closed):
        return _NOTHING
    standing = _read(session, org, asked)
    alone = [f"rule {rule}" for rule in asked.rules]
    alone += [
        f"burst {org} {theme}"
        for theme, n in _might(asked.tickets, standing.incidents).items()
        if 2 * (standing.tickets.get(theme, 0) + n) >= standing.policy.most(theme)
    ]
    if not alone:
        return standing
    for what in sorted(alone):
        session.execute(_ALONE, {"what": f"earshot.{what}"})
    return _read(session, org, asked)


def _asked(posts: Sequence[Heard], rules: Rules | Crossings) -> _Asked:
    subjects: set[str] = set()
    themes: set[str] = set()
    tickets: list[list[tuple[str, ...]]] = []
    numbered: set[UUID] = set()
    closed = {post.closed_case for post in posts if post.closed_case is not None}
    for post in posts:
        crossed = rules.crossed_by(post)
        if not crossed:
            continue
        subjects.add(post.subject)
        numbered.update(rule.id for rule in crossed if rule.per_day is not None)
        counts = [(rule.action, themes_of(post, rule)) for rule in crossed if rule.action in RANK]
        # an Activity opens no burst, but joins an Incident that is there
        themes.update(*(of for _, of in counts))
        tickets.append([of for action, of in counts if action == "ticket"])
    return _Asked(sorted(subjects), sorted(themes), tickets, sorted(numbered), sorted(closed))


def _might(tickets: Sequence[Sequence[tuple[str, ...]]], incidents: frozenset[str]) -> Counter[str]:
    """How many Tickets of each theme might open; what an Incident takes in is none."""
    might: Counter[str] = Counter()
    for one in tickets:
        might.update({theme for of in one if incidents.isdisjoint(of) for theme in of})
    return might


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
        closed={case: Closed(subject, at, shared) for case, subject, at, shared in told.closed or ()},
        policy=Policy(burst_after, burst_all, timedelta(minutes=minutes), timedelta(days=days)),
    )


def _switch(id_: UUID, of: Any, what: str, until: datetime) -> Switch:
    return Switch(id_, of, what if of == "platform" else UUID(what), until)
