"""What a process knows of an organisation while it digests: which names there are at all, its rules, its scorer.

The names themselves stay in the database (`names`); in memory is only a gate that says of a key "there may be such
a name" or "there is none", about 16 bytes a name and never more than 64 MB, so a million accounts fit. The rest is
small and read anew when it has changed. Surprising: the gate forgets nothing; a name that is gone is merely asked
for in vain until the process starts anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import compress, count, islice, repeat
from operator import and_, itemgetter, rshift, xor
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import text

from workers.escalate import read_rules
from workers.folding import folded
from workers.lexicon import read_lexicon
from workers.names import AT_ONCE, index_due
from workers.score import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date
    from uuid import UUID

    from sqlalchemy.orm import Session, sessionmaker

    from workers.escalate import Rule

FRESH_SECONDS = 15.0
"""How old what is known may be; a change is heard within twice this."""

EXACT = 100_000
"""So many keys are kept as they are, about 15 MB; more are kept as marks in slots."""
_MOST_SLOTS = 1 << 25
_SLOTS_A_KEY = 4
_MARKS = frozenset("@#/?!+~%=")


class Gate:
    """Which keys an organisation has: never "no" for one that is there.

    Few keys are kept exactly. Of many only a bit each in rows of slots of eight, because a look must cost less than
    the word it is for; that says "yes" to about one in a hundred others. Names have a row of their own, which is
    smaller and hence quicker, since every word of every post is looked for in it.
    """

    def __init__(self, keys: int = 0) -> None:
        """`keys`: about how many there will be."""
        self.names = self.similar = self.lookalikes = False
        self.handles: set[str] = set()
        """The platforms on which there are handles; "" for those that mean any."""
        self.has: Callable[[str], object]
        """May there be such a key?"""
        self._keys: set[str] | None = set() if keys <= EXACT else None
        self._firsts: set[str] = set()
        self._words: set[str] | None = set()
        self._names = self._others = bytearray()
        if self._keys is not None:
            self.has = self._keys.__contains__
        else:
            slots = 1 << (min(_MOST_SLOTS, keys * _SLOTS_A_KEY) - 1).bit_length()
            self._names, self._others = bytearray(slots), bytearray(slots)
            self.has = self._is_marked
        self._mask = len(self._names) - 1
        self._added = 0

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys through from now on: as clues_of asks for them, of a longer name its first two words."""
        others, mask, seen = self._others, self._mask, set[str]()
        for key in keys:
            self._added += 1
            first = key[:1]
            seen.add(first)
            if first == "@":
                self.handles.add(key[1:].partition(":")[0])
            if self._keys is not None:
                self._keys.add(key)
                if first not in _MARKS:
                    self._firsts.add(key.partition(" ")[0])
            elif first in _MARKS:
                place = hash(key)
                others[place & mask] |= 1 << (place >> 40 & 7)
            else:
                self._mark(key)
        self.similar |= "~" in seen
        self.lookalikes |= "%" in seen
        self.names |= not seen <= _MARKS

    def add_names(self, names: Sequence[str]) -> None:
        """Let these names through: their first word, or first two, and longer ones as a whole."""
        self.add([" ".join(name.split(" ", 2)[:2]) for name in names])
        self.add(["=" + name for name in names if " " in name])

    def openings(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        """Which of these words in a row may be a name, and which may, with the next, be the first two of a longer one;
        by where they stand."""
        held, firsts = self._keys, self._firsts
        if held is None:
            return self._marked(words)
        if firsts.isdisjoint(words):
            return [], []
        some = [at for at, word in enumerate(words) if word in firsts]
        pairs = [at for at in some if at + 1 < len(words) and f"{words[at]} {words[at + 1]}" in held]
        return [at for at in some if words[at] in held], pairs

    @property
    def crowded(self) -> bool:
        """Has it grown so far that another of its kind would do better?"""
        if self._keys is not None:
            return len(self._keys) > 2 * EXACT
        return len(self._names) < _MOST_SLOTS and self._added * _SLOTS_A_KEY > 4 * len(self._names)

    # Marks. Two words in a row have theirs where the two hashes say, which a text's words have already; which bit of
    # a slot it is, other bits of the hashes say.

    def _spot(self, name: str) -> tuple[int, int]:
        """Which slot of the names, and which bit of it."""
        one, _, other = name.partition(" ")
        if other:
            return (hash(one) & self._mask) >> 1 ^ hash(other) & self._mask, _bit(one, other)
        return hash(one) & self._mask, 1 << (hash(one) >> 40 & 7)

    def _mark(self, name: str) -> None:
        if self._words is not None and " " not in name:
            self._words.add(name)
            if len(self._words) <= EXACT:
                return
            names, self._words = self._words, None
        else:
            names = {name}
        for one in names:
            at, bit = self._spot(one)
            self._names[at] |= bit

    def _is_marked(self, key: str) -> object:
        if key[:1] in _MARKS:
            place = hash(key)
            return self._others[place & self._mask] >> (place >> 40 & 7) & 1
        if self._words is not None and " " not in key:
            return key in self._words
        at, bit = self._spot(key)
        return self._names[at] & bit

    def _marked(self, words: Sequence[str]) -> tuple[list[int], list[int]]:
        slots, mask, known = self._names, self._mask, self._words
        # without a loop of our own: this is done for every word of every post
        places = list(map(and_, map(hash, words), repeat(mask)))
        pairs = list(map(xor, map(rshift, places, repeat(1)), islice(places, 1, None)))
        # itemgetter fetches all the slots in one call, whose waits for memory overlap; it gives a tuple from two on
        near = compress(count(), itemgetter(*pairs)(slots)) if len(pairs) > 1 else range(len(pairs))
        second = [at for at in near if slots[pairs[at]] & _bit(words[at], words[at + 1])]
        if known is None:
            some = [at for at, place in enumerate(places) if slots[place]]
            return [at for at in some if self._is_marked(words[at])], second
        if known.isdisjoint(words):
            return [], second
        return [at for at, word in enumerate(words) if word in known], second


def _bit(one: str, other: str) -> int:
    return 1 << ((hash(one) ^ hash(other) >> 1) >> 40 & 7)


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
