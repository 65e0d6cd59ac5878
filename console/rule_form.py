"""A rule as a form has it: texts by the names of its fields, and the values that these make.

A form says everything about a rule, so what is left empty is none; only a threshold may be unsaid, where any score will do.
What a rule names already is recognised by its name, also where that is gone by now or somebody else's, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from console.rule_known import Known
from console.rule_refused import CALLED, problems_by_field
from console.rule_values import Values, held
from console.rules import add_rule, set_rule

LISTS = ("words", "platforms", "kinds", "sources", "campaigns", "accounts", "languages", "assignees")
_LINES = ("words", "campaigns", "accounts", "sources")
"""One a line: their names may have commas in them."""
TEXTS = ("name", "trigger", "action", "audience", "priority", "quiet_zone")
NUMBERS = {
    "threshold": float,
    "rating": int,
    "per_day": int,
    "rearm": float,
    "factor": float,
    "minimum": int,
}
SPANS = ("window_hours", "max_age_hours")
FIELDS = (*TEXTS, *LISTS, *NUMBERS, *SPANS, "owner_id", "quiet")
NEW = {
    "trigger": "post",
    "action": "ticket",
    "audience": "addressed",
    "priority": "normal",
    "quiet_zone": "UTC",
}

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_LABELS = {"stars": "stars", "over": "over", "zone": "time zone", "quiet": "quiet hours", "words": "phrases"}


def typed(rule: Mapping[str, Any]) -> dict[str, str]:
    """A stored rule (of console.rules) as its form shows it."""
    now, names = held(rule), rule["names"]
    told = {name: str(now[name]) for name in TEXTS}
    for name in LISTS:
        apart = "\n" if name in _LINES else ", "
        told[name] = apart.join(names.get(str(one), str(one)) for one in now[name])
    for name in NUMBERS:
        told[name] = "" if now[name] is None else f"{now[name]:g}"
    if now["threshold"] >= 1:
        told["threshold"] = ""
    for name in SPANS:
        told[name] = "" if now[name] is None else f"{now[name]}h"
    told["assignees"] = told["assignees"] if rule["assign"] == "rotation" else ""
    told["owner_id"] = names.get(str(now["owner_id"]), "") if now["owner_id"] else ""
    told["quiet"] = now["quiet"] or ""
    return told


def values(told: Mapping[str, str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a form makes of a rule (None: a new one), to be checked: a number that is none stays as it was typed."""
    made: dict[str, Any] = {name: told.get(name, "") for name in TEXTS}
    for name in LISTS:
        parts = re.split(r"\n" if name in _LINES else r"[,\s]+", told.get(name, ""))
        known = _named(name, before)
        made[name] = [known.get(part.strip(), part.strip()) for part in parts if part.strip()]
    for name, kind in NUMBERS.items():
        made[name] = _number(told.get(name, ""), kind)
    for name in SPANS:
        made[name] = told.get(name, "").strip() or None
    made["assign"] = "rotation" if made["assignees"] else "account"
    made["owner_id"] = told.get("owner_id", "").strip() or None
    made["quiet"] = told.get("quiet", "").replace("–", "-").strip() or None
    if not made["quiet"]:
        made["quiet_zone"] = "UTC"
    if made["trigger"] != "post":
        made["audience"] = "named"
    if made["threshold"] is None and (
        made["trigger"] == "spike"
        or (
            made["trigger"] == "post"
            and (made["rating"] or made["action"] in ("lead", "notify") or made["words"])
        )
    ):
        made["threshold"] = 1.0
    return made


def _named(field: str, rule: Mapping[str, Any] | None) -> dict[str, Any]:
    """The rows that a rule names in a field, by what the form calls them."""
    if rule is None or field not in ("sources", "campaigns", "accounts", "assignees"):
        return {}
    return {rule["names"].get(str(one), str(one)): one for one in rule[field]}


def trial(
    session: Session, org: str, rule: Mapping[str, Any] | None, wanted: Mapping[str, Any], *, broad: bool
) -> dict[str, Any]:
    """The rule (None: a new one) as it would be stored with these values. Nothing is. Raises CannotDo."""
    point = session.begin_nested()
    try:
        if rule is None:
            return add_rule(session, org, wanted, broad=broad)
        return set_rule(session, org, str(rule["id"]), wanted, broad=broad)[1]
    finally:
        point.rollback()


def differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """What two rules say otherwise, in words: of the one, and of the other."""
    was, now = typed(before), typed(after)
    other = [name for name in FIELDS if was[name] != now[name]]

    def said(told: Mapping[str, str]) -> str:
        return ", ".join(
            f"{CALLED.get(name, name).replace('_', ' ')} {told[name].replace(chr(10), ', ') or 'none'}"
            for name in other
        )

    return said(was), said(now)


def wrong(session: Session, org: str, told: Mapping[str, Any]) -> dict[str, str]:
    """What cannot be taken of these values, by field; nothing where they make a rule."""
    try:
        Values.model_validate(dict(told), context=Known(session, org))
    except ValidationError as refused:
        found = problems_by_field(refused)
        return {field: _as_shown(said) for field, said in found.items()}
    return {}


def _as_shown(said: str) -> str:
    """A refusal without the options of the command."""
    return _OPTION.sub(lambda option: f"“{_LABELS.get(option[1], option[1])}”", said)


def shown(said: str) -> str:
    """A refusal of the functions behind the commands, as a form says it."""
    return _as_shown(said).replace("; `earshot rules set` changes it", "")


def seen(rule: Mapping[str, Any]) -> str:
    """What a form brings back to tell whether the rule is still the one that it showed."""
    told = {name: str(value) for name, value in held(rule).items() if name != "enabled"}
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _number(told: str, kind: type) -> Any:
    written = told.strip().replace("−", "-").replace(",", ".")
    if not written:
        return None
    try:
        return kind(written)
    except ValueError:
        return told
