"""Google Play's stage: what changed last comes first, tokens are offsets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors._base import Held, Login
from tests.contract_stages import NOW, Said, Stage, as_json
from tests.replayer import Asked, Reply

ROBOT = "earshot@acme.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class GooglePlay(Stage):
    PLACE = ("token",)
    platform: str = "googleplay"
    kind: str = "reviews"

    def held(self) -> Held:
        return Held(account_id=ROBOT, handle=ROBOT, scopes=frozenset({SCOPE}), lasts=3000.0)

    def login(self, base: str) -> Login:
        pem = key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = {"private_key": pem.decode(), "client_email": ROBOT, "token_uri": f"{base}/token"}
        return Login(host=base, identifier="play", secret=json.dumps(file), now=NOW)

    def unplaced(self) -> Reply:
        return as_json(
            {"error": {"code": 400, "message": "Invalid token.", "status": "INVALID_ARGUMENT"}}, 400
        )

    def beside(self, asked: Asked) -> Reply | None:
        if asked.path == "/tokeninfo":
            return as_json({"email": ROBOT, "scope": SCOPE, "expires_in": "3000"})
        if asked.path != "/token":
            return None
        (signed,) = parse_qs(asked.body.decode())["assertion"]
        options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        jwt.decode(signed, key().public_key(), algorithms=["RS256"], options=options)
        return as_json({"access_token": "token", "expires_in": 3600})

    def term(self) -> str:
        return "com.acme.shop"

    def number(self, post_id: str) -> int:
        return int(post_id.rstrip("x"))

    def _review(self, said: Said) -> dict[str, Any]:
        at = said.written.timestamp()
        modified = {"seconds": str(int(at)), "nanos": said.written.microsecond * 1000}
        text = ["?"] if said.n in self.broken else f"\t{said.text}"
        comment = {"text": text, "lastModified": modified, "starRating": said.n % 5 + 1}
        return {"reviewId": self._n(said), "authorName": "Ann", "comments": [{"userComment": comment}]}

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.said, key=lambda s: (s.written, s.n), reverse=True)
        limit = int(asked.param("maxResults") or 10)
        start = 0 if self.stuck else int(asked.param("token") or 0)
        shown = self.there(newest[start : start + limit])
        page: dict[str, Any] = {"reviews": [self._review(said) for said in shown]}
        if self.stuck or start + limit < len(newest):
            page["tokenPagination"] = {"nextPageToken": str(start + limit)}
        return Reply(200, json.dumps(page).encode(), {"content-type": "application/json"})


def stages() -> list[Stage]:
    return [GooglePlay()]
