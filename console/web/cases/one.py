"""`/cases/{case}`: one case with everything known about it. `/cases/{case}/fresh` says that it has changed meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.responses import Response

from console import audit, case_page, casework, fleet
from console.case_author import author
from console.casework import Matter, Stale
from console.policy import due_times
from console.refusal import CannotDo
from console.story import facts, notes
from console.web.asked import Ask, NotThere
from console.web.rules.whole import many
from models.vocabulary import PRIORITIES, VERDICTS
from workers.verdict import precisions

_MORE = text("""
    SELECT c.ticket_id, c.rule_id, coalesce(t.created_at, c.opened_at) AS opened_at,
           c.subject LIKE 'burst:%' AS incident, p.id AS parent, c.ticket_id = p.ticket_id AS shared
    FROM cases c LEFT JOIN tickets t ON t.id = c.ticket_id LEFT JOIN cases p ON p.id = c.parent_id WHERE c.id = :case
""")
# a verdict on what took others in holds for those as well (workers/verdict.py)
_RULES = text("""
    WITH them AS MATERIALIZED (
        SELECT id, rule_id FROM cases WHERE id = :case
        UNION ALL SELECT id, rule_id FROM cases WHERE parent_id = :case),
    first AS MATERIALIZED (SELECT DISTINCT rule_id FROM them WHERE rule_id IS NOT NULL)
    SELECT rule_id FROM first
    UNION SELECT r.id FROM rules r CROSS JOIN LATERAL (
        -- LIMIT: asked for each of the few other rules, and not for each of perhaps 10,000 cases
        SELECT FROM case_notes n WHERE n.rule_id = r.id AND n.what = 'rule' AND n.case_id = ANY (ARRAY(SELECT id FROM them))
        LIMIT 1) noted
    WHERE r.org_id = (SELECT org_id FROM cases WHERE id = :case) AND r.id NOT IN (SELECT rule_id FROM first)
      AND EXISTS (SELECT FROM case_notes n WHERE n.rule_id = r.id AND n.what = 'rule')
""")
_NAMES = text("SELECT id, name, suggests FROM rules WHERE id = ANY (:rules) ORDER BY name")
_TICKET = text("""
    SELECT subject AS about, source, created_at, parent_id, NULL::text AS verdict FROM tickets WHERE id = :ticket
""")
_INTO = text("""
    SELECT c.id, t.number FROM tickets t JOIN cases c ON c.ticket_id = t.id AND c.org_id = :org WHERE t.id = :ticket
    ORDER BY c.parent_id IS NOT NULL LIMIT 1
""")
TOLD = {
    "rule": "crossed the rule",
    "reply": "the author answered when it was closed",
    "reopened": "opened again",
    "gone": "a post is there no more",
    "edited": "a post was edited",
    "verdict": "verdict",
    "summary": "summary",
    "note": "note",
}
SURE = {
    "complaint": "a complaint",
    "not_a_complaint": "not a complaint",
    "wrong_record": "the wrong record",
    "spam": "spam",
}


def whole(ask: Ask) -> Response:
    """The page."""
    return shown(ask)


def part(ask: Ask) -> Response:
    """Says what has changed since the page was shown, and nothing else: nothing moves while somebody reads or writes."""
    now = _the(ask)
    seen, posts = ask.wish("version"), ask.wish("posts")
    number = case_page.count(ask.session, now.id)
    more = number - int(posts) if posts.isdecimal() and len(posts) < 10 else 0
    values = {"case": now, "more": more, "changed": seen != now.version}
    return ask.shows("cases/_fresh.html", values)


def precision(ask: Ask) -> Response:
    """How often the rules of the case were right. A part of its own: it is counted over all cases of these rules."""
    one = _the(ask)
    rules = sorted(rules_of(ask.session, one.id))
    found, ago = ask.recent(
        ("precision", *rules), lambda session: precisions(session, ask.who.org, rules) if rules else [], many
    )
    return ask.shows("cases/_precision.html", {"rules": found, "ago": ago})


def rules_of(session: Session, case: UUID) -> list[UUID]:
    """The rules that a case, or what it took in, crossed; that of its level among them."""
    return list(session.scalars(_RULES, {"case": case}))


def _the(ask: Ask) -> Matter:
    try:
        return casework.matter(ask.session, ask.who.org, ask.name("case"))
    except CannotDo:
        raise NotThere(
            "There is no such case; perhaps the address is not whole. /cases lists those there are."
        ) from None


def shown(
    ask: Ask, *, status: int = 200, stale: Stale | None = None, wrong: dict[str, str] | None = None
) -> Response:
    """The case's page; `wrong`: what is wrong with which field of a form, which is shown as it was typed."""
    one, session, org = _the(ask), ask.session, ask.who.org
    if not one.heard:
        return _of_the_crm(ask, one, status, stale, wrong or {})
    told = facts(session, one.id)
    more = session.execute(_MORE, {"case": one.id}).one()
    after = _after(ask.wish("after"))
    inside = case_page.inside(session, org, one.id)
    posts, goes_on = case_page.posts(session, org, one.id, after, children=told["children"])
    now = fleet.now(session)
    rules = rules_of(session, one.id)
    answered = case_page.answered_at(session, one.id)
    priority = one.priority or "low"
    values = {
        "now": now,
        "case": one,
        "told": told,
        "posts": posts,
        "own_posts": case_page.count(session, one.id),
        "next": goes_on and f"/cases/{one.id}?{_place(posts[-1])}",
        "further": after is not None,
        "rules": [dict(row) for row in session.execute(_NAMES, {"rules": rules}).mappings()],
        "notes": [
            note | {"words": TOLD[note["what"]]} for note in notes(session, one.id) if note["what"] != "rule"
        ],
        "audits": audit.notes(session, org, 20, of="case", of_id=one.id),
        "author": author(session, org, one.id, told["subject"]),
        "of_account": case_page.of_account(session, org, one.id, one.account_id) if one.account_id else [],
        "children": case_page.children(session, one.id, more.ticket_id) if told["children"] else [],
        "inside": inside,
        "incident": more.incident,
        "parent": more.parent,
        "shared": more.shared,
        "likely": case_page.likely(session, one.id) if ask.may and not one.closed and not more.shared else [],
        "opened_at": more.opened_at,
        "due": None if one.closed else more.opened_at + due_times(session, org)[priority],
        "answered": answered and max(0.0, (answered - more.opened_at).total_seconds()),
        "resolved": told["closed_at"] and (told["closed_at"] - told["opened_at"]).total_seconds(),
        "people": casework.people(session, org) if ask.may else [],
        "me": casework.me(session, org, ask.who.email),
        "priorities": PRIORITIES,
        "verdicts": [(verdict, SURE[verdict]) for verdict in VERDICTS],
        "stale": stale,
        "wrong": wrong or {},
        "typed": ask.fields,
        "original": next((post["url"] for post in posts if is_link(post["url"])), None),
        "is_link": is_link,
    }
    return ask.shows("cases/case.html", values, status)


def _of_the_crm(ask: Ask, one: Matter, status: int, stale: Stale | None, wrong: dict[str, str]) -> Response:
    """A ticket without a case: what people can do with any, and that no post belongs to it."""
    session, org = ask.session, ask.who.org
    told = session.execute(_TICKET, {"ticket": one.id}).mappings().one()
    into = session.execute(_INTO, {"org": org, "ticket": told["parent_id"]}).mappings().first()
    account, contact = one.account_id, one.contact_id
    values = {
        "now": fleet.now(session),
        "case": one,
        "told": told,
        "into": into,
        "audits": audit.notes(session, org, 20, of="ticket", of_id=one.id),
        "author": None,
        "of_account": case_page.of_account(session, org, one.id, account) if account else [],
        "contact": contact,
        "opened_at": told["created_at"],
        "due": None if one.closed else told["created_at"] + due_times(session, org)[one.priority or "low"],
        "answered": None,
        "resolved": None,
        "people": casework.people(session, org) if ask.may else [],
        "me": casework.me(session, org, ask.who.email),
        "priorities": PRIORITIES,
        "stale": stale,
        "wrong": wrong,
        "typed": ask.fields,
    }
    return ask.shows("cases/ticket.html", values, status)


def is_link(url: str | None) -> bool:
    """Is this an address that a browser may be sent to?"""
    return bool(url) and str(url).lower().startswith(("https://", "http://"))


def _after(told: str) -> tuple[datetime, UUID] | None:
    at, _, event = told.partition("~")
    try:
        return datetime.fromisoformat(at), UUID(event)
    except ValueError:
        return None


def _place(post: dict[str, Any]) -> str:
    return urlencode({"after": f"{post['occurred_at'].isoformat()}~{post['id']}"})
