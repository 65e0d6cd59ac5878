"""What is stored of a stretch, read for a back-test: posts in the order in which they were decided, and what people did.

Posts of one digest carry the time of its transaction, so what has one `recorded_at` was decided together. Surprising:
what was learnt of a post afterwards (whom it is about, who wrote it) does not count, as far as rows tell when that was;
its text and its score are those of now, because no others are kept. Nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from workers.decide import Policy, Switch
from workers.escalate import NOT_NAMING, TOOK_IN
from workers.past import Batch, Change, Past, Post, Spell, Stored
from workers.reheard import ANSWERED, COLUMNS, JOINS, heard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session

    from workers.rule import Level

AT_A_TIME = 2_000
"""Rows that are held at once."""

_NEVER, _FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_JUST_BEFORE = timedelta(microseconds=1)

_NAMING = ", ".join(f"'{how}'" for how in NOT_NAMING)
_SO = "m.created_at <= e.recorded_at"
# a post that was edited since has lost the matches that it had: those of now count for it
_POSTS = text(f"""
    SELECT {COLUMNS}, mark.escalate_from AS mark, answered.*, so.*
    FROM social_events e {JOINS}
    LEFT JOIN sources mark ON mark.id = e.sightings[1]
    {ANSWERED}
    LEFT JOIN LATERAL (
        SELECT bool_or(NOT {_SO}) AND coalesce(e.edited_at <= e.recorded_at, true) AS learnt,
               array_agg(m.record_id) FILTER (WHERE {_SO} AND m.kind IN ('account', 'campaign')) AS then_about,
               bool_or(m.how NOT IN ({_NAMING})) FILTER (WHERE {_SO} AND m.kind IN ('account', 'campaign')) AS then_named,
               array_agg(m.record_id) FILTER (WHERE {_SO} AND m.kind = 'contact' AND m.author) AS then_contacts,
               array_agg(m.record_id) FILTER (WHERE {_SO} AND m.kind = 'account' AND m.how <> 'identity') AS then_others,
               array_agg(m.record_id) FILTER (WHERE {_SO} AND m.kind = 'account' AND m.author) AS then_own,
               array_agg(m.record_id) FILTER (WHERE {_SO} AND m.kind = 'campaign') AS then_campaigns
        FROM matches m WHERE m.event_id = e.id AND m.state = 'live'
    ) so ON true
    WHERE e.org_id = :org AND e.recorded_at >= :since AND e.recorded_at < :until AND e.sightings <> '{{}}'
      AND (e.reply_to IS NOT NULL OR e.addressed OR e.about_us OR tied.named)
    ORDER BY e.recorded_at, e.platform, e.external_id
""")
_COUNTS = text("""
    SELECT count(*) AS posts, min(recorded_at) AS first, count(*) FILTER (WHERE edited_at > recorded_at) AS edited
    FROM social_events WHERE org_id = :org AND recorded_at >= :since AND recorded_at < :until AND sightings <> '{}'
""")
# an identity that was merged since is whom it was merged into; what a rule over many posts opened is not looked at
_CASES = text("""
    SELECT c.id, CASE WHEN c.subject LIKE 'identity:%' THEN 'identity:' || coalesce(i.merged_into, i.id) END AS person,
           c.subject, c.level, c.opened_at, c.risen_at, c.closed_at, c.reopened_at, c.rule_id, c.opened_by, c.event_id,
           CASE WHEN p.subject LIKE 'burst:%' THEN c.parent_id END AS parent_id,
           c.themes, coalesce(c.verdict, CASE WHEN p.ticket_id = c.ticket_id THEN p.verdict END) AS verdict, c.ticket_id, CASE WHEN p.subject LIKE 'burst:%' THEN p.ticket_id END AS parent_ticket,
           c.score IS DISTINCT FROM e.sentiment AS rescored, c.threshold IS DISTINCT FROM r.threshold AS ruled
    FROM cases c LEFT JOIN identities i ON i.id = c.identity_id LEFT JOIN cases p ON p.id = c.parent_id
    LEFT JOIN social_events e ON e.id = c.event_id LEFT JOIN rules r ON r.id = c.rule_id
    WHERE c.org_id = :org AND c.subject NOT LIKE 'rule:%' AND c.opened_at < :until
      AND (c.closed_at IS NULL OR c.closed_at >= :since - make_interval(days => :days) OR c.opened_at >= :lately)
    ORDER BY c.opened_at, c.id
""")
_NOTES = text("""
    SELECT n.case_id, n.what, n.at, n.rule_id, EXISTS (
               SELECT FROM case_notes x WHERE x.case_id = n.case_id AND x.event_id = n.event_id AND x.what = 'edited'
                                          AND x.at = n.at) AS edited,
           e.recorded_at AS heard_at
    FROM case_notes n
    LEFT JOIN social_events e
        ON e.id = n.event_id AND n.what = 'reopened' AND n.said IS DISTINCT FROM :took_in AND e.reply_to IS NOT NULL
    WHERE n.org_id = :org AND n.case_id = ANY (:cases) AND n.what IN ('reply', 'reopened', 'summary')
    ORDER BY n.case_id, n.at
""")
_POLICY = text("""
    SELECT coalesce(max(burst_after), 20), coalesce(max(burst_all), 100), coalesce(max(burst_minutes), 60),
           coalesce(max(reopen_days), 14)
    FROM policies WHERE org_id = :org
""")
_SWITCHES = text("""
    SELECT id, of, coalesce(campaign_id, rule_id) AS what, platform, created_at, until, lifted_at, released_at
    FROM holds WHERE org_id = :org AND created_at < :until ORDER BY id
""")
_BLOCKED = text("""
    SELECT 'identity:' || coalesce(i.merged_into, i.id) AS subject,
           max(e.recorded_at) FILTER (WHERE e.rule_id IS NOT NULL AND e.case_id IS NOT NULL) AS free
    FROM identities i LEFT JOIN social_events e ON e.identity_id = i.id
    WHERE i.org_id = :org AND i.blocked GROUP BY 1
""")


class Stretch(NamedTuple):
    """Posts that an organisation was told from `since` until before `until`."""

    org: str
    since: datetime
    until: datetime


class Known(NamedTuple):
    """Of a stretch: how many posts it has and when the first was recorded; how many were edited since; how many cases
    opened by a score, or by a rule, that is another one by now."""

    posts: int
    first: datetime | None
    edited: int
    rescored: int
    ruled: int


def read_past(session: Session, stretch: Stretch) -> tuple[Past, Known]:
    """Everything but the posts."""
    org, since, until = stretch
    after, most, minutes, days = session.execute(_POLICY, {"org": org}).one()
    policy = Policy(after, most, timedelta(minutes=minutes), timedelta(days=days))
    lately = since - max(policy.burst_window, timedelta(hours=24))
    values = {"org": org, "since": since, "until": until}
    rows = session.execute(_CASES, {**values, "days": days, "lately": lately}).mappings().all()
    notes = session.execute(
        _NOTES, {"org": org, "cases": [row["id"] for row in rows], "took_in": TOOK_IN}
    ).all()
    signs: dict[UUID, list[tuple[datetime, str]]] = defaultdict(list)
    for note in notes:
        # no text is kept but the last, so that an edit was worse is told to the replay
        signs[note.case_id].append((note.at, "by an edit" if note.edited else note.what))
        if note.heard_at is not None and note.heard_at < note.at and not note.edited:
            # a reply that was held until it was released: had the case been open, it would have joined that
            signs[note.case_id].append((note.heard_at, "reply"))
    latest: dict[str, RowMapping] = {}
    for row in rows:
        if (before := latest.get(_subject(row))) is not None:
            signs[before["id"]].append((row["opened_at"], "newer"))
        latest[_subject(row)] = row
    switches = session.execute(_SWITCHES, values).all()
    changes = [one for row in rows for one in _changes(row, signs[row["id"]])]
    changes += [Change(row.released_at, "release", row.id) for row in switches if row.released_at]
    lasted = [
        row["closed_at"] - row["opened_at"] for row in rows if row["closed_at"] and row["opened_at"] >= since
    ]
    past = Past(
        since=since,
        policy=policy,
        cases=[_stored(row, since) for row in rows],
        changes=sorted(
            (one for one in changes if since <= one.at < until), key=lambda one: (one.at, one.what)
        ),
        switches=[
            Spell(
                Switch(row.id, row.of, row.platform or row.what, row.until),
                row.created_at,
                min(row.until, row.lifted_at or _FOREVER),
            )
            for row in switches
            if row.platform or row.what
        ],
        blocked={row.subject: row.free or _NEVER for row in session.execute(_BLOCKED, {"org": org})},
        lasts=median(lasted) if lasted else None,
        did=[one for one in _did(rows, notes) if one[0] < since],
    )
    counts = session.execute(_COUNTS, values).one()
    of_now = [row for row in rows if row["opened_at"] >= since]
    changed = [sum(row[name] for row in of_now) for name in ("rescored", "ruled")]
    return past, Known(counts.posts, counts.first, counts.edited, *changed)


def _did(rows: Sequence[RowMapping], notes: Sequence[Any]) -> Iterator[tuple[datetime, UUID]]:
    """When which rule opened, raised or reopened a case."""
    for row in rows:
        if row["opened_by"] is not None:
            yield row["opened_at"], row["opened_by"]
        if row["risen_at"] is not None and row["rule_id"] not in (None, row["opened_by"]):
            yield row["risen_at"], row["rule_id"]
    for note in notes:
        if note.what == "reopened" and note.rule_id is not None:
            yield note.at, note.rule_id


def _stored(row: RowMapping, since: datetime) -> Stored:
    risen = row["risen_at"]
    was_open = row["opened_at"] < since and (row["closed_at"] is None or row["closed_at"] >= since)
    level: Level = "activity" if risen is not None and risen >= since else row["level"]
    return Stored(
        id=row["id"],
        subject=_subject(row),
        level=row["level"],
        opened_at=row["opened_at"],
        set_at=risen or row["opened_at"],
        closed_at=row["closed_at"],
        rule=row["rule_id"],
        event=row["event_id"],
        at_start=level if was_open else None,
        ticket=row["ticket_id"] is not None,
        shared=row["ticket_id"] is not None and row["ticket_id"] == row["parent_ticket"],
        parent=row["parent_id"],
        ticketed_at=max([row["opened_at"], *(at for at in (risen, row["reopened_at"]) if at and at < since)]),
        themes=tuple(row["themes"]),
        verdict=row["verdict"],
    )


def _subject(row: RowMapping) -> str:
    return str(row["person"] or row["subject"])


def _changes(row: RowMapping, signs: Sequence[tuple[datetime, str]]) -> Iterator[Change]:
    """When a case was closed, as far as that is kept, and when a person opened it again.

    Only the last closing is. That it was closed before shows by `signs`: it was opened again, an answer came to it as to
    a closed one, its subject has a newer one, or it is an Incident that was summed up. Where a post opened it again, the
    replay decides that itself.
    """
    told = list(signs)
    again, closed = row["reopened_at"], row["closed_at"]
    if again is not None and not {(again, "reopened"), (again, "by an edit")}.intersection(told):
        told.append((again, "by a person"))
    is_open = True
    for at, what in sorted(told):
        if what == "summary":
            yield Change(at, "close", _subject(row))
        elif is_open and (closed is None or at < closed):
            yield Change(at - _JUST_BEFORE, "close", _subject(row))
        is_open = what in ("reopened", "by a person", "by an edit")
        if what in ("by a person", "by an edit"):
            yield Change(at, "reopen", _subject(row), row["event_id"])
    if closed is not None:
        yield Change(closed, "close", _subject(row))


# --- posts -----------------------------------------------------------------------------------------------


def read_posts(session: Session, stretch: Stretch) -> Iterator[Batch]:
    """The posts that can do anything, batch by batch, a bounded number at a time.

    An answer that was stored before the post of ours that it answers was decided again when that came, as addressed.
    """
    rows = session.execute(_POSTS, stretch._asdict(), execution_options={"yield_per": AT_A_TIME}).mappings()
    late: list[tuple[datetime, int, Post]] = []
    number = 0
    for at, together in groupby(rows, key=lambda row: row["recorded_at"]):
        while late and late[0][0] < at:
            yield _due(late, late[0][0])
        posts = []
        for row in together:
            if (again := _again(row, stretch)) is not None:
                number += 1
                heappush(late, (row["answered_at"], number, again))
            posts.append(_post(row, stretch, addressed=row["addressed"] and again is None))
        yield Batch(at, [*posts, *(_due(late, at).posts if late and late[0][0] == at else ())])
    while late:
        yield _due(late, late[0][0])


def _due(late: list[tuple[datetime, int, Post]], at: datetime) -> Batch:
    """The late answers whose moment this is."""
    posts: list[Post] = []
    while late and late[0][0] == at:
        posts.append(heappop(late)[2])
    return Batch(at, posts)


def _again(row: RowMapping, stretch: Stretch) -> Post | None:
    """An answer as it was decided once it was known to address us."""
    if not (
        row["addressed"] and row["answers_ours"] and row["recorded_at"] < row["answered_at"] < stretch.until
    ):
        return None
    return Post(heard(row, **_then(row)), row["id"], row["case_id"], gone=row["gone_at"])


def _post(row: RowMapping, stretch: Stretch, *, addressed: bool) -> Post:
    ref = (row["platform"], row["answered"]) if row["answered"] else None
    before = row["answered_case"] if ref and row["answered_at"] < stretch.since else None
    reply_to = row["answered"] or row["reply_to"]
    known = {**_then(row), "reply_to": reply_to, "addressed": addressed, "attached": False}
    return Post(heard(row, **known), row["id"], row["case_id"], ref, before, row["gone_at"])


def _then(row: RowMapping) -> dict[str, Any]:
    """What was known of a post when it was decided, where that is another thing by now; see workers/project.py."""
    # what people split is not replayed: it was its author's
    known: dict[str, Any] = {
        "start_mark": row["mark"] or row["occurred_at"],
        "attached": False,
        "alone": None,
    }
    if row["learnt"]:
        known |= {
            "about": frozenset(row["then_about"] or ()),
            "named": bool(row["then_named"]),
            "customer": _only(row["then_contacts"]) is not None,
            "account": _only(row["then_others"]) or _only(row["then_own"]),
            "campaign": _only(row["then_campaigns"]),
        }
    return known


def _only(records: Sequence[UUID] | None) -> UUID | None:
    return records[0] if records and len(records) == 1 else None
