"""How the refusals of a rule are said: everything that is wrong, a sentence each, with the option that people type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pydantic import ValidationError, ValidationInfo

_OVER = {"post": "single posts", "mean": "a mean (--trigger mean)", "spike": "a spike (--trigger spike)"}


def problems(wrong: ValidationError) -> list[str]:
    """Everything that is wrong, never in the words of the library."""
    told = []
    for field, reason in _reasons(wrong):
        named = f"{CALLED.get(field, field.replace('_', ' '))}: " if field else ""
        said = f"{named}{reason[:1].lower() if named else reason[:1].upper()}{reason[1:]}"
        told.append(f"{said[:1].upper()}{said[1:].rstrip('.')}.")
    return list(dict.fromkeys(told))


def problems_by_field(wrong: ValidationError) -> dict[str, str]:
    """The same for a form, by field: a sentence each, or several."""
    told: dict[str, list[str]] = defaultdict(list)
    for field, reason in _reasons(wrong):
        said = f"{reason[:1].upper()}{reason[1:].rstrip('.')}"
        told[field].append(said if said.endswith("?") else f"{said}.")
    return {field: " ".join(dict.fromkeys(said)) for field, said in told.items()}


def _reasons(wrong: ValidationError) -> Iterator[tuple[str, str]]:
    for one in wrong.errors(include_url=False, include_input=False, include_context=False):
        field = str(one["loc"][0]) if one["loc"] else ""
        reason = one["msg"].removeprefix("Value error, ")
        if one["type"] != "value_error":
            reason = _LACKS.get(field, "must be said") if one["type"] == "missing" else _KINDS[field]
        yield field, reason


def refuse(reasons: Iterable[str]) -> None:
    """Raise ValueError with all of these reasons, if there is any."""
    if told := ". ".join(
        reason.rstrip(".") if not n else f"{reason[:1].upper()}{reason[1:].rstrip('.')}"
        for n, reason in enumerate(reasons)
    ):
        raise ValueError(told)


def many(info: ValidationInfo) -> bool:
    """Is it a rule over many posts?"""
    return info.data.get("trigger") in ("mean", "spike")


def only(triggers: tuple[str, ...], value: object, info: ValidationInfo, does: str) -> None:
    """Raise ValueError for an option of these triggers where it was given to another."""
    trigger = info.data.get("trigger")
    if value is not None and trigger is not None and trigger not in triggers:
        raise ValueError(f"only a rule over {either([_OVER[one] for one in triggers], sort=False)} {does}")


def unsayable(phrase: str, longest: int) -> str | None:
    """Why nobody says such a phrase."""
    if not any(c.isalnum() for c in phrase) or "\0" in phrase:
        return f"{phrase!r} has no letter to look for"
    if len(phrase) > longest:
        return f"a phrase of {len(phrase)} characters is never said; {longest} are the most"
    return None


def either(words: Iterable[str], *, sort: bool = True) -> str:
    """a, b or c."""
    *others, last = sorted(set(words)) if sort else list(words)
    return f"{', '.join(others)} or {last}" if others else last


_LACKS = {"threshold": "from which score on? Say it with --threshold, like --threshold -0.4"}
CALLED = {
    "rating": "stars",
    "platforms": "platform",
    "sources": "source",
    "kinds": "kind",
    "campaigns": "campaign",
    "accounts": "account",
    "languages": "language",
    "window_hours": "over",
    "max_age_hours": "max age",
    "owner_id": "owner",
    "assignees": "assign",
    "quiet_zone": "zone",
}
"""Where people say a field by another name than its column's: that of the option."""
_TEXT, _TEXTS, _NAMES = "must be a text that can be stored", "must be texts", "must be names"
_WHOLE, _NUMBER = "must be a whole number", "must be a number"
_KINDS = defaultdict(
    lambda: "no rule has that",
    name=_TEXT,
    trigger=_TEXT,
    audience=_TEXT,
    action=_TEXT,
    priority=_TEXT,
    words="no phrase is named",
    threshold="must be a number between -1 and 1",
    per_day=_WHOLE,
    rating="must be a whole number between 1 and 5",
    platforms=_TEXTS,
    kinds=_TEXTS,
    languages=_TEXTS,
    sources=_NAMES,
    campaigns=_NAMES,
    accounts=_NAMES,
    assignees=_NAMES,
    owner_id="must be the e-mail address of a user",
    window_hours=_WHOLE,
    max_age_hours=_WHOLE,
    rearm=_NUMBER,
    factor=_NUMBER,
    minimum=_WHOLE,
    assign=_TEXT,
    quiet="must be like 22:00-07:00",
    quiet_zone=_TEXT,
    enabled="must be yes or no",
)
"""What a field must be, for a value of another type."""
