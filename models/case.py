"""The open matter of one subject, the author who complains. It owns at most one Ticket and one Activity.

The partial unique index is what makes one complaint one case, whatever the workers do at once.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to, where_set
from models.vocabulary import CASE_LEVELS, VERDICTS, one_of


class Case(Record):
    """`subject` is `identity:<id>`, `thread:<platform>:<id>` or `post:<platform>:<id>`; of an Incident
    `burst:<theme>`; of a rule over many posts `rule:<rule id>:<scope>`.

    A case that an Incident took in has it as `parent_id`; without a Ticket of its own it has the Incident's, and closes
    with it. One that people merged into another has that as `parent_id` and its Ticket, in the same way; its own Ticket is
    closed (console/merging.py). `themes` are what its Ticket counts for: `campaign:<id>`, `account:<id>`, `keyword:<word>`, `all`; none
    where an Incident took it in from the start. `verdict` is the
    last that a person gave. `event_id`, `rule_id`, `score` and `threshold` are those of the post that set its present level;
    `opened_by` is the rule that opened it.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index(
            "uq_cases_open",
            "org_id",
            "subject",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
        one_of("level", CASE_LEVELS),
        where_set("ix_cases_ticket_id", "ticket_id"),
        Index(
            "ix_cases_activity_id",
            "activity_id",
            postgresql_include=["org_id", "closed_at", "ticket_id"],
            postgresql_where=text("activity_id IS NOT NULL"),
        ),
        Index(
            "ix_cases_parent_id",
            "parent_id",
            "score",
            "id",
            postgresql_include=["rule_id"],
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
        where_set("ix_cases_rule_id", "rule_id", "risen_at"),
        where_set("ix_cases_opened_by", "opened_by", "opened_at"),
        Index(
            "ix_cases_counted",
            "rule_id",
            "opened_at",
            postgresql_include=["closed_at", "verdict", "parent_id", "ticket_id"],
            postgresql_where=text("rule_id IS NOT NULL"),
        ),
        Index(
            "ix_cases_burst",
            "org_id",
            text("greatest(coalesce(risen_at, opened_at), reopened_at)"),
            postgresql_where=text("level = 'ticket' AND themes <> '{}'"),
        ),
        one_of("verdict", VERDICTS),
        Index("ix_cases_org_id_subject", "org_id", "subject", "opened_at"),
        Index("ix_cases_opened", "org_id", "opened_at", postgresql_where=text("closed_at IS NULL")),
        Index(
            "ix_cases_alone",
            "org_id",
            "opened_at",
            postgresql_where=text("closed_at IS NULL AND ticket_id IS NULL"),
        ),
        Index(
            "ix_cases_incidents",
            "org_id",
            "opened_at",
            postgresql_where=text("closed_at IS NULL AND subject LIKE 'burst:%'"),
        ),
        Index("ix_cases_closed", "org_id", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
    )

    subject: Mapped[str]
    level: Mapped[str]
    opened_at: Mapped[Written]
    risen_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    identity_id: Mapped[UUID | None] = to("identities.id")
    event_id: Mapped[UUID | None]
    rule_id: Mapped[UUID | None] = to("rules.id")
    opened_by: Mapped[UUID | None] = to("rules.id")
    score: Mapped[float | None]
    threshold: Mapped[float | None]
    ticket_id: Mapped[UUID | None] = to("tickets.id")
    activity_id: Mapped[UUID | None] = to("activities.id")
    previous_id: Mapped[UUID | None] = to("cases.id")
    parent_id: Mapped[UUID | None] = to("cases.id")
    themes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    reopened_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    verdict_at: Mapped[datetime | None]
    verdict_by: Mapped[str | None]
