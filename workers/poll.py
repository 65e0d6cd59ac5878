"""Visit the due sources of a platform: claim them, fetch their pages, land each.

The claim is one statement: due, active, lease free; the fence rises with every lease. A lease also
ends when the database session that took it is gone, so the sources of a killed worker are due again
at once; the visit that was cut off is marked uncertain, and its page is fetched again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from connectors import connectors
from connectors._base import Denied, Garbled, Gone, TryLater, Watch
from models.vocabulary import NEVER_VISITED
from workers import quotas
from workers.credentials import session_of, whose
from workers.fetch import fetch_page
from workers.land import StaleFence, land
from workers.lease import LEASE_FREE, LEASE_TAKEN
from workers.visit import Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    from connectors._base import Connector, ConnectorError, Http, Session
    from connectors._http import Requests
    from workers._settings import Settings

log = logging.getLogger(__name__)

RING_EVERY = 0.5
"""Seconds between two bells of one visit: a long walk is digested while it goes on."""


GROWS_AFTER, LARGEST = 4, 100
"""A page that a platform once had to have smaller is twice as large after so many with posts that landed without trouble.
No platform's pages are larger than the second: a source that would ask for that asks for its platform's own size."""

PATIENCE = 3
"""So many visits in a row may meet a new token that is refused, until a person is asked."""


_CLAIM = text(f"""
    WITH due AS (
        SELECT s.id, s.poll_id AS last_poll, s.lease_until IS NOT NULL AS cut_off,
               (s.lease_until IS NULL AND q.fetched = 0 AND q.error IS NULL AND q.gap IS NULL) IS TRUE AS quiet
        FROM sources s LEFT JOIN polls q ON q.id = s.poll_id
        WHERE s.platform = :platform AND s.state = 'active' AND s.due_at <= now()
          AND s.kind NOT IN {NEVER_VISITED}
          AND {LEASE_FREE.format(row="s")}
        ORDER BY s.priority, s.campaign_id IS NULL, s.due_at
        LIMIT :most FOR UPDATE OF s SKIP LOCKED
    ), claimed AS (
        UPDATE sources s
        SET fence = s.fence + 1, {LEASE_TAKEN},
            poll_id = CASE WHEN due.quiet THEN s.poll_id ELSE uuidv7() END
        FROM due WHERE s.id = due.id
        RETURNING s.*, due.cut_off, due.quiet, due.last_poll
    ), doubted AS (
        UPDATE polls p SET uncertain = true, finished_at = coalesce(p.finished_at, now())
        FROM claimed c WHERE c.cut_off AND p.id = c.last_poll
    ), revisited AS (
        UPDATE polls p SET visits = p.visits + 1, fence = c.fence, finished_at = NULL
        FROM claimed c WHERE c.quiet AND p.id = c.last_poll
    ), opened AS (
        INSERT INTO polls (id, org_id, source_id, fence)
        SELECT poll_id, org_id, id, fence FROM claimed WHERE NOT quiet
    )
    SELECT id AS source, org_id AS org, platform, kind, term, host, cursor, fence, poll_id AS poll,
           every, failures, page_size, credential_id AS credential,
           priority < :usual OR campaign_id IS NOT NULL AS urgent, now() AS now
    FROM claimed ORDER BY priority, campaign_id IS NULL, due_at
""")

_FINISH = text("""
    WITH released AS (
        UPDATE sources
        SET lease_until = NULL, lease_pid = NULL, lease_started = NULL,
            due_at = coalesce(now() + make_interval(secs => :wait), due_at),
            state = coalesce(:state, state),
            failures = CASE WHEN :failed THEN failures + 1 ELSE failures END,
            last_error = coalesce(:error, last_error),
            last_error_at = CASE WHEN CAST(:error AS text) IS NULL THEN last_error_at ELSE now() END,
            page_size = CASE WHEN :fresh_start THEN page_size ELSE coalesce(:page_size, page_size) END,
            cursor = CASE WHEN :fresh_start THEN NULL ELSE cursor END
        WHERE id = :source AND fence = :fence
        RETURNING id
    )
    UPDATE polls
    SET finished_at = now(), error = coalesce(:error, error),
        uncertain = uncertain OR held_units > 0 OR held_money > 0,
        gap = CASE WHEN :fresh_start THEN coalesce(gap || '; ', '') || :error ELSE gap END
    WHERE id = :poll AND EXISTS (SELECT FROM released)
""")

_GROW = text("""
    UPDATE sources s
    SET page_size = nullif(least(s.page_size << least(went.well, 7)::int, :largest), :largest)
    FROM (
        SELECT sum(p.pages) / :pages - coalesce(sum(p.pages) FILTER (WHERE p.id <> :poll), 0) / :pages AS well
        FROM polls p JOIN sources s ON s.id = p.source_id
        WHERE p.source_id = :source AND p.fetched > 0 AND p.started_at > coalesce(s.last_error_at, '-infinity')
    ) went
    WHERE s.id = :source AND s.fence = :fence AND s.page_size IS NOT NULL AND went.well > 0
""")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a visit ended, as the source's row will say it. `wait` is in seconds; None leaves due_at."""

    wait: float | None = None
    state: str | None = None
    failed: bool = False
    error: str | None = None
    page_size: int | None = None
    fresh_start: bool = False


def settle(error: ConnectorError, visit: Visit, jitter: float) -> Outcome:
    """What an error means for a source. Pure; `jitter` is in [0.9, 1.1].

    TryLater is not a failure. Denied needs a person: a fresh credential where one was used, else the source is
    off. Gone is off, or walks anew when only the cursor was lost. Garbled is counted and backs off to at most an hour.
    """
    said = str(error)
    match error:
        case TryLater():
            wait = error.after if error.after is not None else max(1.0, min(visit.every, 30.0))
            return Outcome(wait=max(0.5, wait) * max(1.0, jitter), error=said, page_size=error.page_size)
        case Denied():
            return Outcome(state="off" if visit.credential is None else "needs_reauth", error=said)
        case Gone(cursor=True):
            return Outcome(wait=0.0, error=said, fresh_start=True)
        case Gone():
            return Outcome(state="off", error=said)
        case Garbled():
            wait = min(3600.0, max(visit.every, 1.0) * 2.0 ** min(visit.failures, 12))
            return Outcome(wait=wait * jitter, failed=True, error=said)
    raise TypeError(f"an error without a recovery: {type(error).__name__}")


async def poll(
    platform: str,
    *,
    sessions: async_sessionmaker[AsyncSession],
    http: Requests,
    settings: Settings,
    ring: Callable[[], Awaitable[None]],
) -> int:
    """One visit to every due source of a platform, all at once. Returns how many were visited."""
    async with sessions() as session, session.begin():
        rows = await session.execute(
            _CLAIM,
            {
                "platform": platform,
                "most": settings.poll_sources,
                "lease": settings.lease,
                "usual": quotas.USUAL,
            },
        )
        visits = [Visit(**row) for row in rows.mappings()]
    if not visits:
        return 0
    connector = connectors()[platform]
    # cheap ones first, where a quota may not do for all
    visits.sort(key=lambda visit: (not visit.urgent, _price(connector, visit)))
    bell = _Bell(ring)
    async with asyncio.TaskGroup() as group:
        for visit in visits:
            theirs = http.of(str(visit.credential)) if visit.credential else http
            group.create_task(_visit(visit, connector, sessions, theirs, bell, settings.source_deadline))
    return len(visits)


class _Bell:
    """Rings while pages land, but not for each of them."""

    def __init__(self, ring: Callable[[], Awaitable[None]]) -> None:
        self._ring = ring
        self._last = float("-inf")

    async def landed(self, *, last: bool) -> None:
        at = asyncio.get_running_loop().time()
        if last or at - self._last >= RING_EVERY:
            self._last = at
            await self._ring()


async def _visit(
    visit: Visit,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    http: Http,
    bell: _Bell,
    seconds: float,
) -> None:
    jitter = 0.9 + 0.2 * random.random()
    try:
        async with sessions() as landing:
            outcome = await _walk(visit, connector, sessions, landing, http, bell, seconds, jitter)
    except (TryLater, Denied, Gone, Garbled) as error:
        outcome = settle(error, visit, jitter)
        log.info("Source %s of %s: %s", visit.source, visit.platform, error, extra={"action": "visit_ended"})
    except StaleFence as stale:
        # another worker claimed the source while we were away; what it holds is newer than ours
        log.warning("%s", stale, extra={"action": "fence_refused"})
        return
    except asyncio.CancelledError:
        await asyncio.shield(_finish(visit, Outcome(wait=0.0, error="stopped in mid-visit"), sessions))
        raise
    except DBAPIError:
        raise  # the database is away: nothing can be written down, and the lease ends with its session
    except Exception as defect:
        log.exception("Source %s of %s met a defect", visit.source, visit.platform)
        outcome = settle(Garbled(f"defect: {type(defect).__name__} in the connector"), visit, jitter)
    await _finish(visit, outcome, sessions)


async def _finish(visit: Visit, outcome: Outcome, sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions() as session, session.begin():
        if visit.page_size is not None and outcome.error is None:
            grown = {"source": visit.source, "fence": visit.fence, "poll": visit.poll}
            await session.execute(_GROW, {**grown, "pages": GROWS_AFTER, "largest": LARGEST})
        await session.execute(
            _FINISH,
            {
                "source": visit.source,
                "fence": visit.fence,
                "poll": visit.poll,
                "wait": outcome.wait,
                "state": outcome.state,
                "failed": outcome.failed,
                "error": outcome.error,
                "page_size": outcome.page_size,
                "fresh_start": outcome.fresh_start,
            },
        )


async def _walk(
    visit: Visit,
    connector: Connector,
    sessions: async_sessionmaker[AsyncSession],
    landing: AsyncSession,
    http: Http,
    bell: _Bell,
    seconds: float,
    jitter: float,
) -> Outcome:
    """Fetch and land page after page, a transaction each, until the platform has no more or the time of a
    source is up."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    key = await session_of(visit.credential, connector, sessions, http) if visit.credential else None
    cursor, renewed = visit.cursor, False
    while True:
        try:
            page, held = await fetch_page(visit, connector, _watch(visit, key), cursor, http, sessions, until)
        except TimeoutError:
            raise TryLater(f"no page within the {seconds:.0f} s of a source") from None
        except Denied as denied:
            if not denied.refreshable or visit.credential is None:
                raise
            if renewed:
                raise _refused_again(visit, denied) from denied
            renewed = True
            key = await session_of(visit.credential, connector, sessions, http, refused=key)
            continue
        fetched = len(page.posts) + len(page.rejects)
        news = fetched or page.cursor != cursor or page.gap or not page.more
        async with landing.begin():
            if news:
                pause = max(visit.every, page.pause or 0.0) * jitter
                await land(
                    landing, source=visit.source, poll=visit.poll, fence=visit.fence, page=page, pause=pause
                )
            if held:
                spent = page.spent or held.most
                await quotas.settle(landing, visit.org, visit.platform, held, spent)
        cursor = page.cursor
        last = not page.more or clock() >= until - 1.0
        if fetched:
            await bell.landed(last=last)
        if last:
            return Outcome()


def _refused_again(visit: Visit, denied: Denied) -> ConnectorError:
    """A new token that is refused may have ended meanwhile; one that always is takes a person."""
    if visit.failures >= PATIENCE:
        return Denied(str(denied), refreshable=False)
    return Garbled(f"{denied}, right after one was given out")


def _price(connector: Connector, visit: Visit) -> tuple[int, int]:
    most = connector.cost(_watch(visit, None))
    return most.money, most.units


def _watch(visit: Visit, key: Session | None) -> Watch:
    return Watch(
        kind=visit.kind,
        term=visit.term,
        host=key.host if key else visit.host,
        now=visit.now,
        token=key.access if key else None,
        me=whose(key),
        page_size=visit.page_size,
    )
