"""Whom a rule makes a Lead of: `wanted` says it, `make_leads` does it.

Somebody who is nobody's: a stable author who belongs to no Contact, Account or Lead and is neither ours, a
competitor nor a bot. Whoever complains is no Lead: a post that crosses a rule for cases never makes one, and
neither does an author with an open case. The unique index on (org_id, identity_id) decides that an author is a
Lead once; a lock per rule, taken after every row but pages and hours, keeps its number in 24 hours exact.

The author's other posts follow (workers/follow.py). Surprising: a Lead that a person deletes may be made again by the author's next post; `unqualified` ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text

from workers._rows import as_json
from workers._said import first_said
from workers.follow import ask_to_follow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from workers.decide import Decision
    from workers.escalate import Facts
    from workers.heard import Heard, Ref
    from workers.resolved import Resolved
    from workers.rule import Rule, Rules

CAPPED = "lead cap reached"
"""What an event's held_back says where its rule had made its number of Leads already."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A post whose author a rule would make a Lead of. `said`: which of the rule's phrases it has, if any."""

    ref: Ref
    subject: str
    rule: Rule
    said: str | None


def wanted(posts: Sequence[Heard], rules: Iterable[Rule], cased: Collection[Ref] = ()) -> list[Wanted]:
    """What each stranger's posts are worth to the rules that make Leads, in the order written. Pure.

    `cased` are the posts that the rules for cases have decided, held back or not. At most one a subject: the
    first post, and its first rule in the order given. A post without a score passes only where any score would.
    """
    making = [rule for rule in rules if rule.action == "lead"]
    found: dict[str, Wanted] = {}
    if not making:
        return []
    complaining = {post.subject for post in posts if post.ref in cased}
    for post in sorted(posts, key=lambda post: (post.occurred_at, post.ref)):
        if (
            post.subject in found
            or post.subject in complaining
            or not post.stranger
            or post.ours
            or post.bot
            or post.occurred_at < post.start_mark
        ):
            continue
        for rule in making:
            if post.belongs_to(rule.audience) and rule.covers(post) and _low_enough(post, rule):
                said = first_said(post.text, rule.words)
                if said is not None or not rule.words:
                    found[post.subject] = Wanted(post.ref, post.subject, rule, said)
                    break
    return list(found.values())


def is_stranger(found: Resolved) -> bool:
    """Does a post's author, known by a stable id, belong to nobody, as far as resolve knows?"""
    author = found.author
    return (
        author is not None and not (author.linked or author.lead_id) and not (found.ours or found.competitor)
    )


def _low_enough(post: Heard, rule: Rule) -> bool:
    if rule.rating is not None and (post.rating is None or post.rating > rule.rating):
        return False
    return rule.threshold >= 1.0 if post.sentiment is None else post.sentiment <= rule.threshold


# --- doing ---------------------------------------------------------------------------------------------

# An identity that is merged into another is that person, whose links count and who becomes the Lead. Rules are
# read anew: one that was removed or switched off since the process read it makes nothing.
_STRANGERS = """
    WITH x AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            event_id uuid, identity_id uuid, rule_id uuid, subject text, said text, name text,
            campaign_id uuid, nth integer)
    ), rule AS MATERIALIZED (
        SELECT r.id, r.per_day FROM rules r
        WHERE r.org_id = :org AND r.enabled AND r.id IN (SELECT rule_id FROM x)
        ORDER BY r.id FOR KEY SHARE
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (i.id) x.*, i.id AS whose, rule.per_day
        FROM x JOIN rule ON rule.id = x.rule_id
        JOIN identities a ON a.id = x.identity_id
        JOIN identities i ON i.id = coalesce(a.merged_into, a.id)
        WHERE coalesce(a.contact_id, a.account_id, a.lead_id, i.contact_id, i.account_id, i.lead_id) IS NULL
          AND NOT (a.ours OR a.bot OR i.ours OR i.bot)
          AND NOT EXISTS (SELECT FROM leads l WHERE l.org_id = :org AND l.identity_id = i.id)
          AND NOT EXISTS (SELECT FROM cases c WHERE c.org_id = :org AND c.closed_at IS NULL
                          AND c.subject IN (x.subject, 'identity:' || i.id))
        ORDER BY i.id, x.nth
    )
"""
_ANYBODY = text(f"{_STRANGERS} SELECT DISTINCT rule_id, per_day FROM fresh ORDER BY rule_id")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot.leads.' || :rule, 0))")

# A statement of its own, after the locks, so that it sees what those who held them have committed. An identity
# that somebody else holds at this moment is passed over instead of waited for: identities are locked before
# everything else. `link_leads` finds it later.
_MAKE = text(f"""
    {_STRANGERS}, made_before AS (
        SELECT rule.id, count(l.id) AS n
        FROM rule LEFT JOIN leads l ON l.rule_id = rule.id AND l.created_at > now() - interval '24 hours'
        GROUP BY rule.id
    ), ranked AS MATERIALIZED (
        SELECT f.*, f.per_day IS NULL
                    OR m.n + row_number() OVER (PARTITION BY f.rule_id ORDER BY f.nth) <= f.per_day AS room
        FROM fresh f JOIN made_before m ON m.id = f.rule_id
    ), made AS (
        INSERT INTO leads (org_id, first_name, last_name, status, source, campaign_id, identity_id, rule_id)
        SELECT :org, split_part(name, ' ', 1), nullif(substr(name, length(split_part(name, ' ', 1)) + 2), ''),
               'new', 'social', campaign_id, whose, rule_id
        FROM ranked WHERE room ORDER BY whose
        ON CONFLICT (org_id, identity_id) WHERE identity_id IS NOT NULL DO NOTHING
        RETURNING id, identity_id
    ), matched AS (
        INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, author)
        SELECT :org, r.event_id, 'lead', m.id, 'rule', 1.0, r.said, true
        FROM made m JOIN ranked r ON r.whose = m.identity_id
        ORDER BY r.event_id
    ), held AS MATERIALIZED (
        SELECT i.id, m.id AS lead_id FROM made m JOIN identities i ON i.id = m.identity_id
        ORDER BY i.platform, i.stable_id FOR NO KEY UPDATE OF i SKIP LOCKED
    ), linked AS (
        UPDATE identities i SET lead_id = held.lead_id FROM held
        WHERE i.id = held.id AND coalesce(i.contact_id, i.account_id, i.lead_id) IS NULL
        RETURNING i.id
    ), told AS (
        UPDATE social_events e
        SET rule_id = CASE WHEN e.case_id IS NULL THEN coalesce(e.rule_id, r.rule_id) ELSE e.rule_id END,
            held_back = CASE WHEN r.room THEN e.held_back ELSE coalesce(e.held_back, '{CAPPED}') END
        FROM ranked r WHERE e.id = r.event_id
    )
    SELECT made.id AS lead, linked.id AS identity FROM made LEFT JOIN linked ON linked.id = made.identity_id
""")

_LINK = text("""
    WITH held AS (
        SELECT i.id, l.id AS lead_id
        FROM rules r JOIN leads l ON l.rule_id = r.id AND l.created_at > now() - interval '1 hour'
        JOIN identities i ON i.id = l.identity_id
        WHERE r.org_id = :org AND r.action = 'lead' AND i.org_id = :org AND NOT i.decided
          AND coalesce(i.contact_id, i.account_id, i.lead_id) IS NULL
        ORDER BY i.platform, i.stable_id FOR NO KEY UPDATE OF i
    )
    UPDATE identities i SET lead_id = held.lead_id FROM held WHERE i.id = held.id RETURNING i.id
""")


def leads_of(
    session: Session,
    org: str,
    posts: Sequence[Heard],
    facts: Mapping[Ref, Facts],
    rules: Rules,
    decisions: Sequence[Decision],
) -> list[UUID]:
    """Decide over a batch whose cases were carried out, and make its Leads; those that were made.

    To be called in the transaction that wrote the events, after its cases and before its pages.
    """
    wants = wanted(posts, rules, {decision.ref for decision in decisions if decision.rule is not None})
    return make_leads(session, org, facts, wants)


def make_leads(session: Session, org: str, facts: Mapping[Ref, Facts], wants: Sequence[Wanted]) -> list[UUID]:
    """Make Leads of the authors of these posts who are nobody's yet, as many as their rules have room for.

    A post beyond that has its reason in held_back. Three statements, and a lock for each rule with a number
    that has somebody to take; one where everybody is somebody's. Returns the Leads that were made.
    """
    rows = [
        {
            "event_id": facts[want.ref].event,
            "identity_id": facts[want.ref].identity,
            "rule_id": want.rule.id,
            "subject": want.subject,
            "said": want.said,
            "name": _called(facts[want.ref]),
            "campaign_id": facts[want.ref].campaign,
            "nth": nth,
        }
        for nth, want in enumerate(wants)
        if facts[want.ref].identity is not None
    ]
    if not rows:
        return []
    values = {"org": org, "rows": as_json(rows)}
    rules = session.execute(_ANYBODY, values).all()
    if not rules:
        return []
    for rule in rules:
        if rule.per_day is not None:
            session.execute(_ALONE, {"rule": str(rule.rule_id)})
    made = session.execute(_MAKE, values).all()
    ask_to_follow(session, org, [row.identity for row in made if row.identity is not None])
    return [row.lead for row in made]


def _called(fact: Facts) -> str:
    """The author's display name on one line, else the handle."""
    return " ".join((fact.name or "").split())[:200] or fact.author.lstrip("@")


def link_leads(session: Session, org: str) -> None:
    """Say of the identities of the last hour's Leads that they are theirs, where another held them then."""
    ask_to_follow(session, org, session.scalars(_LINK, {"org": org}).all())
