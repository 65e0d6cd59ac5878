"""`earshot migrate`: bring the database's tables up to date."""

from __future__ import annotations


def migrate() -> None:
    """Bring the database's tables up to date. Does nothing where they are; safe to run twice at once.

    Uses EARSHOT_MIGRATIONS_URL, the role that owns the database, and gives the role of EARSHOT_DATABASE_URL
    its rights.
    """
    from sqlalchemy import make_url

    from console.cli import _print
    from models.migrations import head, pending, upgrade
    from workers._settings import settings

    ours = settings()
    fleet, owner = make_url(ours.database).username, make_url(ours.migrations).username
    todo = pending(ours.migrations)
    upgrade(ours.migrations, fleet_role=None if fleet == owner else fleet)
    done = f"brought to revision {head()} ({', '.join(todo)})" if todo else f"up to date (revision {head()})"
    _print.line(f"The database is {done}.")
