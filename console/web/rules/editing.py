"""`/rules/new` and `/rules/{id}/edit`: a rule as a form. What it would have opened is shown before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from console import audit
from console.backtest import testable
from console.people import users
from console.refusal import BadInput, CannotDo
from console.rule_form import FIELDS, NEW, differs, seen, shown, trial, typed, values, wrong
from console.rule_told import told as sentence
from console.rules import add_rule, set_rule
from console.web.asked import Ask
from console.web.rules.whole import the_one
from console.words import one_line
from models.vocabulary import PRIORITIES, RULE_ACTIONS, RULE_AUDIENCES, RULE_TRIGGERS

LONGEST = 9_000
"""Characters of a field at most: a hundred phrases of eighty."""
Rule = dict[str, Any]


def new(ask: Ask) -> Response:
    """The form of a rule that is not there yet; with `try` what it would have opened."""
    return _page(ask, None)


def edit(ask: Ask) -> Response:
    """The form of a rule; with `try` what the change would have opened."""
    return _page(ask, the_one(ask))


def create(ask: Ask) -> Response:
    """Add it."""
    told = _told(ask.fields)
    refused = _refused(ask, None, told)
    if refused:
        return _shown(ask, None, told, refused, 422)
    made = add_rule(ask.session, ask.who.org, values(told), broad=told["broad"] == "yes")
    said = one_line(f"{made['name']} is a rule now: {sentence(made)}.", 400)
    return ask.done(f"/rules/{made['id']}", "added", said, of="rule", of_id=made["id"])


def save(ask: Ask) -> Response:
    """Change it, unless somebody was quicker."""
    rule, told = the_one(ask), _told(ask.fields)
    if ask.fields.get("seen") != seen(rule):
        return _shown(ask, rule, told, {}, 409, stale=_meanwhile(ask, rule))
    refused = _refused(ask, rule, told)
    if refused:
        return _shown(ask, rule, told, refused, 422)
    before, after = set_rule(
        ask.session, ask.who.org, str(rule["id"]), values(told, rule), broad=told["broad"] == "yes"
    )
    was, now = differs(before, after)
    if not now:
        return _shown(ask, rule, told, {"": "That is what it says already."}, 422)
    said = one_line(f"{after['name']}: {now} from now on; all workers hear of it within 30 seconds.", 400)
    return ask.done(f"/rules/{rule['id']}", "changed", said, of="rule", of_id=rule["id"], was=was, now=now)


def _page(ask: Ask, rule: Rule | None) -> Response:
    if not ask.wish("try"):
        return _shown(ask, rule, _told(typed(rule) if rule else NEW))
    told = _told(ask.request.query_params)
    if rule and ask.wish("seen") != seen(rule):
        return _shown(ask, rule, told, {}, 409, stale=_meanwhile(ask, rule))
    refused = _refused(ask, rule, told)
    if refused:
        return _shown(ask, rule, told, refused, 422)
    made = values(told, rule)
    after = trial(ask.session, ask.who.org, rule, made, broad=told["broad"] == "yes")
    return _shown(ask, rule, told, tried=after)


def _refused(ask: Ask, rule: Rule | None, told: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field."""
    made = values(told, rule)
    if found := wrong(ask.session, ask.who.org, made):
        return found
    try:
        trial(ask.session, ask.who.org, rule, made, broad=told["broad"] == "yes")
    except BadInput as everything:
        said = shown(str(everything)).removeprefix("Threshold: ")
        return {"threshold": said[:1].upper() + said[1:], "broad": "yes"}
    except CannotDo as taken:
        return {"name": shown(str(taken))}
    return {}


def _meanwhile(ask: Ask, rule: Rule) -> str:
    last = audit.notes(ask.session, ask.who.org, 1, of="rule", of_id=rule["id"])
    by = f"{last[0]['by']} changed it" if last else "somebody changed it"
    return f"Nothing was changed: {by} meanwhile. It says now: {sentence(rule)}. Your words stand below; show them again to go on."


def _told(given: Mapping[str, str]) -> dict[str, str]:
    told = {name: given.get(name, "").replace("\r", "").strip()[:LONGEST] for name in (*FIELDS, "broad")}
    return {name: words.replace("\0", "") for name, words in told.items()}


def _shown(
    ask: Ask,
    rule: Rule | None,
    told: Mapping[str, str],
    refused: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    stale: str = "",
    tried: Rule | None = None,
) -> Response:
    now = typed(rule) if rule else None
    values = {
        "rule": rule,
        "told": told,
        "refused": refused or {},
        "stale": stale,
        "tried": tried,
        "sentence": sentence(tried) if tried else "",
        "can_be_tested": tried is not None and testable(tried),
        "changed": now is None or any(told[name] != now[name] for name in FIELDS),
        "query": urlencode({name: words for name, words in told.items() if words}),
        "seen": seen(rule) if rule else "",
        "to": f"/rules/{rule['id'] if rule else 'new'}",
        "triggers": RULE_TRIGGERS,
        "actions": RULE_ACTIONS,
        "audiences": RULE_AUDIENCES,
        "priorities": PRIORITIES,
        "users": sorted(users(ask.session, ask.who.org)),
    }
    return ask.shows("rules/edit.html", values, status)
