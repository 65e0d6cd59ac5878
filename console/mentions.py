"""What was heard, the newest first, or as it comes in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.people import folded_name
from console.refusal import CannotDo

_COLUMNS = """
    SELECT e.id, e.platform, e.external_id, e.occurred_at, e.recorded_at, e.verb, e.voice, e.text, e.url, e.lang,
           e.sentiment, e.unscored, e.addressed, e.about_us, e.held_back, e.reposts, e.edited_at,
           coalesce(i.handle, i.name) AS author, k.name AS account, g.name AS campaign,
           nullif(concat_ws(' ', p.first_name, p.last_name), '') AS contact, t.number AS ticket, e.case_id AS case,
           (SELECT c.label FROM corrections c WHERE c.event_id = e.id AND c.undone_at IS NULL
            ORDER BY c.created_at DESC, c.id DESC LIMIT 1) AS corrected,
           ARRAY(SELECT a.name FROM matches m JOIN accounts a ON a.id = m.record_id
                 WHERE m.event_id = e.id AND m.kind = 'account' AND m.state = 'live' ORDER BY a.name) AS accounts,
           ARRAY(SELECT a.name FROM matches m JOIN campaigns a ON a.id = m.record_id
                 WHERE m.event_id = e.id AND m.kind = 'campaign' AND m.state = 'live' ORDER BY a.name) AS campaigns
    FROM social_events e
    LEFT JOIN identities i ON i.id = e.identity_id
    LEFT JOIN accounts k ON k.id = e.account_id
    LEFT JOIN contacts p ON p.id = e.contact_id
    LEFT JOIN campaigns g ON g.id = e.campaign_id
    LEFT JOIN tickets t ON t.id = e.ticket_id
    WHERE e.org_id = :org
      AND (CAST(:account AS uuid) IS NULL OR e.account_id = :account OR EXISTS (
           SELECT FROM matches m WHERE m.event_id = e.id AND m.state = 'live' AND m.record_id = :account))
      AND (CAST(:campaign AS uuid) IS NULL OR e.campaign_id = :campaign OR EXISTS (
           SELECT FROM matches m WHERE m.event_id = e.id AND m.state = 'live' AND m.record_id = :campaign))
"""
OVERLAP = timedelta(seconds=30)
"""Longer than any transaction that records."""

_NEWEST = text(f"{_COLUMNS} ORDER BY e.occurred_at DESC, e.id DESC LIMIT :most")
# a transaction that commits late has an earlier moment than others that were shown: a stretch is read again, and
# what was shown of it is left out
_AFTER = text(f"""{_COLUMNS} AND e.recorded_at >= :since AND NOT e.id = ANY(:seen)
    ORDER BY e.recorded_at, e.id LIMIT :most""")
_NAMED = {
    "account": text("SELECT id, name FROM accounts WHERE org_id = :org AND lower(name) LIKE lower(:like)"),
    "campaign": text("SELECT id, name FROM campaigns WHERE org_id = :org AND lower(name) LIKE lower(:like)"),
}


def record(session: Session, org: str, kind: str, named: str | None) -> UUID | None:
    """The account or campaign of this name, or the only one whose name begins so. Raises CannotDo."""
    if named is None:
        return None
    like = " ".join(named.split()).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = session.execute(_NAMED[kind], {"org": org, "like": like}).all()
    exact = [row.id for row in found if folded_name(row.name) == folded_name(named)]
    chosen = exact or [row.id for row in found]
    if not chosen:
        raise CannotDo(f"No {kind} of {org} is called {named!r}; `earshot import {kind}s` brings them in.")
    if len(chosen) > 1:
        names = ", ".join(sorted({row.name for row in found})[:5])
        raise CannotDo(f"{named!r} fits {len(chosen)} {kind}s ({names}); write more of the name.")
    return UUID(str(chosen[0]))


def mentions(
    session: Session, org: str, *, account: UUID | None = None, campaign: UUID | None = None, most: int = 20
) -> list[dict[str, Any]]:
    """The newest `most` events, oldest of them first: {id, platform, external_id, occurred_at, author, text,
    sentiment, unscored, account, contact, campaign, ticket, case, voice, addressed, about_us, corrected, ...}.

    `accounts` and `campaigns` are all that it names: of several, `account` and `campaign` are none."""
    rows = session.execute(_NEWEST, {"org": org, "account": account, "campaign": campaign, "most": most})
    return [dict(row) for row in rows.mappings()][::-1]


class Following:
    """What is recorded from now on, each event once, also when transactions commit out of order."""

    def __init__(
        self, session: Session, org: str, account: UUID | None = None, campaign: UUID | None = None
    ) -> None:
        self._values = {"org": org, "account": account, "campaign": campaign, "most": 500}
        self._start: datetime = session.execute(text("SELECT now()")).scalar_one()
        self._last = self._start
        self._seen: dict[UUID, datetime] = {}

    def next(self, session: Session) -> list[dict[str, Any]]:
        """The events that came since the last call, in the order of recording."""
        since = max(self._start, self._last - OVERLAP)
        self._seen = {event: at for event, at in self._seen.items() if at >= since}
        found = session.execute(_AFTER, {**self._values, "since": since, "seen": list(self._seen)})
        rows = [dict(row) for row in found.mappings()]
        for row in rows:
            self._seen[row["id"]] = self._last = row["recorded_at"]
        return rows
