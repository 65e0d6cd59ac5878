"""Sessions and tokens: renewed while that works, opened anew when not, refused for good when neither; asked whose they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors import bluesky, mastodon
from connectors._base import (
    Answer,
    ConnectorError,
    Denied,
    Garbled,
    Held,
    Login,
    Session,
    TakesSecrets,
    TryLater,
    Watch,
)
from connectors._http import Clients, Requests, _settle
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


APP = {"name": "us", "scopes": ["read:notifications", "read:accounts"]}
ACCOUNT = {"acct": "acme", "uri": "https://town.example/users/acme"}


def checked(app: Reply, account: Reply) -> Held | ConnectorError:
    return asked_of(mastodon, lambda asked: app if "/apps/" in asked.path else account)


def asked_of(connector: TakesSecrets, answer: Callable[[Asked], Reply]) -> Held | ConnectorError:
    with Replayer(answer) as server:

        async def run() -> Held | ConnectorError:
            clients = Clients(trusted={server.netloc})
            watch = Watch(
                kind="mentions", term="@me", host=server.base, now=datetime(2026, 6, 1, tzinfo=UTC), token="t"
            )
            try:
                return await connector.check(Requests(clients), watch)
            except ConnectorError as error:
                return error
            finally:
                await clients.aclose()

        return asyncio.run(run())


def test_a_living_token_says_whose_it_is_and_what_it_may() -> None:
    held = checked(said(APP), said(ACCOUNT))
    assert isinstance(held, Held)
    assert held.account_id == "https://town.example/users/acme"
    assert held.handle is not None
    assert held.handle.startswith("acme@127.0.0.1")
    assert held.scopes == frozenset({"read:notifications", "read:accounts"})


def test_a_token_that_may_not_read_its_account_is_good_all_the_same() -> None:
    held = checked(said(APP), said({"error": "outside the authorized scopes"}, 403))
    assert held == Held(scopes=frozenset(APP["scopes"]))


def test_a_server_without_the_first_question_is_asked_the_second() -> None:
    held = checked(said({}, 404), said(ACCOUNT))
    assert isinstance(held, Held)
    assert held.scopes is None
    assert isinstance(checked(said({}, 404), said({}, 401)), Denied)


def test_a_revoked_token_is_refused_and_a_server_in_trouble_refuses_nothing() -> None:
    assert isinstance(checked(said({"error": "The access token was revoked"}, 401), said(ACCOUNT)), Denied)
    assert isinstance(checked(said({}, 503), said(ACCOUNT)), TryLater)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            said({"did": "did:plc:us", "handle": "us.example"}),
            Held(account_id="did:plc:us", handle="us.example"),
        ),
        (said({"did": "did:plc:us", "handle": "us.example", "active": False}), Denied),
        (said({"error": "ExpiredToken"}, 400), Denied),
        (said({"error": "RateLimitExceeded"}, 429), TryLater),
        (said({"handle": "us.example"}), Garbled),
    ],
)
def test_a_bluesky_session_is_asked_whose_it_is_without_a_login(
    answer: Reply, expected: Held | type[ConnectorError]
) -> None:
    paths: list[str] = []

    def replies(asked: Asked) -> Reply:
        paths.append(asked.path)
        return answer

    held = asked_of(bluesky, replies)
    assert held == expected if isinstance(expected, Held) else isinstance(held, expected)
    assert [path.partition("?")[0] for path in paths] == ["/xrpc/com.atproto.server.getSession"]


HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "headers", "body", "error", "after"),
    [
        (403, {"content_type": HTML}, b"<!DOCTYPE html><title>Attention</title>", TryLater, 300.0),
        (401, {}, b"\xef\xbb\xbf\n <html>", TryLater, 300.0),
        (403, {"content_type": HTML}, b"Access denied, ray 8a1", TryLater, 300.0),
        (403, {"retry_after": "40"}, b"<html>", TryLater, 40.0),
        (403, {"content_type": HTML}, b'{"error":"no"}', Denied, None),
        (401, {"content_type": HTML}, b"", Denied, None),
        (401, {"www_authenticate": 'Bearer error="invalid_token"'}, b"<html>", Denied, None),
    ],
)
def test_a_page_that_stands_before_an_api_is_no_verdict_on_a_credential(
    status: int, headers: dict[str, str], body: bytes, error: type[ConnectorError], after: float | None
) -> None:
    """Whatever the connector makes of the status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(status=status, url="https://a.example/x", headers=named, body=body)
    for judge in (None, lambda answer: Denied("as at the door", refreshable=False)):
        with pytest.raises(error) as caught:
            _settle(answer, "read", judge, 0.0)
        assert getattr(caught.value, "after", None) == after
