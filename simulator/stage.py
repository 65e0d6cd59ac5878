"""What has been said so far: acts released one by one, with their edits and deletions.

The clock is read when an act is released, never while a page is told, so a post keeps its times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.lines import Line, Platform
from simulator.people import digest
from simulator.script import Script, shuffled


@dataclass(kw_only=True)
class Said:
    """A post that has been made. `number` is its id on our Mastodon server: milliseconds, then a counter."""

    line: Line
    number: int
    ordinal: int
    created_at: datetime
    indexed_at: datetime
    text: str
    version: int = 0
    edited_at: datetime | None = None
    deleted: bool = False

    @property
    def sort_at(self) -> datetime:
        """Where Bluesky's search puts it: a date in the future counts as the day it was seen."""
        return min(self.created_at, self.indexed_at)


class Stage:
    """The world as it stands. `changed` counts what has happened, so that rendered answers can be kept."""

    def __init__(self, script: Script, clock: Callable[[], datetime] | None = None) -> None:
        self.script = script
        self.clock = clock or (lambda: datetime.now(UTC))
        self.start = self.clock().replace(microsecond=0)
        self.mark = self.start - timedelta(hours=1)
        self.act = 0
        self.groups: list[str] = []
        self.said: dict[str, Said] = {}
        self._on: defaultdict[str, dict[str, Said]] = defaultdict(dict)
        self.changed = 0
        self.replies: Counter[str | None] = Counter()
        self.reposts: Counter[str | None] = Counter()
        self._latest = self.start - timedelta(minutes=31)

    def on(self, platform: Platform) -> list[Said]:
        """The posts of one platform that exist now, in the order in which they appeared."""
        return [said for said in self._on[platform].values() if not said.deleted]

    def get(self, key: str | None) -> Said | None:
        """A post by its key in the script, unless it is not there (yet, or any more)."""
        said = self.said.get(key) if key else None
        return None if said is None or said.deleted else said

    def release(self, act: int) -> int:
        """Play the acts up to and including this one; says how many posts are new."""
        before = len(self.said)
        while self.act < act:
            self.act += 1
            lines = [
                line for line in self.script.lines.values() if line.act == self.act and line.group is None
            ]
            self._say(shuffled(self.script.seed, f"act {self.act}", lines))
            for said in self.said.values():
                self._revise(said)
        return len(self.said) - before

    def release_group(self, group: str) -> int:
        """Bring in a named group (`storm`, `poison`); says how many posts are new."""
        if group in self.groups:
            return 0
        self.groups.append(group)
        lines = [line for line in self.script.lines.values() if line.group == group]
        self._say(lines)
        return len(lines)

    def add(self, *lines: Line) -> None:
        """Say lines that are not of the script."""
        self._say(lines)

    def _say(self, lines: Iterable[Line]) -> None:
        lines = list(lines)
        now = self.clock()
        since = max(self._latest, now - timedelta(minutes=30)) if self.act > 1 else self._latest
        # Never two in one millisecond: Bluesky's notifications page by this time, and would lose the second.
        step = max((now - since) / (len(lines) + 1), timedelta(milliseconds=1))
        for index, line in enumerate(lines, 1):
            seen = since + step * index
            created = seen
            if line.hours is not None:
                created = self.start + timedelta(hours=line.hours)
            elif line.late:
                created = self.start - timedelta(minutes=20)
            elif line.same_second:
                created = self.start - timedelta(seconds=600 + digest(line.same_second)[0])
            # A status that arrives late gets its number from its own date, below the reader's cursor.
            stamp = min(created, seen)
            self.said[line.key] = self._on[line.platform][line.key] = Said(
                line=line,
                ordinal=len(self.said),
                number=(int(stamp.timestamp() * 1000) << 16) | len(self.said) & 0xFFFF,
                created_at=created,
                indexed_at=seen,
                text=line.text,
            )
            self.replies[line.reply_to] += 1
            self.reposts[line.repost_of] += 1
        self._latest = max(now, since + step * len(lines))
        self.changed += 1

    def _revise(self, said: Said) -> None:
        for version, edit in enumerate(said.line.edits, 1):
            if edit.act == self.act and said.version < version:
                said.version, said.text, said.edited_at = version, edit.text, self.clock()
                self.changed += 1
        if said.line.deleted_in == self.act:
            said.deleted = True
            self.changed += 1
