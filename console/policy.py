"""The policy: how an organisation escalates beyond its rules. One row; until it is set, the defaults hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from sqlalchemy import text
from sqlalchemy.orm import Session

from console.refusal import BadInput

MOST_TICKETS, MOST_MINUTES, MOST_DAYS, MOST_CASES = 1_000_000, 7 * 24 * 60, 3650, 100_000

_READ = text("""
    SELECT burst_after, burst_all, burst_minutes, reopen_days, precision_floor, precision_least
    FROM policies WHERE org_id = :org
""")
_WRITE = text("""
    INSERT INTO policies (org_id, burst_after, burst_all, burst_minutes, reopen_days, precision_floor, precision_least)
    VALUES (:org, :burst_after, :burst_all, :burst_minutes, :reopen_days, :precision_floor, :precision_least)
    ON CONFLICT (org_id) DO UPDATE
    SET burst_after = excluded.burst_after, burst_all = excluded.burst_all, burst_minutes = excluded.burst_minutes,
        reopen_days = excluded.reopen_days, precision_floor = excluded.precision_floor,
        precision_least = excluded.precision_least
""")
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

    @field_validator("burst_after", "burst_all", "burst_minutes", "reopen_days", "precision_least")
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
}
_CALLED = {"burst_minutes": "Burst window", "reopen_days": "Reopen within"}


def policy(session: Session, org: str) -> dict[str, Any]:
    """{burst_after, burst_all, burst_minutes, reopen_days, precision_floor, precision_least}."""
    held = session.execute(_READ, {"org": org}).mappings().first()
    return dict(held) if held else Values().model_dump()


def set_policy(
    session: Session, org: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change what `values` has; the policy as it was and as it is. Raises BadInput with all that is wrong."""
    session.execute(_ALONE, {"org": org})
    before = policy(session, org)
    made = _checked(before | dict(values)).model_dump()
    session.execute(_WRITE, {"org": org, **made})
    return before, made


def _checked(values: Mapping[str, Any]) -> Values:
    try:
        return Values.model_validate(dict(values))
    except ValidationError as wrong:
        told = []
        for one in wrong.errors(include_url=False, include_input=False, include_context=False):
            field = str(one["loc"][0])
            reason = one["msg"].removeprefix("Value error, ")
            reason = reason if one["type"] == "value_error" else "must be a number"
            told.append(f"{_CALLED.get(field, field.replace('_', ' ').capitalize())}: {reason}.")
        raise BadInput(" ".join(told)) from None
