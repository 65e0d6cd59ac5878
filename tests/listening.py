"""A Journey that follows real Bluesky servers: its visits are the real poll and digest, in the test's own process."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from time import time
from typing import Any
from uuid import UUID

import msgspec
import redis.asyncio
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from connectors._base import Session
from connectors._http import Clients, Requests
from connectors._limits import Limits
from console.keys import add_credential
from tests.bluesky_servers import Person, World, Written
from tests.journey import Journey
from tests.waiting import eventually
from workers import credentials
from workers.budget import Budget
from workers.poll import poll

JWT_SECRET = b"jwt-secret"
"""With which the data server signs its tokens; its development set-up names it."""


class Told(Budget):
    """The budget, which also keeps what was asked and how it was answered."""

    def __init__(self, redis: Any, answers: list[tuple[str, int]]) -> None:
        super().__init__(redis)
        self._answers = answers

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        self._answers.append((endpoint, status))
        await super().learn(host=host, endpoint=endpoint, whose=whose, limits=limits, status=status)


async def _nothing() -> None:
    return None


class Listening(Journey):
    """An organisation that follows Bluesky; its visits are the real poll and digest, in this process."""

    def __init__(self, url: str, broker: str, bluesky: World) -> None:
        super().__init__(url)
        self._broker, self._bluesky = broker, bluesky
        self.answers: list[tuple[str, int]] = []

    def key(self, person: Person, password: str | None = None) -> UUID:
        """Keep the password of an account of ours."""
        host = self._bluesky.network.pds
        secret = password or person.password
        with self.sessions() as session, session.begin():
            return add_credential(session, self.org, "bluesky", person.handle, secret, host)[0]

    def follows(self, kind: str, term: str, credential: UUID | None, host: str | None = None) -> UUID:
        """A source from now on; due now."""
        source: UUID = self.value(
            "INSERT INTO sources (org_id, platform, kind, term, host, every, credential_id) "
            "VALUES (:org, 'bluesky', :kind, :term, :host, 60, :key) RETURNING id",
            org=self.org,
            kind=kind,
            term=term,
            host=host or self._bluesky.network.pds,
            key=credential,
        )
        return source

    def visits(self, *, due: bool = True) -> Counter[tuple[str, int]]:
        """One poll and a digest; what was asked and answered. `due`: whatever was waiting waits no more."""
        if due:
            self.execute("UPDATE sources SET due_at = now()")
        before = len(self.answers)
        asyncio.run(self._poll())
        self.digest()
        return Counter(self.answers[before:])

    async def _poll(self) -> None:
        engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)
        clients = Clients(trusted=self._bluesky.network.trusted)
        async with redis.asyncio.from_url(self._broker) as db:
            try:
                await poll(
                    "bluesky",
                    sessions=async_sessionmaker(engine, expire_on_commit=False),
                    http=Requests(clients, budget=Told(db, self.answers)),
                    settings=self.settings,
                    ring=_nothing,
                )
            finally:
                await clients.aclose()
                await engine.dispose()

    def hears(self, *expected: Written) -> None:
        """Visit until these are there: notifications come into being some time after their posts."""

        def missing() -> list[str]:
            self.visits()
            return [one.text for one in expected if one.uri not in self.heard()]

        try:
            eventually(lambda: not missing(), 30, every=0.3, of="all the posts")
        except AssertionError as late:
            sources = self.execute("SELECT kind, term, state, last_error FROM sources")
            late.add_note(f"missing: {missing()}; sources: {sources}; answers: {Counter(self.answers)}")
            raise

    def heard(self) -> set[str]:
        return {row.external_id for row in self.execute("SELECT external_id FROM social_events")}

    def states(self) -> set[str]:
        return {row.state for row in self.execute("SELECT state FROM sources")}

    def session_of(self, credential: UUID) -> Session:
        sealed = self.value("SELECT session FROM credentials WHERE id = :id", id=credential)
        return msgspec.json.decode(credentials.unseal(credential, bytes(sealed)), type=Session)

    def puts_session(self, credential: UUID, session: Session) -> None:
        sealed = credentials.seal(credential, msgspec.json.encode(session).decode())
        self.execute("UPDATE credentials SET session = :s WHERE id = :id", s=sealed, id=credential)

    def adds_up(self) -> None:
        sums = self.ledger()
        assert sums.pop("fetched") == sum(sums.values())
        assert (sums["waiting"], sums["quarantined"]) == (0, 0)


def expired(token: str) -> str:
    """The same access token, as the data server would have signed it yesterday."""
    head, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims |= {"iat": int(time()) - 90_000, "exp": int(time()) - 80_000}
    body = f"{head}.{_b64(json.dumps(claims).encode())}"
    return f"{body}.{_b64(hmac.digest(JWT_SECRET, body.encode(), hashlib.sha256))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
