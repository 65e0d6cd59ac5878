"""What a source would bring and take, before it is followed: counted by the platform where it counts, else by a page.

What asking itself takes goes through the same quotas and money as a visit. Nothing that comes back is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors import connectors
from connectors._base import Connector, ConnectorError, Counts, Page, Spend, TryLater, Volume, Watch
from connectors._http import Requests
from console.asking import requests
from console.following import Wanted
from console.record import Recorder, recording
from workers._settings import settings
from workers.credentials import session_of, whose
from workers.paid import Paying

DAY = 86_400.0
FEW = 3
"""From fewer posts no rate is told."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What following it would mean. `page`: one of its pages, where the platform does not count. `posts_a_day`: None
    where too little is there to tell; `counted` by the platform, or as the posts of the page came. `a_day` is what it
    would take of units and money.
    """

    posts_a_day: float | None
    counted: bool
    a_day: Spend
    page: Page | None = None

    def too_broad(self, most: int) -> bool:
        """Would it bring more posts a day than that?"""
        return self.posts_a_day is not None and self.posts_a_day > most


def counts(wanted: Wanted) -> bool:
    """Does the platform count before it brings anything?"""
    return wanted.kind in getattr(connectors()[wanted.platform], "counted", ())


def preview(org: str, wanted: Wanted) -> Outlook:
    """Ask the platform. Raises a ConnectorError (TryLater, Denied, Gone, Garbled) as it answers, or as a budget does."""
    return asyncio.run(_outlook(org, wanted))


def recorded(org: str, wanted: Wanted) -> dict[str, Any] | None:
    """Ask for one page, and its answer as a recording (console/record.py); None when there was no answer."""
    return asyncio.run(_recorded(org, wanted))


def rate(times: list[datetime], now: datetime, *, more: bool) -> float | None:
    """Posts a day, from when the posts of one page were written; None where there are too few. With `more` to come
    only the stretch of the page is known, else everything since its oldest post. Pure."""
    if len(times) < FEW:
        return None
    newest, oldest = max(times), min(times)
    if more:
        return (len(times) - 1) / max((newest - oldest).total_seconds(), 1.0) * DAY
    return len(times) / max((now - oldest).total_seconds(), 1.0) * DAY


@dataclass(frozen=True, slots=True)
class _Asking:
    """All that it takes to ask a platform once."""

    connector: Connector
    http: Requests
    watch: Watch
    paying: Paying


@asynccontextmanager
async def _asking(org: str, wanted: Wanted) -> AsyncIterator[_Asking]:
    ours = settings()
    connector = connectors()[wanted.platform]
    engine = create_async_engine(ours.database, hide_parameters=True, poolclass=NullPool)
    sessions = async_sessionmaker(engine)
    try:
        async with requests(ours) as anybodys:
            key, http = None, anybodys
            if wanted.credential is not None:
                http = anybodys.of(str(wanted.credential))
                key = await session_of(wanted.credential, connector, sessions, http)
            watch = Watch(
                kind=wanted.kind,
                term=wanted.term,
                host=key.host if key else wanted.host,
                now=datetime.now(UTC),
                token=key.access if key else None,
                me=whose(key),
            )
            paying = Paying(org, wanted.platform, wanted.credential, connector, watch.now, sessions)
            async with asyncio.timeout(ours.source_deadline):
                yield _Asking(connector, http, watch, paying)
    except TimeoutError:
        raise TryLater(
            f"{wanted.platform} did not answer within {ours.source_deadline:g} s", uncertain=True
        ) from None
    finally:
        await engine.dispose()


async def _recorded(org: str, wanted: Wanted) -> dict[str, Any] | None:
    async with _asking(org, wanted) as asking:
        recorder, watch = Recorder(asking.http), asking.watch
        came: Page | ConnectorError
        try:
            came = await asking.paying.for_(
                asking.connector.cost(watch), lambda: asking.connector.fetch(recorder, watch, None)
            )
        except ConnectorError as error:
            came = error
        return recording(watch, recorder.answers[0], came, ()) if recorder.answers else None


async def _outlook(org: str, wanted: Wanted) -> Outlook:
    async with _asking(org, wanted) as asking:
        connector, http, watch = asking.connector, asking.http, asking.watch
        visits = _visits(connector, watch, wanted)
        if counts(wanted):
            counting = cast("Counts", connector)
            volume = await asking.paying.for_(
                counting.volume_cost(watch), lambda: counting.volume(http, watch)
            )
            return Outlook(volume.posts_a_day, True, _times(volume) or visits)
        page = await asking.paying.for_(connector.cost(watch), lambda: connector.fetch(http, watch, None))
    times = [post.posted_at for post in page.posts]
    return Outlook(rate(times, watch.now, more=page.more), False, visits, page)


def _times(volume: Volume) -> Spend | None:
    """What the posts of a day take, where each of them does."""
    each, posts = volume.each, volume.posts_a_day
    return each and Spend(units=round(each.units * posts), money=round(each.money * posts))


def _visits(connector: Connector, watch: Watch, wanted: Wanted) -> Spend:
    """What the visits of a day take, if each is one page."""
    a_day, most = DAY / wanted.every, connector.cost(watch)
    return Spend(
        requests=round(a_day * most.requests),
        units=round(a_day * most.units),
        money=round(a_day * most.money),
    )
