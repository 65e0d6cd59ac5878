"""What X means by an answer that is no success.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors, .../post-cap. Surprising: 429 is a rate limit or
the cap of the month, and only the body says which; an empty account answers 402, one at its own spending limit
403; and a wrong parameter is named as a key, so that no sentence need be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from connectors import _times
from connectors._base import Answer, ConnectorError, Denied, Gone, Judge, TryLater

NO_CREDIT = 3_600.0
"""Seconds until it is worth asking whether somebody has paid."""


class Stale(Gone):
    """The mark is older than the search goes back."""


class Tokenless(Gone):
    """The token to the next page is not known any more."""


class AppOnly(Denied):
    """A user's token is wanted where an app's was sent."""


class _Wrong(msgspec.Struct):
    parameters: Mapping[str, msgspec.Raw] = {}


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    period: str = ""
    reason: str = ""
    reset_date: str = ""
    errors: list[_Wrong] = []


_PROBLEM = msgspec.json.Decoder(_Problem)


def judged(now: datetime) -> Judge:
    """How refusals are meant at this time: a month ends when it ends."""
    return lambda answer: _error(answer, now)


def _error(answer: Answer, now: datetime) -> ConnectorError | None:
    said = _problem(answer)
    kind = said.type.rpartition("/")[2]
    match answer.status:
        case 400:
            return _wrong({name for one in said.errors for name in one.parameters})
        case 401:
            return Denied("X refuses the token", refreshable=True)
        case 402:
            return TryLater("the X account has no credit left", after=NO_CREDIT, limited=True)
        case 403 if said.title == "SpendCapReached" or kind in {"credits", "usage-capped"}:
            until = _times.parse(said.reset_date)
            wait = (until - now).total_seconds() if until and until > now else _left_of_month(now)
            return TryLater("the X account has reached its own spending limit", after=wait, limited=True)
        case 403 if kind == "unsupported-authentication":
            return AppOnly("X wants a user's token where an app's was sent", refreshable=False)
        case 403 if kind == "client-forbidden" or said.reason == "client-not-enrolled":
            return Denied("this app is not enrolled for what was asked of X", refreshable=False)
        case 429 if said.title == "UsageCapExceeded" or kind == "usage-capped":
            wait = _left_of_day(now) if said.period == "Daily" else _left_of_month(now)
            return TryLater("the cap on what X returns is reached", after=wait, limited=True)
    return None


def _wrong(parameters: set[str]) -> ConnectorError | None:
    if parameters & {"next_token", "pagination_token"}:
        return Tokenless("the place in the walk is not known any more", cursor=True)
    if "since_id" in parameters:
        return Stale("the mark is older than the search goes back", cursor=True)
    if "query" in parameters:
        return Gone("X does not understand this query")
    return Gone("X knows no such account") if "id" in parameters else None


def _problem(answer: Answer) -> _Problem:
    try:
        return _PROBLEM.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Problem()


def _left_of_month(now: datetime) -> float:
    """Seconds until the next month begins in UTC."""
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    return _left_until(first, now)


def _left_of_day(now: datetime) -> float:
    return _left_until(now + timedelta(days=1), now)


def _left_until(day: datetime, now: datetime) -> float:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - now).total_seconds()
