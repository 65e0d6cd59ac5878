"""Posts heard by a real digest: records into the CRM, pages landed day by day, matches read back.

Everything goes the way of a fetched post (land, claim, resolve, record), in an organisation of its own that has
no rules, so that nothing is opened. Surprising: a day is digested before the next one lands, because what a post
answers and whose a handle was are looked up among what is recorded.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import create_engine, insert, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker
from uuid_utils import uuid7

from connectors._base import Author, Mention, Page, Post
from console.aliases import Unfit, fit
from console.refusal import CannotDo
from models import Account, Alias, Campaign, Contact, Source, Ticket
from models import Poll as PollRow
from simulator.names import Handle, Meant, Names, Row, Word
from workers._settings import from_environment
from workers.digest import digest_all
from workers.directory import Directories
from workers.land import land
from workers.names import index_all

A_PAGE = 100
"""Posts of a page."""
PATIENCE = 50
"""How often digesting is begun anew before a day that does not end is given up."""


class Found(msgspec.Struct, frozen=True):
    """A match that the digest made: what it names, how it was found, by which words."""

    record: Meant
    how: str
    evidence: str | None
    suggested: bool


class Heard(msgspec.Struct, frozen=True):
    """What became of a row: its matches, and the key of the account that its event shows."""

    matches: list[Found]
    account: str | None


@contextmanager
def throwaway() -> Iterator[str]:
    """An embedded PostgreSQL of its own with all migrations, gone afterwards; its URL as the fleet."""
    from local.home import Home
    from local.postgres import NAMES, Postgres
    from models.migrations import upgrade

    with tempfile.TemporaryDirectory(prefix="earshot-evaluate-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # the account that runs the server when we are root has to pass
        postgres = Postgres(Home(Path(folder) / "home"), {"fsync": "off", "shared_buffers": "64MB"})
        postgres.start()
        try:
            upgrade(postgres.url("owner"), fleet_role=NAMES["fleet"])
            yield postgres.url("fleet")
        finally:
            postgres.stop()


def hear(url: str, names: Names, org: str) -> dict[str, Heard]:
    """What the digest makes of every row, by the row's id; a row in quarantine is missing.

    `org` must be new to the database at `url`. Raises CannotDo when a record cannot be taken.
    """
    engine = create_engine(url)
    try:
        sessions: sessionmaker[Session] = sessionmaker(engine)
        with sessions() as session, session.begin():
            records = _load(session, org, names)
            sources = _follow(session, org, names.rows, {str(key): made for key, made in records.items()})
        index_all(sessions)
        directories = Directories()
        for _, day in groupby(sorted(names.rows, key=lambda row: row.posted_on), lambda row: row.posted_on):
            asyncio.run(_land(url, sources, list(day)))
            _digest(sessions, directories, url, org)
        with sessions() as session:
            return _read_back(session, org, {made: key for key, made in records.items()})
    finally:
        engine.dispose()


# --- the CRM -------------------------------------------------------------------------------------------


def _load(session: Session, org: str, names: Names) -> dict[Meant, UUID]:
    """Write the records and their words; their ids by what rows call them."""
    made: dict[Meant, UUID] = {}
    accounts: list[dict[str, Any]] = []
    contacts: list[dict[str, Any]] = []
    campaigns: list[dict[str, Any]] = []
    tickets: list[dict[str, Any]] = []
    aliases: list[dict[str, Any]] = []

    def new(kind: str, key: str) -> dict[str, Any]:
        made[Meant(kind, key)] = UUID(str(uuid7()))
        return {"id": made[Meant(kind, key)], "org_id": org}

    for company in names.companies:
        row = new("account", company.key)
        accounts.append(row | {"name": company.name, "website": company.website, "phone": company.phone})
        aliases += _aliases(org, "account", row["id"], company.handles, company.aliases)
    for person in names.contacts:
        row = new("contact", person.key)
        columns = {"first_name": person.first_name, "last_name": person.last_name, "phone": person.phone}
        account = made[Meant("account", person.account)] if person.account else None
        contacts.append(row | columns | {"email": person.email, "account_id": account})
        aliases += _aliases(org, "contact", row["id"], person.handles, ())
    for drive in names.campaigns:
        row = new("campaign", drive.key)
        campaigns.append(row | {"name": drive.name, "starts_on": drive.starts_on, "ends_on": drive.ends_on})
        aliases += _aliases(org, "campaign", row["id"], drive.handles, drive.words)
    for matter in names.tickets:
        account = made[Meant("account", matter.account)] if matter.account else None
        tickets.append(new("ticket", matter.key) | {"number": matter.number, "account_id": account})
    for table, rows in ((Account, accounts), (Contact, contacts), (Campaign, campaigns), (Ticket, tickets)):
        if rows:
            session.execute(insert(table), rows)
    if aliases:
        session.execute(insert(Alias), aliases)
    return made


def _aliases(
    org: str, of: str, record: UUID, handles: Iterable[Handle], words: Iterable[Word]
) -> Iterator[dict[str, Any]]:
    spoken = [(Word("handle", handle.value), handle.platform) for handle in handles]
    for word, platform in [*spoken, *((word, None) for word in words)]:
        try:
            value = fit(word.kind, word.value, platform)
        except Unfit as unfit:
            raise CannotDo(f"The {word.kind} {word.value!r} cannot be taken: {unfit}.") from None
        targets = dict.fromkeys(("account_id", "contact_id", "campaign_id")) | {f"{of}_id": record}
        row = {"org_id": org, "kind": word.kind, "value": value, "platform": platform, "of": of}
        yield row | targets | {"needs": list(word.needs)}


def _follow(
    session: Session, org: str, rows: Sequence[Row], records: Mapping[str, UUID]
) -> dict[tuple[str, str], tuple[UUID, UUID]]:
    """A source for each platform, and one more for each campaign that brings posts; (source, its poll)."""
    made = {}
    later = datetime.now(UTC) + timedelta(days=36_500)
    for platform, heard_by in sorted({(row.platform, row.heard_by) for row in rows}):
        source, poll = UUID(str(uuid7())), UUID(str(uuid7()))
        columns = {"platform": platform, "kind": "hashtag", "term": heard_by or "rows", "every": 60.0}
        campaign = records.get(f"campaign:{heard_by}")
        # posts from before the start mark are only imported
        columns |= {"campaign_id": campaign, "escalate_from": later, "state": "paused"}
        session.execute(insert(Source), [{"id": source, "org_id": org, **columns}])
        session.execute(insert(PollRow), [{"id": poll, "org_id": org, "source_id": source, "fence": 0}])
        made[platform, heard_by] = (source, poll)
    return made


# --- the posts -----------------------------------------------------------------------------------------


async def _land(url: str, sources: Mapping[tuple[str, str], tuple[UUID, UUID]], rows: Sequence[Row]) -> None:
    """Land the rows of a day, a page of each source after the other."""
    engine = create_async_engine(url)
    try:
        sessions = async_sessionmaker(engine)
        for (platform, heard_by), (source, poll) in sources.items():
            heard = [row for row in rows if (row.platform, row.heard_by) == (platform, heard_by)]
            for start in range(0, len(heard), A_PAGE):
                posts = tuple(
                    post_of(row, start + at) for at, row in enumerate(heard[start : start + A_PAGE])
                )
                page = Page(posts=posts, rejects=(), cursor=None)
                async with sessions() as session, session.begin():
                    await land(session, source=source, poll=poll, fence=0, page=page, pause=60.0)
    finally:
        await engine.dispose()


def post_of(row: Row, at: int = 0) -> Post:
    """The row as a connector hands a post over; `at` is its place in its day."""
    author = Author(id=row.author_id or None, handle=row.author_handle or None)
    return Post(
        id=row.id,
        posted_at=datetime.combine(row.posted_on, time(6, tzinfo=UTC)) + timedelta(seconds=at),
        verb="comment" if row.reply_to else "post",
        text=row.text,
        author=author if row.author_id or row.author_handle else None,
        reply_to=row.reply_to or None,
        mentions=tuple(Mention(id=stable or None, handle=handle or None) for stable, handle in row.mentions),
        hashtags=row.hashtags,
        links=row.links,
        lang="en",
    )


def _digest(sessions: sessionmaker[Session], directories: Directories, url: str, org: str) -> None:
    """Digest until no page of the organisation waits."""
    settings = from_environment(database_url=url)
    waiting = text("SELECT count(*) FROM pages WHERE org_id = :org AND state = 'landed'")
    for _ in range(PATIENCE):
        with sessions() as session:
            if not session.scalar(waiting, {"org": org}):
                return
        digest_all(sessions, settings, directories)
    raise CannotDo("The digest does not come to an end; is another one at work on this database?")


_EVENTS = text("""
    SELECT e.external_id, e.account_id, m.kind, m.record_id, m.how, m.evidence, m.state
    FROM social_events e LEFT JOIN matches m ON m.event_id = e.id AND m.state IN ('live', 'suggested')
    WHERE e.org_id = :org ORDER BY e.external_id, m.sure DESC, m.kind, m.record_id
""")


def _read_back(session: Session, org: str, keys: Mapping[UUID, Meant]) -> dict[str, Heard]:
    heard: dict[str, Heard] = {}
    for row in session.execute(_EVENTS, {"org": org}):
        account = keys[row.account_id].key if row.account_id else None
        one = heard.setdefault(row.external_id, Heard([], account))
        if row.kind:
            record = keys.get(row.record_id, Meant(row.kind, str(row.record_id)))
            one.matches.append(Found(record, row.how, row.evidence, row.state == "suggested"))
    return heard
