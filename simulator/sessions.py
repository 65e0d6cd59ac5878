"""Bluesky's sessions: an access token that runs out, a refresh token that works once.

https://docs.bsky.app/docs/api/com-atproto-server-create-session. An expired access token is answered with
400 `ExpiredToken`; so is a refresh token that was used before.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

from simulator.answers import Answer, told
from simulator.limits import Window, bluesky_headers
from simulator.people import Person

PASSWORD = "sim-app-password"  # noqa: S105  (of a server that lives on this machine, and not for long)
ACCESS_SECONDS = 7_200


class Sessions:
    """Who is signed in. `now` is in epoch seconds."""

    def __init__(self, us: Person, now: Callable[[], float]) -> None:
        self.us, self.now = us, now
        self.seconds: float = ACCESS_SECONDS
        self.logins = Window(30, 300)
        self.refreshes = 0
        self._access: dict[str, float] = {}
        self._refresh: set[str] = set()
        self._spent: set[str] = set()

    def create(self, body: Any, base: str) -> Answer:
        """createSession."""
        if not self.logins.take(self.now()):
            after = str(max(1, round(self.logins.until - self.now())))
            return _error(429, "RateLimitExceeded", "Rate Limit Exceeded", retry_after=after)
        identifier = body.get("identifier") if isinstance(body, dict) else None
        secret = body.get("password") if isinstance(body, dict) else None
        if identifier not in (self.us.bluesky, self.us.did) or secret != PASSWORD:
            return _error(401, "AuthenticationRequired", "Invalid identifier or password")
        answer = self._opened(base)
        answer.headers.update(bluesky_headers(self.logins))
        return answer

    def refresh(self, token: str | None, base: str) -> Answer:
        """refreshSession: the old pair ends, a new one begins."""
        if token in self._spent:
            return _error(400, "ExpiredToken", "Token has been revoked")
        if token not in self._refresh or token is None:
            return _error(400, "InvalidToken", "Token could not be verified")
        self._refresh.discard(token)
        self._spent.add(token)
        self.refreshes += 1
        return self._opened(base)

    def refused(self, token: str | None) -> Answer | None:
        """Why this access token does not do; None when it does."""
        if token is None:
            return _error(401, "AuthMissing", "Authentication Required")
        if token not in self._access:
            return _error(400, "InvalidToken", "Bad token scope")
        if self._access[token] <= self.now():
            return _error(400, "ExpiredToken", "Token has expired")
        return None

    def expire(self) -> None:
        """End every access token now; refresh tokens go on working."""
        self._access = dict.fromkeys(self._access, 0.0)

    def revoke(self) -> None:
        """End the refresh tokens as well: only the password helps."""
        self.expire()
        self._spent |= self._refresh
        self._refresh = set()

    def _opened(self, base: str) -> Answer:
        until = self.now() + self.seconds
        access, refresh = self._token("access", until), self._token("refresh", until + 60 * 86_400)
        self._access[access] = until
        self._refresh.add(refresh)
        document = {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": self.us.did,
            "alsoKnownAs": [f"at://{self.us.bluesky}"],
            "service": [{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": base}],
        }
        return told(
            {
                "did": self.us.did,
                "didDoc": document,
                "handle": self.us.bluesky,
                "email": "listening@tarnbeck.example",
                "emailConfirmed": True,
                "emailAuthFactor": False,
                "accessJwt": access,
                "refreshJwt": refresh,
                "active": True,
            },
            via="session",
        )

    def _token(self, scope: str, until: float) -> str:
        claims = {
            "scope": f"com.atproto.{scope}",
            "sub": self.us.did,
            "iat": int(self.now()),
            "exp": int(until),
        }
        return f"{_part({'typ': 'at+jwt', 'alg': 'HS256'})}.{_part(claims)}.{secrets.token_urlsafe(16)}"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _error(status: int, code: str, message: str, retry_after: str | None = None) -> Answer:
    answer = told({"error": code, "message": message}, status=status)
    if retry_after:
        answer.headers["retry-after"] = retry_after
    return answer
