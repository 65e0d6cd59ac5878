"""Google Play: the reviews of an app of our own, and our answers to them.

https://developers.google.com/android-publisher/reply-to-reviews. Takes a service account that may see the app's
reviews. Surprising: only what was written or changed in the last week is told, newest first, and only reviews with
words; who does not come for a week has lost some, and the Gap says so. An app without such reviews is answered with
`{}`: the format leaves out what is empty. A page that is full may come without the token to the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import jwt
import msgspec

from connectors import _anew as anew
from connectors import _backwards as backwards
from connectors import _googleplay_wire as wire
from connectors._backwards import Sighting, Stand, Step
from connectors._base import (
    Answer,
    ConnectorError,
    Cursor,
    Denied,
    Gap,
    Gone,
    Held,
    Http,
    Login,
    Need,
    Page,
    Post,
    Quota,
    Reject,
    Session,
    Spend,
    TryLater,
    Watch,
)
from connectors._decode import envelope
from connectors._sighted import sightings

platform = "googleplay"
default_host: str | None = "https://androidpublisher.googleapis.com"
interval = 900.0
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
watches: Mapping[str, Need] = MappingProxyType(
    {
        "reviews": Need(
            term="the package name of an app of ours",
            example="com.acme.shop",
            credential="required",
            host=default_host,
            scopes=(SCOPE,),
        )
    }
)
secret = "the whole text of a service account's JSON key file"  # noqa: S105
quotas: Sequence[Quota] = (Quota(of="requests", amount=200_000, period="day", zone="America/Los_Angeles"),)

PAGE_SIZE = 100
WINDOW = timedelta(days=7)
LASTS = 3600
"""Seconds that a signed request for a token may be of use; Google takes no more."""

HOUR = 3600.0
_GOOGLE = frozenset({"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"})
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+")
_BUSY = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "dailyLimitExceeded",
        "RATE_LIMIT_EXCEEDED",
    }
)


class _Place(msgspec.Struct):
    """The cursor: the walk, and when the last one came to its end."""

    stand: Stand
    read: datetime


class _Paging(msgspec.Struct):
    next: str | None = msgspec.field(name="nextPageToken", default=None)


class _Reviews(msgspec.Struct):
    reviews: list[msgspec.Raw] = []
    paging: _Paging | None = msgspec.field(name="tokenPagination", default=None)


class _Reason(msgspec.Struct):
    reason: str = ""


class _Problem(msgspec.Struct):
    errors: list[_Reason] = []
    details: list[_Reason] = []
    status: str = ""


class _Error(msgspec.Struct):
    error: _Problem


class _Key(msgspec.Struct):
    """A service account's key file, as far as it matters here."""

    client_email: str
    private_key: str
    token_uri: str
    private_key_id: str | None = None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


class _TokenInfo(msgspec.Struct):
    email: str | None = None
    scope: str = ""
    expires_in: str | float | None = None


_PLACE = msgspec.json.Decoder(_Place)
_REVIEWS = msgspec.json.Decoder(_Reviews)
_ERROR = msgspec.json.Decoder(_Error)
_KEY = msgspec.json.Decoder(_Key)
_TOKEN = msgspec.json.Decoder(_Token)
_TOKEN_INFO = msgspec.json.Decoder(_TokenInfo)


def cost(watch: Watch) -> Spend:
    """One request."""
    return Spend()


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a term that can never be followed, before it is asked for."""
    if len(term.strip()) > 256 or _PACKAGE.fullmatch(term.strip()) is None:
        raise Gone("an app is named by its package name, such as com.acme.shop")


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """One page. See `_backwards` for how the walk closes its gap."""
    if watch.kind != "reviews":
        raise Gone(f"Google Play has no watch of the kind {watch.kind!r}")
    check_term(watch.kind, watch.term)
    if not watch.token:
        raise Denied("reviews take the token of a service account", refreshable=False)
    package = watch.term.strip()
    place = _place(cursor, watch.now)
    token = place.stand.walk.token if place.stand.walk else None
    size = min(watch.page_size or PAGE_SIZE, PAGE_SIZE)
    try:
        answer = await http.get(
            f"{watch.host}/androidpublisher/v3/applications/{quote(package, safe='')}/reviews",
            params={"maxResults": str(size), **({"token": token} if token else {})},
            token=watch.token,
            endpoint="reviews",
            judge=judge_walk if token else judge,
        )
    except Gone as lost:
        return _written(place, anew.step(place.stand, lost, now=watch.now), watch)
    found = envelope(_REVIEWS, answer, "the page of reviews")
    posts: list[Post] = []
    rejects: list[Reject] = []
    items: list[tuple[str, datetime | None]] = []
    for item in found.reviews:
        made, bad = wire.review(item, package=package, now=watch.now)
        posts += made
        rejects += bad
        items.append((made[0].id, made[0].posted_at) if made else (bad[0].raw, None))
    return _page(
        place, sightings(items, place.stand, watch.now), found, watch, size, tuple(posts), tuple(rejects)
    )


def _page(
    place: _Place,
    seen: list[Sighting],
    found: _Reviews,
    watch: Watch,
    size: int,
    posts: tuple[Post, ...],
    rejects: tuple[Reject, ...],
) -> Page:
    """The page and where the walk stands after it, with what was lost between two visits."""
    before, begins = place.stand.newest, place.stand.walk is None
    token = found.paging.next if found.paging else None
    gap = None
    if begins and before is not None and watch.now - place.read > WINDOW:
        reason = "Google Play tells of the last week only, and the last visit was before that"
        gap = Gap(since=place.read, until=watch.now - WINDOW, reason=reason)
    elif not token and before is not None and len(found.reviews) >= size and _all_new(place.stand, seen):
        until = min(one.at for one in seen)
        gap = Gap(since=before, until=until, reason="Google Play's page was full and named no next one")
    if before is None and begins and not seen and not token:
        # nothing yet: all that comes from now on is news, however many pages it fills
        quiet = Stand(newest=watch.now - backwards.OVERLAP)
        step = Step(Cursor(msgspec.json.encode(quiet).decode()), more=False)
    else:
        step = backwards.step(place.stand, seen, token or None, now=watch.now, late=True)
    return _written(place, step, watch, posts, rejects, gap)


def _written(
    place: _Place,
    step: Step,
    watch: Watch,
    posts: tuple[Post, ...] = (),
    rejects: tuple[Reject, ...] = (),
    gap: Gap | None = None,
) -> Page:
    after = _Place(stand=backwards.stand(step.cursor), read=place.read if step.more else watch.now)
    return Page(
        posts=posts,
        rejects=rejects,
        cursor=Cursor(msgspec.json.encode(after).decode()),
        more=step.more,
        gap=step.gap or gap,
    )


def _all_new(stand: Stand, seen: list[Sighting]) -> bool:
    return bool(seen) and stand.newest is not None and all(one.at > stand.newest for one in seen)


def _place(cursor: Cursor | None, now: datetime) -> _Place:
    if cursor is None:
        return _Place(stand=Stand(), read=now)
    try:
        return _PLACE.decode(cursor)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Gone("this cursor is not one of Google Play's", cursor=True) from None


async def sign_in(http: Http, login: Login) -> Session:
    """A token for an hour, in exchange for a request that the service account's key has signed.

    Raises Denied(refreshable=False) when the key is none, names a strange place to send it to, or is refused.
    """
    try:
        key = _KEY.decode(login.secret)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise Denied(
            "the secret is not the text of a service account's JSON key file", refreshable=False
        ) from None
    if not _ours_or_googles(key.token_uri, login.host):
        raise Denied("the key file names a place to sign in that is not Google's", refreshable=False)
    if login.now is None:
        raise TryLater("a signed request for a token takes the time, and none was given")
    claims = {
        "iss": key.client_email,
        "scope": SCOPE,
        "aud": key.token_uri,
        "iat": int(login.now.timestamp()),
        "exp": int(login.now.timestamp()) + LASTS,
    }
    headers = {"kid": key.private_key_id} if key.private_key_id else None
    try:
        signed = jwt.encode(claims, key.private_key, algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise Denied("the private key in the key file cannot be read", refreshable=False) from None
    answer = await http.post(
        key.token_uri,
        form={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed},
        endpoint="token",
        judge=judge_login,
    )
    got = envelope(_TOKEN, answer, "the token")
    return Session(
        access=got.access_token,
        refresh=None,
        account_id=key.client_email,
        handle=key.client_email,
        host=login.host,
        lasts=got.expires_in,
    )


def _ours_or_googles(address: str, host: str) -> bool:
    """Where a key may be used: at Google, or at the very server whose API is asked."""
    try:
        where, asked = urlsplit(address), urlsplit(host)
    except ValueError:
        return False
    googles = where.scheme == "https" and where.netloc in _GOOGLE
    return googles or (where.scheme, where.netloc) == (asked.scheme, asked.netloc)


async def check(http: Http, watch: Watch) -> Held:
    """Whose the token is, its scopes, and how long it lasts. Raises Denied when it is refused."""
    host = "https://oauth2.googleapis.com" if watch.host == default_host else watch.host
    answer = await http.post(
        f"{host}/tokeninfo", form={"access_token": watch.token or ""}, endpoint="token", judge=judge_login
    )
    found = envelope(_TOKEN_INFO, answer, "what Google says of the token")
    try:
        lasts = float(found.expires_in) if found.expires_in is not None else None
    except ValueError:
        lasts = None
    return Held(
        account_id=found.email, handle=found.email, scopes=frozenset(found.scope.split()), lasts=lasts
    )


def judge(answer: Answer) -> ConnectorError | None:
    """A token that ran out is renewed; a used-up quota is waited for, though it comes as a 403."""
    reasons = _reasons(answer)
    if answer.status == 401:
        return Denied("Google wants a fresh token", refreshable=True)
    if answer.status == 403 and reasons & _BUSY:
        return TryLater("Google Play's quota is used up for now", after=HOUR, limited=True)
    if answer.status == 403 and "SERVICE_DISABLED" in reasons:
        return Denied("the publishing API is not enabled in the service account's project", refreshable=False)
    return None


def judge_walk(answer: Answer) -> ConnectorError | None:
    """The same in the middle of a walk, where a bad request can only be about the token we came with."""
    if answer.status == 400:
        return Gone("the place in the walk is not known any more", cursor=True)
    return judge(answer)


def judge_login(answer: Answer) -> ConnectorError | None:
    """What is refused at the door stays refused until a person changes something."""
    if answer.status in {400, 401, 403}:
        return Denied(f"Google refuses the sign-in ({answer.status})", refreshable=False)
    return None


def _reasons(answer: Answer) -> set[str]:
    try:
        problem = _ERROR.decode(answer.body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    return {one.reason for one in (*problem.errors, *problem.details)}
