"""X's tokens and what they have cost: an app's token lasts, a user's ends after two hours and is renewed once.

https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code, .../x-api/getting-started/pricing. A post
is $0.005, a user $0.010, a post of the app owner's own mentions $0.001, a count $0.005 a request; what was charged
is not charged again on the same day in UTC.
"""

from __future__ import annotations

import base64
import secrets
from collections import Counter
from datetime import datetime

from simulator.answers import Answer, told

APP_TOKEN = "sim-x-app-token"  # noqa: S105  (of a server that lives on this machine, and not for long)
"""Every token that begins like this is an app's, each with a bill of its own."""
KEYS = ("sim-key", "sim-key-secret")
CLIENT = ("sim-client", "sim-client-secret")
REFRESH = "sim-x-first-refresh"
POST, USER, OWNED, COUNT = 5_000, 10_000, 1_000, 5_000
"""In millionths of a US dollar."""
MOST_POSTS = 3_000_000


class Keys:
    """Who may ask. `lasts` is how many seconds a user's token does."""

    def __init__(self) -> None:
        self.lasts = 7_200.0
        self.refreshes = 0
        self._until: dict[str, float] = {}
        self._refresh = {REFRESH}

    def refused(self, token: str | None, now: float) -> Answer | None:
        """Why this token does not do; None when it does."""
        fine = token is not None and (token.startswith(APP_TOKEN) or self._until.get(token, 0.0) > now)
        if fine:
            return None
        problem = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
        return told(problem, status=401)

    def is_user(self, token: str | None) -> bool:
        return token in self._until

    def expire(self) -> None:
        """End every user's token now; refresh tokens go on working."""
        self._until = dict.fromkeys(self._until, 0.0)

    def revoke(self) -> None:
        """End the refresh tokens as well: the account has to be connected anew."""
        self.expire()
        self._refresh = set()

    def app(self, basic: str | None, grant: str) -> Answer:
        """oauth2/token."""
        if _pair(basic) != KEYS or grant != "client_credentials":
            problem = {
                "code": 99,
                "message": "Unable to verify your credentials",
                "label": "authenticity_token_error",
            }
            return told({"errors": [problem]}, status=403)
        return told(
            {"token_type": "bearer", "access_token": f"{APP_TOKEN}-{secrets.token_hex(4)}"}, via="token"
        )

    def renew(self, basic: str | None, client: str, refresh: str, now: float) -> Answer:
        """2/oauth2/token: a refresh token works once, its successor is in the answer."""
        known = _pair(basic) == CLIENT or (basic is None and client == CLIENT[0])
        if not known:
            return told(
                {"error": "unauthorized_client", "error_description": "Missing valid authorization"},
                status=401,
            )
        if refresh not in self._refresh:
            said = "Value passed for the token was invalid."
            return told({"error": "invalid_request", "error_description": said}, status=400)
        self._refresh.discard(refresh)
        self.refreshes += 1
        access, following = f"sim-x-user-{secrets.token_hex(8)}", f"sim-x-refresh-{secrets.token_hex(8)}"
        self._until[access] = now + self.lasts
        self._refresh.add(following)
        body = {
            "token_type": "bearer",
            "expires_in": int(self.lasts),
            "access_token": access,
            "scope": "tweet.read users.read offline.access",
            "refresh_token": following,
        }
        return told(body, via="token")


class Bill:
    """What each token has cost by the month. `cap` is what it may; `listed` is the same without X's kindness of
    charging nothing twice a day."""

    def __init__(self) -> None:
        self.cap: int | None = None
        self.charged: Counter[tuple[str, str]] = Counter()
        self.listed: Counter[tuple[str, str]] = Counter()
        self.posts: Counter[tuple[str, str]] = Counter()
        self._seen: set[tuple[str, str, str]] = set()

    def refused(self, token: str, now: datetime) -> Answer | None:
        """The answer of a month that is used up."""
        month = (token, f"{now:%Y-%m}")
        if self.posts[month] < MOST_POSTS and (self.cap is None or self.charged[month] < self.cap):
            return None
        problem = {
            "account_id": "1",
            "product_name": "pay-per-use",
            "title": "UsageCapExceeded",
            "period": "Monthly",
            "scope": "Product",
            "detail": "Usage cap exceeded: Monthly product cap",
            "type": "https://api.twitter.com/2/problems/usage-capped",
        }
        return told(problem, status=429)

    def charge(self, token: str, now: datetime, prices: dict[str, int]) -> None:
        """Charge what is returned: a price for each resource, named `post:1`, `user:7`."""
        month, day = (token, f"{now:%Y-%m}"), f"{now:%Y-%m-%d}"
        for resource, price in prices.items():
            self.listed[month] += price
            if (token, day, resource) not in self._seen:
                self._seen.add((token, day, resource))
                self.charged[month] += price
                self.posts[month] += resource.startswith("post:")


def _pair(basic: str | None) -> tuple[str, str] | None:
    try:
        name, _, value = base64.b64decode(basic or "").decode().partition(":")
    except ValueError:
        return None
    return name, value
