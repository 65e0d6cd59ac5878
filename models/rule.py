"""When to open what: an audience and a threshold. A row, so that each organisation has its own."""

from __future__ import annotations

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written, to
from models.vocabulary import PRIORITIES, RULE_ACTIONS, RULE_ASSIGN, RULE_AUDIENCES, RULE_TRIGGERS, one_of


class Rule(Record):
    """Opens `action` when sentiment <= `threshold` and the post belongs to `audience`.

    With a `rating` it opens when a review has at most so many stars, whatever its sentiment says.

    addressed: mentions, answers or reviews us. customer: is addressed to or about us, by a linked
    Contact. named: is about us, or names one of our accounts or campaigns. `words`: phrases of which the post must
    have one, if there are any. The action `lead` opens nothing: it makes a Lead of an author who is nobody's yet;
    `notify` opens nothing either: it tells. `per_day`: how many in 24 hours; NULL is no limit.

    Its scope are `platforms`, `kinds` of watch, `sources`, `campaigns`, `accounts` and `languages`; an empty one is any.
    `trigger` post looks at each post; mean at the mean sentiment of the last `window_hours`, which has to fall to the
    threshold, and to rise to `rearm` before it can fire again; spike at their number, `factor` times what the same
    hours had before. Both want at least `minimum` posts.

    What opens belongs to the account's owner, or to the next of the `assignees`, whose `turn` it is; `owner_id` is whose
    rule it is, who hears what people think of it. In quiet hours (local to
    `quiet_zone`) nobody is told; what opens is told at their end. A post older than `max_age_hours` opens nothing.
    A rule that `suggests` opens nothing: what it would have opened is listed.
    """

    __tablename__ = "rules"
    __table_args__ = (
        UniqueConstraint("org_id", "name"),
        one_of("audience", RULE_AUDIENCES),
        one_of("action", RULE_ACTIONS),
        one_of("priority", PRIORITIES),
        CheckConstraint("threshold BETWEEN -1 AND 1", name="threshold"),
        CheckConstraint("per_day > 0", name="per_day"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        one_of("trigger", RULE_TRIGGERS),
        one_of("assign", RULE_ASSIGN),
        CheckConstraint("window_hours > 0", name="window_hours"),
        CheckConstraint("rearm BETWEEN -1 AND 1", name="rearm"),
        CheckConstraint("factor > 1", name="factor"),
        CheckConstraint("minimum > 0", name="minimum"),
        CheckConstraint("max_age_hours > 0", name="max_age_hours"),
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet"),
    )

    name: Mapped[str]
    audience: Mapped[str]
    threshold: Mapped[float]
    action: Mapped[str]
    priority: Mapped[str] = mapped_column(server_default="normal")
    rating: Mapped[int | None]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    per_day: Mapped[int | None]
    platforms: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    sources: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID), server_default=text("'{}'"))
    campaigns: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID), server_default=text("'{}'"))
    accounts: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID), server_default=text("'{}'"))
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    trigger: Mapped[str] = mapped_column(server_default="post")
    window_hours: Mapped[int | None]
    rearm: Mapped[float | None]
    factor: Mapped[float | None]
    minimum: Mapped[int | None]
    owner_id: Mapped[UUID | None] = to("users.id")
    assign: Mapped[str] = mapped_column(server_default="account")
    assignees: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID), server_default=text("'{}'"))
    turn: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    quiet_zone: Mapped[str] = mapped_column(server_default="UTC")
    max_age_hours: Mapped[int | None]
    suggests: Mapped[bool] = mapped_column(server_default=text("false"))
    suggests_since: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[Written]


SHIPPED: tuple[dict[str, str | float | None], ...] = (
    {
        "name": "A complaint to us",
        "audience": "addressed",
        "threshold": -0.42,
        "action": "ticket",
        "priority": "high",
    },
    {
        "name": "A customer complains about us",
        "audience": "customer",
        "threshold": -0.42,
        "action": "ticket",
        "priority": "high",
    },
    {
        "name": "Displeasure addressed to us",
        "audience": "addressed",
        "threshold": -0.25,
        "action": "activity",
        "priority": "normal",
    },
    {
        "name": "Bad talk about us or ours",
        "audience": "named",
        "threshold": -0.50,
        "action": "activity",
        "priority": "normal",
    },
    {
        "name": "Few stars in a review",
        "audience": "addressed",
        "threshold": 1.0,
        "rating": 2,
        "action": "ticket",
        "priority": "high",
    },
)
"""The rules that an organisation starts with. Why these numbers: docs/decisions/0005."""
