"""Posts with their scores and matches become rows: identities, events, matches. In bulk.

Every statement takes one parameter, a JSON array, and sorts its keys, so that two workers that write
the same rows wait for each other instead of deadlocking. Each is a fixed cost per batch.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from uuid_utils.compat import uuid7

from workers._rows import as_json
from workers.claims import ClaimLost
from workers.draft import Before, Draft, Recorded
from workers.event_rows import WRITE_AGAIN, WRITE_NEW
from workers.project import reproject
from workers.score import Sentiment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from workers.lookup import Known

CHANNELS = {"feeds": "news", "appstore": "review", "googleplay": "review"}


# Some answers tell an author by the id alone; what is not told stays as it was.
_IDENTITIES = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            id uuid, platform text, stable_id text, handle text, name text, bot boolean, ours boolean,
            contact_id uuid, account_id uuid)
    )
    INSERT INTO identities AS i (
        id, org_id, platform, stable_id, handle, name, bot, ours, contact_id, account_id)
    SELECT id, :org, platform, stable_id, handle, name, bot, ours, contact_id, account_id
    FROM x ORDER BY platform, stable_id
    ON CONFLICT (org_id, platform, stable_id) DO UPDATE
    SET former_handles = CASE WHEN i.handle <> excluded.handle AND NOT i.handle = ANY (i.former_handles)
                              THEN array_append(i.former_handles, i.handle) ELSE i.former_handles END,
        handle = coalesce(excluded.handle, i.handle),
        name = CASE WHEN excluded.handle IS NULL THEN coalesce(excluded.name, i.name) ELSE excluded.name END,
        bot = CASE WHEN coalesce(excluded.handle, excluded.name) IS NULL THEN i.bot ELSE excluded.bot END,
        ours = i.ours OR excluded.ours AND NOT i.decided AND i.merged_into IS NULL,
        contact_id = CASE WHEN i.decided OR i.merged_into IS NOT NULL THEN i.contact_id
                          ELSE coalesce(i.contact_id, excluded.contact_id) END,
        account_id = CASE WHEN i.decided OR i.merged_into IS NOT NULL THEN i.account_id
                          ELSE coalesce(i.account_id, excluded.account_id) END
    RETURNING id, platform, stable_id, ours, contact_id, account_id, merged_into
""")


def record_identities(session: Session, org: str, drafts: Iterable[Draft]) -> None:
    """Write the authors that are new or have changed, and give the drafts the ids that they really have.

    Another worker may have written the same author first; its row wins. Raises ClaimLost where an author is linked
    otherwise by now than it was resolved to be: a person may have decided meanwhile, and that is never written over.
    """
    changed: dict[tuple[str, str], dict[str, Any]] = {}
    meant: dict[tuple[str, str], Known] = {}
    for draft in drafts:
        known, author = draft.resolved.author, draft.resolved.post.author
        if known is None or author is None or author.id is None:
            continue
        told = author.handle, author.name, author.bot
        if known.stored and (told == (known.handle, known.name, known.bot) or told == (None, None, False)):
            continue
        meant[known.platform, known.stable_id] = known
        # links that were read and not made here are not written back; nor what a merged identity has by its root
        links = not known.stored and not known.root
        changed[known.platform, known.stable_id] = {
            "id": known.id,
            "platform": known.platform,
            "stable_id": known.stable_id,
            "handle": author.handle,
            "name": author.name,
            "bot": author.bot,
            "ours": known.ours and links,
            "contact_id": known.contact_id if links else None,
            "account_id": known.account_id if links else None,
        }
    if not changed:
        return
    written = {
        (row.platform, row.stable_id): row
        for row in session.execute(_IDENTITIES, {"org": org, "rows": as_json(list(changed.values()))})
    }
    if not all(_agree(meant[key], row) for key, row in written.items()):
        raise ClaimLost
    for draft in drafts:
        known = draft.resolved.author
        row = known and written.get((known.platform, known.stable_id))
        if known and row and str(row.id) != known.id:
            draft.resolved.author = known._replace(id=str(row.id))


def _agree(known: Known, row: Any) -> bool:
    """Is the author, as it stands now, linked as it was resolved to be?"""
    # whoever wrote it first had no posts of its own follow this link
    if str(row.id) != known.id and known.linked:
        return False
    if (row.merged_into and str(row.merged_into)) != known.root:
        return False
    mine = known.ours, known.contact_id, known.account_id
    return known.root is not None or (row.ours, row.contact_id, row.account_id) == mine


def record_events(session: Session, org: str, drafts: Sequence[Draft]) -> dict[tuple[str, str], Recorded]:
    """Write each draft's event once, and say by (platform, external id) what became of it.

    One statement for what is new; a second one only for the posts that are known. A key that another
    worker writes at this moment is waited for and then known.
    """
    rows = {draft.key: _row(draft) for draft in sorted(drafts, key=lambda draft: draft.key)}
    if not rows:
        return {}
    written = session.execute(
        WRITE_NEW, {"org": org, "rows": as_json(list(rows.values())), "sent": len(rows)}
    ).one()
    if written.n == len(rows):
        return {key: Recorded(row.id, "new", None) for key, row in rows.items()}
    new = set(written.ids or ())
    recorded = {key: Recorded(row.id, "new", None) for key, row in rows.items() if row.id in new}
    known = [_again(rows[draft.key], draft) for draft in drafts if draft.key not in recorded]
    known.sort(key=lambda row: (row.platform, row.external_id))
    for platform, external_id, event, fate, case, heard, *was in session.execute(
        WRITE_AGAIN, {"org": org, "rows": as_json(known)}
    ):
        before = Before(*was) if fate == "edited" else None
        recorded[platform, external_id] = Recorded(event, fate, case, before, heard)
    return recorded


class _Row(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An event on its way into the database; what has its default is not sent."""

    id: UUID
    platform: str
    external_id: str
    text: str
    occurred_at: datetime
    sightings: str
    """As PostgreSQL writes an array, which costs it less to read than a JSON array."""
    channel: str = "social"
    verb: str = "post"
    direction: str = "inbound"
    voice: str = "earned"
    addressed: bool = False
    about_us: bool = False
    lang: str | None = None
    sentiment: float | None = None
    unscored: str | None = None
    scorer: str | None = None
    local_ref: str | None = None
    edited_at: datetime | None = None
    identity_id: str | None = None
    url: str | None = None
    reply_to: str | None = None
    thread: str | None = None
    counts: Any = None
    rating: float | None = None
    account_id: UUID | None = None
    contact_id: UUID | None = None
    campaign_id: UUID | None = None


def _row(draft: Draft) -> _Row:
    found, post, score = draft.resolved, draft.resolved.post, draft.score
    return _Row(
        id=uuid7(),
        platform=found.platform,
        external_id=post.id,
        local_ref=post.local_id,
        channel="review" if post.verb == "review" else CHANNELS.get(found.platform, "social"),
        verb=post.verb,
        direction="outbound" if found.ours else "inbound",
        text=post.text,
        sentiment=draft.sentiment,
        unscored=None if isinstance(score, Sentiment) else score.reason,
        scorer=score.version if isinstance(score, Sentiment) else None,
        lang=score.lang,
        occurred_at=post.posted_at,
        edited_at=post.edited_at,
        identity_id=found.author.id if found.author else None,
        url=post.url,
        reply_to=post.reply_to,
        thread=post.thread,
        voice=found.voice,
        addressed=found.addressed,
        about_us=found.about_us,
        counts={what: n for what, n in post.counts.items() if n} or None,
        rating=post.rating,
        account_id=found.account,
        contact_id=found.contact,
        campaign_id=found.campaign,
        sightings=_array(tuple(draft.sources)),
    )


@lru_cache(maxsize=1024)
def _array(ids: tuple[UUID, ...]) -> str:
    """UUIDs as PostgreSQL writes an array; most posts of a batch were heard by the same source."""
    return "{" + ",".join(map(str, ids)) + "}"


def _again(row: _Row, draft: Draft) -> _Row:
    """The row of a post that is known: a count that is nothing now was something perhaps."""
    row.counts = {what: n or None for what, n in draft.resolved.post.counts.items()} or None
    return row


# An edit may change what a post is about; what a person decided or undid stays as they left it, and what the
# machine suggests is no reason to doubt what it knew.
_MATCHES = text("""
    WITH x AS (
        SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
            event_id uuid, kind text, record_id uuid, how text, sure double precision, evidence text,
            starts integer, ends integer, state text, author boolean)
    )
    INSERT INTO matches (org_id, event_id, kind, record_id, how, sure, evidence, starts, ends, state, author)
    SELECT :org, event_id, kind, record_id, how, sure, evidence, starts, ends, coalesce(state, 'live'),
           coalesce(author, false)
    FROM x ORDER BY event_id, kind, record_id
    ON CONFLICT (org_id, event_id, kind, record_id) DO NOTHING
""")
_UNMATCH = text("""
    DELETE FROM matches WHERE event_id = ANY(:events) AND state IN ('live', 'suggested') AND by IS NULL
""")


class _Match(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A match on its way into the database; what has its default is not sent."""

    event_id: UUID
    kind: str
    record_id: UUID
    how: str
    sure: float
    evidence: str | None = None
    starts: int | None = None
    ends: int | None = None
    state: str = "live"
    author: bool = False


def record_matches(
    session: Session, org: str, drafts: Iterable[Draft], recorded: dict[tuple[str, str], Recorded]
) -> None:
    """Write the matches of new and edited events; an edited event loses those that the machine had made.

    A known event that another source brings keeps what it has; the source's campaign is added.
    """
    rows: list[_Match] = []
    edited: list[UUID] = []
    again: list[UUID] = []
    for draft in drafts:
        outcome = recorded[draft.key]
        matches = draft.resolved.matches
        if outcome.fate == "duplicate":
            # a source that tells it again has told whose campaign it is; it may be another's by now
            matches = [match for match in matches if match.how == "source" and outcome.heard]
            if matches:
                again.append(outcome.event)
        elif outcome.fate == "edited":
            edited.append(outcome.event)
        rows.extend(
            _Match(
                event_id=outcome.event,
                kind=match.kind,
                record_id=match.record,
                how=match.how,
                sure=match.sure,
                evidence=match.evidence,
                starts=match.starts,
                ends=match.ends,
                state="suggested" if match.suggested else "live",
                author=match.author,
            )
            for match in matches
        )
    if edited:
        session.execute(_UNMATCH, {"events": edited})
    if rows:
        session.execute(_MATCHES, {"org": org, "rows": as_json(rows)})
    if edited or again:
        reproject(session, org, edited + again)
