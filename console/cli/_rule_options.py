"""The options of `earshot rules add`, `set` and `test`: each said once, and the values that they make."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

SCOPE, MANY, AFTER = "Scope: without one, any", "Over many posts", "What follows"


def _option(*names: str, says: str, panel: str | None = None, meta: str | None = None) -> Any:
    return typer.Option(*names, help=says, rich_help_panel=panel, metavar=meta)


Audience = Annotated[str | None, _option(says="addressed, customer or named.")]
Threshold = Annotated[
    float | None, _option(says="Posts that score this or less, or a mean; -1 to 1; 1 is any.")
]
Words = Annotated[
    list[str] | None,
    _option("--words", says='Phrases of which the post must have one, commas between them; "" for none.'),
]
Stars = Annotated[
    int | None, _option("--stars", says="Reviews with so many stars or fewer; 1 to 5, 0 to ask for none.")
]
MaxAge = Annotated[str | None, _option(says="A post older than this opens nothing: 12h, 3d.")]

_FIRST = "What another source heard first is not decided about again."

Platforms = Annotated[list[str] | None, _option("--platform", says="reddit,x; repeatable.", panel=SCOPE)]
Kinds = Annotated[
    list[str] | None,
    _option("--kind", says=f"Of the source: hashtag, search, mentions, ... {_FIRST}", panel=SCOPE),
]
Sources = Annotated[
    list[str] | None,
    _option("--source", says=f"An id, its end, or the term, as sources list has them. {_FIRST}", panel=SCOPE),
]
Campaigns = Annotated[
    list[str] | None, _option("--campaign", says="A name, or how it begins; repeatable.", panel=SCOPE)
]
Accounts = Annotated[
    list[str] | None, _option("--account", says="A name, or how it begins; repeatable.", panel=SCOPE)
]
Languages = Annotated[list[str] | None, _option("--language", says="en,de; repeatable.", panel=SCOPE)]

Broad = Annotated[
    bool,
    _option("--broad", says="Allow a rule that opens something for every post, praise as well.", panel=SCOPE),
]

Trigger = Annotated[
    str | None, _option(says="post: each by itself (as is usual); mean or spike: over many.", panel=MANY)
]
Over = Annotated[str | None, _option("--over", says="The last 24h, 3h, 7d.", panel=MANY)]
Rearm = Annotated[
    float | None, _option(says="mean: to what it must rise before the rule fires again.", panel=MANY)
]
Factor = Annotated[
    float | None, _option(says="spike: how many times as many as on the days before.", panel=MANY)
]
Minimum = Annotated[int | None, _option(says="How many posts there must be at least.", panel=MANY)]

Priority = Annotated[str | None, _option(says="Of the Ticket: low, normal, high, urgent.", panel=AFTER)]
PerDay = Annotated[
    int | None,
    _option(
        says="How many in 24 hours at most; the rest is listed (cases --held). Leads: 20 unless said; else any number,"
        " 0 again. Tickets become an Incident when too many open, activities are bounded by this alone.",
        panel=AFTER,
    ),
]
Assign = Annotated[
    str | None,
    _option(
        says="account: its owner gets what opens. Or users' e-mail addresses, commas between: in turn.",
        panel=AFTER,
        meta="account|EMAIL,EMAIL",
    ),
]
Owner = Annotated[
    str | None,
    _option(says="Whose rule it is, who hears if it is wrong too often.", panel=AFTER, meta="EMAIL"),
]
Quiet = Annotated[
    str | None,
    _option(says="Nobody is told between these times; at their end.", panel=AFTER, meta="22:00-07:00"),
]
Zone = Annotated[str | None, _option(says="Of the quiet hours: Europe/Berlin (default: UTC).", panel=AFTER)]


OPTIONS: dict[str, Any] = {
    "audience": Audience,
    "threshold": Threshold,
    "stars": Stars,
    "words": Words,
    "max_age": MaxAge,
    "platforms": Platforms,
    "kinds": Kinds,
    "sources": Sources,
    "campaigns": Campaigns,
    "accounts": Accounts,
    "languages": Languages,
    "trigger": Trigger,
    "over": Over,
    "rearm": Rearm,
    "factor": Factor,
    "minimum": Minimum,
    "priority": Priority,
    "per_day": PerDay,
    "assign": Assign,
    "owner": Owner,
    "quiet": Quiet,
    "zone": Zone,
}
"""What a rule may be given, by the name that `values` takes it by; in the order of the help."""
Given = dict[str, Any]


def takes(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take these options of a rule, without any named all of them: it has them as `given`, by name, None
    where one was not said."""
    chosen = names or tuple(OPTIONS)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[inspect.Parameter] = []
        for name, own in inspect.signature(command).parameters.items():
            if name == "given":
                parameters += [_parameter(one, OPTIONS[one], None) for one in chosen]
            else:
                parameters.append(_parameter(name, hints[name], own.default))

        @wraps(command)
        def called(**said: Any) -> None:
            command(given={name: said.pop(name) for name in chosen}, **said)

        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        return called

    return decorate


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def values(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, by the field that says it; what was not is left out, and "" names nothing."""
    made: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        field = _FIELDS.get(name, name)
        if field in _LISTS:
            value = parts(value, apart=field not in _WHOLE)
        made[field] = value
    if (assign := made.pop("assign", None)) is not None:
        people = [] if assign.strip().lower() == "account" else parts([assign])
        turns = assign.strip().lower() != "account"
        made |= {"assign": "rotation" if turns else "account", "assignees": people}
    if "rating" in made:
        made["rating"] = made["rating"] or None
    return made


def parts(given: list[str], *, apart: bool = True) -> list[str]:
    """What is said in one option or in several of the name; `apart`: commas part it too."""
    return [part for one in given for part in (one.split(",") if apart else [one]) if part.strip()]


_FIELDS = {
    "stars": "rating",
    "over": "window_hours",
    "max_age": "max_age_hours",
    "owner": "owner_id",
    "zone": "quiet_zone",
}
_LISTS = ("words", "platforms", "kinds", "sources", "campaigns", "accounts", "languages")
_WHOLE = ("sources", "campaigns", "accounts")
"""Names that may have a comma in them ("Acme, Inc.")."""
