"""Doing what was decided: cases, their Tickets and Activities, Incidents, notes, and which post belongs to what.

Whether a case joins or opens is settled by the partial unique index on open cases, inside the transaction that
writes the events. A fixed number of statements, whatever the number of decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from uuid_utils import uuid7

from workers._rows import as_json
from workers.incident import First, Incident, incidents_of
from workers.rule import RANK

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from workers.decide import Decision, Policy
    from workers.heard import Ref
    from workers.rule import Rule

Role = Literal["opened", "raised", "joined", "noted"]
NOT_NAMING = ("identity", "thread")
"""Ways in which an account or campaign is found in a post that does not itself name it."""


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
            about text, priority text, account_id uuid, contact_id uuid, campaign_id uuid, source_id uuid,
            parent_id uuid, shared_ticket uuid, themes text[], owner_id uuid, opened_by uuid)
    ), rule AS MATERIALIZED (
        SELECT id FROM rules WHERE id IN (SELECT rule_id FROM x UNION ALL SELECT opened_by FROM x)
        ORDER BY id FOR KEY SHARE
    ), opened AS (
        INSERT INTO cases AS c (
            id, org_id, subject, level, identity_id, event_id, rule_id, score, threshold, ticket_id,
            activity_id, parent_id, themes, risen_at, opened_by, previous_id)
        SELECT id, :org, subject, level, identity_id, event_id,
            (SELECT rule.id FROM rule WHERE rule.id = rule_id), score, threshold,
            coalesce(ticket_id, shared_ticket), activity_id, parent_id, coalesce(themes, '{}'),
            CASE WHEN ticket_id IS NOT NULL AND activity_id IS NOT NULL THEN now() END,
            (SELECT rule.id FROM rule WHERE rule.id = coalesce(opened_by, rule_id)),
            (SELECT p.id FROM cases p
             WHERE p.org_id = :org AND p.subject = x.subject AND p.closed_at IS NOT NULL
             ORDER BY p.opened_at DESC LIMIT 1)
        FROM x ORDER BY subject
        ON CONFLICT (org_id, subject) WHERE closed_at IS NULL DO UPDATE
        SET level = CASE WHEN excluded.level = 'ticket' THEN 'ticket' ELSE c.level END,
            ticket_id = coalesce(c.ticket_id, excluded.ticket_id),
            parent_id = CASE WHEN c.ticket_id IS NULL THEN coalesce(c.parent_id, excluded.parent_id) ELSE c.parent_id END,
            themes = CASE WHEN c.ticket_id IS NULL OR c.reopened_at = now()
                          THEN excluded.themes ELSE c.themes END,
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
               coalesce(x.owner_id, a.owner_id, p.owner_id, s.owner_id) AS whose
        FROM x JOIN opened o ON o.subject = x.subject
        LEFT JOIN accounts a ON a.id = x.account_id
        LEFT JOIN contacts p ON p.id = x.contact_id
        LEFT JOIN sources s ON s.id = x.source_id
    ), ticketed AS (
        INSERT INTO tickets (id, org_id, account_id, contact_id, subject, status, source, priority, owner_id,
                             parent_id)
        SELECT ticket_id, :org, account_id, contact_id, about, 'open', 'social', priority, whose, shared_ticket
        FROM owned WHERE ticket_id = real_ticket ORDER BY ticket_id
    ), followed AS (
        INSERT INTO activities (id, org_id, owner_id, account_id, contact_id, ticket_id, campaign_id, subject,
                                channel, activity_type, status)
        SELECT activity_id, :org, whose, account_id, contact_id, real_ticket, campaign_id, about, 'social',
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
            event_id uuid, case_id uuid, role text, rule_id uuid, held_back text, hold_id uuid)
    ), rule AS MATERIALIZED (
        SELECT id FROM rules WHERE id IN (SELECT rule_id FROM x) ORDER BY id FOR KEY SHARE
    )
    UPDATE social_events e
    SET case_id = coalesce(x.case_id, e.case_id),
        case_role = CASE WHEN x.role = 'joined' AND e.case_id = x.case_id THEN coalesce(e.case_role, x.role)
                         ELSE coalesce(x.role, e.case_role) END,
        rule_id = coalesce(rule.id, e.rule_id), held_back = x.held_back,
        hold_id = (SELECT h.id FROM holds h WHERE h.id = x.hold_id),
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

# The trigger that follows Tickets and Activities opens the case again; where the subject has a newer open case, that
# one stays the open one.
_REOPEN = text("""
    WITH matter AS MATERIALIZED (
        SELECT id, ticket_id, activity_id FROM cases WHERE id = ANY (:cases) AND closed_at IS NOT NULL
    ), ticket AS MATERIALIZED (
        SELECT t.id FROM tickets t WHERE t.id IN (SELECT ticket_id FROM matter) ORDER BY t.id FOR NO KEY UPDATE
    ), ticketed AS (
        UPDATE tickets SET status = 'open' FROM ticket WHERE tickets.id = ticket.id
    ), activity AS MATERIALIZED (
        SELECT a.id FROM activities a
        WHERE a.id IN (SELECT activity_id FROM matter WHERE ticket_id IS NULL) ORDER BY a.id FOR NO KEY UPDATE
    )
    UPDATE activities SET status = 'planned' FROM activity WHERE activities.id = activity.id
""")

_TURNS = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(rule_id uuid, n integer)
    ), held AS MATERIALIZED (
        SELECT r.id, x.n FROM rules r JOIN x ON x.rule_id = r.id ORDER BY r.id FOR NO KEY UPDATE OF r
    )
    UPDATE rules r SET turn = r.turn + held.n FROM held WHERE r.id = held.id
    RETURNING r.id, r.turn - held.n AS turn, ARRAY(
        SELECT u.id FROM unnest(r.assignees) WITH ORDINALITY AS a(id, nth) JOIN users u ON u.id = a.id ORDER BY a.nth
    ) AS assignees
""")

_NOTES = text("""
    INSERT INTO case_notes (org_id, case_id, what, event_id, rule_id, score, threshold, said)
    SELECT :org, x.case_id, x.what, x.event_id, r.id, x.score, x.threshold, x.said
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        case_id uuid, what text, event_id uuid, rule_id uuid, score double precision, threshold double precision,
        said text)
    LEFT JOIN rules r ON r.id = x.rule_id
    ORDER BY x.case_id, x.event_id, x.rule_id
    ON CONFLICT (org_id, case_id, what, event_id, rule_id) DO NOTHING
""")

_TELL = text("""
    INSERT INTO owed (org_id, receiver_id, kind, body, due_at)
    SELECT :org, v.id, 'post.noticed', jsonb_strip_nulls(jsonb_build_object(
               'rule', r.name, 'score', e.sentiment, 'threshold', r.threshold,
               'post', jsonb_build_object('id', e.id, 'platform', e.platform, 'text', left(e.text, 2000), 'url', e.url,
                                          'occurred_at', e.occurred_at, 'author', coalesce('@' || i.handle, i.name)))),
           after_quiet(r, now())
    FROM json_to_recordset(CAST(:rows AS json)) AS x(event_id uuid, rule_id uuid)
    JOIN social_events e ON e.id = x.event_id
    JOIN rules r ON r.id = x.rule_id
    JOIN receivers v ON v.org_id = :org AND (v.tells = '{}' OR 'post.noticed' = ANY (v.tells))
    LEFT JOIN identities i ON i.id = e.identity_id
    ORDER BY e.occurred_at, e.id, v.id
    FOR KEY SHARE OF v SKIP LOCKED  -- one that is being removed is told no more, and fails nobody's transaction
""")

TOOK_IN = "what would have raised it was held back while it was open"
"""What the note of a reopening says where its post belonged to the case already: see workers/history.py."""

_ROLES: dict[str, Role] = {
    "open": "opened",
    "raise": "raised",
    "join": "joined",
    "reopen": "joined",
    "note": "noted",
}


class Carried(NamedTuple):
    """What came of it: the events that belong to an open case now, the cases that rose, whether an Incident opened or
    took anything in."""

    attached: set[UUID]
    risen: list[UUID]
    burst: bool


class Opened(NamedTuple):
    """A case as it is after a proposal: opened by it, risen, or what was open already."""

    subject: str
    case: UUID
    risen: bool


def open_cases(session: Session, org: str, proposals: Sequence[Mapping[str, Any]]) -> list[Opened]:
    """Open or raise a case for each proposal, one a subject, with its Ticket or Activity. One statement."""
    rows = session.execute(_CASES, {"org": org, "rows": as_json(list(proposals))})
    return [Opened(*row) for row in rows]


def carry_out(
    session: Session,
    org: str,
    decisions: Sequence[Decision],
    facts: Mapping[Ref, Facts],
    tickets: Mapping[UUID, UUID],
    policy: Policy,
) -> Carried:
    """Open, raise, reopen and join cases, make their Tickets and Activities, and attach the events.

    `facts` has every decided post; `tickets` are tickets by event that a text or an answered post names,
    taken where no case brings one. The cases that rose are told, since what belonged to them before has to hear of
    their Tickets.
    """
    reopened = [decision.case for decision in decisions if decision.action == "reopen"]
    if reopened:
        session.execute(_REOPEN, {"cases": reopened})
    incidents = incidents_of(session, org, _firsts(decisions, facts, policy))
    wanted = _wanted(decisions, facts, incidents)
    assign(session, [one.rule for one in decisions if one.rule is not None], list(wanted.values()))
    cases: dict[str, UUID] = {}
    risen: list[UUID] = []
    rising = [subject for subject, proposal in wanted.items() if proposal["level"] == "ticket"]
    if rising:
        session.execute(_ACTIVITIES, {"org": org, "subjects": rising})
    if wanted:
        for opened in open_cases(session, org, list(wanted.values())):
            cases[opened.subject] = opened.case
            if opened.risen:
                risen.append(opened.case)
    attached = [
        _attachment(decision, facts[decision.ref], _case_of(decision, cases)) for decision in decisions
    ]
    if attached:
        session.execute(_ATTACH, {"rows": as_json(attached)})
    if tickets:
        rows = [{"event_id": event, "ticket_id": ticket} for event, ticket in sorted(tickets.items())]
        session.execute(_TICKET, {"rows": as_json(rows)})
    if notes := _notes(decisions, facts, cases):
        session.execute(_NOTES, {"org": org, "rows": as_json(notes)})
    if tells := _tells(decisions, facts):
        session.execute(_TELL, {"org": org, "rows": as_json(tells)})
    joined = {facts[one.ref].event for one in decisions if one.action not in ("hold", "tell", "note")}
    return Carried(joined, risen, bool(incidents))


def _attachment(decision: Decision, fact: Facts, case: UUID | None) -> dict[str, Any]:
    """What its event says of a decision. A rule that is withheld beside another is the one that is named: the case names
    the other."""
    held = decision.held
    rule = held.rule if held else decision.rule
    return {
        "event_id": fact.event,
        "case_id": case,
        "role": _ROLES.get(decision.action),
        "rule_id": rule.id if rule else None,
        "held_back": held.reason if held else None,
        "hold_id": held.switch if held else None,
    }


def _case_of(decision: Decision, cases: Mapping[str, UUID]) -> UUID | None:
    """The case that a post belongs to now. A reopened one is named by its subject like any: if it could not be
    opened again, another has."""
    if decision.subject is not None and (decision.case is None or decision.subject in cases):
        return cases[decision.subject]
    return decision.case


def _firsts(decisions: Sequence[Decision], facts: Mapping[Ref, Facts], policy: Policy) -> dict[str, First]:
    """The first post of each theme whose Incident takes something in."""
    firsts: dict[str, First] = {}
    for decision in decisions:
        theme, rule = decision.incident, decision.rule
        if theme is not None and rule is not None and theme not in firsts:
            fact = facts[decision.ref]
            firsts[theme] = First(fact.event, rule.id, fact.sentiment, rule.threshold, policy.most(theme))
    return firsts


def _wanted(
    decisions: Sequence[Decision], facts: Mapping[Ref, Facts], incidents: Mapping[str, Incident]
) -> dict[str, dict[str, Any]]:
    """One proposal a subject: its case at the highest level decided, with the Activity of a mild opening."""
    wanted: dict[str, dict[str, Any]] = {}
    for decision in decisions:
        rule, subject = decision.rule, decision.subject
        if rule is None or subject is None or decision.reason is not None:
            continue
        fact = facts[decision.ref]
        held = wanted.get(subject)
        if held is not None and RANK[held["level"]] >= RANK[rule.level]:
            continue
        # where the case turns out to be open already, it keeps what it has and these ids are not used
        incident = incidents[decision.incident] if decision.incident else None
        alone = incident is None or decision.own
        mild = rule.level == "activity"
        wanted[subject] = {
            "id": held["id"] if held else str(uuid7()),
            "subject": subject,
            "level": rule.level,
            "identity_id": fact.identity,
            "event_id": fact.event,
            "rule_id": rule.id,
            "opened_by": held["opened_by"] if held else rule.id,
            "score": fact.sentiment,
            "threshold": rule.threshold,
            "ticket_id": str(uuid7()) if alone and not mild else None,
            "activity_id": held["activity_id"] if held else str(uuid7()) if alone and mild else None,
            "about": _about(fact),
            "priority": rule.priority,
            "account_id": fact.account,
            "contact_id": fact.contact,
            "campaign_id": fact.campaign,
            "source_id": fact.source,
            "parent_id": incident.case if incident else None,
            "shared_ticket": incident.ticket if incident else None,
            "themes": list(decision.themes),
        }
    return wanted


def assign(session: Session, rules: Sequence[Rule], proposals: Sequence[dict[str, Any]]) -> None:
    """Whose turn it is, for the rules whose cases go round: written into their proposals."""
    rotating = {str(rule.id) for rule in rules if rule.rotates}
    turns = Counter(str(one["rule_id"]) for one in proposals if str(one["rule_id"]) in rotating)
    if not turns:
        return
    rows = [{"rule_id": rule, "n": n} for rule, n in sorted(turns.items())]
    for row in session.execute(_TURNS, {"rows": as_json(rows)}):
        turn = row.turn
        for proposal in proposals:
            if row.assignees and proposal["rule_id"] == row.id:
                proposal["owner_id"] = row.assignees[turn % len(row.assignees)]
                turn += 1


def _notes(
    decisions: Sequence[Decision], facts: Mapping[Ref, Facts], cases: Mapping[str, UUID]
) -> list[dict[str, Any]]:
    """What a case's story needs beside its posts: the rules that a post crossed too, and what came after it closed."""
    rows: list[dict[str, Any]] = []
    for decision in decisions:
        case, fact = _case_of(decision, cases), facts[decision.ref]
        if case is None:
            continue
        common = {"case_id": case, "event_id": fact.event, "score": fact.sentiment}
        rows += [
            {**common, "what": "rule", "rule_id": rule.id, "threshold": rule.threshold}
            for rule in decision.also
        ]
        if decision.action in ("note", "reopen"):
            what = "reply" if decision.action == "note" else "reopened"
            rule = decision.rule.id if decision.rule else None
            said = TOOK_IN if decision.took_in else None
            rows.append({**common, "what": what, "rule_id": rule, "said": said})
    return rows


def _tells(decisions: Sequence[Decision], facts: Mapping[Ref, Facts]) -> list[dict[str, Any]]:
    return [
        {"event_id": facts[decision.ref].event, "rule_id": rule.id}
        for decision in decisions
        for rule in decision.tells
    ]


def _about(fact: Facts) -> str:
    """The subject line: who, where, a review's stars, and how it begins, at most 160 characters."""
    words = " ".join(fact.text.split())
    stars = "" if fact.rating is None else f", {fact.rating:g} star{'' if fact.rating == 1 else 's'}"
    who = f"{fact.author} on {fact.platform}{stars}"
    line = f"{who}: {words}" if words else who
    return line if len(line) <= 160 else line[:159].rstrip() + "…"
