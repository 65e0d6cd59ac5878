"""What was counted over very much and may be shown again for a while, by database.

Who asks says what may still be shown: something small is counted for every page, so that it is as exact as it looks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

Made = TypeVar("Made")
Key = TypeVar("Key", bound=Hashable)


class _Kept:
    """One answer. `lock` is held by whoever makes it: others wait, instead of making it too."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at: float | None = None
        self.value: Any = None


class Lately:
    """The last `most` answers of one kind, for every database that was asked."""

    def __init__(self, most: int = 500) -> None:
        self._most, self._turn = most, Lock()
        self._kept: WeakKeyDictionary[Any, OrderedDict[Hashable, _Kept]] = WeakKeyDictionary()

    def value(
        self,
        session: Session,
        key: Hashable,
        make: Callable[[], Made],
        holds: Callable[[Made, float], bool],
    ) -> Made:
        """What `make` returns, or returned so many seconds ago where that still `holds`. The key names the organisation;
        nobody may change the value."""
        one = self._place(session, key)
        with one.lock:
            if one.at is None or not holds(one.value, monotonic() - one.at):
                at = monotonic()
                one.value = make()
                one.at = at
            return cast(Made, one.value)

    def values(
        self,
        session: Session,
        keys: Sequence[Key],
        make: Callable[[list[Key]], Mapping[Key, Made]],
        holds: Callable[[Made, float], bool],
    ) -> dict[Key, Made]:
        """The same of several, where `make` makes all that are missing at once."""
        places = {key: self._place(session, key) for key in keys}
        found: dict[Key, Made] = {
            key: one.value
            for key, one in places.items()
            if one.at is not None and holds(one.value, monotonic() - one.at)
        }
        if missing := [key for key in places if key not in found]:
            at = monotonic()
            for key, made in make(missing).items():
                found[key], places[key].value, places[key].at = made, made, at
        return found

    def _place(self, session: Session, key: Hashable) -> _Kept:
        with self._turn:
            kept = self._kept.setdefault(session.get_bind(), OrderedDict())
            one = kept.setdefault(key, _Kept())
            kept.move_to_end(key)
            while len(kept) > self._most:
                kept.popitem(last=False)
            return one
