"""When to open what: an audience and a threshold. A row, so that each organisation has its own."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from models._base import Record, Written
from models.vocabulary import PRIORITIES, RULE_ACTIONS, RULE_AUDIENCES, one_of


class Rule(Record):
    """Opens `action` when sentiment <= `threshold` and the post belongs to `audience`.

    With a `rating` it opens when a review has at most so many stars, whatever its sentiment says.

    addressed: mentions, answers or reviews us. customer: is addressed to or about us, by a linked
    Contact. named: is about us, or names one of our accounts or campaigns. `words`: phrases of which the post must
    have one, if there are any. The action `lead` opens nothing: it makes a Lead of an author who is nobody's yet;
    `per_day`: of how many in 24 hours; NULL is no limit.
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
    )

    name: Mapped[str]
    audience: Mapped[str]
    threshold: Mapped[float]
    action: Mapped[str]
    priority: Mapped[str] = mapped_column(server_default="normal")
    rating: Mapped[int | None]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    per_day: Mapped[int | None]
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
