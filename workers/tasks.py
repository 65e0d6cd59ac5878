"""The bells: what Celery calls, a line or two each. Everything that they do is found in rows.

A tick of beat carries its term; the tick of a beat that lost its lease meanwhile does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from kombu.exceptions import OperationalError as BrokerAway

from connectors import connectors
from workers import _loop
from workers._settings import settings
from workers.app import app
from workers.digest import digest_all
from workers.notify import notify as notify_receivers
from workers.outbox import owing
from workers.overdue import BUSY, waits_longest
from workers.poll import poll as poll_platform
from workers.recheck import recheck as recheck_posts
from workers.renew import renew as renew_credentials
from workers.sweep import sweep as sweep_all

log = logging.getLogger(__name__)


@app.task(name="earshot.poll", max_retries=3)
def poll(platform: str, term: int | None = None) -> None:
    """Visit the due sources of a platform. When that took long, the one that waits longest is next."""
    process = _loop.process()
    if process.stale(term):
        return
    began = monotonic()
    process.run(
        lambda: poll_platform(
            platform,
            sessions=process.async_sessions,
            http=process.http,
            settings=settings(),
            ring=lambda: asyncio.to_thread(ring_digest),
        )
    )
    if monotonic() - began > BUSY:
        late = process.run(lambda: waits_longest(process.async_sessions, settings().poll_every))
        if late is not None:
            ring_poll(late)


@app.task(name="earshot.digest", max_retries=3)
def digest(term: int | None = None) -> None:
    """Digest what has landed, until nothing waits or the time of a task is up."""
    process = _loop.process()
    if process.stale(term):
        return
    if digest_all(process.sessions, settings(), process.directories):
        _ring_if_owing(process)


@app.task(name="earshot.renew", max_retries=3)
def renew(term: int | None = None) -> None:
    """Renew sessions before they end, and tell ops of credentials that only a person can renew."""
    process = _loop.process()
    if not process.stale(term):
        process.run(lambda: renew_credentials(process.async_sessions, process.http, connectors()))


@app.task(name="earshot.notify", max_retries=3)
def notify(term: int | None = None) -> None:
    """Deliver what is owed, for the time of a task."""
    process = _loop.process()
    if process.stale(term):
        return
    if process.run(lambda: notify_receivers(process.async_sessions, settings())):
        _ring_if_owing(process)


@app.task(name="earshot.recheck", max_retries=3)
def recheck(term: int | None = None) -> None:
    """Ask the platforms what became of stored posts."""
    process = _loop.process()
    if not process.stale(term):
        process.run(lambda: recheck_posts(process.async_sessions, process.http, connectors(), settings()))


@app.task(name="earshot.sweep", max_retries=3)
def sweep(term: int | None = None) -> None:
    """Housekeeping: what was left over is finished, what is kept too long is dropped."""
    process = _loop.process()
    if not process.stale(term):
        sweep_all(process.sessions, settings())


def ring_poll(platform: str) -> None:
    """Have a platform visited after what already waits. Unlike beat's, this bell does not expire behind long visits."""
    try:
        poll.apply_async(kwargs={"platform": platform}, retry=False, expires=600)
    except (BrokerAway, OSError) as away:
        log.warning("The bell was not heard (%s); beat rings again", type(away).__name__)


def _ring_if_owing(process: _loop.Process) -> None:
    with process.sessions() as session:
        if not owing(session):
            return
    try:
        notify.apply_async(retry=False, expires=60)
    except (BrokerAway, OSError) as away:
        log.warning("The bell was not heard (%s); beat rings again", type(away).__name__)


def ring_digest() -> None:
    """Ask a digest worker to look now. A bell that is lost costs the seconds until the next sweep."""
    try:
        digest.apply_async(retry=False, expires=60)
    except (BrokerAway, OSError) as away:
        log.warning("The bell was not heard (%s); the sweep will find the work", type(away).__name__)
