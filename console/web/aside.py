"""What takes seconds is computed beside the pages' process, by one process of its own (`console.web.aside_process`).

No request waits for it: whoever asks is told what is known and from when it is, or that it is being counted, and asks again.
What is known is shown for LONGEST seconds and made again meanwhile. What nobody asks for any more is not begun; what lasts lets
shorter work pass. The process is made when it is first needed, again when it died, and ends with us, however we end.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from multiprocessing.connection import Pipe, wait
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Literal

from console.refusal import CannotDo
from console.web.aside_process import TOO_LONG_SAID, Told

log = logging.getLogger(__name__)

AT_ONCE = 0.1
"""Seconds that who asks first waits for an answer: most of a small installation's are there by then."""
AGAIN, OFTEN, LONGEST = 20.0, 10.0, 600.0
"""Seconds after which a value is made again (at the least OFTEN times as long as it took), and after which it is shown to nobody."""
FORGOTTEN, LEFT = 15.0, 60.0
"""Seconds after the last question for it: what waits is not begun any more, and what runs is given up if others wait."""
TOO_LONG = 300.0
"""Seconds that a computation may take."""
REFUSED = 5.0
"""Seconds for which a refusal is not asked for again."""
MOST, MOST_WAIT = 200, 12
"""Answers that are kept, and questions of one organisation that wait."""
IDLE = 900.0
"""Seconds without work after which the process ends."""
FAILED_SAID = "This could not be counted; the console's log says why."


class Away(OSError):
    """The database did not answer the other process."""


@dataclass(frozen=True)
class Counted:
    """A value, and how many seconds old it is."""

    value: Any
    ago: float


@dataclass(frozen=True)
class Counting:
    """It is being counted: `so_far` of it is done, from 0 to 1, where that is known; `waits`: others are counted first."""

    so_far: float | None
    waits: bool


@dataclass(eq=False)
class _Kept:
    """One question. `asked` is when somebody last wanted it, `at` from when its value is, `took` seconds that were needed for it."""

    org: str
    work: Callable[..., Any]
    args: tuple[Any, ...]
    lasts: bool
    state: Literal["", "waits", "runs"] = ""
    asked: float = 0.0
    begun: float = 0.0
    so_far: float | None = None
    tries: int = 0
    at: float | None = None
    took: float = 0.0
    value: Any = None
    refused: Exception | None = None
    refused_at: float = 0.0
    answered: Event = field(default_factory=Event)

    def known(self, now: float) -> Counted | None:
        """Its value, unless that is too old."""
        return None if self.at is None or now - self.at > LONGEST else Counted(self.value, now - self.at)


class Aside:
    """Answers questions to the database of this URL."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._turns: dict[str, int] = {}
        self._thread: Thread | None = None
        self._heard, self._bell = Pipe(duplex=False)
        self._over = False
        self._child: _Child | None = None

    def known(self, org: str, key: Hashable) -> Counted | Counting | None:
        """What there is already for a question that was asked; None: nobody asked. Raises what it was refused with."""
        with self._lock:
            one = self._kept.get((org, key))
            return None if one is None else self._told(one, monotonic())

    def ask(
        self, org: str, key: Hashable, work: Callable[..., Any], *args: Any, lasts: bool = False
    ) -> Counted | Counting:
        """What `work(session, *args)` returns; both go to the other process and have to be picklable. What `lasts` is given a
        function `so_far` as well, to be called between its steps with how much of it is done. Raises CannotDo, Away."""
        with self._lock:
            one = self._kept.setdefault((org, key), _Kept(org, work, args, lasts))
            self._kept.move_to_end((org, key))
            self._forget()
            found, first = self._told(one, monotonic()), self._begin(one)
        if found is None and first:
            one.answered.wait(AT_ONCE)
        with self._lock:
            return found or self._told(one, monotonic()) or Counting(None, True)

    def stop(self) -> None:
        """End the process, and answer nothing any more."""
        with self._lock:
            self._over = True
            thread = self._thread
            if thread:
                self._bell.send(None)
        if thread:
            thread.join()

    @property
    def process(self) -> int | None:
        """The other process's number, if there is one."""
        return self._child.process.pid if self._child else None

    def _told(self, one: _Kept, now: float) -> Counted | Counting | None:
        one.asked = now
        if found := one.known(now):
            return found
        if one.refused and now - one.refused_at < REFUSED:
            raise one.refused
        return Counting(one.so_far, one.state == "waits") if one.state else None

    def _begin(self, one: _Kept) -> bool:
        """Let it wait for its turn, if it has to be made; nothing of its organisation does yet."""
        now = monotonic()
        old = one.at is None or now - one.at > max(AGAIN, OFTEN * one.took)
        lately = one.refused is not None and now - one.refused_at < REFUSED
        waiting = sum(other.state == "waits" and other.org == one.org for other in self._kept.values())
        if one.state or not old or lately or waiting >= MOST_WAIT or self._over:
            return False
        one.state, one.tries, one.so_far, one.begun = "waits", 0, None, now
        one.answered.clear()
        if self._thread is None:
            self._thread = Thread(target=self._run, name="aside", daemon=True)
            self._thread.start()
        self._bell.send(None)
        return not waiting

    def _forget(self) -> None:
        for key in [key for key, one in self._kept.items() if not one.state][
            : max(0, len(self._kept) - MOST)
        ]:
            del self._kept[key]

    # the rest is run by the thread, which alone speaks with the child

    def _run(self) -> None:
        under: dict[int, _Kept] = {}
        number, busy = 0, monotonic()
        try:
            while not self._over:
                while one := self._next(under):
                    number += 1
                    under[number] = one
                    self._child = self._child or _Child(self._database)
                    self._child.give((number, one.work, one.args, one.lasts))
                child = self._child
                lines = [self._heard, *([child.line] if child else [])]
                for line in wait(lines, 1.0):
                    if line is self._heard:
                        self._heard.recv()
                    elif child and (told := child.heard()) is not None:
                        self._answered(under, told)
                    else:
                        self._died(under)
                if under:
                    busy = monotonic()
                    self._give_up(under)
                elif self._child and monotonic() - busy > IDLE:
                    self._end_child()
        finally:
            self._end_child()

    def _next(self, under: dict[int, _Kept]) -> _Kept | None:
        """Whose turn it is: the organisation's that was served longest ago. What lasts is begun alone, what does not beside it."""
        if any(not one.lasts for one in under.values()):
            return None
        now = monotonic()
        with self._lock:
            waiting = [one for one in self._kept.values() if one.state == "waits"]
            for one in waiting:
                if now - one.asked > FORGOTTEN:
                    one.state = ""
            fitting = [one for one in waiting if one.state and not (under and one.lasts)]
            if not fitting:
                return None
            one = min(
                fitting,
                key=lambda one: (one.known(now) is not None, self._turns.get(one.org, 0), one.begun),
            )
            self._turns[one.org] = max(self._turns.values(), default=0) + 1
            one.state, one.begun = "runs", now
            return one

    def _answered(self, under: dict[int, _Kept], told: Told) -> None:
        number, what, value = told
        one, now = under[number], monotonic()
        with self._lock:
            if what == "so far":
                one.so_far = value
                return
            del under[number]
            if what == "value":
                one.at, one.took, one.value, one.refused = one.begun, now - one.begun, value, None
            elif one.at is not None and what != "refused":
                log.warning("What is shown grows old: it could not be counted again (%s)", value)
            else:
                self._refuse(one, {"away": Away(str(value)), "refused": value}.get(what))
            one.state = ""
            one.answered.set()

    def _refuse(self, one: _Kept, why: Exception | None, said: str = FAILED_SAID) -> None:
        one.state, one.at = "", None
        one.refused, one.refused_at = why or CannotDo(said), monotonic()
        one.answered.set()

    def _died(self, under: dict[int, _Kept]) -> None:
        """What was under way is tried once more: the process may have been killed for something else."""
        self._end_child()
        log.warning("The process that counts for the pages died; there will be another")
        with self._lock:
            for one in under.values():
                one.tries += 1
                if one.tries > 1:
                    self._refuse(one, None)
                else:
                    one.state, one.so_far = "waits", None
        under.clear()

    def _give_up(self, under: dict[int, _Kept]) -> None:
        now = monotonic()
        with self._lock:
            others = any(one.state == "waits" for one in self._kept.values())
            over = [one for one in under.values() if now - one.begun > TOO_LONG]
            left = [one for one in under.values() if others and now - one.asked > LEFT]
            if not over and not left:
                return
            for one in under.values():
                if one in over:
                    self._refuse(one, None, TOO_LONG_SAID)
                else:
                    one.state = "" if one in left else "waits"
                one.so_far = None
        under.clear()
        self._end_child()

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()


class _Child:
    """The process, and the line to it. What it is given goes over the line: arguments of a process are seen by everybody."""

    def __init__(self, database: str) -> None:
        self.line, theirs = Pipe()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console.web.aside_process", str(theirs.fileno())],
                stdin=subprocess.PIPE,  # nothing is said there; it ends when we do
                pass_fds=[theirs.fileno()],
            )
        self.give(database)

    def give(self, what: Any) -> None:
        """Send it; one that is dead is found out by hearing nothing."""
        try:
            self.line.send(what)
        except OSError:
            self.process.kill()

    def heard(self) -> Told | None:
        """What it says next; None: it is dead."""
        try:
            told: Told = self.line.recv()
        except (OSError, EOFError):
            return None
        return told

    def end(self) -> None:
        """Nothing of it is written, so there is nothing to wait for."""
        self.process.kill()
        with self.process:
            self.line.close()
