"""Stored posts matched anew, a batch a transaction: with the names of today, and without opening anything.

    next      the next events of the stretch, by when they were said
    resolve   their texts as digest would: names, keywords, hashtags, links, addresses and numbers that stand in them
    write     what is new, then what the events are tied to, then what answers them

Only adds: what was matched before stays, and what a person decided stays as it was decided. A suggestion becomes a match
where its record is named exactly by now. A case is never opened, raised or closed by it, and nobody becomes a lead.
Surprising: who wrote a post and whom it mentions are not looked at, since a handle's past posts follow by themselves
(workers/follow.py); and what a platform said beside the text, such as where a shortened link leads, is not stored.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connectors._base import Post
from workers._rows import as_json
from workers.directory import Directories
from workers.names import index_due
from workers.project import lock, reproject
from workers.resolve import resolve
from workers.threads import hand_down

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sqlalchemy import Row
    from sqlalchemy.orm import Session, sessionmaker

    from workers.directory import Directory
    from workers.rescore import Stretch

BATCH = 500
RETRIES = 3
"""How often a batch that met a deadlock or a serialisation failure is tried again at once."""
SAID = ("alias", "keyword", "hashtag", "link domain", "UTM tag", "e-mail", "phone", "similar name")
"""What a text alone shows. A ticket's number in it is none: that ticket may be younger than the post."""

_STRETCH = """
    e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until
    AND e.sightings <> '{}' AND e.gone_at IS NULL AND e.text <> ''
"""
_COUNT = text(f"SELECT count(*) FROM social_events e WHERE {_STRETCH}")
_NEXT = text(f"""
    SELECT e.id, e.platform, e.external_id, e.occurred_at, e.verb, e.text FROM social_events e
    WHERE {_STRETCH} AND (e.occurred_at, e.id) > (:at, CAST(:after AS uuid))
    ORDER BY e.occurred_at, e.id LIMIT :most
""")
_HELD = text("""
    SELECT event_id, kind, record_id, state = 'suggested' AND by IS NULL AS waits FROM matches
    WHERE event_id = ANY(:events)
""")
_WRITE = text("""
    INSERT INTO matches AS m (org_id, event_id, kind, record_id, how, sure, evidence, starts, ends, state)
    SELECT :org, event_id, kind, record_id, how, sure, evidence, starts, ends, state
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        event_id uuid, kind text, record_id uuid, how text, sure double precision, evidence text,
        starts integer, ends integer, state text)
    ORDER BY event_id, kind, record_id
    ON CONFLICT (org_id, event_id, kind, record_id) DO UPDATE
    SET state = 'live', how = excluded.how, sure = excluded.sure, evidence = excluded.evidence,
        starts = excluded.starts, ends = excluded.ends, author = false
    WHERE m.state = 'suggested' AND m.by IS NULL AND excluded.state = 'live'
""")
# an answer that names an account itself is about that one, and no longer about its thread's
_LEAVE_THREAD = text("""
    DELETE FROM matches
    WHERE event_id = ANY(:events) AND kind = 'account' AND how = 'thread' AND state = 'live' AND by IS NULL
""")
_NOBODY = "00000000-0000-0000-0000-000000000000"
_LINK = re.compile(r"https?://[^\s<>\"]{1,2000}")
_TAG = re.compile(r"(?<![\w&/])#(\w{1,200})")


@dataclass
class Told:
    """What matching anew did, or would do: counts of events, and of matches by (kind, record)."""

    looked: int = 0
    tied: int = 0
    """Events with a new match that counts."""
    matched: Counter[tuple[str, UUID]] = field(default_factory=Counter)
    suggested: Counter[tuple[str, UUID]] = field(default_factory=Counter)

    def add(self, other: Told) -> None:
        """Add another batch."""
        self.looked += other.looked
        self.tied += other.tied
        self.matched.update(other.matched)
        self.suggested.update(other.suggested)


def waiting(session: Session, stretch: Stretch) -> int:
    """How many events a stretch has whose text can be looked at."""
    found: int = session.execute(_COUNT, stretch._asdict()).scalar_one()
    return found


def rematched(
    sessions: sessionmaker[Session], stretch: Stretch, *, dry: bool = False, most: int = BATCH
) -> Iterator[Told]:
    """Match a stretch anew, batch by batch; what each did. Whoever stops asking leaves whole batches.

    What was changed of records and aliases before is taken into the index of names first.
    """
    while True:
        with sessions() as session, session.begin():
            if not index_due(session, stretch.org):
                break
    directories = Directories()
    values = {**stretch._asdict(), "most": most}
    at: tuple[Any, Any] = (stretch.since, _NOBODY)
    while True:
        directory = directories.of(sessions, stretch.org)
        with sessions() as session, session.begin():
            found = session.execute(_NEXT, {**values, "at": at[0], "after": at[1]}).all()
        if not found:
            return
        yield _tried(sessions, stretch.org, found, directory, dry)
        at = (found[-1].occurred_at, found[-1].id)


def _tried(
    sessions: sessionmaker[Session], org: str, found: Sequence[Row[Any]], directory: Directory, dry: bool
) -> Told:
    for attempt in range(RETRIES + 1):
        try:
            with sessions() as session, session.begin():
                return _batch(session, org, found, directory, dry)
        except DBAPIError as conflict:
            if attempt == RETRIES or getattr(conflict.orig, "sqlstate", None) not in ("40001", "40P01"):
                raise
    raise AssertionError(RETRIES)


def _batch(session: Session, org: str, found: Sequence[Row[Any]], directory: Directory, dry: bool) -> Told:
    told = Told(looked=len(found))
    resolved = resolve(session, org, [(row.platform, _as_said(row)) for row in found], directory)
    offered = {
        (row.id, made.kind, made.record): made
        for row, one in zip(found, resolved, strict=True)
        for made in one.matches
        if made.how in SAID and not made.author
    }
    if not offered:
        return told
    events = sorted({event for event, _, _ in offered})
    if not dry:
        # whoever decides something about one of them meanwhile has decided it before we look
        events = lock(session, org, events)
    there = set(events)
    held = {
        (row.event_id, row.kind, row.record_id): row.waits
        for row in session.execute(_HELD, {"events": events})
    }
    fresh = {
        key: made
        for key, made in offered.items()
        if key[0] in there and (key not in held or (held[key] and not made.suggested))
    }
    for (_, kind, record), made in fresh.items():
        (told.suggested if made.suggested else told.matched)[kind, record] += 1
    live = {event for (event, _, _), made in fresh.items() if not made.suggested}
    told.tied = len(live)
    if fresh and not dry:
        rows = [
            {
                "event_id": event,
                "kind": kind,
                "record_id": record,
                "how": made.how,
                "sure": made.sure,
                "evidence": made.evidence,
                "starts": made.starts,
                "ends": made.ends,
                "state": "suggested" if made.suggested else "live",
            }
            for (event, kind, record), made in fresh.items()
        ]
        session.execute(_WRITE, {"org": org, "rows": as_json(rows)})
        about = {
            event for (event, kind, _), made in fresh.items() if kind == "account" and not made.suggested
        }
        session.execute(_LEAVE_THREAD, {"events": sorted(about)})
        reproject(session, org, sorted(live))
        hand_down(session, org, [(row.platform, row.external_id) for row in found if row.id in about])
    return told


def _as_said(row: Row[Any]) -> Post:
    """A stored event as far as its text says what it is about: by nobody, to nobody, in answer to nothing."""
    return Post(
        id=row.external_id,
        posted_at=row.occurred_at,
        verb=row.verb,
        text=row.text,
        hashtags=tuple(_TAG.findall(row.text)),
        links=tuple(link.rstrip(".,;:!?)]}'»”") for link in _LINK.findall(row.text)),
    )
