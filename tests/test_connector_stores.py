"""The App Store and Google Play: what the contract does not say of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors import appstore, connectors, googleplay
from connectors._base import Answer, ConnectorError, Cursor, Denied, Gone, Login, Page, TryLater, Watch
from connectors._http import Requests
from tests.contract import Case
from tests.contract_stages import NOW, stages
from tests.recordings_table import Canned
from tests.replayer import Reply
from tests.unwired import BASE, Unwired

TOKEN_URI = "https://oauth2.googleapis.com/token"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


@dataclass
class Heard:
    """An `Http` that keeps what it is asked and answers with one body."""

    body: Any
    urls: list[str] = field(default_factory=list)
    forms: list[Mapping[str, str]] = field(default_factory=list)

    async def post(self, url: str, *, form: Mapping[str, str] | None = None, **_: Any) -> Answer:
        self.urls.append(url)
        self.forms.append(form or {})
        return Answer(status=200, url=url, headers={}, body=json.dumps(self.body).encode())

    async def get(self, url: str, **_: Any) -> Answer:
        self.urls.append(url)
        return Answer(status=200, url=url, headers={}, body=json.dumps(self.body).encode())


def login(**changes: Any) -> Login:
    key = {
        "type": "service_account",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "earshot@acme.iam.gserviceaccount.com",
        "token_uri": TOKEN_URI,
    }
    assert googleplay.default_host is not None
    secret = json.dumps({**key, **changes})
    return Login(host=googleplay.default_host, identifier="play", secret=secret, now=NOW)


def signed_in(http: Any, with_: Login) -> Any:
    return asyncio.run(googleplay.sign_in(http, with_))


def reviews(body: Any, cursor: Cursor | None = None, *, at: datetime = NOW) -> Page:
    """One page of the App Store."""
    watch = Watch(kind="reviews", term="1", host="https://itunes.apple.com", now=at)
    reply = Reply(200, json.dumps(body).encode())
    return asyncio.run(appstore.fetch(Canned(reply), watch, cursor))


def entry(n: int, updated: str | None = "2026-11-20T10:00:00Z", text: str = "words") -> dict[str, Any]:
    told = {"id": {"label": str(n)}, "im:rating": {"label": "1"}, "content": {"label": text}}
    return {**told, "updated": {"label": updated}} if updated else told


@pytest.mark.parametrize(
    ("term", "means"),
    [
        ("310633997", ("us", "310633997")),
        (" DE:310633997 ", ("de", "310633997")),
        ("fr:id310633997", ("fr", "310633997")),
        ("https://apps.apple.com/gb/app/acme-shop/id310633997", ("gb", "310633997")),
        ("https://apps.apple.com/gb/app/id310633997?l=en#top", ("gb", "310633997")),
    ],
)
def test_an_app_is_named_by_country_and_number(term: str, means: tuple[str, str]) -> None:
    assert appstore._app(term) == means


@pytest.mark.parametrize("term", ["acme", "usa:1", "de:", "1/../2", "https://evil.example/us/app/id1", "١٢٣"])
def test_what_names_no_app_is_refused_before_it_is_asked(term: str) -> None:
    with pytest.raises(Gone):
        appstore.check_term("reviews", term)


@pytest.mark.parametrize("term", ["acme", "com.acme/../x", "com..acme", "1com.acme", "com.acme?x=1", ""])
def test_what_is_no_package_is_refused_before_it_is_asked(term: str) -> None:
    with pytest.raises(Gone):
        googleplay.check_term("reviews", term)


def test_an_older_reading_of_an_edited_review_is_older_by_its_edit_time() -> None:
    """The event keeps the newest edit; a cache that is behind must not undo it."""
    then = reviews({"feed": {"entry": [entry(1, "2026-11-21T10:00:00Z", "mended")]}}).posts[0]
    stale = reviews({"feed": {"entry": [entry(1)]}}).posts[0]
    assert stale.edited_at is not None
    assert then.edited_at is not None
    assert stale.edited_at < then.edited_at


def test_a_review_without_a_time_claims_no_edit_so_that_its_words_decide() -> None:
    cursor = reviews({"feed": {"entry": [entry(1, None)]}}).cursor
    later = NOW + timedelta(hours=1)
    (post,) = reviews({"feed": {"entry": [entry(1, None)]}}, cursor, at=later).posts
    assert post.edited_at is None


def test_an_empty_store_costs_two_requests_and_a_full_page_one() -> None:
    assert appstore.cost(Watch(kind="reviews", term="1", host="", now=NOW)).requests == 2
    for body, requests in (({"feed": {}}, 2), ({"feed": {"entry": entry(1)}}, 1)):
        page = reviews(body)
        assert page.spent is not None
        assert page.spent.requests == requests


@pytest.mark.parametrize("token", ["11", "0", "-1", "1/../2", "x"])
def test_a_cursor_leads_to_none_but_the_ten_pages(token: str) -> None:
    walk = {"high": "2026-11-22T00:00:00Z", "token": token}
    with pytest.raises(Gone) as caught:
        reviews({"feed": {}}, Cursor(json.dumps({"newest": "2026-11-20T00:00:00Z", "walk": walk})))
    assert caught.value.cursor


def test_the_request_for_a_token_is_signed_and_lasts_an_hour() -> None:
    http = Heard({"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"})
    session = signed_in(http, login())
    assert http.urls == [TOKEN_URI]
    (form,) = http.forms
    claims = jwt.decode(
        form["assertion"],
        KEY.public_key(),
        algorithms=["RS256"],
        audience=TOKEN_URI,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == "earshot@acme.iam.gserviceaccount.com"
    assert claims["scope"] == googleplay.SCOPE
    assert datetime.fromtimestamp(claims["iat"], UTC) == NOW.replace(microsecond=0)
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
    assert (session.access, session.lasts, session.host) == ("ya29.x", 3599, googleplay.default_host)


@pytest.mark.parametrize(
    "where",
    [
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://evil.example/token",
        "https://user@evil.example/token",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://[::1/token",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_key_file_cannot_send_the_signature_elsewhere(where: str) -> None:
    http = Heard({"access_token": "x"})
    with pytest.raises(Denied) as caught:
        signed_in(http, login(token_uri=where))
    assert not caught.value.refreshable
    assert not http.urls


@pytest.mark.parametrize("key", ["", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "x" * 50])
def test_a_key_that_cannot_be_read_is_denied_and_not_shown(key: str) -> None:
    with pytest.raises(Denied) as caught:
        signed_in(Heard({}), login(private_key=key))
    assert not caught.value.refreshable
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "{}", "[1]", "not json", '{"client_email": 1}'])
def test_a_secret_that_is_no_key_file_is_denied(secret: str) -> None:
    with pytest.raises(Denied):
        signed_in(Heard({}), Login(host="https://x.example", identifier="play", secret=secret, now=NOW))


def test_without_the_time_nothing_is_signed() -> None:
    with pytest.raises(TryLater):
        signed_in(Heard({}), Login(host="https://x.example", identifier="play", secret=login().secret))


@pytest.mark.parametrize(
    ("status", "reason", "error", "flag"),
    [
        (403, "rateLimitExceeded", TryLater, "limited"),
        (403, "dailyLimitExceeded", TryLater, "limited"),
        (403, "permissionDenied", Denied, ""),
        (401, "authError", Denied, "refreshable"),
        (429, "rateLimitExceeded", TryLater, "limited"),
    ],
)
def test_the_reason_in_the_body_decides_what_a_refusal_is(
    status: int, reason: str, error: type[ConnectorError], flag: str
) -> None:
    body = {"error": {"code": status, "errors": [{"reason": reason}]}}
    watch = Watch(kind="reviews", term="com.acme.shop", host="https://x.example", now=NOW, token="t")
    with pytest.raises(error) as caught:
        asyncio.run(googleplay.fetch(Canned(Reply(status, json.dumps(body).encode())), watch, None))
    for name in ("limited", "refreshable"):
        assert getattr(caught.value, name, False) == (name == flag)


def test_a_token_is_checked_where_it_was_made() -> None:
    http = Heard(
        {
            "email": "earshot@acme.iam.gserviceaccount.com",
            "scope": f"openid {googleplay.SCOPE}",
            "expires_in": "12",
        }
    )
    assert googleplay.default_host is not None
    watch = Watch(kind="reviews", term="com.acme.shop", host=googleplay.default_host, now=NOW, token="secret")
    held = asyncio.run(googleplay.check(http, watch))  # type: ignore[arg-type]
    assert http.urls == ["https://oauth2.googleapis.com/tokeninfo"]
    assert (held.lasts, googleplay.SCOPE in (held.scopes or ())) == (12.0, True)


def test_no_cursor_and_no_address_holds_the_token() -> None:
    watch = Watch(kind="reviews", term="com.acme.shop", host="https://x.example", now=NOW, token="s3cret")
    http = Heard({"reviews": [], "tokenPagination": {"nextPageToken": "abc"}})
    page = asyncio.run(googleplay.fetch(http, watch, None))  # type: ignore[arg-type]
    assert "s3cret" not in str(page.cursor)
    assert "s3cret" not in "".join(http.urls)


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_place_at_google_play_is_a_second_reading_or_a_named_gap(times: int) -> None:
    """Ten reviews behind the mark, three a page; the token of the last page is refused."""
    refused = [400] * times

    class Play:
        async def get(self, url: str, *, params: Mapping[str, Any], judge: Any, **_: Any) -> Answer:
            start = int(params.get("token", "0"))
            if start == 9 and refused:
                raise judge(Answer(status=refused.pop(), url=url, headers={}, body=b""))
            said = [
                {"text": "x", "starRating": 1, "lastModified": {"seconds": str(int(at.timestamp()))}}
                for at in whens
            ]
            made = [{"reviewId": f"{n}", "comments": [{"userComment": one}]} for n, one in enumerate(said)]
            more = {"tokenPagination": {"nextPageToken": str(start + 3)}} if start + 3 < len(made) else {}
            return Answer(
                status=200,
                url=url,
                headers={},
                body=json.dumps({"reviews": made[start : start + 3], **more}).encode(),
            )

    whens = [NOW - timedelta(minutes=20)]
    watch = Watch(
        kind="reviews", term="com.acme.shop", host="https://x.example", now=NOW, token="t", page_size=3
    )
    page = asyncio.run(googleplay.fetch(Play(), watch, None))  # type: ignore[arg-type]
    whens[:0] = [NOW - timedelta(minutes=n) for n in range(10)]
    gaps, ids = [], set()
    for _ in range(20):
        page = asyncio.run(googleplay.fetch(Play(), watch, page.cursor))  # type: ignore[arg-type]
        gaps += [(page.gap.since, page.gap.until)] if page.gap else []
        ids |= {post.id for post in page.posts}
        if not page.more:
            break
    lost = (NOW - timedelta(minutes=20), NOW - timedelta(minutes=8))
    assert (page.more, refused, gaps) == (False, [], [] if times == 1 else [lost])
    assert ids >= {str(n) for n in range(10 if times == 1 else 9)}


@pytest.mark.parametrize("name", ["googleplay-reviews", "appstore-reviews"])
def test_a_review_that_shows_itself_four_minutes_late_below_a_page_of_newer_ones_is_found(name: str) -> None:
    stage = stages()[name]
    case = Case(connectors()[stage.platform], stage, Requests(Unwired(stage.answer)), BASE)

    async def run() -> set[int]:
        case.stage.say(0, NOW - timedelta(minutes=60))
        posts, cursor = await case.visit()
        for n in range(1, 41):
            case.stage.say(n, NOW + timedelta(seconds=10 * n))
        more, cursor = await case.visit(cursor, NOW + timedelta(seconds=400))
        case.stage.say(41, NOW + timedelta(seconds=175))
        late, _ = await case.visit(cursor, NOW + timedelta(seconds=415))
        return case.numbers([*posts, *more, *late])

    assert asyncio.run(run()) == set(range(42))
