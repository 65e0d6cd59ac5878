"""What an event is tied to: account, contact, campaign and ticket as they follow from its matches.

The four columns are a function of the event's live matches and of the Ticket of its case, and of nothing else:

    contact    the author's own, if there is exactly one
    account    the one that a person tied it to; else the only one that the post names; else the author's own
    campaign   the only one
    ticket     the case's; else the only one that the post names

A record that was deleted is nobody. Events that no source has heard are the neighbour's, and are left alone.

Whoever changes matches holds the event's row: events are locked in the order (platform, external_id), as everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from workers.hours import Counted, recount

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sqlalchemy.orm import Session

_LOCK = text("""
    SELECT id FROM social_events WHERE org_id = :org AND id = ANY(:events)
    ORDER BY platform, external_id FOR UPDATE
""")

_PROJECT = text("""
    WITH tied AS MATERIALIZED (
        SELECT event_id,
               array_agg(record_id) FILTER (WHERE kind = 'contact' AND author) AS contacts,
               array_agg(record_id) FILTER (WHERE kind = 'account' AND by IS NOT NULL) AS decided,
               array_agg(record_id) FILTER (WHERE kind = 'account' AND how <> 'identity') AS named,
               array_agg(record_id) FILTER (WHERE kind = 'account' AND author) AS own,
               array_agg(record_id) FILTER (WHERE kind = 'campaign') AS campaigns,
               array_agg(record_id) FILTER (WHERE kind = 'ticket') AS tickets
        FROM matches WHERE event_id = ANY(:events) AND state = 'live' GROUP BY event_id
    ), said AS (
        SELECT e.id, CASE WHEN cardinality(t.contacts) = 1 THEN t.contacts[1] END AS contact,
               CASE WHEN cardinality(t.decided) = 1 THEN t.decided[1] WHEN cardinality(t.named) = 1 THEN t.named[1]
                    WHEN cardinality(t.own) = 1 THEN t.own[1] END AS account,
               CASE WHEN cardinality(t.campaigns) = 1 THEN t.campaigns[1] END AS campaign,
               coalesce(c.ticket_id, CASE WHEN cardinality(t.tickets) = 1 THEN t.tickets[1] END) AS ticket
        FROM social_events e LEFT JOIN tied t ON t.event_id = e.id LEFT JOIN cases c ON c.id = e.case_id
        WHERE e.org_id = :org AND e.id = ANY(:events) AND e.sightings <> '{}'
    ), so AS MATERIALIZED (
        SELECT e.id, e.voice AS was_voice, e.account_id AS was_account, e.campaign_id AS was_campaign,
               CASE WHEN CAST(:voice AS text) IS NULL THEN e.voice
                    WHEN 'own' IN (CAST(:voice AS text), e.voice) THEN :voice ELSE e.voice END AS voice,
               CASE CAST(:voice AS text) WHEN 'own' THEN 'outbound' WHEN 'earned' THEN 'inbound' WHEN 'competitor' THEN 'inbound'
                    ELSE e.direction END AS direction,
               p.id AS contact, k.id AS account, g.id AS campaign, t.id AS ticket
        FROM said JOIN social_events e ON e.id = said.id
        LEFT JOIN contacts p ON p.id = said.contact
        LEFT JOIN accounts k ON k.id = said.account
        LEFT JOIN campaigns g ON g.id = said.campaign
        LEFT JOIN tickets t ON t.id = said.ticket
    )
    UPDATE social_events e
    SET contact_id = so.contact, account_id = so.account, campaign_id = so.campaign, ticket_id = so.ticket,
        voice = so.voice, direction = so.direction
    FROM so
    WHERE e.id = so.id
      AND (e.contact_id, e.account_id, e.campaign_id, e.ticket_id, e.voice, e.direction)
          IS DISTINCT FROM (so.contact, so.account, so.campaign, so.ticket, so.voice, so.direction)
    RETURNING e.platform, e.occurred_at, e.lang, e.sentiment, e.reposts, so.was_voice, so.was_account, so.was_campaign,
              e.voice, e.account_id, e.campaign_id
""")


def lock(session: Session, org: str, events: Iterable[UUID]) -> list[UUID]:
    """Hold these events until the transaction ends; those that there are."""
    wanted = list(events)
    return list(session.scalars(_LOCK, {"org": org, "events": wanted})) if wanted else []


def reproject(session: Session, org: str, events: Iterable[UUID], *, voice: str | None = None) -> None:
    """Write the columns of these events anew from their matches, where they differ, and count them where they belong
    now. `voice` is their author's where that may have changed: whether they are our own posts follows it.

    Three statements at most, whatever the number of events.
    """
    held = lock(session, org, events)
    if not held:
        return
    was, now = [], []
    for row in session.execute(_PROJECT, {"org": org, "events": held, "voice": voice}):
        before = Counted(
            row.platform,
            row.occurred_at,
            row.lang,
            row.was_voice,
            row.was_account,
            row.was_campaign,
            row.sentiment,
            row.reposts,
        )
        after = before._replace(voice=row.voice, account=row.account_id, campaign=row.campaign_id)
        if before != after:
            was.append(before)
            now.append(after)
    recount(session, org, was, now)
