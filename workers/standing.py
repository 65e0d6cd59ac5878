"""An organisation's rules, and what is so at this moment: everything that decide has to be told.

One statement a batch, and only for a batch that has something to decide. Where Tickets come near a burst, or a rule
has a number in 24 hours, those who decide about the same wait for each other, so that the numbers are exact. Who
decides while a crisis switch is on is waited for by whoever releases what that held.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from workers.decide import Closed, Open, Policy, Standing, Switch, themes_of
from workers.rule import RANK, Crossings, Level, Rule, Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from workers.heard import Heard

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


TICKETED_AT = "greatest(coalesce({0}.risen_at, {0}.opened_at), {0}.reopened_at)"
"""When the Ticket of a case was opened last: at once, when the case rose, or when it was opened again."""

_STANDING = text(f"""
    WITH policy AS MATERIALIZED (
        SELECT coalesce(max(burst_after), 20) AS burst_after, coalesce(max(burst_all), 100) AS burst_all,
               coalesce(max(burst_minutes), 60) AS burst_minutes, coalesce(max(reopen_days), 14) AS reopen_days
        FROM policies WHERE org_id = :org
    ), over AS MATERIALIZED (
        -- an Incident that is over has dealt with what was before
        SELECT substr(subject, length(:incident) + 1) AS theme, max(closed_at) AS at FROM cases
        WHERE org_id = :org AND subject = ANY (:incidents) AND closed_at IS NOT NULL GROUP BY subject
    ), called AS MATERIALIZED (
        -- an author who was merged into another may have a case that was opened before
        SELECT subject, subject AS stored FROM unnest(CAST(:subjects AS text[])) AS subject
        UNION ALL
        SELECT 'identity:' || merged_into, 'identity:' || id FROM identities WHERE merged_into = ANY (:authors)
    )
    SELECT json_build_object(
        'now', now(),
        'policy', (SELECT json_build_array(burst_after, burst_all, burst_minutes, reopen_days) FROM policy),
        'open', (SELECT json_object_agg(subject, json_build_array(id, level, stored)) FROM (
                     SELECT DISTINCT ON (called.subject) called.subject, c.id, c.level, stored
                     FROM called JOIN cases c ON c.org_id = :org AND c.subject = stored AND c.closed_at IS NULL
                     ORDER BY called.subject, c.level DESC, stored = called.subject DESC, c.opened_at) AS held),
        'tickets', (SELECT json_object_agg(theme, n) FROM (
                        SELECT theme, count(*) AS n FROM cases, policy, unnest(themes) AS theme
                        WHERE org_id = :org AND level = 'ticket' AND themes <> '{{}}'
                          AND {TICKETED_AT.format("cases")} > now() - make_interval(mins => policy.burst_minutes)
                          AND theme = ANY (:themes)
                          AND {TICKETED_AT.format("cases")} > coalesce((SELECT at FROM over WHERE over.theme = theme.theme), '-infinity')
                        GROUP BY theme) AS counted),
        'spent', (SELECT json_object_agg(rule_id, n) FROM (
                      SELECT rule_id, count(*) AS n FROM (
                          SELECT opened_by AS rule_id FROM cases
                          WHERE opened_by = ANY (:rules) AND opened_at > now() - interval '24 hours'
                          UNION ALL
                          SELECT rule_id FROM cases
                          WHERE rule_id = ANY (:rules) AND risen_at > now() - interval '24 hours'
                            AND rule_id IS DISTINCT FROM opened_by
                          UNION ALL
                          SELECT rule_id FROM case_notes
                          WHERE rule_id = ANY (:rules) AND what = 'reopened' AND at > now() - interval '24 hours'
                      ) AS did GROUP BY rule_id) AS counted),
        'switches', (SELECT json_agg(json_build_array(id, of, coalesce(platform, campaign_id::text, rule_id::text),
                                                      until) ORDER BY id)
                     FROM holds WHERE org_id = :org AND lifted_at IS NULL AND until > clock_timestamp()
                                  AND coalesce(platform, campaign_id::text, rule_id::text) IS NOT NULL),
        'blocked', (SELECT json_agg(DISTINCT 'identity:' || coalesce(merged_into, id)) FROM identities
                    WHERE (id = ANY (:authors) OR merged_into = ANY (:authors)) AND blocked),
        'closed', (SELECT json_agg(json_build_array(
                       c.id, coalesce('identity:' || i.merged_into, c.subject), c.closed_at, p.id IS NOT NULL, c.level,
                       c.subject))
                   FROM cases c LEFT JOIN cases p ON p.id = c.parent_id AND p.ticket_id = c.ticket_id AND p.subject LIKE :incident || '%'
                   LEFT JOIN identities i ON c.subject = 'identity:' || i.id AND i.id = c.identity_id
                   WHERE c.id = ANY (:closed) AND c.closed_at IS NOT NULL)
    )::text
""")


class _Told(msgspec.Struct):
    now: datetime
    policy: tuple[int, int, int, int]
    open: dict[str, tuple[UUID, Level, str]] | None = None
    tickets: dict[str, int] | None = None
    spent: dict[UUID, int] | None = None
    switches: list[tuple[UUID, str, str, datetime]] | None = None
    blocked: list[str] | None = None
    closed: list[tuple[UUID, str, datetime, bool, Level, str]] | None = None


_told = msgspec.json.Decoder(_Told)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")
_BESIDE = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:what, 0))")


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
    if standing.switches:
        session.execute(_BESIDE, {"what": _switches(org)})
    alone = [f"rule {rule}" for rule in asked.rules]
    alone += [
        f"burst {org} {theme}"
        for theme, n in _might(asked.tickets, standing.incidents).items()
        if 2 * (standing.tickets.get(theme, 0) + n) >= standing.policy.most(theme)
    ]
    for what in sorted(alone):
        session.execute(_ALONE, {"what": f"earshot.{what}"})
    return _read(session, org, asked) if alone or standing.switches else standing


def wait_for_switches(session: Session, org: str) -> None:
    """Wait until nobody decides any more who saw a switch on that is off by now. In a transaction of its own: who holds
    posts must not wait for this."""
    session.execute(_ALONE, {"what": _switches(org)})


def _switches(org: str) -> str:
    return f"earshot.switches {org}"


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
        subjects.update((post.whose, post.subject))  # whether its author is blocked is asked as well
        numbered.update(rule.id for rule in crossed if rule.per_day is not None)
        counts = [(rule.action, themes_of(post, rule)) for rule in crossed if rule.action in RANK]
        # an Activity opens no burst, but joins an Incident that is there
        themes.update(*(of for _, of in counts))
        # whoever answers a closed case may open its Ticket again, by whatever rule
        tickets.append([of for action, of in counts if action == "ticket" or post.closed_case is not None])
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
        open={subject: Open(*of) for subject, of in held.items() if not subject.startswith(INCIDENT)},
        incidents=frozenset(who.removeprefix(INCIDENT) for who in held if who.startswith(INCIDENT)),
        tickets=told.tickets or {},
        spent=told.spent or {},
        switches=[_switch(*row) for row in told.switches or ()],
        blocked=frozenset(told.blocked or ()),
        closed={of[0]: Closed(*of[1:]) for of in told.closed or ()},
        policy=Policy(burst_after, burst_all, timedelta(minutes=minutes), timedelta(days=days)),
    )


def _switch(id_: UUID, of: Any, what: str, until: datetime) -> Switch:
    return Switch(id_, of, what if of == "platform" else UUID(what), until)
