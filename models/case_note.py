"""What happened to a case beside the posts that stand on it: rules that it crossed as well, verdicts, reopenings."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from models._base import Record, Written, of, to, where_set
from models.vocabulary import CASE_NOTES, one_of


class CaseNote(Record):
    """`what` happened, because of which post (`event_id`), under which rule, by whom (NULL: Earshot itself).

    rule: a post of the case crossed this rule too. reply: the author answered after it was closed, without crossing.
    reopened, gone (the post is there no more), edited (`said` is what it said before), verdict, summary (of an Incident
    that closed), note (somebody wrote it in the console; without `by`, an alarm that fired again while the case was open):
    see `said`.
    """

    __tablename__ = "case_notes"
    __table_args__ = (
        one_of("what", CASE_NOTES),
        Index("ix_case_notes_case_id", "case_id", "at"),
        where_set("ix_case_notes_rule_id", "rule_id", "what", "at"),
        Index("ix_case_notes_crossed", "rule_id", "case_id", postgresql_where=text("what = 'rule'")),
        Index("uq_case_notes_once", "org_id", "case_id", "what", "event_id", "rule_id", unique=True),
    )

    case_id: Mapped[UUID] = of("cases.id")
    at: Mapped[Written]
    what: Mapped[str]
    event_id: Mapped[UUID | None]
    rule_id: Mapped[UUID | None] = to("rules.id")
    score: Mapped[float | None]
    threshold: Mapped[float | None]
    by: Mapped[str | None]
    said: Mapped[str | None]
