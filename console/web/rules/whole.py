"""`/rules`: every rule and every crisis switch; `/rules/{id}`: one rule, and what it would have opened at other thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from console import fleet
from console.backtest import testable
from console.campaigns import newest
from console.crisis import switches
from console.refusal import CannotDo
from console.rule_told import does, right, told, when, whose
from console.rules import counted, demoted_by, judged, rules, the_rule
from console.web.asked import Ask, NotThere
from models.vocabulary import PLATFORMS
from workers.verdict import Precision, precisions

SWITCHES = 20
"""Crisis switches that are shown: those that are on or hold something, and the newest others."""
AUDIENCES = {
    "addressed": "addressed to us",
    "customer": "a customer's, to us or about us",
    "named": "about us or ours",
}
MANY = 20_000
"""Cases from which on they are not counted again for every page."""


def every(ask: Ask) -> Response:
    """The page of all."""
    return listed(ask)


def listed(ask: Ask, wrong: str = "", typed: dict[str, str] | None = None, status: int = 200) -> Response:
    """The page, with what was wrong about a crisis switch that somebody wanted to turn on."""
    found = rules(ask.session, ask.who.org)
    right_ones, ago = ask.recent(
        "precision",
        lambda session: precisions(session, ask.who.org),
        many,
    )
    judged(ask.session, ask.who.org, found, right_ones)
    crisis = switches(ask.session, ask.who.org)
    crisis.sort(key=lambda one: not (one["active"] or one["held"]))
    values = {
        "rules": [row | in_words(row) for row in found],
        "counted_ago": ago,
        "switches": crisis[:SWITCHES],
        "more_switches": len(crisis) - SWITCHES,
        "campaigns": newest(ask.session, ask.who.org),
        "platforms": PLATFORMS,
        "now": fleet.now(ask.session),
        "wrong": wrong,
        "typed": {"of": "", "hours": "6", "reason": ""} | (typed or {}),
    }
    return ask.shows("rules/rules.html", values, status)


def one(ask: Ask) -> Response:
    """One rule."""
    return shown(ask, the_one(ask))


def shown(
    ask: Ask, rule: dict[str, Any], wrong: str = "", typed: str | None = None, status: int = 200
) -> Response:
    """The page of one rule, with what was wrong about a threshold that was typed."""
    right_ones, ago = ask.recent(
        ("precision", rule["id"]),
        lambda session: precisions(session, ask.who.org, [rule["id"]]),
        many,
    )
    judged(ask.session, ask.who.org, [rule], right_ones)
    values = {
        "rule": rule | in_words(rule),
        "counted_ago": ago,
        "done_by_it": counted(ask.session, rule),
        "demoted_by": demoted_by(ask.session, rule),
        "now": fleet.now(ask.session),
        "can_be_tested": testable(rule),
        "wrong": wrong,
        "typed": f"{rule['threshold']:.2f}" if typed is None else typed,
    }
    return ask.shows("rules/rule.html", values, status)


def the_one(ask: Ask) -> dict[str, Any]:
    """The rule of the address. Raises NotThere."""
    try:
        return the_rule(ask.session, ask.who.org, str(ask.name("rule")))
    except CannotDo:
        raise NotThere("This rule was taken away. /rules has those that there are.") from None


def in_words(rule: dict[str, Any]) -> dict[str, Any]:
    """What a list says of it."""
    by, asks = whose(rule), when(rule)
    if rule["trigger"] == "post":
        by = by.replace(rule["audience"], AUDIENCES[rule["audience"]], 1)
        number = f"{rule['threshold']:+.2f}"
        asks = asks.replace(number, f"a score of {number} or lower".replace("-", "−"), 1)
    words = {"whose": by, "when": asks, "does": does(rule), "right": right(rule)}
    return {**words, "sentence": told(rule)}


def many(counted: Sequence[Precision]) -> bool:
    """Are these so many that the next page shows them as they were counted for this one?"""
    return sum(one.cases for one in counted) > MANY
