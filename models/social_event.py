"""One utterance about us, stored once: the key (organisation, platform, external id) is the promise.

`sentiment` is VADER's compound over the normalised text, in [-1, 1]; NULL with the reason in
`unscored`. account, contact, ticket and campaign are a projection of the live matches.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written, to, where_set
from models.vocabulary import CASE_ROLES, DIRECTIONS, EVENT_CHANNELS, PLATFORMS, VERBS, VOICES, one_of

LOCAL = "('local:'::text || (uuidv7())::text)"
"""A neighbour's event was seen on no platform. Spelt as PostgreSQL gives it back, or Alembic sees a change."""


class SocialEvent(Record):
    """`sightings` are the sources that heard it. `held_back` says why the rule that it crossed did nothing, though a
    milder one may have opened its case; `hold_id` which crisis switch held it. `missed_at` is when a look-up did not tell it, for the first time since it was heard; `gone_at`,
    when its platform said that it is there no more, or a later round of look-ups did not tell it either."""

    __tablename__ = "social_events"
    __table_args__ = (
        UniqueConstraint("org_id", "platform", "external_id"),
        one_of("platform", PLATFORMS),
        one_of("channel", EVENT_CHANNELS),
        one_of("verb", VERBS),
        one_of("direction", DIRECTIONS),
        one_of("voice", VOICES),
        one_of("case_role", CASE_ROLES),
        CheckConstraint("sentiment BETWEEN -1 AND 1", name="sentiment"),
        Index("ix_social_events_org_id_occurred_at", "org_id", "occurred_at"),
        Index("ix_social_events_org_id_recorded_at", "org_id", "recorded_at"),
        where_set("ix_social_events_reply_to", "reply_to", "org_id"),
        Index(
            "ix_social_events_unattached",
            "org_id",
            "recorded_at",
            postgresql_where=sql("reply_to IS NOT NULL AND case_id IS NULL"),
        ),
        where_set("ix_social_events_local_ref", "local_ref", "org_id"),
        where_set("ix_social_events_case_id", "case_id"),
        where_set("ix_social_events_identity_id", "identity_id"),
        where_set("ix_social_events_rule_id", "rule_id"),
        Index(
            "ix_social_events_rule_apart",
            "rule_id",
            "held_back",
            postgresql_where=sql("rule_id IS NOT NULL AND (held_back IS NOT NULL OR case_id IS NULL)"),
        ),
        where_set("ix_social_events_account_id", "account_id", "occurred_at"),
        where_set("ix_social_events_contact_id", "contact_id", "occurred_at"),
        where_set("ix_social_events_campaign_id", "campaign_id", "occurred_at"),
        where_set("ix_social_events_ticket_id", "ticket_id"),
        where_set("ix_social_events_hold_id", "hold_id"),
        Index(
            "ix_social_events_heard_first",
            sql("(sightings[1])"),
            "id",
            postgresql_where=sql("gone_at IS NULL"),
        ),
    )

    platform: Mapped[str] = mapped_column(server_default="other")
    channel: Mapped[str] = mapped_column(server_default="social")
    verb: Mapped[str] = mapped_column(server_default="post")
    direction: Mapped[str] = mapped_column(server_default="inbound")
    text: Mapped[str] = mapped_column(server_default="")
    sentiment: Mapped[float | None]
    occurred_at: Mapped[Written]
    account_id: Mapped[UUID | None] = to("accounts.id")
    contact_id: Mapped[UUID | None] = to("contacts.id")
    ticket_id: Mapped[UUID | None] = to("tickets.id")
    campaign_id: Mapped[UUID | None] = to("campaigns.id")

    external_id: Mapped[str] = mapped_column(server_default=sql(LOCAL))
    local_ref: Mapped[str | None]
    identity_id: Mapped[UUID | None] = to("identities.id")
    url: Mapped[str | None]
    reply_to: Mapped[str | None]
    thread: Mapped[str | None]
    lang: Mapped[str | None]
    unscored: Mapped[str | None]
    scorer: Mapped[str | None]
    voice: Mapped[str] = mapped_column(server_default="earned")
    addressed: Mapped[bool] = mapped_column(server_default=sql("false"))
    about_us: Mapped[bool] = mapped_column(server_default=sql("false"))
    counts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    reposts: Mapped[int] = mapped_column(server_default=sql("0"))
    rating: Mapped[float | None]
    edited_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    sightings: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID), server_default=sql("'{}'"))
    case_id: Mapped[UUID | None] = to("cases.id")
    case_role: Mapped[str | None]
    rule_id: Mapped[UUID | None] = to("rules.id")
    held_back: Mapped[str | None]
    hold_id: Mapped[UUID | None] = to("holds.id")
    recorded_at: Mapped[Written]
