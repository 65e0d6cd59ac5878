"""One object of many that cannot be read while the others can: it is put last, tried a few times, then passed over.

Not documented anywhere: a post whose comments are answered with 500 for days, a comment whose replies are HTML.
Surprising: one answer does not tell whether the object is sick or all of the platform. So objects that fail one after the
other, with nothing read between them, end the visit; they and those behind them are tried after the next one's list,
each in its turn. What is known of an object stays as it was: where it is read again, nothing below it is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from connectors._base import ConnectorError, Denied, TryLater

T = TypeVar("T")

TRIES = 5
"""One a visit. Fewer would take an hour's trouble of a platform for that of an object."""

STREAK = 3
"""So many objects that fail in a row, and nothing read since the first: that is trouble of the source."""

MANY = 50
"""No more than so many are remembered; another one is passed over at once."""


class Sick(msgspec.Struct, Generic[T], array_like=True):
    """An object that failed so often, and whether nothing has been read since."""

    thing: T
    tries: int = 0
    last: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: the visit ends here (`rest`); the object is passed over from now on (`over`, told once)."""

    rest: bool
    over: bool


def failed(sick: dict[str, Sick[T]], key: str, thing: T, error: ConnectorError) -> Verdict:
    """Takes down that `thing` failed. Raises `error` where it is about the source: a limit, a request that was never
    sent, a token that a fresh one may replace, a refusal of one object after the other."""
    whole = (
        error.limited or not error.sent
        if isinstance(error, TryLater)
        else isinstance(error, Denied) and error.refreshable
    )
    streak = 1 + sum(one.last for other, one in sick.items() if other != key)
    if whole or (isinstance(error, Denied) and streak >= STREAK):
        raise error
    known = key in sick or len(sick) < MANY
    one = sick.pop(key, None) or Sick(thing)
    one.tries, one.last = one.tries + 1, True
    if known:
        sick[key] = one
    return Verdict(rest=streak >= STREAK, over=one.tries == TRIES or not known)


def wait(sick: dict[str, Sick[T]], others: Iterable[tuple[str, T]]) -> None:
    """Where a visit ends here, what it has not come to waits for the next one, and not the next one for it."""
    for key, thing in others:
        sick.setdefault(key, Sick(thing))


def read(sick: dict[str, Sick[T]]) -> None:
    """Something was read: those that failed before failed by themselves."""
    for one in sick.values():
        one.last = False


def due(sick: dict[str, Sick[T]]) -> list[T]:
    """What is to be tried once more."""
    return [one.thing for one in sick.values() if one.tries < TRIES]


def fewer(size: int, tries: int) -> int:
    """How much to ask for of an object that failed so often: too much at once may have been the reason."""
    return max(size >> 2 * tries, 1)
