"""`celery -A scheduler.beat beat`: Celery's beat, awake only while it holds the lease.

Nothing is kept in a file: what is due is a question to the database, and a bell too many changes nothing.
Start as many beats as you like; one rings, the others wait.
"""

from __future__ import annotations

import pkgutil
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from celery.signals import beat_init

import connectors
from scheduler.leader import RENEWED_EVERY, Lease
from scheduler.timetable import timetable
from workers._settings import settings
from workers.app import app


class LeasedScheduler(Scheduler):
    """Ticks while the lease is ours, and sends its term with every message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lease = Lease(settings().database)
        self._term: int | None = None
        super().__init__(*args, **kwargs)
        self.max_interval: float = min(self.max_interval, RENEWED_EVERY / 3)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One look at the timetable; returns the seconds until the next."""
        before, self._term = self._term, self._lease.term()
        if self._term is None:
            return self.max_interval
        if before != self._term:
            self._ring_all_now()
        return float(super().tick(*args, **kwargs))

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        """Ring one bell, in the term of this tick: if the lease is lost meanwhile, the bell is known as stale."""
        entry.kwargs = {**(entry.kwargs or {}), "term": self._term}
        return super().apply_async(entry, *args, **kwargs)

    def _ring_all_now(self) -> None:
        """Who just woke up does not know what was missed: everything is due, its interval starts now."""
        for bell in self.schedule.values():
            bell.last_run_at = bell.default_now() - bell.schedule.run_every
        self._heap = None

    def close(self) -> None:
        """Give the lease back and let go of the broker."""
        self._lease.give_back()
        super().close()


def platforms() -> list[str]:
    """Every module of `connectors` without an underscore is a platform. One that only delivers is not rung for."""
    found = [module.name for module in pkgutil.iter_modules(connectors.__path__) if module.name[0] != "_"]
    return [name for name in found if name != "webhook"]


def schedule() -> dict[str, Any]:
    """Beat's part of Celery's configuration."""
    ours = settings()
    return {
        "beat_schedule": timetable(dict.fromkeys(platforms(), ours.poll_every), ours),
        "beat_scheduler": "scheduler.beat:LeasedScheduler",
        "beat_schedule_filename": "",
    }


app.add_defaults(schedule)


@beat_init.connect
def _ready(**_: object) -> None:
    if path := settings().ready_file:
        path.write_text("ready")
