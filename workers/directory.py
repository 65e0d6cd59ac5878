"""What a process knows of an organisation while it digests: which names there are at all, its rules, its scorer.

The names themselves stay in the database (`names`); in memory is only a gate that says of a key "there may be such
a name" or "there is none", which takes less than 100 MB for a million accounts. The rest is
small and read anew when it has changed. Surprising: the gate forgets nothing; a name that is gone is merely asked
for in vain until the process starts anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import compress, count, pairwise, repeat
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import text

from workers.escalate import read_rules
from workers.folding import folded
from workers.lexicon import read_lexicon
from workers.names import AT_ONCE, index_due
from workers.score import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from uuid import UUID

    from sqlalchemy.orm import Session, sessionmaker

    from workers.escalate import Rule

FRESH_SECONDS = 15.0
"""How old what is known may be; a change is heard within twice this."""

EXACT = 100_000
"""So many keys are kept as they are, about 15 MB; of more only what is needed to say no."""
_MOST_SLOTS = 1 << 24
_SLOTS_A_KEY = 4
_MARKS = frozenset("@#/?!+~%=")


class Gate:
    """Which keys an organisation has: never "no" for one that is there.

    Few keys are kept exactly. Of many, what names begin with is kept by its hash (65 MB for a million), because every
    word of every post is looked for in it; of the rest only a bit each in slots of eight, which says "yes" to a few in a
    hundred others.
    """

    def __init__(self, keys: int = 0) -> None:
        """`keys`: about how many there will be."""
        self.names = self.similar = self.lookalikes = False
        self.handles: set[str] = set()
        """The platforms on which there are handles; "" for those that mean any."""
        self._keys: set[str] | None = set() if keys <= EXACT else None
        self._firsts: set[str] = set()
        self._words: set[int] = set()
        self._pairs: set[int] = set()
        self._slots = bytearray()
        if self._keys is None:
            self._slots = bytearray(1 << (min(_MOST_SLOTS, keys * _SLOTS_A_KEY) - 1).bit_length())
        self._mask = len(self._slots) - 1
        self._added = 0

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys, each with its mark, through from now on."""
        held, slots, mask = self._keys, self._slots, self._mask
        for key in keys:
            self._added += 1
            mark = key[0]
            if mark == "@":
                self.handles.add(key[1:].partition(":")[0])
            elif mark == "~":
                self.similar = True
            elif mark == "%":
                self.lookalikes = True
            if held is not None:
                held.add(key)
            else:
                place = hash(key)
                slots[place & mask] |= 1 << (place >> 40 & 7)

    def add_names(self, names: Sequence[str]) -> None:
        """Let these names through: what they begin with, and longer ones as a whole."""
        self.names |= bool(names)
        self.add(["=" + name for name in names if " " in name])
        for name in names:
            opening = " ".join(name.split(" ", 2)[:2])
            if self._keys is not None:
                self._keys.add(opening)
                self._firsts.add(opening.partition(" ")[0])
            elif " " in opening:
                self._pairs.add(hash(opening))
            else:
                self._words.add(hash(opening))

    def has(self, key: str) -> object:
        """May there be such a key, with its mark?"""
        if self._keys is not None:
            return key in self._keys
        place = hash(key)
        return self._slots[place & self._mask] >> (place >> 40 & 7) & 1

    def among(self, keys: Sequence[str]) -> list[int]:
        """Which of these keys, each with its mark, there may be, by where they stand."""
        held = self._keys
        if held is not None:
            return [] if held.isdisjoint(keys) else [at for at, key in enumerate(keys) if key in held]
        # without a loop of our own, since nearly all of them stop here
        near = compress(count(), map(self._slots.__getitem__, map(and_, map(hash, keys), repeat(self._mask))))
        return [at for at in near if self.has(keys[at])]

    def openings(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Which of these words in a row may be a name, and which may, with the next, be the first two of a longer one;
        by where they stand."""
        held, firsts = self._keys, self._firsts
        if held is None:
            pairs = map(" ".join, pairwise(words))
            return _places(self._words, list(map(hash, words))), _places(self._pairs, list(map(hash, pairs)))
        if firsts.isdisjoint(words):
            return [], []
        some = [at for at, word in enumerate(words) if word in firsts]
        pairs_at = [at for at in some if at + 1 < len(words) and f"{words[at]} {words[at + 1]}" in held]
        return [at for at in some if words[at] in held], pairs_at

    @property
    def crowded(self) -> bool:
        """Has it grown so far that another of its kind would do better?"""
        if self._keys is not None:
            return len(self._keys) > 2 * EXACT
        return len(self._slots) < _MOST_SLOTS and self._added * _SLOTS_A_KEY > 4 * len(self._slots)


def _places(held: set[int], hashes: list[int]) -> list[int]:
    return [] if held.isdisjoint(hashes) else [at for at, one in enumerate(hashes) if one in held]


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
# In lists of what one transaction wrote, which are never long (workers/names.py): a row a key would take ten times as long.
_KEYS = text("""
    SELECT kind, platform, json_agg(key)::text FROM names
    WHERE org_id = :org AND written_by >= :horizon GROUP BY written_by, kind, platform ORDER BY written_by
""")
_MARK = {
    "hashtag": "#",
    "domain": "/",
    "utm": "?",
    "email": "!",
    "phone": "+",
    "similar": "~",
    "lookalike": "%",
}
_keys = msgspec.json.Decoder(list[str])


def _open(session: Session, org: str, gate: Gate, horizon: int) -> None:
    """Let the keys through that transactions from the horizon on have written, as clues_of asks for them: a mark for
    the kind."""
    found = session.execute(
        _KEYS,
        {"org": org, "horizon": horizon},
        execution_options={"stream_results": True, "max_row_buffer": 8},
    )
    for kind, platform, listed in found:
        keys = _keys.decode(listed)
        if kind == "name":
            gate.add_names(keys)
        else:
            mark = f"@{platform}:" if kind == "handle" else _MARK[kind]
            gate.add([mark + key for key in keys])


def read_directory(session: Session, org: str) -> Directory:
    """All that is known of an organisation, as it stands now. What is due in the index of names is not in it yet."""
    gate = Gate(session.execute(_COUNT, {"org": org}).scalar_one())
    # all names in one hash would be written to disk and read again; in the index's order none of it is
    session.execute(text("SET LOCAL enable_hashagg = off"))
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
