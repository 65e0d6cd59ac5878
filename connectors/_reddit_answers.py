"""What Reddit means by an answer that is no page: refusals by status, header and reason; a redirect to its search.

https://github.com/reddit-archive/reddit/wiki/OAuth2, https://www.rfc-editor.org/rfc/rfc6749#section-5.2. Surprising: a
subreddit that does not exist is a redirect to a search for subreddits, which answers 200; and a login is refused with
200 too, by a word, or by the number of a status that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from connectors._base import Answer, ConnectorError, Denied, Garbled, Gone, Http, TryLater, Watch

_CLOSED = frozenset({"private", "quarantined", "gold_only", "gated"})
_REFUSED = frozenset(
    {
        "access_denied", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client",
        "unsupported_grant_type", "400", "401", "403",
    }
)  # fmt: skip
_PASSING = frozenset({"server_error", "temporarily_unavailable"})


class _Refusal(msgspec.Struct):
    reason: str | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)


async def get(http: Http, watch: Watch, path: str, params: Mapping[str, str]) -> Answer:
    """One GET of the API, without HTML's escapes in its texts. Raises Gone where Reddit leads elsewhere instead."""
    answer = await http.get(
        watch.host + path,
        params={**params, "raw_json": "1"},
        token=watch.token,
        endpoint="api",
        judge=judge,
    )
    if urlsplit(answer.url).path.rstrip("/").endswith("/subreddits/search"):
        raise Gone("there is no subreddit of this name")
    return answer


def judge(answer: Answer) -> ConnectorError | None:
    """Who could help decides: a new token, a person, or nobody."""
    reason = _reason(answer)
    if answer.status == 401:
        return Denied("reddit wants a fresh token", refreshable=True)
    if answer.status == 403:
        if "insufficient_scope" in answer.headers.get("www-authenticate", ""):
            return Denied("the token has not been granted the scope for this", refreshable=False)
        if reason == "banned":
            return Gone("this subreddit was banned")
        if reason in _CLOSED:
            return Denied(f"this subreddit is {reason}: the account has to be let in", refreshable=False)
        if reason == "USER_REQUIRED":
            return Denied("reddit wants a user's token for this (USER_REQUIRED)", refreshable=False)
    if answer.status == 451:
        return Gone("this is withheld for legal reasons")
    return None


def judge_login(answer: Answer) -> ConnectorError | None:
    """What is refused at the door stays refused until a person changes something."""
    if answer.status in {400, 401, 403}:
        return Denied(f"reddit refuses the login ({answer.status})", refreshable=False)
    return None


def grantless(error: str | int | None) -> ConnectorError:
    """What an answer to a login means that has no token in it. Only what refuses what was offered waits for a person."""
    told = str(error)
    if told in _REFUSED:
        return Denied(f"reddit refuses the login ({told})", refreshable=False)
    if told in _PASSING or told == "429" or (len(told) == 3 and "500" <= told <= "599"):
        return TryLater(f"reddit cannot sign anybody in now ({told})", limited=told == "429")
    return Garbled("the token has another shape: neither a token nor a refusal that is known")


def _reason(answer: Answer) -> str | None:
    try:
        return _REFUSAL.decode(answer.body).reason
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
