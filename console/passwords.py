"""Passwords of the console: argon2id, at the costs that RFC 9106 names for machines with little memory."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 200
"""Characters. What is longer costs nothing but the time of whoever hashes it."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this one")


def sealed(password: str) -> str:
    """The password as it is stored."""
    return _hasher().hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Is it this one? Takes as long where nothing is stored, so that nobody learns which addresses exist."""
    try:
        return _hasher().verify(stored or _nobodys(), password[:LONGEST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def refused(password: str, email: str) -> str | None:
    """Why this one cannot be taken; None if it can."""
    if len(password) < SHORTEST:
        return f"A password has {SHORTEST} characters or more; this one has {len(password)}."
    if len(password) > LONGEST:
        return f"A password has {LONGEST} characters at most."
    if password.casefold() in (email.casefold(), email.partition("@")[0].casefold() * 2):
        return "The password is the address."
    return None if len(set(password)) > 4 else "A password has five different characters or more."
