"""How a session with Reddit is opened, and what stands in its way."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from connectors import reddit
from connectors._base import ConnectorError, Denied, Garbled, Login, TryLater
from tests import recordings_table as rt
from tests.reddit_asked import CANARY, ask, told, watch
from tests.replayer import Asked, Reply

needs_recordings = pytest.mark.skipif(
    not rt.ROOT.is_dir() and not os.environ.get("CI"), reason="no recordings at EARSHOT_RECORDINGS"
)


def sign_in(
    answer: Callable[[Asked], Reply], secret: str, refresh: str | None = None
) -> tuple[Any, list[Asked]]:
    def login(base: str) -> Login:
        return Login(host=base, identifier="me", secret=secret, refresh=refresh)

    return ask(answer, lambda http, base: reddit.sign_in(http, login(base)))


def test_an_app_signs_in_by_its_own_secret_and_is_nobody() -> None:
    grant = {"access_token": "new", "token_type": "bearer", "expires_in": 86400, "scope": "*"}
    session, (asked,) = sign_in(lambda _: told(grant), f"id:{CANARY}")
    assert (session.access, session.refresh, session.account_id, session.lasts) == ("new", None, "", 86400.0)
    assert asked.body == b"grant_type=client_credentials"
    assert b64decode(asked.headers["authorization"].removeprefix("Basic ")) == f"id:{CANARY}".encode()


def test_a_user_signs_in_by_the_last_refresh_token_and_else_by_the_one_in_the_secret() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/v1/me":
            return told({"id": "7", "name": "acme"})
        if b"last" in asked.body:
            return told({"error": "invalid_grant"})
        return told({"access_token": "new", "expires_in": 3600, "refresh_token": "turned"})

    session, asked = sign_in(answer, "id:secret:first", "last")
    assert (session.account_id, session.handle, session.refresh) == ("t2_7", "acme", "turned")
    assert [one.path for one in asked] == ["/api/v1/access_token", "/api/v1/access_token", "/api/v1/me"]


def test_a_user_whose_token_may_not_tell_who_it_is_signs_in_all_the_same() -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/v1/me":
            return told({"error": 403}, 403, www_authenticate='Bearer error="insufficient_scope"')
        return told({"access_token": "new", "expires_in": 3600})

    session, _ = sign_in(answer, "id:secret:first")
    assert (session.account_id, session.handle, session.refresh) == ("", "me", "first")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (told({"error": "invalid_grant"}), Denied),
        (told({"error": "unsupported_grant_type"}), Denied),
        (told({"error": 401}), Denied),
        (told({"error": 500}), TryLater),
        (told({"error": 429}), TryLater),
        (told({"error": "temporarily_unavailable"}), TryLater),
        (told({"error": "something new"}), Garbled),
        (told({}), Garbled),
        (told({"message": "Unauthorized", "error": 401}, 401), Denied),
        (told({"error": "invalid_request"}, 400), Denied),
        (told({"message": "Too Many Requests", "error": 429}, 429), TryLater),
        (Reply(503, b"<html>"), TryLater),
        (Reply(403, b"<html>"), TryLater),
        (Reply(200, b""), Garbled),
        (Reply(200, b"<html>"), Garbled),
    ],
)
def test_only_a_refusal_of_the_secret_is_a_refusal(reply: Reply, error: type[ConnectorError]) -> None:
    for secret in (f"id:{CANARY}", f"id:x:{CANARY}"):
        with pytest.raises(error) as caught:
            sign_in(lambda _: reply, secret)
        assert not getattr(caught.value, "refreshable", False)
        assert CANARY not in repr(caught.value)


def test_a_secret_of_another_shape_is_not_sent_anywhere() -> None:
    with pytest.raises(Denied, match="client_id:client_secret"):
        sign_in(lambda _: told({}), "only-one-part")


def test_tokens_are_given_out_on_www_and_on_any_other_host_by_itself() -> None:
    assert reddit._token_host("https://oauth.reddit.com") == "https://www.reddit.com"
    assert reddit._token_host("http://127.0.0.1:9/reddit") == "http://127.0.0.1:9/reddit"


@needs_recordings
@pytest.mark.parametrize(
    ("file", "access"),
    [
        ("core_oauth_readonly.01.json", "SCRUBBED"),
        ("core_oauth_refresh.01.json", "SCRUBBED"),
        ("core_oauth_code_invalid.01.json", None),
        ("core_oauth_script_invalid.01.json", None),
    ],
)
def test_recorded_grants_are_read(file: str, access: str | None) -> None:
    try:
        session, _ = sign_in(lambda _: rt.reply_of("reddit", file), "id:secret")
    except Denied:
        assert access is None
    else:
        assert (session.access, session.lasts) == (access, 3600.0)


def test_a_token_is_asked_whose_it_is() -> None:
    def check(reply: Reply) -> Any:
        return ask(lambda _: reply, lambda http, base: reddit.check(http, watch(base)))[0]

    held = check(told({"id": "7", "name": "acme"}))
    assert (held.account_id, held.handle, held.scopes) == ("t2_7", "acme", None)
    assert check(told({"reason": "USER_REQUIRED", "error": 403}, 403)).account_id is None
    assert check(told({"features": {}})).account_id is None
    with pytest.raises(Denied) as refused:
        check(told({"error": 403}, 403, www_authenticate='Bearer error="insufficient_scope"'))
    assert not refused.value.refreshable
    with pytest.raises(Denied) as ended:
        check(told({"error": 401}, 401))
    assert ended.value.refreshable
