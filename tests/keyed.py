"""Credentials for tests: a Journey whose process has an encryption key, and platforms that answer as they are told."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors._base import Connector, ConnectorError, Held, Http, Login, Need, Session, Spend, Watch
from connectors._http import Clients, Requests
from console.keys import add_credential
from tests.journey import Journey
from workers import credentials
from workers._settings import settings
from workers.checks import Standing, ask
from workers.renew import renew


def a_key(letter: str = "k") -> str:
    return base64.urlsafe_b64encode(letter.encode() * 32).decode()


@contextmanager
def keys(patch: pytest.MonkeyPatch, *held: str) -> Iterator[None]:
    """This process has these encryption keys, the first of which closes."""
    forget = (settings.cache_clear, credentials._fernet.cache_clear)
    with patch.context() as inner:
        inner.setenv("EARSHOT_ENCRYPTION_KEY", ",".join(held))
        for cache in forget:
            cache()
        yield
    for cache in forget:
        cache()


NOBODY = Requests(Clients())
"""Requests that nobody makes here: the platforms are made up."""


class Told:
    """A platform of which each part is a list of answers, given one after another, the last one for ever."""

    default_host: str | None = None
    interval = 60.0
    money = 0
    watches: Mapping[str, Need] = {
        "hashtag": Need(term="a hashtag", example="#acme", credential="optional"),
        "mentions": Need(term="us", example="@me", credential="required", scopes=("read:notifications",)),
    }

    def __init__(self, platform: str = "mastodon", **parts: list[Any]) -> None:
        self.platform, self._parts = platform, parts
        self.asked: dict[str, list[Any]] = {name: [] for name in parts}
        for name in parts:
            setattr(self, name, getattr(self, f"_{name}"))

    def cost(self, watch: Watch) -> Spend:
        return Spend(money=self.money)

    async def _check(self, http: Http, watch: Watch) -> Held:
        return cast("Held", self._answer("check", watch))

    async def _sign_in(self, http: Http, login: Login) -> Session:
        return cast("Session", self._answer("sign_in", login))

    def _answer(self, part: str, given: Any) -> Any:
        self.asked[part].append(given)
        answers = self._parts[part]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    def count(self, part: str) -> int:
        return len(self.asked[part])


def a_session(access: str = "a1", **more: Any) -> Session:
    given = {"refresh": "r1", "account_id": "77", "handle": "acme", "host": "https://town.example", **more}
    return Session(access=access, **given)


class Keyed(Journey):
    """An organisation with credentials."""

    def key(self, secret: str = "token", account: str = "acme@town.example") -> UUID:
        with self.sessions() as session, session.begin():
            return add_credential(session, self.org, "mastodon", account, secret)[0]

    def follows(self, credential: UUID | None, *terms: str, **columns: Any) -> list[UUID]:
        host = columns.pop("host", "https://town.example")
        return [self.source(term=term, credential_id=credential, host=host, **columns) for term in terms]

    def refuses(self, *sources: UUID, why: str = "town.example answered 401 to mentions") -> None:
        """As a visit writes it whose token was refused."""
        self.execute(
            "UPDATE sources SET state = 'needs_reauth', last_error = :why, last_error_at = now(),"
            " cursor = 'here' WHERE id = ANY(:ids)",
            why=why,
            ids=list(sources),
        )

    def credential(self) -> Any:
        [row] = self.execute("SELECT * FROM credentials")
        return row

    def activities(self) -> list[tuple[str, str]]:
        return [
            tuple(row)
            for row in self.execute("SELECT status, subject FROM activities ORDER BY created_at, id")
        ]

    def states(self) -> list[str]:
        return [row.state for row in self.execute("SELECT state FROM sources ORDER BY id")]

    def runs(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        """Run something over sessions like the fleet's: each statement commits by itself."""

        async def go() -> Any:
            engine = create_async_engine(
                self.url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, hide_parameters=True
            )
            try:
                return await work(async_sessionmaker(engine, expire_on_commit=False))
            finally:
                await engine.dispose()

        return asyncio.run(go())

    def sweeps(self, platform: Told) -> None:
        """One round of the sweep."""
        known = {platform.platform: cast("Connector", platform)}
        self.runs(lambda sessions: renew(sessions, NOBODY, known))

    def asks(self, credential: UUID, platform: Told, *, anyway: bool = True) -> Standing:
        standing: Standing = self.runs(
            lambda sessions: ask(
                credential,
                cast("Connector", platform),
                sessions,
                NOBODY,
                now=datetime.now(UTC),
                anyway=anyway,
            )
        )
        return standing

    def session_of(self, credential: UUID, platform: Told, **given: Any) -> Any:
        """The session to fetch with, or the error."""

        async def go(sessions: Any) -> Any:
            connector, http = cast("Connector", platform), NOBODY
            try:
                return await credentials.session_of(credential, connector, sessions, http, **given)
            except ConnectorError as error:
                return error

        return self.runs(go)
