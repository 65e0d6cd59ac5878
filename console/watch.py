"""What the demo shows: read from the database and the world in a thread of its own, so that nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from console import fleet
from console.cases import cases
from console.database import opened
from console.explain import explained
from console.world import Reckoning, World, reckon, settled

LOOK_EVERY = 0.7
"""Seconds between two looks."""
TRUTH_PAUSE = 8.0
"""The world's truth is large: it is left alone for so many times the seconds that it took to tell."""

EXPLAINED_AT_ONCE, EXPLAINED = 2, 8
"""How many tickets of one look, and of all, are told with everything; the others get a line."""


@dataclass(frozen=True)
class Seen:
    """The state at one look. Tickets are in the order in which they were opened."""

    ledger: tuple[dict[str, Any], ...] = ()
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)
    world: dict[str, Any] = field(default_factory=dict)
    reckoning: Reckoning | None = None
    trouble: str | None = None
    finished: bool = False

    @property
    def total(self) -> dict[str, int]:
        """The ledger of all platforms."""
        return fleet.total(list(self.ledger))


@dataclass(frozen=True)
class NewTicket:
    """A ticket that was not there at the last look; `told` is everything about its post, for the first few.

    `earlier`: an earlier run on the same folder opened it.
    """

    case: dict[str, Any]
    told: dict[str, Any] | None
    earlier: bool = False


class Watcher:
    """Looks until stopped. `seen` is the last look; `tickets()` hands out what is new since the last call."""

    def __init__(self, org: str, world: World) -> None:
        self._org, self._world = org, world
        self.seen = Seen()
        self._known: set[Any] = set()
        self._explained = 0
        self._new: list[NewTicket] = []
        self._quiet_since: datetime | None = None
        self._truth: dict[str, Any] = {}
        self._truth_due = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_again, name="watch", daemon=True)

    def start(self, since: float) -> None:
        """Begin to look, so many seconds after the start; older tickets are those of an earlier run."""
        self._started = datetime.now(UTC) - timedelta(seconds=since)
        self._thread.start()

    def stop(self) -> None:
        """Have it end; returns when it has."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(15)

    def tickets(self) -> list[NewTicket]:
        """The tickets that are new since the last call; those with everything at the end."""
        new, self._new = self._new, []
        return new

    def _look_again(self) -> None:
        while not self._stop.is_set():
            self._safely(self._look)
            self._stop.wait(LOOK_EVERY)

    def _safely(self, look: Callable[[], None]) -> None:
        """A look that fails leaves the last state on the screen, and says why it is not newer."""
        from console.failures import sentence

        try:
            look()
        except Exception as error:  # noqa: BLE001 - whatever it is, the demo goes on and says it
            self.seen = replace(self.seen, trouble=sentence(error) or f"{type(error).__name__}: {error}")

    def _look(self) -> None:
        status = self._world.ask("status")
        asked = monotonic()
        ending = status.get("quiet") and not self.seen.finished
        if ending or asked >= self._truth_due:
            self._truth = self._world.ask("truth")
            self._truth_due = monotonic() + TRUTH_PAUSE * (monotonic() - asked)
        with opened() as session:
            # one snapshot: the numbers of one look agree with each other
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            ledger = tuple(fleet.ledger(session, self._org))
            events = {row["platform"]: row for row in fleet.events(session, self._org)}
            counts = fleet.case_counts(session, self._org)
            self._find_tickets(session)
            finished = self._is_finished(session, status)
            reckoning = reckon(session, self._org, self._truth, over=finished)
        self.seen = Seen(ledger, events, counts, status, reckoning, None, finished)

    def _find_tickets(self, session: Any) -> None:
        found = [case for case in cases(session, self._org, "all") if case["ticket"]]
        new = [case for case in found if case["ticket"]["id"] not in self._known]
        # those about somebody whom we know have more to tell
        ranked = sorted(
            new, key=lambda case: (case["contact"] is None, case["account"] is None, case["score"])
        )
        most = min(EXPLAINED_AT_ONCE, EXPLAINED - self._explained)
        told = {
            case["case"]: explained(session, self._org, case["event"])
            for case in ranked[:most]
            if case["event"]
        }
        self._explained += len(told)
        self._known |= {case["ticket"]["id"] for case in new}
        self._new += [
            NewTicket(case, told.get(case["case"]), earlier=case["opened_at"] < self._started)
            for case in sorted(new, key=lambda case: (case["case"] in told, case["ticket"]["number"]))
        ]

    def _is_finished(self, session: Any, status: dict[str, Any]) -> bool:
        if not status.get("quiet"):
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = fleet.now(session)
            return False
        return settled(session, self._org, self._quiet_since)
