"""When does something open, and for whom: `decide` says it, `carry_out` does it.

A case belongs to its subject, the author who complains. It opens when a rule's threshold is crossed,
only rises, takes in what answers it, and can open again once it is closed. Whether a case joins or opens
is settled by the partial unique index on open cases, inside the transaction that writes the events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers._said import first_said

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Level = Literal["activity", "ticket"]
Audience = Literal["addressed", "customer", "named"]
Role = Literal["opened", "raised", "joined"]
Action = Literal["open", "raise", "join", "hold"]
Ref = tuple[str, str]
"""(platform, external id) of a post."""
NOT_NAMING = ("identity", "thread")
"""Ways in which an account or campaign is found in a post that does not itself name it."""

_RANK = {"activity": 1, "ticket": 2}

CONTENT = 4
"""Who gives so many stars complains of nothing, whatever the words sound like."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When to open what: see models/rule.py for what the audiences mean. `lead`: see workers/leads.py."""

    id: UUID
    name: str
    audience: Audience
    threshold: float
    action: Level | Literal["lead"]
    priority: str
    words: tuple[str, ...] = ()
    per_day: int | None = None
    rating: int | None = None

    @property
    def level(self) -> Level:
        """Of the case that it opens."""
        assert self.action != "lead", "a rule that makes Leads opens no case"
        return self.action


@dataclass(frozen=True, slots=True)
class Heard:
    """What decide needs to know of one post. `parent_case` is the stored open case of the post it answers.

    `stranger`: its author is known by a stable id and belongs to nobody: no Contact, Account, Lead or competitor.
    """

    ref: Ref
    subject: str
    text: str
    sentiment: float | None
    occurred_at: datetime
    addressed: bool
    about_us: bool
    named: bool
    customer: bool
    ours: bool
    bot: bool
    stranger: bool
    start_mark: datetime
    reply_to: str | None
    parent_case: UUID | None
    attached: bool
    rating: float | None = None

    def belongs_to(self, audience: Audience) -> bool:
        """Is it a post of this audience?"""
        if audience == "addressed":
            return self.addressed
        if audience == "customer":
            return self.customer and (self.addressed or self.about_us)
        return self.about_us or self.named


@dataclass(frozen=True, slots=True)
class Decision:
    """What a post does: opens, raises or joins a case, or is held back for a reason.

    `subject` names the case that it opens or raises or joins by its author; `case` is the stored case, and
    `answers` the post of this batch, whose case it joins by answering.
    """

    ref: Ref
    action: Action
    rule: Rule | None = None
    subject: str | None = None
    case: UUID | None = None
    answers: Ref | None = None
    reason: str | None = None


def crossed(post: Heard, rules: Sequence[Rule]) -> Rule | None:
    """The strongest rule for cases that the post crosses and whose words it has: a Ticket before an Activity, then the
    priority of the order given."""
    if not (post.addressed or post.about_us or post.named):
        return None
    hit = [
        rule
        for rule in rules
        if rule.action != "lead"
        and _crosses(post, rule)
        and post.belongs_to(rule.audience)
        and (not rule.words or first_said(post.text, rule.words) is not None)
    ]
    return max(hit, key=lambda rule: _RANK[rule.level], default=None)


def _crosses(post: Heard, rule: Rule) -> bool:
    """By its stars, if the rule asks for stars; else by its sentiment. A post without a score crosses no threshold."""
    if rule.rating is not None and (post.rating is None or post.rating > rule.rating):
        return False
    if post.sentiment is None:
        return rule.rating is not None and rule.threshold >= 1.0
    content = post.rating is not None and post.rating >= CONTENT
    return post.sentiment <= rule.threshold and not (content and rule.rating is None)


def held_back(post: Heard) -> str | None:
    """Why a post that crossed must not open anything, if so."""
    if post.ours:
        return "own post"
    if post.occurred_at < post.start_mark:
        return "before the start mark"
    if post.bot:
        return "posted by a bot"
    return None


def decide(posts: Sequence[Heard], rules: Sequence[Rule], open_cases: Mapping[str, Level]) -> list[Decision]:
    """What each post does, in the order in which they were written. Pure.

    `open_cases` are the levels of the open cases by subject. A post that crosses opens or raises its own
    author's case, or joins it where it is no worse. One that does not cross and answers a post of an open
    case, whoever wrote either, joins that case.
    """
    levels = dict(open_cases)
    taken: dict[Ref, Decision] = {}
    rest: list[Heard] = []
    crossing: list[tuple[Heard, Rule]] = []
    for post in posts:
        rule = crossed(post, rules)
        if rule is None:
            rest.append(post)
        elif reason := held_back(post):
            taken[post.ref] = Decision(post.ref, "hold", rule=rule, reason=reason)
            if post.ours:
                rest.append(post)
        else:
            crossing.append((post, rule))
    crossing.sort(key=lambda both: (both[0].occurred_at, both[0].ref))
    for post, rule in crossing:
        level = levels.get(post.subject)
        worse = level is None or _RANK[rule.level] > _RANK[level]
        action: Action = "open" if level is None else "raise" if worse else "join"
        if worse:
            levels[post.subject] = rule.level
        taken[post.ref] = Decision(post.ref, action, rule=rule, subject=post.subject)
    _attach_answers(rest, taken)
    return list(taken.values())


def _attach_answers(posts: Sequence[Heard], taken: dict[Ref, Decision]) -> None:
    """Attach what answers a post of an open case, and what answers that, until nothing more joins."""
    waiting = [post for post in posts if post.reply_to and not post.attached]
    while waiting:
        left: list[Heard] = []
        for post in waiting:
            assert post.reply_to is not None
            parent = taken.get((post.ref[0], post.reply_to))
            if post.parent_case is not None:
                taken[post.ref] = Decision(post.ref, "join", case=post.parent_case)
            elif parent is not None and parent.action != "hold":
                taken[post.ref] = replace(parent, ref=post.ref, action="join", rule=None, answers=parent.ref)
            else:
                left.append(post)
        if len(left) == len(waiting):
            return
        waiting = left


def subject_of(platform: str, identity: str | None, thread: str | None, external_id: str) -> str:
    """Whose complaint it is: the author's identity; without a stable author the thread, else the post."""
    if identity is not None:
        return f"identity:{identity}"
    if thread:
        return f"thread:{platform}:{thread}"
    return f"post:{platform}:{external_id}"


# --- doing ---------------------------------------------------------------------------------------------


class Facts(NamedTuple):
    """What a Ticket or Activity says of the post that opens it."""

    event: UUID
    identity: str | None
    author: str
    platform: str
    text: str
    account: UUID | None
    contact: UUID | None
    campaign: UUID | None
    source: UUID
    sentiment: float | None
    name: str | None = None
    """The author's display name."""
    rating: float | None = None


_RULES = text("""
    SELECT id, name, audience, threshold, action, priority, words, per_day, rating FROM rules
    WHERE org_id = :org AND enabled ORDER BY threshold DESC, id
""")


def read_rules(session: Session, org: str) -> list[Rule]:
    """The organisation's enabled rules."""
    found = session.execute(_RULES, {"org": org})
    return [
        Rule(id_, name, audience, threshold, action, priority, tuple(words), per_day, rating)
        for id_, name, audience, threshold, action, priority, words, per_day, rating in found
    ]


_OPEN = text("""
    SELECT subject, level FROM cases
    WHERE org_id = :org AND closed_at IS NULL AND subject = ANY(:subjects)
""")


def open_levels(session: Session, org: str, subjects: Sequence[str]) -> dict[str, Level]:
    """The levels of the open cases of these subjects."""
    if not subjects:
        return {}
    rows = session.execute(_OPEN, {"org": org, "subjects": sorted(set(subjects))})
    return {row.subject: row.level for row in rows}


# A person who finishes an Activity holds its row and then wants the case (by the trigger); a case that rises
# is held and then wants its Activity. So what may be touched is locked before the cases are.
_ACTIVITIES = text("""
    SELECT a.id FROM cases c JOIN activities a ON a.id = c.activity_id
    WHERE c.org_id = :org AND c.subject = ANY(:subjects) AND c.closed_at IS NULL AND c.ticket_id IS NULL
    ORDER BY a.id FOR NO KEY UPDATE OF a
""")

# The proposed ticket and activity ids are kept by a case only if it has none yet; whatever the case ends
# up with is what is inserted, so two workers that raise one case make one Ticket. A rule that was removed since
# this process read it is named no more.
_CASES = text("""
    WITH x AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            id uuid, subject text, level text, identity_id uuid, event_id uuid, rule_id uuid,
            score double precision, threshold double precision, ticket_id uuid, activity_id uuid,
            about text, priority text, account_id uuid, contact_id uuid, campaign_id uuid, source_id uuid)
    ), rule AS MATERIALIZED (
        SELECT id FROM rules WHERE id IN (SELECT rule_id FROM x) ORDER BY id FOR KEY SHARE
    ), opened AS (
        INSERT INTO cases AS c (
            id, org_id, subject, level, identity_id, event_id, rule_id, score, threshold, ticket_id,
            activity_id, risen_at, previous_id)
        SELECT id, :org, subject, level, identity_id, event_id,
            (SELECT rule.id FROM rule WHERE rule.id = rule_id), score, threshold, ticket_id, activity_id, CASE WHEN ticket_id IS NOT NULL AND activity_id IS NOT NULL THEN now() END,
            (SELECT p.id FROM cases p
             WHERE p.org_id = :org AND p.subject = x.subject AND p.closed_at IS NOT NULL
             ORDER BY p.opened_at DESC LIMIT 1)
        FROM x ORDER BY subject
        ON CONFLICT (org_id, subject) WHERE closed_at IS NULL DO UPDATE
        SET level = CASE WHEN excluded.level = 'ticket' THEN 'ticket' ELSE c.level END,
            ticket_id = coalesce(c.ticket_id, excluded.ticket_id),
            risen_at = CASE WHEN c.ticket_id IS NULL AND excluded.ticket_id IS NOT NULL THEN now()
                            ELSE c.risen_at END,
            event_id = CASE WHEN c.ticket_id IS NULL AND excluded.ticket_id IS NOT NULL
                            THEN excluded.event_id ELSE c.event_id END,
            rule_id = CASE WHEN c.ticket_id IS NULL AND excluded.ticket_id IS NOT NULL
                           THEN excluded.rule_id ELSE c.rule_id END,
            score = CASE WHEN c.ticket_id IS NULL AND excluded.ticket_id IS NOT NULL
                         THEN excluded.score ELSE c.score END,
            threshold = CASE WHEN c.ticket_id IS NULL AND excluded.ticket_id IS NOT NULL
                             THEN excluded.threshold ELSE c.threshold END
        RETURNING id, subject, ticket_id, activity_id, risen_at = now() AS risen
    ), owned AS MATERIALIZED (
        SELECT x.*, o.id AS case_id, o.ticket_id AS real_ticket, o.activity_id AS real_activity, o.risen,
               coalesce(a.owner_id, p.owner_id, s.owner_id) AS owner_id
        FROM x JOIN opened o ON o.subject = x.subject
        LEFT JOIN accounts a ON a.id = x.account_id
        LEFT JOIN contacts p ON p.id = x.contact_id
        LEFT JOIN sources s ON s.id = x.source_id
    ), ticketed AS (
        INSERT INTO tickets (id, org_id, account_id, contact_id, subject, status, source, priority, owner_id)
        SELECT ticket_id, :org, account_id, contact_id, about, 'open', 'social', priority, owner_id
        FROM owned WHERE ticket_id = real_ticket ORDER BY ticket_id
    ), followed AS (
        INSERT INTO activities (id, org_id, owner_id, account_id, contact_id, ticket_id, campaign_id, subject,
                                channel, activity_type, status)
        SELECT activity_id, :org, owner_id, account_id, contact_id, real_ticket, campaign_id, about, 'social',
               'follow_up', 'planned'
        FROM owned WHERE activity_id = real_activity ORDER BY activity_id
    ), named AS (
        UPDATE activities SET ticket_id = o.real_ticket FROM owned o
        WHERE activities.id = o.real_activity AND o.real_ticket IS NOT NULL AND activities.ticket_id IS NULL
    )
    SELECT subject, case_id, risen FROM owned
""")

_ATTACH = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            event_id uuid, case_id uuid, role text, rule_id uuid, held_back text)
    ), rule AS MATERIALIZED (
        SELECT id FROM rules WHERE id IN (SELECT rule_id FROM x) ORDER BY id FOR KEY SHARE
    )
    UPDATE social_events e
    SET case_id = coalesce(x.case_id, e.case_id), case_role = coalesce(x.role, e.case_role),
        rule_id = coalesce(rule.id, e.rule_id), held_back = x.held_back,
        ticket_id = coalesce(c.ticket_id, e.ticket_id)
    FROM x LEFT JOIN cases c ON c.id = x.case_id LEFT JOIN rule ON rule.id = x.rule_id
    WHERE e.id = x.event_id
""")

_TICKET = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(event_id uuid, ticket_id uuid)
    )
    UPDATE social_events e SET ticket_id = x.ticket_id FROM x WHERE e.id = x.event_id AND e.ticket_id IS NULL
""")

_ROLES: dict[str, Role] = {"open": "opened", "raise": "raised", "join": "joined"}


def carry_out(
    session: Session,
    org: str,
    decisions: Sequence[Decision],
    facts: Mapping[Ref, Facts],
    tickets: Mapping[UUID, UUID],
) -> list[UUID]:
    """Open, raise and join cases, make their Tickets and Activities, and attach the events.

    `facts` has every decided post; `tickets` are tickets by event that a text or an answered post names,
    taken where no case brings one. Four statements at most, whatever the number of decisions. Returns the
    cases that rose: what belonged to them before has to hear of their Tickets.
    """
    wanted = _wanted(decisions, facts)
    cases: dict[str, UUID] = {}
    risen: list[UUID] = []
    rising = [subject for subject, proposal in wanted.items() if proposal["level"] == "ticket"]
    if rising:
        session.execute(_ACTIVITIES, {"org": org, "subjects": rising})
    if wanted:
        for row in session.execute(_CASES, {"org": org, "rows": as_json(list(wanted.values()))}):
            cases[row.subject] = row.case_id
            if row.risen:
                risen.append(row.case_id)
    attached = [
        {
            "event_id": facts[decision.ref].event,
            "case_id": decision.case or (cases[decision.subject] if decision.subject else None),
            "role": _ROLES.get(decision.action),
            "rule_id": decision.rule.id if decision.rule else None,
            "held_back": decision.reason,
        }
        for decision in decisions
    ]
    if attached:
        session.execute(_ATTACH, {"rows": as_json(attached)})
    if tickets:
        rows = [{"event_id": event, "ticket_id": ticket} for event, ticket in sorted(tickets.items())]
        session.execute(_TICKET, {"rows": as_json(rows)})
    return risen


def _wanted(decisions: Sequence[Decision], facts: Mapping[Ref, Facts]) -> dict[str, dict[str, Any]]:
    """One proposal a subject: its case at the highest level decided, with the Activity of a mild opening."""
    wanted: dict[str, dict[str, Any]] = {}
    for decision in decisions:
        rule, subject = decision.rule, decision.subject
        if rule is None or subject is None or decision.action == "hold":
            continue
        fact = facts[decision.ref]
        held = wanted.get(subject)
        if held is not None and _RANK[held["level"]] >= _RANK[rule.level]:
            continue
        # where the case turns out to be open already, it keeps what it has and these ids are not used
        mild = rule.level == "activity"
        wanted[subject] = {
            "id": held["id"] if held else str(uuid7()),
            "subject": subject,
            "level": rule.level,
            "identity_id": fact.identity,
            "event_id": fact.event,
            "rule_id": rule.id,
            "score": fact.sentiment,
            "threshold": rule.threshold,
            "ticket_id": None if mild else str(uuid7()),
            "activity_id": held["activity_id"] if held else str(uuid7()) if mild else None,
            "about": _about(fact),
            "priority": rule.priority,
            "account_id": fact.account,
            "contact_id": fact.contact,
            "campaign_id": fact.campaign,
            "source_id": fact.source,
        }
    return wanted


def _about(fact: Facts) -> str:
    """The subject line: who, where, a review's stars, and how it begins, at most 160 characters."""
    words = " ".join(fact.text.split())
    stars = "" if fact.rating is None else f", {fact.rating:g} star{'' if fact.rating == 1 else 's'}"
    who = f"{fact.author} on {fact.platform}{stars}"
    line = f"{who}: {words}" if words else who
    return line if len(line) <= 160 else line[:159].rstrip() + "…"
