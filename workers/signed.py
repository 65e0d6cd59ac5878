"""What a webhook is sent, signed as https://www.standardwebhooks.com says.

The id of a delivery is that of the news: the same at every try and replay, so that a receiver which remembers ids takes
each once. While a secret is exchanged the old one signs as well. Surprising: the signature is over the text as it is sent, so the text is
made once and never parsed and printed again.
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64decode, b64encode
from datetime import UTC, datetime

from workers.outbox import News

EXCHANGE = 86_400
"""Seconds for which a secret before signs as well."""
AT_ONCE = 5
"""So many secrets sign at once, at most: each is a part of a header."""


def new_secret() -> str:
    """A secret of 32 bytes, as the specification writes one."""
    return "whsec_" + b64encode(os.urandom(32)).decode()


def exchanged(new: str, kept: str, now: datetime) -> str:
    """What is kept when a new secret takes the place of the one kept: the new one, then each older one that still signs
    with the moment (epoch) until which it does."""
    old, *before = kept.split()
    still = [f"{secret} {until}" for secret, until in _older(before) if until > now.timestamp()]
    return " ".join([new, f"{old} {int(now.timestamp()) + EXCHANGE}", *still])


def keys(kept: str, now: datetime) -> list[bytes]:
    """The keys that sign now."""
    new, *before = kept.split()
    secrets = [new, *(secret for secret, until in _older(before) if until > now.timestamp())]
    return [b64decode(secret.removeprefix("whsec_")) for secret in secrets]


def _older(words: list[str]) -> list[tuple[str, int]]:
    return [(secret, int(until)) for secret, until in zip(words[::2], words[1::2], strict=True)]


def name_of(news: News) -> str:
    """The id of a delivery. The moment is in it because a database that was restored from a backup counts again."""
    return f"news_{news.id}_{int(news.created_at.timestamp() * 1000):x}"


def payload(news: News) -> bytes:
    """The body: {type, timestamp, data}."""
    head = json.dumps(
        {"type": news.kind, "timestamp": news.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    )
    return f'{head[:-1]}, "data": {news.body}}}'.encode()


def headers(name: str, body: bytes, signing: list[bytes], now: datetime) -> list[tuple[str, str]]:
    """The three headers of the specification."""
    sent = str(int(now.timestamp()))
    what = f"{name}.{sent}.".encode() + body
    signatures = " ".join("v1," + b64encode(hmac.digest(key, what, "sha256")).decode() for key in signing)
    return [("webhook-id", name), ("webhook-timestamp", sent), ("webhook-signature", signatures)]
