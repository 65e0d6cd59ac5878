"""`/rules/policy`: what holds for all rules: due times, bursts, reopening, when a rule only suggests."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from console import audit
from console.policy import policy, set_policy
from console.policy_form import FIELDS, GROUPS, USUAL, typed, values
from console.web.asked import Ask
from console.words import one_line


def page(ask: Ask) -> Response:
    """The page."""
    return _shown(ask, typed(policy(ask.session, ask.who.org)))


def save(ask: Ask) -> Response:
    """Change it, unless somebody was quicker."""
    now = typed(policy(ask.session, ask.who.org))
    told = {name: one_line(ask.fields.get(name, ""), 40) for name in FIELDS}
    if quicker := [name for name in FIELDS if ask.fields.get(f"was_{name}") != now[name]]:
        return _shown(ask, told, {}, 409, _meanwhile(ask, now, quicker))
    made, wrong = values(told)
    if wrong:
        return _shown(ask, told, wrong, 422)
    before, after = (typed(held) for held in set_policy(ask.session, ask.who.org, made))
    changed = [name for name in FIELDS if before[name] != after[name]]
    if not changed:
        return _shown(ask, after, {"": "That is what it says already."}, 422)
    said = "; ".join(f"{_called(name)}: {_with(name, after)}, it was {before[name]}" for name in changed)
    return ask.done(
        "/rules/policy",
        "policy",
        f"{said}.",
        of="policy",
        was={name: before[name] for name in changed},
        now={name: after[name] for name in changed},
    )


def _meanwhile(ask: Ask, now: Mapping[str, str], names: list[str]) -> str:
    last = audit.notes(ask.session, ask.who.org, 1, of="policy")
    by = f"{last[0]['by']} changed it" if last else "it was changed at a terminal"
    said = ", ".join(f"{_called(name)} {_with(name, now)}" for name in names)
    return f"Nothing was changed: {by} meanwhile. It says now: {said}. What you typed stands below; save it again to have it so."


def _called(name: str) -> str:
    return f"due, {FIELDS[name].label.lower()}" if name.startswith("due_") else FIELDS[name].label.lower()


def _with(name: str, told: Mapping[str, str]) -> str:
    return f"{told[name]} {FIELDS[name].unit}".rstrip()


def _shown(
    ask: Ask,
    told: Mapping[str, str],
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
    stale: str = "",
) -> Response:
    shown = {
        "groups": GROUPS,
        "told": told,
        "held": typed(policy(ask.session, ask.who.org)),
        "usual": USUAL,
        "wrong": wrong or {},
        "stale": stale,
    }
    return ask.shows("rules/policy.html", shown, status)
