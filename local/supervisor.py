"""Keeps children running: starts them in order, restarts what crashes, stops them in reverse order.

A plan is a list of Child and Step. Children that stand together start together; a Step waits until
everything before it is ready. Knows nothing of what the children are.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Literal

from local.child import Child, Running, Step
from local.home import CannotStart

What = Literal["starting", "ready", "step", "up", "crashed", "restarted", "gave_up", "stopping", "stopped"]

GLANCE = 0.05
"""Seconds between two looks at the children."""
LONGEST_WAIT = 30.0
"""The most seconds between a crash and the restart."""
QUICK = 60.0
"""A child that ran this many seconds has recovered: its crashes are forgotten."""
TRIES = 6
"""How many quick crashes in a row are enough to give up."""


@dataclass(frozen=True)
class Event:
    """What the supervisor did or saw: `name` is the child's or the step's, `text` a sentence for people."""

    what: What
    name: str
    text: str


def backoff(crashes: int) -> float:
    """Seconds to wait before restart number `crashes` (from 1): 1, 2, 4, ... at most 30."""
    return min(2.0 ** (crashes - 1), LONGEST_WAIT)


class _Post:
    """One child's place: its process, if it runs, and its history."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.running: Running | None = None
        self.is_ready = False
        self.crashes = 0
        self.again_at: float | None = None


class Supervisor:
    """Runs a plan until told to stop."""

    def __init__(self, plan: Sequence[Child | Step], wait: Callable[[int], float] = backoff) -> None:
        self._plan = tuple(plan)
        self._backoff = wait
        self._posts: list[list[_Post]] = [[]]
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._asked = 0
        self._on_event: Callable[[Event], None] = lambda event: None

    def stop(self) -> None:
        """Ask run() to stop everything and return; asked again, it no longer waits for anybody.

        May be called from a callback, a signal handler or another thread.
        """
        self._asked += 1
        with contextlib.suppress(OSError):
            os.write(self._wake_in, b"!")

    def pid(self, name: str) -> int | None:
        """The process id of a child, while it runs."""
        for post in self._all():
            if post.child.name == name and post.running and post.running.ended() is None:
                return post.running.pid
        return None

    def run(
        self,
        on_event: Callable[[Event], None] = lambda event: None,
        while_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Carry out the plan, watch the children until stop() or SIGINT, SIGTERM or SIGHUP, then stop them.

        `on_event` is told what happens. `while_up` is called about twenty times a second once
        everything is ready; keep it short, crashes are not seen meanwhile. Both run in this thread.
        Raises CannotStart when a child does not get ready or keeps crashing, and whatever a step
        raises, after everything was stopped.
        """
        self._on_event = on_event
        with self._signals():
            try:
                if self._start():
                    self._tell("up", "", "Everything is up.")
                while not self._asked:
                    self._look()
                    while_up()
                    self._wait()
            finally:
                self._stop_all()
                os.close(self._wake_in)
                os.close(self._wake_out)

    def _start(self) -> bool:
        for item in self._plan:
            if isinstance(item, Child):
                self._posts[-1].append(post := _Post(item))
                self._launch(post)
                continue
            if not self._until_ready():
                return False
            self._tell("step", item.name, f"{item.name} ...")
            item.run()
            self._posts.append([])
        return self._until_ready()

    def _until_ready(self) -> bool:
        while not self._asked:
            self._look()
            if all(post.is_ready for post in self._all()):
                return True
            self._wait()
        return False

    def _launch(self, post: _Post) -> None:
        post.again_at, post.is_ready = None, False
        self._tell("starting", post.child.name, f"{post.child.name} starts.")
        post.running = Running(post.child)

    def _look(self) -> None:
        now = monotonic()
        for post in self._all():
            if post.running is None:
                if post.again_at is not None and now >= post.again_at:
                    self._launch(post)
                    self._tell("restarted", post.child.name, f"{post.child.name} was started again.")
                continue
            code = post.running.ended()
            if code is not None:
                self._crashed(post, code, now)
            elif not post.is_ready:
                self._ask_ready(post, now)
            elif post.crashes and now - post.running.started > QUICK:
                post.crashes = 0

    def _ask_ready(self, post: _Post, now: float) -> None:
        assert post.running
        if post.child.ready():
            post.is_ready = True
            took = monotonic() - post.running.started
            self._tell("ready", post.child.name, f"{post.child.name} is ready after {took:.1f} s.")
        elif now - post.running.started > post.child.patience:
            raise CannotStart(
                f"{post.child.name} was not ready after {post.child.patience:.0f} s. See {post.child.log}."
            )

    def _crashed(self, post: _Post, code: int, now: float) -> None:
        child = post.child
        assert post.running
        post.running.end_session()
        post.running, post.is_ready = None, False
        post.crashes += 1
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if post.crashes >= TRIES:
            text = f"{child.name} {how}, {post.crashes} times in a row. Given up. See {child.log}."
            self._tell("gave_up", child.name, text)
            raise CannotStart(text)
        wait = self._backoff(post.crashes)
        post.again_at = now + wait
        self._tell("crashed", child.name, f"{child.name} {how}; starting it again in {wait:.0f} s.")

    def _stop_all(self) -> None:
        for group in reversed(self._posts):
            alive = [post for post in group if post.running is not None]
            for post in reversed(alive):
                assert post.running
                self._tell("stopping", post.child.name, f"{post.child.name} stops.")
                post.running.signal(post.child.stop_signal)
            asked_at = monotonic()
            while alive:
                for post in alive:
                    self._see_off(post, monotonic() - asked_at)
                alive = [post for post in alive if post.running is not None]
                if alive:
                    self._wait()

    def _see_off(self, post: _Post, waited: float) -> None:
        assert post.running
        name, killed = post.child.name, False
        if post.running.ended() is None:
            if self._asked < 2 and waited < post.child.grace:
                return
            killed = True
        post.running.end_session()
        post.running = None
        self._tell("stopped", name, f"{name} {'was killed' if killed else 'stopped'} after {waited:.1f} s.")

    def _wait(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if select.select([self._wake_out], [], [], GLANCE)[0]:
                os.read(self._wake_out, 64)

    def _all(self) -> Iterator[_Post]:
        return (post for group in self._posts for post in group)

    def _tell(self, what: What, name: str, text: str) -> None:
        self._on_event(Event(what, name, text))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals stop us, where we may: only the main thread can be told of them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def told(number: int, frame: FrameType | None) -> None:
            self.stop()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, told) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
