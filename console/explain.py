"""Why this score, why these records, why this ticket: everything known about one post."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.corrections import corrections_of
from console.refusal import CannotDo
from console.scorers import scorer_then
from workers.directory import read_scorer
from workers.score import Explanation, Scorer, Unscored

_LIKELY = 100_000
"""Among how many of the newest posts the end of an id is looked for."""

_EXACT = text(
    "SELECT id FROM social_events WHERE org_id = :org AND (id = :id OR external_id = :named OR url = :named)"
)
_RANGE = text("SELECT id FROM social_events WHERE org_id = :org AND id BETWEEN :low AND :high LIMIT 3")
_PART = text("""
    SELECT id FROM (SELECT id, external_id FROM social_events WHERE org_id = :org ORDER BY id DESC LIMIT :likely) e
    WHERE id::text LIKE '%' || :part OR starts_with(external_id, :part) LIMIT 3
""")
_EVENT = text("""
    SELECT e.id, e.platform, e.external_id, e.url, e.verb, e.direction, e.voice, e.text, e.lang, e.sentiment,
           e.unscored, e.scorer, e.occurred_at, e.edited_at, e.recorded_at, e.reply_to, e.thread, e.addressed,
           e.about_us, e.reposts, e.rating, e.case_role, e.held_back, e.hold_id, e.case_id, e.sightings, e.ticket_id,
           i.handle, i.name AS author, i.stable_id, i.bot, i.ours, i.former_handles,
           r.name AS rule, r.audience, r.threshold, r.rating AS stars, r.action, r.words AS asked,
           k.name AS account, g.name AS campaign, t.number AS ticket, t.status AS ticket_status, t.priority,
           nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact
    FROM social_events e
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN rules r ON r.id = e.rule_id
    LEFT JOIN accounts k ON k.id = e.account_id
    LEFT JOIN contacts p ON p.id = e.contact_id
    LEFT JOIN campaigns g ON g.id = e.campaign_id
    LEFT JOIN tickets t ON t.id = e.ticket_id
    WHERE e.id = :id
""")
_MATCHES = text("""
    SELECT m.kind, m.record_id, m.how, m.sure, m.evidence, m.starts, m.ends, m.state, m.author, m.by,
           coalesce(k.name, g.name, nullif(concat_ws(' ', p.first_name, p.last_name), ''), p.email,
                    nullif(concat_ws(' ', l.first_name, l.last_name), ''),
                    '#' || t.number) AS record
    FROM matches m
    LEFT JOIN accounts k ON m.kind = 'account' AND k.id = m.record_id
    LEFT JOIN contacts p ON m.kind = 'contact' AND p.id = m.record_id
    LEFT JOIN campaigns g ON m.kind = 'campaign' AND g.id = m.record_id
    LEFT JOIN tickets t ON m.kind = 'ticket' AND t.id = m.record_id
    LEFT JOIN leads l ON m.kind = 'lead' AND l.id = m.record_id
    WHERE m.event_id = :id ORDER BY m.sure DESC, m.kind, m.created_at, m.id
""")
_CASE = text("""
    SELECT c.id AS case, c.subject, c.level, c.score, c.threshold, c.opened_at, c.risen_at, c.closed_at,
           c.reopened_at, CASE WHEN p.subject LIKE 'burst:%' THEN pt.number END AS incident, p.ticket_id = c.ticket_id AS shared, p.closed_at AS incident_closed_at,
           (SELECT count(*) FROM cases n WHERE n.parent_id = p.id) AS siblings, c.event_id, r.name AS rule, t.number AS ticket, c.activity_id AS activity,
           coalesce(t.status, a.status) AS status,
           (SELECT count(*) FROM social_events n WHERE n.case_id = c.id) AS posts
    FROM cases c LEFT JOIN rules r ON r.id = c.rule_id LEFT JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN activities a ON a.id = c.activity_id
    LEFT JOIN cases p ON p.id = c.parent_id LEFT JOIN tickets pt ON pt.id = p.ticket_id
    WHERE c.id = :case
""")
_NOTES = text("""
    SELECT n.at, n.what, n.score, n.threshold, r.name AS rule, r.action
    FROM case_notes n LEFT JOIN rules r ON r.id = n.rule_id
    WHERE n.org_id = :org AND n.case_id = :case AND n.event_id = :id ORDER BY n.at, n.id
""")
_HOLD = text("""
    SELECT h.id, h.of, coalesce(h.platform, g.name, r.name) AS what, h.until, h.reason, h.by, h.lifted_at,
           h.lifted_at IS NULL AND h.until > now() AS active
    FROM holds h LEFT JOIN campaigns g ON g.id = h.campaign_id LEFT JOIN rules r ON r.id = h.rule_id WHERE h.id = :hold
""")
_SOURCES = text("""
    SELECT s.id, s.platform, s.kind, s.term, s.escalate_from FROM sources s WHERE s.id = ANY(:ids)
    ORDER BY array_position(:ids, s.id)
""")


def find(session: Session, org: str, named: str) -> UUID:
    """The event of this id, external id or address, or the only one whose id begins or ends so.

    Raises CannotDo for none and for several.
    """
    named = named.strip()
    found = _found(session, org, named)
    if not found:
        raise CannotDo(f"No post of {org} is called {named!r}; `earshot mentions` shows their ids.")
    if len(found) > 1:
        raise CannotDo(f"{named!r} fits more than one post; give more of the id.")
    return found[0]


def _found(session: Session, org: str, named: str) -> list[UUID]:
    if not named or "\0" in named:
        return []
    part = named.lower()
    digits = part.replace("-", "")
    is_hex = bool(digits) and set(digits) <= set("0123456789abcdef") and len(digits) <= 32
    whole = UUID(digits) if is_hex and len(digits) == 32 else None
    exact = list(session.scalars(_EXACT, {"org": org, "id": whole, "named": named}))
    if exact or whole:
        return exact
    if is_hex and len(digits) >= 4:
        ends = {"low": UUID(digits.ljust(32, "0")), "high": UUID(digits.ljust(32, "f"))}
        if begun := list(session.scalars(_RANGE, {"org": org, **ends})):
            return begun
    if len(named) < 4:
        return []
    return list(session.scalars(_PART, {"org": org, "part": part if is_hex else named, "likely": _LIKELY}))


def explained(session: Session, org: str, event: UUID) -> dict[str, Any]:
    """Everything about one post.

    The event's columns; `words`: what weighed, with the lexicon that the score was made with (None where it has
    no score); `now`: {sentiment, unscored, scorer} as today's scorer has it; `corrections`, the newest first, those
    taken back too; `matches`; `case` or None; `noted`: what its case says of this post; `hold`: the
    crisis switch that holds it back, or None; `sources` that heard it, in the order in which they did.
    """
    row = dict(session.execute(_EVENT, {"id": event}).mappings().one())
    sightings, case = row.pop("sightings"), row.pop("case_id")
    row["author"] = {name: row.pop(name) for name in ("author", "handle", "stable_id", "bot", "ours")}
    row["author"]["name"] = row["author"].pop("author")
    row["author"]["former_handles"] = row.pop("former_handles")
    row["rule"] = row["rule"] and {"name": row["rule"]} | {
        **{name: row[name] for name in ("audience", "threshold", "action")},
        "rating": row["stars"],
        "words": row["asked"],
    }
    for name in ("audience", "threshold", "stars", "action", "asked"):
        row.pop(name)
    row["matches"] = _all(session, _MATCHES, {"id": event})
    row["sources"] = _all(session, _SOURCES, {"ids": sightings})
    row["case"] = next(iter(_all(session, _CASE, {"case": case})), None) if case else None
    row["noted"] = _all(session, _NOTES, {"org": org, "case": case, "id": event}) if case else []
    row["hold"] = next(iter(_all(session, _HOLD, {"hold": row.pop("hold_id")})), None)
    row["words"] = None
    if row["sentiment"] is not None:
        row["words"] = weighed(scorer_then(session, org, row["scorer"]), row["text"])
    row["now"] = _now(read_scorer(session, org), row)
    row["corrections"] = corrections_of(session, event)
    return row


def _now(scorer: Scorer, row: dict[str, Any]) -> dict[str, Any]:
    (told,) = scorer.score([(row["text"], row["lang"])])
    if isinstance(told, Unscored):
        return {"sentiment": None, "unscored": told.reason, "scorer": scorer.version}
    return {"sentiment": told.compound, "unscored": None, "scorer": scorer.version}


def weighed(scorer: Scorer, words: str) -> dict[str, Any]:
    """Why a text scores what it scores, as plain values.

    {text: what was read after normalising, words: [{word, weight}] in the order of the text, emphasis, total, compound}.
    """
    return as_values(scorer.explain(words))


def as_values(told: Explanation) -> dict[str, Any]:
    """An explanation as plain values, the words in the order of the text: so their sum is the total, to the digit."""
    return {
        "text": told.text,
        "words": [{"word": word.word, "weight": word.weight} for word in told.words],
        "emphasis": told.emphasis,
        "total": told.total,
        "compound": told.compound,
    }


def _all(session: Session, query: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(query, values).mappings()]
