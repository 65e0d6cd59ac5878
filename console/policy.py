"""The policy: how an organisation escalates beyond its rules. One row; until it is set, the defaults hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import BadInput
from models.vocabulary import PRIORITIES

MOST_TICKETS, MOST_MINUTES, MOST_DAYS, MOST_CASES = 1_000_000, 7 * 24 * 60, 3650, 100_000
MOST_MINUTES_DUE = 365 * 24 * 60

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot.policy.' || :org, 0))")


class Values(BaseModel):
    """A policy, checked; the defaults are those of models/policy.py."""

    model_config = ConfigDict(extra="forbid")

    burst_after: int = 20
    burst_all: int = 100
    burst_minutes: int = 60
    reopen_days: int = 14
    precision_floor: float = 0.5
    precision_least: int = 20
    due_urgent: int = 60
    due_high: int = 240
    due_normal: int = 1440
    due_low: int = 4320

    @field_validator(
        "burst_after", "burst_all", "burst_minutes", "reopen_days", "precision_least",
        "due_urgent", "due_high", "due_normal", "due_low",
    )  # fmt: skip
    @classmethod
    def _within(cls, number: int, info: ValidationInfo) -> int:
        least, most, what = _BOUNDS[str(info.field_name)]
        if not least <= number <= most:
            raise ValueError(f"{number:,} is not between {least} and {most:,} {what}")
        return number

    @field_validator("burst_all")
    @classmethod
    def _not_before(cls, number: int, info: ValidationInfo) -> int:
        if number < info.data.get("burst_after", 0):
            raise ValueError(
                f"{number:,} is below --burst-after {info.data['burst_after']:,}: the Incident for everything would"
                " always come before that of one campaign, keyword or account"
            )
        return number

    @field_validator("due_high", "due_normal", "due_low")
    @classmethod
    def _not_sooner(cls, number: int, info: ValidationInfo) -> int:
        before = f"due_{_SLOWER[_SLOWER.index(str(info.field_name)[4:]) - 1]}"
        if number < info.data.get(before, 0):
            raise ValueError(
                f"{number:,} minutes is below --{before.replace('_', '-')} {info.data[before]:,}: what presses less would be"
                " due before what presses more"
            )
        return number

    @field_validator("precision_floor")
    @classmethod
    def _a_share(cls, share: float) -> float:
        if not 0 <= share <= 1:
            raise ValueError(f"{share:g} is no share: 0.5 is every second case; 0 demotes no rule")
        return share


_BOUNDS = {
    "burst_after": (1, MOST_TICKETS, "tickets"),
    "burst_all": (1, MOST_TICKETS, "tickets"),
    "burst_minutes": (1, MOST_MINUTES, "minutes"),
    "reopen_days": (0, MOST_DAYS, "days"),
    "precision_least": (1, MOST_CASES, "cases"),
    **{f"due_{priority}": (1, MOST_MINUTES_DUE, "minutes") for priority in PRIORITIES},
}
_SLOWER = tuple(reversed(PRIORITIES))
"""The priorities, what presses most first."""
_COLUMNS = ", ".join(Values.model_fields)
_READ = text(f"SELECT {_COLUMNS} FROM policies WHERE org_id = :org")
_WRITE = text(f"""
    INSERT INTO policies (org_id, {_COLUMNS}) VALUES (:org, :{", :".join(Values.model_fields)})
    ON CONFLICT (org_id) DO UPDATE SET ({_COLUMNS}) = (excluded.{", excluded.".join(Values.model_fields)})
""")
_CALLED = {"burst_minutes": "Burst window", "reopen_days": "Reopen within"}


def policy(session: Session, org: str) -> dict[str, Any]:
    """{burst_after, burst_all, burst_minutes, reopen_days, precision_floor, precision_least, due_urgent, due_high,
    due_normal, due_low}; the last four in minutes."""
    held = session.execute(_READ, {"org": org}).mappings().first()
    return dict(held) if held else Values().model_dump()


def due_times(session: Session, org: str) -> dict[str, timedelta]:
    """How long after it was opened a ticket of each priority is to be answered, what presses most first. An activity
    waits as a ticket of low priority."""
    held = policy(session, org)
    return {priority: timedelta(minutes=held[f"due_{priority}"]) for priority in _SLOWER}


def in_words(minutes: int) -> str:
    """A number of minutes in the largest unit that says it exactly: 90 min, 4 h, 3 d."""
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size:,} {unit}"
    return f"{minutes:,} min"


def set_policy(
    session: Session, org: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what `values` has; the policy as it was and as it is. Raises BadInput with all that is wrong."""
    session.execute(_ALONE, {"org": org})
    before = policy(session, org)
    made = _checked(before | dict(values)).model_dump()
    session.execute(_WRITE, {"org": org, **made})
    return before, made


def problems(values: Mapping[str, Any]) -> dict[str, str]:
    """Why these values make no policy, by field; nothing where they make one."""
    try:
        Values.model_validate(dict(values))
    except ValidationError as wrong:
        return {
            str(one["loc"][0]): one["msg"].removeprefix("Value error, ")
            if one["type"] == "value_error"
            else "must be a number"
            for one in wrong.errors(include_url=False, include_input=False, include_context=False)
        }
    return {}


def _checked(values: Mapping[str, Any]) -> Values:
    if found := problems(values):
        told = [
            f"{_CALLED.get(field, field.replace('_', ' ').capitalize())}: {reason}."
            for field, reason in found.items()
        ]
        raise BadInput(" ".join(told))
    return Values.model_validate(dict(values))
