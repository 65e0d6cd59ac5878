"""Signing in to X: an app's token, or a user's, which lasts two hours and is renewed.

https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only, .../authorization-code. Surprising: a
refresh token works once, and its successor is in the answer that used it. So nothing that can fail, and nothing that
is paid for, comes between that answer and the session: whose it is, is told by the account's number or by `check`.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from connectors._base import Answer, Denied, Held, Http, Judge, Login, Session, Watch
from connectors._decode import envelope
from connectors._x_refused import AppOnly, judged
from connectors._x_wire import is_id

WHAT_IT_TAKES = (
    "for an app: `bearer TOKEN`, or its API_KEY:API_SECRET; for a user: CLIENT_ID:CLIENT_SECRET:REFRESH_TOKEN "
    "(granted offline.access; CLIENT_SECRET stays empty where the app has none), the credential named by the "
    "account's number"
)


class _Token(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: float | None = None


class _Me(msgspec.Struct):
    id: str
    username: str = ""


class _Whose(msgspec.Struct):
    data: _Me


class _Usage(msgspec.Struct):
    project_usage: str | int


class _Used(msgspec.Struct):
    data: _Usage


_TOKEN = msgspec.json.Decoder(_Token)
_WHOSE = msgspec.json.Decoder(_Whose)
_USED = msgspec.json.Decoder(_Used)


async def sign_in(http: Http, login: Login) -> Session:
    """A fresh session, in the way that the secret is for.

    A user's newest refresh token goes before the one in the secret. Raises Denied(refreshable=False) when all
    are refused.
    """
    parts = login.secret.strip().split(":")
    if len(parts) == 1:
        bare = parts[0].removeprefix("bearer ").removeprefix("Bearer ").strip()
        return Session(access=bare, refresh=None, account_id="", handle="", host=login.host)
    if len(parts) == 2:
        return await _as_app(http, login, *parts)
    if len(parts) > 3 or not parts[0]:
        raise Denied(f"this is no secret for X: {WHAT_IT_TAKES}", refreshable=False)
    client, password, first = parts
    tokens = [token for token in dict.fromkeys((login.refresh, first)) if token]
    for token in tokens:
        try:
            found = await _renewed(http, login.host, client, password, token)
        except Denied:
            continue
        return _as_user(login, found)
    raise Denied("X refuses the refresh token: the account has to be connected anew", refreshable=False)


async def _as_app(http: Http, login: Login, key: str, password: str) -> Session:
    answer = await http.post(
        f"{login.host}/oauth2/token",
        form={"grant_type": "client_credentials"},
        token=f"{quote(key, safe='')}:{quote(password, safe='')}",
        auth="basic",
        endpoint="token",
        judge=_at_the_door,
    )
    found = envelope(_TOKEN, answer, "the app's token")
    return Session(
        access=found.access_token,
        refresh=None,
        account_id="",
        handle="",
        host=login.host,
        lasts=found.expires_in,
    )


async def _renewed(http: Http, host: str, client: str, password: str, token: str) -> _Token:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = await http.post(
        f"{host}/2/oauth2/token",
        form=form if password else {**form, "client_id": client},
        token=f"{quote(client, safe='')}:{quote(password, safe='')}" if password else None,
        auth="basic",
        endpoint="token",
        judge=_at_the_door,
    )
    return envelope(_TOKEN, answer, "the user's token")


def _as_user(login: Login, found: _Token) -> Session:
    account = login.identifier.strip()
    number = account if is_id(account) else ""
    return Session(
        access=found.access_token,
        refresh=found.refresh_token,
        account_id=number,
        handle="" if number else account.lstrip("@"),
        host=login.host,
        lasts=found.expires_in,
    )


async def _me(http: Http, host: str, token: str | None, judge: Judge) -> _Me:
    answer = await http.get(f"{host}/2/users/me", token=token, endpoint="me", judge=judge)
    return envelope(_WHOSE, answer, "the account").data


async def check(http: Http, watch: Watch) -> Held:
    """Whose the token is; an app's is nobody's. X does not tell scopes or how long it lasts."""
    judge = judged(watch.now)
    try:
        me = await _me(http, watch.host, watch.token, judge)
    except AppOnly:
        url = f"{watch.host}/2/usage/tweets"
        answer = await http.get(url, token=watch.token, endpoint="usage", judge=judge)
        envelope(_USED, answer, "the usage")
        return Held()
    return Held(account_id=me.id, handle=me.username or None)


def _at_the_door(answer: Answer) -> Denied | None:
    """What is refused here stays refused until a person changes something."""
    if answer.status in {400, 401, 403}:
        return Denied(f"X refuses to sign in ({answer.status})", refreshable=False)
    return None
