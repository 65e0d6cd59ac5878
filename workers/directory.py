"""What a process knows of an organisation while it digests: which names there are at all, its rules, its scorer.

The names themselves stay in the database (`names`); in memory is only a gate that says of a key "there may be such
a name" or "there is none", about 32 bytes a name and never more than 64 MB, so a million accounts fit. The rest is
small and read anew when it has changed. Surprising: the gate forgets nothing; a name that is gone is merely asked
for in vain until the process starts anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from workers.escalate import read_rules
from workers.folding import folded
from workers.lexicon import read_lexicon
from workers.names import AT_ONCE, index_due
from workers.score import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date
    from uuid import UUID

    from sqlalchemy.orm import Session, sessionmaker

    from workers.escalate import Rule

FRESH_SECONDS = 15.0
"""How old what is known may be; a change is heard within twice this."""

EXACT = 100_000
"""So many keys are kept as they are, about 15 MB; more are kept as marks in slots."""
_MOST_SLOTS = 1 << 26
_SLOTS_A_KEY = 32
_MARKS = frozenset("@#/?!+~%")


class Gate:
    """Which keys an organisation has: never "no" for one that is there.

    Few keys are kept exactly. Of many only a byte each in a row of slots, one slot a key, because a look must cost
    less than the word it is for; that says "yes" to about three in a hundred others.
    """

    def __init__(self, keys: int = 0) -> None:
        """`keys`: about how many there will be."""
        self.handles = self.names = self.similar = self.lookalikes = False
        self.has: Callable[[str], object]
        """May there be such a key?"""
        self._keys: set[str] | None = set() if keys <= EXACT else None
        self._firsts: set[str] = set()
        self._slots = bytearray()
        if self._keys is not None:
            self.has = self._keys.__contains__
        else:
            wanted = min(_MOST_SLOTS, keys * _SLOTS_A_KEY)
            self._slots = bytearray(1 << (wanted - 1).bit_length())
            self.has = self._marked
        self._mask = len(self._slots) - 1
        self._added = 0

    def _marked(self, key: str) -> int:
        return self._slots[hash(key) & self._mask]

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys through from now on: as clues_of asks for them, of a longer name its first two words."""
        held, firsts, slots, mask = self._keys, self._firsts, self._slots, self._mask
        for key in keys:
            self._added += 1
            mark = key[:1]
            if mark == "@":
                self.handles = True
            elif mark == "~":
                self.similar = True
            elif mark == "%":
                self.lookalikes = True
            elif mark not in _MARKS:
                self.names = True
                if held is not None:
                    firsts.add(key.partition(" ")[0])
            if held is not None:
                held.add(key)
            else:
                slots[hash(key) & mask] = 1

    def may_open(self, words: list[str]) -> bool:
        """May one of these words be the first of a name?"""
        return self._keys is None or not self._firsts.isdisjoint(words)

    @property
    def crowded(self) -> bool:
        """Has it grown so far that another of its kind would do better?"""
        if self._keys is not None:
            return len(self._keys) > 2 * EXACT
        return len(self._slots) < _MOST_SLOTS and self._added * _SLOTS_A_KEY > 4 * len(self._slots)


class Dates(NamedTuple):
    """The days of a campaign, both inclusive; None is open."""

    starts_on: date | None
    ends_on: date | None

    def hold(self, day: date) -> bool:
        """Does the campaign run on that day?"""
        return (self.starts_on is None or self.starts_on <= day) and (
            self.ends_on is None or day <= self.ends_on
        )


@dataclass(slots=True)
class Directory:
    """One organisation as a batch sees it."""

    gate: Gate = field(default_factory=Gate)
    scorer: Scorer = field(default_factory=Scorer)
    rules: tuple[Rule, ...] = ()
    campaigns: dict[UUID, Dates] = field(default_factory=dict)
    refusals: frozenset[tuple[str, UUID, str]] = frozenset()
    """(kind, record, evidence folded) of suggestions that a person rejected."""


_OWN = text("""
    SELECT kind, value FROM aliases
    WHERE org_id = :org AND of = 'ourselves' AND kind IN ('name', 'keyword', 'handle')
""")
_CAMPAIGNS = text("SELECT id, starts_on, ends_on FROM campaigns WHERE org_id = :org")
_REFUSALS = text("SELECT kind, record_id, evidence FROM refusals WHERE org_id = :org")


def read_scorer(session: Session, org: str) -> Scorer:
    """The organisation's scorer: its own names masked, its lexicon's words weighed."""
    own = {
        "@" + row.value.lstrip("@") if row.kind == "handle" else row.value
        for row in session.execute(_OWN, {"org": org})
    }
    return Scorer(own_names=sorted(own), lexicon=read_lexicon(session, org))


def _read(session: Session, org: str, gate: Gate) -> Directory:
    return Directory(
        gate=gate,
        scorer=read_scorer(session, org),
        rules=tuple(read_rules(session, org)),
        campaigns={
            row.id: Dates(row.starts_on, row.ends_on) for row in session.execute(_CAMPAIGNS, {"org": org})
        },
        refusals=frozenset(
            (row.kind, row.record_id, folded(row.evidence))
            for row in session.execute(_REFUSALS, {"org": org})
        ),
    )


# Every row carries the number of the transaction that wrote it (xmin): where neither the newest of them nor
# the count of rows has moved, nothing was added, changed or deleted.
_STATE = text(
    " UNION ALL ".join(
        f"SELECT count(*), max(xmin::text::bigint) FROM {table} WHERE org_id = :org {which}"
        for table, which in {
            "aliases": "AND of = 'ourselves'",
            "campaigns": "",
            "rules": "",
            "lexicons": "",
            "refusals": "",
        }.items()
    )
)
_HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_COUNT = text("SELECT count(*) FROM names WHERE org_id = :org")
# A key as clues_of asks for it: a mark for its kind, and of a name no more than what opens the gate.
_KEYS = text("""
    SELECT CASE kind
        WHEN 'name' THEN CASE split_part(key, ' ', 2) WHEN '' THEN key
                         ELSE split_part(key, ' ', 1) || ' ' || split_part(key, ' ', 2) END
        WHEN 'handle' THEN '@' || platform || ':' || key
        WHEN 'hashtag' THEN '#' || key WHEN 'domain' THEN '/' || key WHEN 'utm' THEN '?' || key
        WHEN 'email' THEN '!' || key WHEN 'phone' THEN '+' || key WHEN 'similar' THEN '~' || key
        ELSE '%' || key END
    FROM names WHERE org_id = :org AND written_by >= :horizon
""")


def _open(session: Session, org: str, gate: Gate, horizon: int) -> None:
    """Let the keys through that transactions from the horizon on have written."""
    found = session.execute(
        _KEYS, {"org": org, "horizon": horizon}, execution_options={"stream_results": True}
    )
    for some in found.partitions(20_000):
        gate.add([row[0] for row in some])


def read_directory(session: Session, org: str) -> Directory:
    """All that is known of an organisation, as it stands now. What is due in the index of names is not in it yet."""
    gate = Gate(session.execute(_COUNT, {"org": org}).scalar_one())
    _open(session, org, gate, 0)
    return _read(session, org, gate)


@dataclass(slots=True)
class _Held:
    looked: float
    horizon: int
    state: list[tuple[int, int | None]]
    directory: Directory


class Directories:
    """The directories of a process, one an organisation, each looked after when it is no longer fresh."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def of(self, sessions: sessionmaker[Session], org: str) -> Directory:
        """A directory at most FRESH_SECONDS old. What has changed is taken into the index of names before."""
        now = time.monotonic()
        held = self._held.get(org)
        if held is not None and now - held.looked <= FRESH_SECONDS:
            return held.directory
        with sessions() as session, session.begin():
            taken = index_due(session, org)
        with sessions() as session, session.begin():
            # before anything is read: what commits meanwhile is read again next time
            horizon = session.execute(_HORIZON).scalar_one()
            state = [tuple(row) for row in session.execute(_STATE, {"org": org})]
            if held is None or held.directory.gate.crowded:
                held = _Held(now, horizon, state, read_directory(session, org))
            else:
                _open(session, org, held.directory.gate, held.horizon)
                if held.state != state:
                    held.directory = _read(session, org, held.directory.gate)
                held.horizon, held.state = horizon, state
        # where so much has changed that some of it waits, the next batch goes on
        held.looked = now if taken < AT_ONCE else float("-inf")
        self._held[org] = held
        return held.directory
