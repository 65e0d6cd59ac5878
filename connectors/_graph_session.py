"""Long-lived tokens that Instagram and Threads renew while they still live: sixty days from each renewal.

https://developers.facebook.com/docs/threads/get-started/long-lived-tokens, /docs/instagram-platform/reference/
refresh_access_token. Surprising: the token is its own refresh token; it cannot be renewed in its first day, nor once
it is dead. So a token that Meta will not renew is still tried as it is before it is called refused, and one that is
good is to be renewed again in a day.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from connectors import _graph as graph
from connectors._base import Denied, Garbled, Gone, Held, Http, Login, Session

NOT_YET = 1.25 * 86_400.0
"""Seconds that a token is said to last where it may well last longer: a session is renewed at four fifths of its life."""


class _Renewed(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


_RENEWED = msgspec.json.Decoder(_Renewed)


def only_delivers(secret: str | None) -> bool:
    """Whether it is `app secret:verify token`, with which a webhook is checked and nobody is asked anything; no token of
    Meta's has a colon."""
    return ":" in (secret or "")


async def renewed(
    http: Http, login: Login, grant: str | None, whose: Callable[[str], Awaitable[Held]]
) -> Session:
    """A session by the last token, else by the secret; `grant` renews it, None where it does not expire. Nobody is
    asked about a webhook's secret.

    Raises Denied(refreshable=False) when both are refused.
    """
    if only_delivers(login.secret):
        return Session(
            access=login.secret, refresh=None, account_id="", handle=login.identifier, host=login.host
        )
    refused: Denied | None = None
    for token in dict.fromkeys(one for one in (login.refresh, login.secret) if one):
        fresh = await _renewal(http, login.host, token, grant) if grant else None
        access = fresh.access_token if fresh else token
        try:
            held = await whose(access)
        except Denied as error:
            refused = error
            continue
        return Session(
            access=access,
            refresh=access,
            account_id=held.account_id or "",
            handle=held.handle or login.identifier,
            host=login.host,
            lasts=_lasts(fresh) if grant else None,
        )
    raise Denied(str(refused or "there is no token to sign in with"), refreshable=False)


def _lasts(fresh: _Renewed | None) -> float:
    """Never None: a session without an end would not be renewed until it is dead."""
    return NOT_YET if fresh is None or fresh.expires_in is None else fresh.expires_in


async def _renewal(http: Http, host: str, token: str, grant: str) -> _Renewed | None:
    """The token that follows this one; None where Meta will not renew it (now)."""
    try:
        answer = await http.get(
            f"{host}/refresh_access_token",
            params={"grant_type": grant},
            token=token,
            endpoint="session",
            judge=graph.judge(),
        )
        return graph.read(_RENEWED, answer, "the renewed token")
    except (Denied, Gone, Garbled):
        return None
