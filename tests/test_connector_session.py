"""Bluesky's sessions: refreshed while that works, opened anew when not, refused for good when neither."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors import bluesky
from connectors._base import ConnectorError, Denied, Login, Session, TryLater
from connectors._http import Clients, Requests
from tests.replayer import Asked, Replayer, Reply

OPENED = {"did": "did:plc:us", "handle": "us.example", "accessJwt": "a1", "refreshJwt": "r1"}


def said(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(value).encode(), headers)


def sign_in(
    answer: Callable[[Asked], Reply], refresh: str | None
) -> tuple[Session | ConnectorError, list[Asked]]:
    with Replayer(answer) as server:

        async def run() -> Session | ConnectorError:
            clients = Clients(trusted={server.netloc})
            login = Login(host=server.base, identifier="us.example", secret="app-password", refresh=refresh)
            try:
                return await bluesky.sign_in(Requests(clients), login)
            except ConnectorError as error:
                return error
            finally:
                await clients.aclose()

        return asyncio.run(run()), server.asked


def test_a_living_refresh_token_is_used_and_the_secret_stays_home() -> None:
    session, asked = sign_in(lambda a: said(OPENED), "r0")
    assert isinstance(session, Session)
    assert (session.access, session.refresh, session.account_id) == ("a1", "r1", "did:plc:us")
    (only,) = asked
    assert only.path.endswith("com.atproto.server.refreshSession")
    assert only.headers["authorization"] == "Bearer r0"
    assert b"app-password" not in only.body


@pytest.mark.parametrize("status", [400, 401])
def test_a_dead_refresh_token_leads_to_the_secret(status: int) -> None:
    def answer(asked: Asked) -> Reply:
        return said({"error": "ExpiredToken"}, status) if "refresh" in asked.path else said(OPENED)

    session, asked = sign_in(answer, "r0")
    assert isinstance(session, Session)
    assert json.loads(asked[-1].body) == {"identifier": "us.example", "password": "app-password"}


def test_when_both_are_refused_nothing_can_be_refreshed() -> None:
    error, _ = sign_in(lambda a: said({"error": "AuthenticationRequired"}, 401), "r0")
    assert isinstance(error, Denied)
    assert not error.refreshable
    assert "app-password" not in str(error)


def test_too_many_logins_are_waited_out_and_do_not_burn_the_secret() -> None:
    error, asked = sign_in(lambda a: said({"error": "RateLimitExceeded"}, 429, **{"retry-after": "60"}), "r0")
    assert isinstance(error, TryLater)
    assert error.limited
    assert len(asked) == 1


def test_requests_go_to_the_host_that_the_account_lives_on() -> None:
    doc = {"service": [{"id": "did:plc:us#atproto_pds", "serviceEndpoint": "https://pds.example/"}]}
    session, _ = sign_in(lambda a: said({**OPENED, "didDoc": doc}), None)
    assert isinstance(session, Session)
    assert session.host == "https://pds.example"


def test_an_account_taken_down_is_refused() -> None:
    error, _ = sign_in(lambda a: said({**OPENED, "active": False}), None)
    assert isinstance(error, Denied)
