"""The policy as a form has it: texts by the names of its fields, what each means and what it is by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from console.policy import Values, in_words, problems
from console.words import parsed_span


class Field(NamedTuple):
    """One value. `unit` is what the number counts; a span (like 2h) has none of its own."""

    name: str
    label: str
    means: str
    unit: str = ""


GROUPS: dict[str, tuple[Field, ...]] = {
    "When a ticket is due, from when it was opened": (
        Field("due_urgent", "Urgent", "holds for what is open already, too"),
        Field("due_high", "High", "not sooner than urgent"),
        Field("due_normal", "Normal", "not sooner than high"),
        Field("due_low", "Low", "and every activity; not sooner than normal"),
    ),
    "When everybody complains at once": (
        Field(
            "burst_after",
            "Tickets about one thing",
            "of one campaign, keyword or account; one Incident takes the rest",
            "tickets",
        ),
        Field(
            "burst_all",
            "Tickets about whatever",
            "one Incident takes everything that is left; not fewer than about one thing",
            "tickets",
        ),
        Field("burst_minutes", "Counted over", "tickets opened within this time"),
    ),
    "When a closed case opens again": (
        Field(
            "reopen_days",
            "A reply opens it again for",
            "its author complains again; 0: never, that is a new case",
            "days",
        ),
    ),
    "When a rule is wrong too often": (
        Field("precision_floor", "Right in at least", "else it only suggests; 0: it always opens", "percent"),
        Field(
            "precision_least", "Counted from", "cases closed or judged; with fewer nothing is said", "cases"
        ),
    ),
}
FIELDS = {field.name: field for group in GROUPS.values() for field in group}
SPANS = tuple(name for name in FIELDS if name.startswith("due_") or name == "burst_minutes")
_OPTION = re.compile(r"--([a-z]+)-([a-z]+)")


def typed(held: Mapping[str, Any]) -> dict[str, str]:
    """A policy as its form shows it."""
    return {name: _typed(name, held[name]) for name in FIELDS}


def _typed(name: str, value: float) -> str:
    if name in SPANS:
        return in_words(int(value)).replace(",", "")
    return f"{100 * value:.10g}" if name == "precision_floor" else f"{value}"


USUAL = typed(Values().model_dump())
"""The defaults, as the form shows them."""


def values(told: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form makes of a policy, and what cannot be taken, by field."""
    made: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name in FIELDS:
        try:
            made[name] = _value(name, told.get(name, ""))
        except ValueError as refused:
            wrong[name] = str(refused)
    unread = bool(wrong)
    for name, reason in problems(made).items():
        if not (unread and "is below" in reason):  # it may be compared with what could not be read
            wrong.setdefault(name, _as_shown(reason))
    return made, {name: f"{said[:1].upper()}{said[1:]}." for name, said in wrong.items()}


def _value(name: str, told: str) -> float:
    written = told.strip().replace(",", "")
    if name in SPANS:
        span = parsed_span(written, "min h d w", "60 min, 2h or 1d", zero=True)
        return int(span.total_seconds()) // 60
    number = written.removesuffix("%").strip() if name == "precision_floor" else written
    if not (number.isascii() and number.isdecimal()):
        raise ValueError(f"write a whole number of {FIELDS[name].unit}")
    count = int(number[:12])
    if name != "precision_floor":
        return count
    if count > 100:
        raise ValueError("100 percent at most")
    return count / 100


def _as_shown(said: str) -> str:
    """A refusal without the options of the command, and minutes in their largest unit."""
    said = re.sub(
        r"^([\d,]+) is not between (\d+) and ([\d,]+) minutes",
        lambda found: "{} is not between {} and {}".format(*map(_minutes, found.groups())),
        said,
    )
    said = re.sub(r"^([\d,]+) minutes", lambda found: _minutes(found[1]), said)
    said = re.sub(r"(--due-[a-z]+) ([\d,]+)", lambda found: f"{found[1]}, {_minutes(found[2])}", said)
    return _OPTION.sub(lambda option: f"“{FIELDS[f'{option[1]}_{option[2]}'].label}”", said)


def _minutes(number: str) -> str:
    return in_words(int(number.replace(",", "")))
