"""Both app stores' side of the world: what customers write of an app, and on Google Play what we answer.

App Store (https://itunes.apple.com/us/rss/customerreviews/...): a line's feed is `APPID` or `de:APPID`. Ten pages of
fifty, `entry` an object when there is one and missing when there is none, and two caches for two spellings of one
address, each of which may be empty for a while. Too many requests are answered with a 403 in HTML.

Google Play (https://developers.google.com/android-publisher/reply-to-reviews): a line's feed is the package. A
service account's key (`GET /googleplay/key.json`) signs a request for a token that lasts an hour; reviews with words
of the last seven days, what changed last comes first; a line that answers one is the developer's comment on it.
"""

from __future__ import annotations

import json
import random
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.answers import Answer, Item, told
from simulator.limits import Window
from simulator.markup import feed_text
from simulator.people import letters_of
from simulator.stage import Said, Stage

if TYPE_CHECKING:
    from simulator.asked import Asked

PER_PAGE, PAGES = 50, 10
LASTS = 3_600
WEEK = timedelta(days=7)
ACCOUNT = "earshot@sim-project.iam.gserviceaccount.example"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
UNREADABLE = frozenset({"no_id", "year_1", "year_10000"})
_PATH = re.compile(r"([a-z]{2})/rss/customerreviews/page=(\d+)/id=(\d+)/sort([bB])y=most[rR]ecent/json")
_REVIEWS = re.compile(r"androidpublisher/v3/applications/([\w.]+)/reviews")
_CUPERTINO = timezone(timedelta(hours=-7))
_FORBIDDEN = b"<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


def modified(said: Said) -> datetime:
    """When a review was written, or last changed."""
    return said.edited_at or (said.created_at if said.line.hours is not None else said.indexed_at)


def _newest(reviews: Sequence[Said]) -> list[Said]:
    return sorted(reviews, key=lambda said: (modified(said), said.ordinal), reverse=True)


def _stars(said: Said) -> int:
    return said.line.rating or 1 + said.line.by.number % 5


def _item(said: Said) -> Item:
    if said.line.poison in UNREADABLE:
        return Item("reject", said.line.key)
    return Item("post", said.line.external_id, said.version)


def _spoilt(page: list[Said], mischief: frozenset[str]) -> list[Said]:
    """What a page does wrong."""
    if "duplicated" in mischief and page:
        page = [*page, page[0]]
    if "reordered" in mischief:
        random.Random(len(page)).shuffle(page)
    return page


class AppStore:
    """The feed of customer reviews. `cold` are the caches (`b`, `B`: the letter in `sortby`) that are empty, `holes`
    the pages that are, `undated` says whether `updated` is left out."""

    platform = "appstore"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window = Window(600, 60)
        self.cold: set[str] = set()
        self.holes: set[int] = set()
        self.undated = False

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """None: Apple tells nobody."""
        return {}

    def too_many(self, window: Window, now: float) -> Answer:
        return Answer(status=403, body=_FORBIDDEN, media_type="text/html")

    def answer(self, asked: Asked) -> Answer:
        found = _PATH.fullmatch(asked.path)
        if found is None:
            return Answer(status=404, body=b"<html><h1>Not Found</h1></html>", media_type="text/html")
        storefront, number, app, cache = found[1], int(found[2]), found[3], found[4]
        if not 1 <= number <= PAGES:
            text = b"CustomerReviews RSS page depth is limited to the last %d pages" % PAGES
            return Answer(status=400, body=text, media_type="text/plain")
        names = {f"{storefront}:{app}", *({app} if storefront == "us" else ())}
        there = [one for one in self.stage.on("appstore") if one.line.feed in names and not one.line.reply_to]
        page = _newest(there)[(number - 1) * PER_PAGE : number * PER_PAGE]
        if cache in self.cold or number in self.holes:
            page = []
        page = _spoilt(page, asked.mischief)
        feed: dict[str, Any] = {
            "author": {"name": {"label": "iTunes Store"}, "uri": {"label": "http://www.apple.com/itunes/"}},
            "title": {"label": "iTunes Store: Customer Reviews"},
            "link": [{"attributes": {"rel": "self", "href": f"{asked.base}/{asked.path}"}}],
        }
        entries = [self._entry(said, storefront, app) for said in page]
        if entries:
            feed["entry"] = entries[0] if len(entries) == 1 else entries
        answer = told({"feed": feed}, items=map(_item, page), via=f"{storefront}:{app}")
        answer.media_type = "text/javascript; charset=UTF-8"
        return answer

    def _entry(self, said: Said, storefront: str, app: str) -> dict[str, Any]:
        line = said.line
        at = modified(said).astimezone(_CUPERTINO).isoformat(timespec="seconds")
        years = {"year_1": "0001-01-01T00:00:00Z", "year_10000": "10000-01-01T00:00:00Z"}
        entry: dict[str, Any] = {
            "author": {
                "uri": {"label": f"https://itunes.apple.com/{storefront}/reviews/id{line.by.number}"},
                "name": {"label": line.by.name},
                "label": "",
            },
            "updated": {"label": years.get(line.poison or "", at)},
            "im:version": {"label": "5.8.1"},
            "im:rating": {"label": str(_stars(said))},
            "id": {"label": line.external_id},
            "title": {"label": line.title},
            "content": {
                "label": feed_text(said.text, self.stage.script.cast),
                "attributes": {"type": "text"},
            },
            "link": {
                "attributes": {
                    "rel": "related",
                    "href": f"https://itunes.apple.com/{storefront}/review?id={app}&type=Purple%20Software",
                }
            },
            "im:voteSum": {"label": "0"},
            "im:voteCount": {"label": "0"},
        }
        if self.undated:
            del entry["updated"]
        if line.poison == "no_id":
            del entry["id"]
        return entry


class GooglePlay:
    """The publishing API and the place where a service account gets its token. `seconds`: how long one lasts.

    `mute` leaves out the token to the next page, as the API sometimes does.
    """

    platform = "googleplay"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window = Window(200, 3_600)
        self.seconds: float = LASTS
        self.mute = False
        self._tokens: dict[str, float] = {}

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """None: Google tells nobody."""
        return {}

    def too_many(self, window: Window, now: float) -> Answer:
        answer = _error(
            429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Quota exceeded for reviews per hour."
        )
        answer.headers["Retry-After"] = str(max(1, round(window.until - now)))
        return answer

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key_file(self, base: str) -> dict[str, str]:
        """What the console would have given us. `base` is the address of this platform here."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "sim-project",
            "private_key_id": "sim-key",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "token_uri": f"{base}/token",
        }

    def expire(self) -> None:
        """No token that was given out is good any more."""
        self._tokens.clear()

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "key.json":
            return told(self.key_file(asked.base))
        if asked.path == "token" and asked.method == "POST":
            return self._signed_in(asked)
        if asked.path == "tokeninfo" and asked.method == "POST":
            return self._info(asked)
        found = _REVIEWS.fullmatch(asked.path)
        if found is None:
            return _error(404, "NOT_FOUND", "notFound", "Not Found")
        if self._tokens.get(asked.token or "", 0.0) <= asked.now.timestamp():
            return _error(401, "UNAUTHENTICATED", "authError", "Invalid Credentials")
        return self._reviews(asked, found[1])

    def _signed_in(self, asked: Asked) -> Answer:
        try:
            claims = jwt.decode(
                (asked.form.get("assertion") or [""])[0],
                self._key.public_key(),
                algorithms=["RS256"],
                audience=f"{asked.base}/token",
                issuer=ACCOUNT,
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            return told({"error": "invalid_grant", "error_description": str(error)}, status=400)
        now = asked.now.timestamp()
        if not claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + LASTS:
            return told(
                {"error": "invalid_grant", "error_description": "Invalid JWT: iat and exp"}, status=400
            )
        if claims.get("scope") != SCOPE:
            return told({"error": "invalid_scope"}, status=400)
        token = f"ya29.sim-{letters_of(20, self.stage.script.seed, len(self._tokens), now)}"
        self._tokens[token] = now + self.seconds
        return told({"access_token": token, "expires_in": int(self.seconds), "token_type": "Bearer"})

    def _info(self, asked: Asked) -> Answer:
        left = self._tokens.get((asked.form.get("access_token") or [""])[0], 0.0) - asked.now.timestamp()
        if left <= 0:
            return told({"error": "invalid_token", "error_description": "Invalid Value"}, status=400)
        return told({"email": ACCOUNT, "scope": SCOPE, "expires_in": str(int(left)), "access_type": "online"})

    def _reviews(self, asked: Asked, package: str) -> Answer:
        known = [said for said in self.stage.said.values() if said.line.platform == "googleplay"]
        if not any(said.line.feed == package for said in known):
            return _error(
                404, "NOT_FOUND", "applicationNotFound", "No application was found for the package."
            )
        after = _place(asked.one("token")) if asked.one("token") else None
        if asked.one("token") and after is None:
            return _error(400, "INVALID_ARGUMENT", "invalid", "Invalid token.")
        size = max(1, min(100, int(asked.one("maxResults", "10"))))
        there = [
            said
            for said in _newest([one for one in self.stage.on("googleplay") if not one.line.reply_to])
            if said.line.feed == package and modified(said) >= asked.now - WEEK and said.text
        ]
        below = [said for said in there if after is None or (modified(said), said.ordinal) < after]
        page = below[:size]
        value: dict[str, Any] = {}
        items: list[Item] = []
        shown = _spoilt(list(page), asked.mischief)
        if shown:
            value["reviews"] = [self._review(said, items) for said in shown]
        if len(below) > size and not self.mute:
            last = f"{modified(page[-1]).isoformat()} {page[-1].ordinal}"
            value["tokenPagination"] = {"nextPageToken": urlsafe_b64encode(last.encode()).decode()}
        return told(value, items=items, via=package)

    def _review(self, said: Said, items: list[Item]) -> dict[str, Any]:
        line, people = said.line, self.stage.script.cast
        items.append(_item(said))
        comment: dict[str, Any] = {
            "text": f"{line.title}\t{feed_text(said.text, people)}",
            "lastModified": _moment(modified(said)),
            "starRating": _stars(said),
            "device": "sunfish",
            "appVersionName": "5.8.1",
        }
        if line.poison in {"year_1", "year_10000"}:
            comment["lastModified"] = {
                "seconds": "-62135596800" if line.poison == "year_1" else "253402300800"
            }
        if line.lang:
            comment["reviewerLanguage"] = line.lang
        comments: list[dict[str, Any]] = [{"userComment": comment}]
        answers = [one for one in self.stage.on("googleplay") if one.line.reply_to == line.key]
        if answers and line.poison not in UNREADABLE:
            answer = answers[-1]
            items.append(_item(answer))
            text = feed_text(answer.text, people)
            comments.append({"developerComment": {"text": text, "lastModified": _moment(modified(answer))}})
        review = {"reviewId": line.external_id, "authorName": line.by.name, "comments": comments}
        if line.poison == "no_id":
            del review["reviewId"]
        return review


def _moment(when: datetime) -> dict[str, Any]:
    """A protocol buffer's Timestamp in JSON: the long number is a string."""
    return {"seconds": str(int(when.timestamp())), "nanos": when.microsecond * 1000}


def _place(token: str) -> tuple[datetime, int] | None:
    try:
        at, _, ordinal = urlsafe_b64decode(token).decode().partition(" ")
        return datetime.fromisoformat(at).astimezone(UTC), int(ordinal)
    except (ValueError, UnicodeError):
        return None


def _error(status: int, name: str, reason: str, message: str) -> Answer:
    problem = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": name,
    }
    return Answer(status=status, body=json.dumps({"error": problem}).encode())
