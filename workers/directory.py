"""What a process knows of an organisation while it digests: which names there are at all, its rules, its scorer.

The names themselves stay in the database (`names`); in memory is only a gate (workers/gate.py) that says of a key
"there may be such a name" or "there is none". The rest is small and read anew when it has changed. Surprising: a name
that is gone is asked for in vain until the process starts anew.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from workers.folding import folded
from workers.follow import follow_waiting
from workers.gate import Gate
from workers.lexicon import read_lexicon
from workers.names import AT_ONCE, index_due
from workers.rule import Rules
from workers.score import Scorer
from workers.standing import read_rules

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from sqlalchemy.orm import Session, sessionmaker


log = logging.getLogger(__name__)

FRESH_SECONDS = 15.0
"""How old what is known may be; a change is heard within twice this."""


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
    rules: Rules = field(default_factory=Rules)
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
        rules=read_rules(session, org),
        campaigns={
            row.id: Dates(row.starts_on, row.ends_on) for row in session.execute(_CAMPAIGNS, {"org": org})
        },
        refusals=frozenset(
            (row.kind, row.record_id, folded(row.evidence))
            for row in session.execute(_REFUSALS, {"org": org})
        ),
    )


# What the small tables say, whoever wrote it and whenever that committed; whose turn it is says nothing new.
_STATE = text(
    " UNION ALL ".join(
        f"SELECT count(*), coalesce(sum(hashtextextended(({row})::text, 0)), 0)::text FROM {table} t"
        f" WHERE org_id = :org {which}"
        for table, row, which in (
            ("aliases", "t", "AND of = 'ourselves'"),
            ("campaigns", "t", ""),
            ("rules", "to_jsonb(t) - 'turn'", ""),
            ("lexicons", "t", ""),
            ("refusals", "t", ""),
        )
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
            gate.add(mark, keys)


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
    state: list[tuple[int, str]]
    directory: Directory


def _index(sessions: sessionmaker[Session], org: str) -> int:
    """Take in what has changed; says how many changes. What fails here is no fault of any page, and stops none."""
    try:
        with sessions() as session, session.begin():
            taken = index_due(session, org)
        if taken:
            follow_waiting(sessions, org, seconds=1.0)
    except (SQLAlchemyError, ValueError, LookupError, TypeError):
        log.exception(
            "What was renamed in %s is not looked up yet", org, extra={"action": "names_not_indexed"}
        )
        return 0
    return taken


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
        taken = _index(sessions, org)
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
