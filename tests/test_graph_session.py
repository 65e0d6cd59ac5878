"""Tokens of Instagram and Threads are renewed while they live; whose a token is, and what it may, is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from connectors import facebook, instagram, threads
from connectors._base import Denied, Held, Login, Session, TryLater
from tests.graph_fake import Got, Meta, Says, error, watch
from workers.credentials import lasting, renewing

HOSTS = {instagram: "https://graph.instagram.com", threads: "https://graph.threads.net"}


def sign_in(module: Any, meta: Meta, *, refresh: str | None = None, host: str | None = None) -> Session:
    login = Login(host=host or HOSTS[module], identifier="acme", secret="first", refresh=refresh)
    return asyncio.run(module.sign_in(meta, login))  # type: ignore[no-any-return]


def alive(*tokens: str, renews: bool = True) -> Meta:
    """Meta, to which these tokens are good."""

    def answer(got: Got) -> Says:
        if got.token not in tokens:
            return error(190, 463)
        if got.path == "/refresh_access_token":
            return (
                Says({"access_token": "renewed", "token_type": "bearer", "expires_in": 5184000})
                if renews
                else error(100)
            )
        return Says({"id": "2121", "user_id": "2121", "username": "acme"})

    return Meta(answer)


@pytest.mark.parametrize("module", [instagram, threads])
def test_a_token_is_renewed_for_sixty_days_without_standing_in_an_address(module: Any) -> None:
    meta = alive("first", "renewed")
    session = sign_in(module, meta)
    assert (session.access, session.refresh, session.lasts) == ("renewed", "renewed", 5184000)
    assert (session.account_id, session.handle) == ("2121", "acme")
    assert [got.path.rpartition("/")[2] for got in meta.asked] == ["refresh_access_token", "me"]
    assert all("first" not in got.url and "renewed" not in got.url for got in meta.asked)
    assert (
        meta.asked[0].params["grant_type"]
        == {"instagram": "ig", "threads": "th"}[module.platform] + "_refresh_token"
    )


@pytest.mark.parametrize("module", [instagram, threads])
def test_a_token_of_today_cannot_be_renewed_and_is_good_as_it_is_until_it_can_be_tomorrow(
    module: Any,
) -> None:
    session = sign_in(module, alive("first", renews=False))
    assert (session.access, session.refresh) == ("first", "first")
    assert renewing(lasting(session.lasts)) == 86_400.0


def test_the_last_token_goes_before_the_first() -> None:
    meta = alive("last", "renewed")
    assert sign_in(threads, meta, refresh="last").access == "renewed"
    assert meta.asked[0].token == "last"


def test_a_dead_session_falls_back_to_a_secret_that_a_person_renewed() -> None:
    assert sign_in(threads, alive("first", "renewed"), refresh="dead").access == "renewed"


def test_two_dead_tokens_are_refused_for_good() -> None:
    with pytest.raises(Denied) as caught:
        sign_in(threads, alive(), refresh="dead")
    assert not caught.value.refreshable
    assert "dead" not in str(caught.value)


def test_a_passing_trouble_does_not_make_a_credential_bad() -> None:
    with pytest.raises(TryLater):
        sign_in(threads, Meta(lambda got: Says(b"<html>", 503)))


def test_a_pages_token_opens_the_account_that_is_linked_to_it() -> None:
    page = {"id": "5", "instagram_business_account": {"id": "2121", "username": "acme"}}
    meta = Meta(lambda got: Says(page))
    session = sign_in(instagram, meta, host="https://graph.facebook.com")
    assert (session.access, session.account_id, session.handle, session.lasts) == (
        "first",
        "2121",
        "acme",
        None,
    )
    assert [got.path for got in meta.asked] == ["me"]


def test_a_page_without_an_account_is_said() -> None:
    with pytest.raises(Denied):
        sign_in(instagram, Meta(lambda got: Says({"id": "5"})), host="https://graph.facebook.com")


def check(module: Any, meta: Meta, host: str = "https://graph.facebook.com") -> Held:
    return asyncio.run(module.check(meta, watch("", host=host)))  # type: ignore[no-any-return]


def test_a_users_token_tells_what_was_granted() -> None:
    granted = [
        {"permission": "pages_read_engagement", "status": "granted"},
        {"permission": "pages_read_user_content", "status": "declined"},
    ]
    meta = Meta(
        lambda got: (
            Says({"data": granted}) if "permissions" in got.path else Says({"id": "2121", "name": "Acme"})
        )
    )
    assert check(facebook, meta) == Held(
        account_id="2121", handle="Acme", scopes=frozenset({"pages_read_engagement"})
    )


def test_of_a_pages_token_nothing_is_told() -> None:
    meta = Meta(lambda got: error(100) if "permissions" in got.path else Says({"id": "2121", "name": "Acme"}))
    assert check(facebook, meta).scopes is None


def test_whose_an_instagram_login_and_a_threads_token_are() -> None:
    meta = Meta(lambda got: Says({"id": "2121", "user_id": 2121, "username": "acme"}))
    expected = Held(account_id="2121", handle="acme")
    assert check(instagram, meta, "https://graph.instagram.com") == expected
    assert check(threads, meta, "https://graph.threads.net") == expected


@pytest.mark.parametrize("module", [facebook, instagram, threads])
def test_a_refused_token_is_refused_at_the_check(module: Any) -> None:
    with pytest.raises(Denied):
        check(module, Meta(lambda got: error(190, 460)))


@pytest.mark.parametrize("module", [facebook, instagram, threads])
def test_nobody_is_asked_about_what_only_checks_deliveries(module: Any) -> None:
    meta, secret = Meta(lambda got: error(190, 460)), "app-secret:verify-token"
    held = asyncio.run(module.check(meta, msgspec.structs.replace(watch(""), token=secret)))
    assert held == Held()
    if module is not facebook:
        login = Login(host=HOSTS[module], identifier="acme", secret=secret)
        session = asyncio.run(module.sign_in(meta, login))
        assert (session.access, session.account_id, session.lasts) == (secret, "", None)
    assert meta.asked == []
