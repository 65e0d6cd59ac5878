"""An exception as a sentence with its remedy; None for a defect of ours, which deserves its traceback.

Exceptions are known by name: an import of every library that could have failed would take longer than the failure.
"""

from __future__ import annotations

_SAID = frozenset({"console.refusal.CannotDo", "local.home.CannotStart", "workers._settings.BadSetting"})
"""Their message is the sentence."""
_NOT_MIGRATED = frozenset({"42P01", "42703", "42883"})
"""Undefined table, column, function."""
_CONFLICT = frozenset({"40001", "40P01", "55P03"})
"""Serialisation failure, deadlock, lock not available."""
_FORBIDDEN = frozenset({"42501"})


def exit_code(error: BaseException) -> int:
    """2 where what was typed is at fault, as for an option that there is not; else 1."""
    return 2 if any(kind.__qualname__ == "BadInput" for kind in type(error).__mro__) else 1


def sentence(error: BaseException) -> str | None:
    """What went wrong, for the person at the terminal."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & _SAID:
        return str(error)
    if "models.migrations.Refused" in names:
        return f"The database cannot be migrated: {error}"
    if "connectors._base.ConnectorError" in names:
        return f"The platform did not give it: {error}."
    if "sqlalchemy.exc.DBAPIError" in names:
        orig = getattr(error, "orig", None)
        return None if orig is None else _of_the_database(orig, "Operational" in type(error).__name__)
    if "psycopg.Error" in names:
        return _of_the_database(error, "psycopg.OperationalError" in names)
    if "sqlalchemy.exc.ArgumentError" in names:
        return "EARSHOT_DATABASE_URL is no address of a database: postgresql://user:password@host:port/name."
    if "redis.exceptions.RedisError" in names:
        return (
            f"The broker does not answer ({_first_line(error)}). Is EARSHOT_BROKER_URL right, and is it up?"
        )
    return None


def _of_the_database(error: BaseException, operational: bool) -> str | None:
    state = getattr(error, "sqlstate", None)
    if state in _NOT_MIGRATED:
        return "The database lacks tables of this Earshot: run `earshot migrate`."
    if state in _CONFLICT:
        return "Others were writing the same rows at the same moment; nothing was changed. Try it once more."
    if state in _FORBIDDEN:
        return f"The database role may not do this: {_first_line(error)}. `earshot doctor` says more."
    if operational or (state and state[:2] in ("08", "53", "57")):
        return (
            f"The database does not answer ({_first_line(error)})."
            " Is EARSHOT_DATABASE_URL right, and is it up?"
        )
    return None


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
