"""What many open pages ask for at once is made once: a change tells fifty pages, and fifty pages ask for the same part.

Kept for SECONDS and until the next telling of the organisation's pages at the longest: whoever was told of a change never gets what was made
before that telling. While nobody listens to the database (`console.web.live`) nothing is kept. Parts alone are shared: a whole page
says as of when it is, and is told what came after.

`recent` is for what is counted over so much that it cannot be counted for every page: whoever shows it says from when it is.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

SECONDS = 1.0
AGAIN, LONGEST = 60.0, 600.0
"""Seconds after which what is recent is made again, beside whoever asks for it, and after which nobody is shown it."""
MOST = 200
"""Recent answers that are kept."""
Made = TypeVar("Made")


class _Kept:
    """One answer, or the place where it is being made. `lock` is held by whoever makes it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at: float | None = None
        self.value: Any = None


class Shared:
    """`telling` says how often an organisation's pages were told of something; None: nobody would hear of a change."""

    def __init__(self, engine: Engine, telling: Callable[[str], int | None]) -> None:
        self._engine, self._telling = engine, telling
        self._recent: OrderedDict[Hashable, _Kept] = OrderedDict()
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

    def recent(
        self,
        session: Session,
        key: Hashable,
        make: Callable[[Session], Made],
        worth: Callable[[Made], bool],
    ) -> tuple[Made, float]:
        """What `make` returns, and how many seconds ago. It is kept where it is `worth` it; then it is made again by a thread of
        its own, and until that is done everybody is shown what there is."""
        with self._turn:
            one = self._recent.setdefault(key, _Kept())
            self._recent.move_to_end(key)
            while len(self._recent) > MOST:
                self._recent.popitem(last=False)
        if (found := self._known(one)) is None:
            with one.lock:  # one makes it, others wait for that
                if (found := self._known(one)) is None:
                    at, value = monotonic(), make(session)
                    if worth(value):
                        one.value, one.at = value, at
                    return value, 0.0
        if found[1] > AGAIN and one.lock.acquire(blocking=False):
            Thread(target=self._again, args=(one, make), daemon=True).start()
        return cast(Made, found[0]), found[1]

    @staticmethod
    def _known(one: _Kept) -> tuple[Any, float] | None:
        at, value = one.at, one.value
        return None if at is None or (ago := monotonic() - at) > LONGEST else (value, ago)

    def _again(self, one: _Kept, make: Callable[[Session], Any]) -> None:
        try:
            with Session(self._engine) as session, session.begin():
                at, value = monotonic(), make(session)
                one.value, one.at = value, at
        except SQLAlchemyError as away:
            log.warning("What is shown grows old: it could not be made again (%s)", type(away).__name__)
        finally:
            one.lock.release()


def _over(one: _Kept) -> bool:
    return one.at is not None and monotonic() - one.at > SECONDS
