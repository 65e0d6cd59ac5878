"""An exception as a sentence with its remedy; None for a defect of ours, which deserves its traceback."""

from __future__ import annotations

import psycopg
import redis
from sqlalchemy.exc import DBAPIError

from connectors._base import ConnectorError
from console.refusal import CannotDo
from local.home import CannotStart
from models.migrations import Refused
from workers._settings import BadSetting

_NOT_MIGRATED = frozenset({"42P01", "42703", "42883"})
"""Undefined table, column, function."""
_FORBIDDEN = frozenset({"42501"})


def sentence(error: Exception) -> str | None:
    """What went wrong, for the person at the terminal."""
    if isinstance(error, CannotDo | CannotStart | BadSetting):
        return str(error)
    if isinstance(error, Refused):
        return f"The database cannot be migrated: {error}"
    if isinstance(error, ConnectorError):
        return f"The platform was asked in vain: {error}"
    if isinstance(error, DBAPIError):
        return _of_the_database(error.orig)
    if isinstance(error, psycopg.Error):
        return _of_the_database(error)
    if isinstance(error, redis.RedisError):
        return (
            f"The broker does not answer ({_first_line(error)}). Is EARSHOT_BROKER_URL right, and is it up?"
        )
    return None


def _of_the_database(error: BaseException | None) -> str | None:
    state = getattr(error, "sqlstate", None)
    if state in _NOT_MIGRATED:
        return "The database lacks tables of this Earshot: run `earshot migrate`."
    if state in _FORBIDDEN:
        return f"The database role may not do this: {_first_line(error)}. `earshot doctor` says more."
    if isinstance(error, psycopg.OperationalError) or (state and state[:2] in ("08", "53", "57")):
        return (
            f"The database does not answer ({_first_line(error)})."
            " Is EARSHOT_DATABASE_URL right, and is it up?"
        )
    return None


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
