"""Short cuts for tests of the journey: a source, pages landed by the real `land`, digested by the real `digest`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from connectors._base import Author, Cursor, Mention, Page, Post, Reject
from workers._settings import Settings
from workers.digest import digest_all
from workers.directory import Directories
from workers.land import land

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The start mark of a source made here; `at(minutes)` counts from it."""

US = "northwind@town.example"
"""The account that is ours."""
FURIOUS = "This is terrible, I hate it, worst service ever."
MILD = "I am a bit annoyed by this."
CALM = "The parcel is here on Monday."
WARM = "Thank you, that is lovely and kind!"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


class Journey:
    """One organisation over a migrated database, as the fleet sees it."""

    def __init__(self, url: str, org: str = "main") -> None:
        self.url, self.org = url, org
        self.engine = create_engine(url, pool_size=16, max_overflow=0)  # a lease ends with its connection
        self.sessions: sessionmaker[Session] = sessionmaker(self.engine)
        self.settings = Settings(database_url=url)
        self.execute("SELECT shipped_rules(:org)", org=org)

    def close(self) -> None:
        self.engine.dispose()

    def execute(self, sql: str, **values: Any) -> list[Any]:
        """Run one statement and commit; its rows, if it has any."""
        with self.sessions() as session, session.begin():
            result = session.execute(text(sql), values)
            return list(result) if result.returns_rows else []

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the only row."""
        [row] = self.execute(sql, **values)
        return row[0]

    def source(self, platform: str = "mastodon", term: str = "northwind", **columns: Any) -> UUID:
        """Follow something from the start mark on; a poll is open, and its fence is 0."""
        names = {"org_id": self.org, "platform": platform, "kind": "hashtag", "term": term, "every": 60.0}
        names |= {"escalate_from": START, "due_at": START} | columns
        source = self.value(
            f"INSERT INTO sources ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)}) RETURNING id",
            **names,
        )
        self.execute(
            "WITH p AS (INSERT INTO polls (org_id, source_id, fence) VALUES (:org, :s, 0) RETURNING id) "
            "UPDATE sources SET poll_id = p.id FROM p WHERE sources.id = :s",
            org=self.org,
            s=source,
        )
        return source

    def own(self, handle: str, platform: str = "mastodon") -> None:
        """A handle of ours."""
        self.alias("handle", handle, "ourselves", platform=platform)

    def alias(self, kind: str, value: str, of: str, platform: str | None = None, **target: Any) -> None:
        names = {"org_id": self.org, "kind": kind, "value": value, "of": of, "platform": platform} | target
        self.execute(
            f"INSERT INTO aliases ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})", **names
        )

    def contact(self, handle: str, platform: str = "mastodon", account: UUID | None = None) -> UUID:
        """A Contact whom we know by a handle."""
        contact: UUID = self.value(
            "INSERT INTO contacts (org_id, first_name, account_id) VALUES (:org, :name, :account) RETURNING id",
            org=self.org,
            name=handle,
            account=account,
        )
        self.alias("handle", handle, "contact", platform=platform, contact_id=contact)
        return contact

    def account(self, name: str, website: str | None = None) -> UUID:
        account: UUID = self.value(
            "INSERT INTO accounts (org_id, name, website) VALUES (:org, :name, :website) RETURNING id",
            org=self.org,
            name=name,
            website=website,
        )
        return account

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        engine = create_async_engine(self.url)
        try:
            async with async_sessionmaker(engine)() as session, session.begin():
                yield session
        finally:
            await engine.dispose()

    def land(
        self,
        source: UUID,
        *posts: Post,
        rejects: tuple[Reject, ...] = (),
        fence: int = 0,
        cursor: str = "c",
    ) -> None:
        """Land one page of a source, as a poll would under that fence."""
        page = Page(posts=posts, rejects=rejects, cursor=Cursor(cursor))
        poll = self.value("SELECT poll_id FROM sources WHERE id = :s", s=source)

        async def landing() -> None:
            async with self._session() as session:
                await land(session, source=source, poll=poll, fence=fence, page=page, pause=60.0)

        asyncio.run(landing())

    def digest(self, **given: Any) -> int:
        """Digest what has landed; the number of batches."""
        return digest_all(self.sessions, self.settings, Directories(), **given)

    def hear(self, source: UUID, *posts: Post) -> None:
        """Land a page and digest it."""
        self.land(source, *posts)
        self.digest()

    def cases(self) -> list[Any]:
        return self.execute(
            "SELECT c.subject, c.level, c.ticket_id IS NOT NULL AS ticket, c.activity_id IS NOT NULL AS activity, "
            "c.closed_at IS NULL AS open, (SELECT count(*) FROM social_events e WHERE e.case_id = c.id) AS posts "
            "FROM cases c WHERE org_id = :org ORDER BY opened_at, id",
            org=self.org,
        )

    def event(self, external_id: str) -> Any:
        [row] = self.execute(
            "SELECT e.*, i.handle FROM social_events e LEFT JOIN identities i ON i.id = e.identity_id "
            "WHERE e.org_id = :org AND e.external_id = :id",
            org=self.org,
            id=external_id,
        )
        return row

    def ledger(self) -> dict[str, int]:
        """The sums of the ledger over all visits; `waiting` is 0 once everything is digested."""
        [row] = self.execute(
            "SELECT coalesce(sum(fetched), 0) AS fetched, coalesce(sum(new), 0) AS new, "
            "coalesce(sum(duplicate), 0) AS duplicate, coalesce(sum(edited), 0) AS edited, "
            "coalesce(sum(filtered), 0) AS filtered, coalesce(sum(quarantined), 0) AS quarantined, "
            "coalesce(sum(waiting), 0) AS waiting FROM ledger WHERE org_id = :org",
            org=self.org,
        )
        return {name: int(value) for name, value in row._mapping.items()}


def post(
    id: str,  # noqa: A002 - it is the post's own word
    text: str = CALM,
    *,
    by: str | None = "zoe",
    minutes: float = 1,
    to: str | None = None,
    **more: Any,
) -> Post:
    """A post by somebody (`by`), mentioning a handle (`to`), so many minutes after the start mark."""
    author = Author(id=f"https://town.example/users/{by}", handle=f"{by}@town.example") if by else None
    mentions = (Mention(handle=to),) if to else ()
    words = {"author": author, "mentions": mentions, "verb": "post", "lang": "en"} | more
    return Post(id=id, posted_at=at(minutes), text=text, **words)
