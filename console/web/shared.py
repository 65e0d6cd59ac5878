"""What many open pages ask for at once is made once: a change tells fifty pages, and fifty pages ask for the same part.

Kept for SECONDS and until the next telling of the organisation's pages at the longest: whoever was told of a change never gets what was made
before that telling. While nobody listens to the database (`console.web.live`) nothing is kept. Parts alone are shared: a whole page
says as of when it is, and is told what came after.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast

SECONDS = 1.0
Made = TypeVar("Made")


class _Kept:
    """One answer, or the place where it is being made. `lock` is held by whoever makes it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at: float | None = None
        self.value: Any = None


class Shared:
    """`telling` says how often an organisation's pages were told of something; None: nobody would hear of a change."""

    def __init__(self, telling: Callable[[str], int | None]) -> None:
        self._telling = telling
        self._turn = Lock()
        self._kept: dict[Hashable, _Kept] = {}

    def value(self, org: str, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, or returned for this key to somebody else a moment ago; nobody may change it."""
        number = self._telling(org)
        if number is None:
            return make()
        with self._turn:
            for old in [one for one, kept in self._kept.items() if _over(kept)]:
                del self._kept[old]
            one = self._kept.setdefault((org, number, key), _Kept())
        with one.lock:
            if one.at is None or _over(one):
                at = monotonic()
                one.value = make()
                one.at = at
            return cast(Made, one.value)


def _over(one: _Kept) -> bool:
    return one.at is not None and monotonic() - one.at > SECONDS
