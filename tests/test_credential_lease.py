"""One process at a time signs in with a credential, and a refused secret is not tried by the next one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from connectors._base import Connector, Denied, Http, Login, Session, TryLater
from console.keys import add_credential
from tests.journey import Journey
from workers import credentials
from workers._settings import settings
from workers.credentials import session_of

KEY = base64.urlsafe_b64encode(b"a key for this test, of 32 bytes").decode()


class Door:
    """A platform that takes its time over a login and then says no."""

    default_host = "https://bsky.social"

    def __init__(self, *, opens: bool) -> None:
        self.logins = 0
        self.knocked, self.answer = asyncio.Event(), asyncio.Event()
        self._opens = opens

    async def sign_in(self, http: Http, login: Login) -> Session:
        self.logins += 1
        self.knocked.set()
        await self.answer.wait()
        if not self._opens:
            raise Denied("refused", refreshable=False)
        return Session(access="a", refresh="r", account_id="did:plc:us", handle="us", host=login.host)


class Slow:
    """Database sessions of which all after the first wait for something."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], until: asyncio.Event) -> None:
        self._sessions, self._until, self._opened = sessions, until, 0
        self.waits = asyncio.Event()

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[AsyncSession]:
        self._opened += 1
        if self._opened > 1:
            self.waits.set()
            await self._until.wait()
        async with self._sessions() as session:
            yield session


@pytest.fixture
def journey(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    monkeypatch.setenv("EARSHOT_ENCRYPTION_KEY", KEY)
    settings.cache_clear()
    credentials._fernet.cache_clear()
    journey = Journey(database)
    yield journey
    journey.close()
    settings.cache_clear()
    credentials._fernet.cache_clear()


@pytest.mark.parametrize("opens", [True, False])
def test_who_read_the_credential_while_another_signed_in_does_not_sign_in_after_it(
    journey: Journey, opens: bool
) -> None:
    with journey.sessions() as session, session.begin():
        key, _ = add_credential(session, "main", "bluesky", "us.example", "secret", "https://pds.example")

    async def both() -> list[Any]:
        engine = create_async_engine(journey.url)
        sessions = async_sessionmaker(engine)
        door, settled = Door(opens=opens), asyncio.Event()
        connector, http = cast("Connector", door), cast("Http", None)
        slow = Slow(sessions, settled)
        first = asyncio.create_task(session_of(key, connector, sessions, http))
        await door.knocked.wait()
        second = asyncio.create_task(
            session_of(key, connector, cast("async_sessionmaker[AsyncSession]", slow), http)
        )
        await slow.waits.wait()
        door.answer.set()
        told = await asyncio.gather(first, return_exceptions=True)
        settled.set()
        told += await asyncio.gather(second, return_exceptions=True)
        await engine.dispose()
        return [*told, door.logins]

    one, other, logins = asyncio.run(both())
    assert isinstance(one, Session if opens else Denied)
    assert isinstance(other, TryLater)
    assert logins == 1
    [(state, refreshing)] = journey.execute("SELECT state, refreshing_until FROM credentials")
    assert (state, refreshing) == ("ok" if opens else "needs_reauth", None)
