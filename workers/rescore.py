"""Stored events scored anew, a batch a transaction: with today's lexicon, and without opening anything.

    look      the next events of the stretch that another scorer made a number for, or that have none for want of words
    lock      those rows, in the order in which digest locks them
    score     their texts, with the language that was found or told when they came in
    write     what changed, then the hours it is counted in

A case is never opened, raised or closed by it: nothing here reads or writes one. How many posts would cross
a threshold now is only said. Surprising: a post that was skipped as another language stays so, since what the platform
said of its language is all that is known of it; and a row with a number but no scorer is a neighbour's, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from workers._rows import as_json
from workers.decide import held_back
from workers.hours import Counted, recount
from workers.reheard import COLUMNS, JOINS, heard
from workers.rule import strongest
from workers.score import Sentiment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session, sessionmaker

    from workers.rule import Rules
    from workers.score import Scorer, Unscored

BATCH = 500

_STRETCH = """
    e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until
    AND (e.scorer <> :version OR (e.scorer IS NULL AND e.unscored IS NOT NULL AND NOT starts_with(e.unscored, 'lang:')))
"""
_COUNT = text(f"""
    SELECT count(*) FILTER (WHERE {_STRETCH}) AS due, count(*) AS events FROM social_events e
    WHERE e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until
""")
_NEXT = text(f"""
    SELECT e.id, e.occurred_at FROM social_events e
    WHERE {_STRETCH} AND (e.occurred_at, e.id) > (:at, CAST(:after AS uuid))
    ORDER BY e.occurred_at, e.id LIMIT :most
""")
_COLUMNS = f"""
    SELECT {COLUMNS}, e.unscored, e.scorer, e.reposts
    FROM social_events e {JOINS}
    WHERE e.id = ANY (:ids) AND {_STRETCH}
    ORDER BY e.platform, e.external_id
"""
_LOOK, _LOCK = text(_COLUMNS), text(f"{_COLUMNS} FOR NO KEY UPDATE OF e")
_WRITE = text("""
    UPDATE social_events e
    SET sentiment = x.sentiment, unscored = x.unscored, scorer = x.scorer, lang = x.lang
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        id uuid, sentiment double precision, unscored text, scorer text, lang text)
    WHERE e.id = x.id
""")
_NOBODY = "00000000-0000-0000-0000-000000000000"


class Stretch(NamedTuple):
    """Which events: of an organisation, said from `since` until before `until`."""

    org: str
    since: datetime
    until: datetime


@dataclass
class Told:
    """What rescoring did, or would do: counts of events.

    `changed` got another number; `moved` is the sum of how far (absolute). `scored` had none before, `unscored`
    have none now. `crossing` cross a rule's threshold now and did not before, `no_longer` the reverse.
    """

    looked: int = 0
    changed: int = 0
    moved: float = 0.0
    scored: int = 0
    unscored: int = 0
    crossing: int = 0
    no_longer: int = 0

    def add(self, other: Told) -> None:
        """Add another batch."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def mean_change(self) -> float | None:
        """The mean absolute change of those that changed; None where none did."""
        return self.moved / self.changed if self.changed else None


def due(session: Session, stretch: Stretch, scorer: Scorer) -> tuple[int, int]:
    """How many events of a stretch would be scored anew, and how many it has."""
    row = session.execute(_COUNT, {**stretch._asdict(), "version": scorer.version}).one()
    return row.due, row.events


def rescored(
    sessions: sessionmaker[Session],
    stretch: Stretch,
    scorer: Scorer,
    rules: Rules,
    *,
    dry: bool = False,
    most: int = BATCH,
) -> Iterator[Told]:
    """Score a stretch anew, batch by batch; what each did. Whoever stops asking leaves whole batches."""
    values = {**stretch._asdict(), "version": scorer.version, "most": most}
    at: tuple[Any, Any] = (stretch.since, _NOBODY)
    while True:
        with sessions() as session, session.begin():
            found = session.execute(_NEXT, {**values, "at": at[0], "after": at[1]}).all()
            if not found:
                return
            rows = session.execute(_LOOK if dry else _LOCK, {**values, "ids": [row.id for row in found]})
            told = _batch(session, stretch.org, rows.mappings().all(), scorer, rules, dry)
        at = (found[-1].occurred_at, found[-1].id)
        yield told


def _batch(
    session: Session, org: str, rows: Sequence[RowMapping], scorer: Scorer, rules: Rules, dry: bool
) -> Told:
    answers = scorer.score([(row["text"], row["lang"]) for row in rows])
    told = Told(looked=len(rows))
    written: list[dict[str, Any]] = []
    was: list[Counted] = []
    now: list[Counted] = []
    for row, answer in zip(rows, answers, strict=True):
        made = _made(row["id"], answer)
        _tell(told, row, made["sentiment"], rules)
        if any(made[name] != row[name] for name in ("sentiment", "unscored", "scorer", "lang")):
            written.append(made)
        if (made["sentiment"], made["lang"]) != (row["sentiment"], row["lang"]):
            before = _counted(row)
            was.append(before)
            now.append(before._replace(sentiment=made["sentiment"], lang=made["lang"]))
    if written and not dry:
        session.execute(_WRITE, {"rows": as_json(written)})
        recount(session, org, was, now)
    return told


def _made(event: UUID, answer: Sentiment | Unscored) -> dict[str, Any]:
    if isinstance(answer, Sentiment):
        said = {"sentiment": answer.compound, "unscored": None, "scorer": answer.version}
    else:
        said = {"sentiment": None, "unscored": answer.reason, "scorer": None}
    return {"id": event, "lang": answer.lang, **said}


def _tell(told: Told, row: RowMapping, number: float | None, rules: Rules) -> None:
    old = row["sentiment"]
    told.scored += old is None and number is not None
    told.unscored += old is not None and number is None
    if old is not None and number is not None and number != old:
        told.changed += 1
        told.moved += abs(number - old)
    if number != old:
        post = heard(row)
        before = strongest(post, rules) is not None
        after = strongest(replace(post, sentiment=number), rules) is not None
        if not held_back(post):
            told.crossing += after and not before
            told.no_longer += before and not after


def _counted(row: RowMapping) -> Counted:
    return Counted(
        platform=row["platform"],
        occurred_at=row["occurred_at"],
        lang=row["lang"],
        voice=row["voice"],
        account=row["account_id"],
        campaign=row["campaign_id"],
        sentiment=row["sentiment"],
        reposts=row["reposts"],
    )
