"""Posts that somebody's own program delivers to us: a shop's contact form, a survey, a platform that we do not follow.

Signed as https://www.standardwebhooks.com says: `webhook-id`, `webhook-timestamp` and `webhook-signature` over the
body as it came. The body is JSON: a post (`_neutral.py` says what it looks like), a list of them, or `{"posts": [...]}`.
Surprising: that project's own package signs text only, looks at the wall clock and lets a signature without a comma
escape as ValueError; so what is signed, compared and when stands here.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import msgspec

from connectors import _neutral
from connectors._base import (
    Answer,
    Cursor,
    Delivery,
    Denied,
    Garbled,
    Gone,
    Http,
    Need,
    Page,
    Post,
    Received,
    Reject,
    Spend,
    Watch,
)
from connectors._decode import envelope, raw_text

platform = "webhook"
default_host: str | None = ""
interval = 86_400.0
secret = "whsec_ and 24 to 64 bytes in base64, which the sender signs with; while it changes, the new and the old one with a space between"  # noqa: S105
watches: Mapping[str, Need] = MappingProxyType(
    {"inbound": Need(term="a name for the sender", example="shop", credential="required")}
)

TOLERANCE = timedelta(minutes=5)
"""How far the clocks of sender and receiver may differ, and how long a delivery that was overheard could be sent again."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SIGNATURES = 20


class _Envelope(msgspec.Struct):
    """`id` is there in an object that is itself a post."""

    posts: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_ENVELOPE = msgspec.json.Decoder(list[msgspec.Raw] | _Envelope)


def check_term(kind: str, term: str) -> None:
    """Raises Gone for a name that no credential could have."""
    if not _NAME.fullmatch(term):
        raise Gone("a sender's name is of letters, digits, dots and dashes, at most 100")


def cost(watch: Watch) -> Spend:
    """Nothing is asked of anybody."""
    return Spend(requests=0)


async def fetch(http: Http, watch: Watch, cursor: Cursor | None) -> Page:
    """Nobody to fetch from."""
    raise Gone("a webhook is delivered to us and cannot be fetched")


def receive(delivery: Delivery, secret: str, now: datetime) -> Received:
    """The posts that were delivered. Raises Denied and Garbled."""
    if delivery.method != "POST":
        raise Denied("a delivery is a POST", refreshable=False)
    name = _verified(delivery.headers, delivery.body, secret, now)
    try:
        delivery.body.decode()
    except UnicodeDecodeError:
        raise Garbled("the body is not UTF-8") from None
    posts: list[Post] = []
    rejects: list[Reject] = []
    for raw in _items(delivery.body):
        try:
            posts.append(_neutral.read(raw, now))
        except _neutral.Unfit as unfit:
            rejects.append(Reject(raw=raw_text(raw), reason=str(unfit)))
    return Received(id=name, page=Page(posts=tuple(posts), rejects=tuple(rejects), cursor=None))


def _verified(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """The delivery's id, once one of its signatures is one of our secrets'. Raises Denied, always in the same words:
    which part was wrong is nobody's business."""
    denied = Denied("the signature does not hold", refreshable=False)
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise denied
    try:
        sent = datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise denied from None
    ours = [made for one in secret.split() if (made := _signature(one, name, sent, body))]
    held = False
    for given in headers.get("webhook-signature", "").split(" ")[:_SIGNATURES]:
        for mine in ours:
            held |= hmac.compare_digest(given.encode(), mine)
    if not held or abs(now - sent) > TOLERANCE:
        raise denied
    return name


def _signature(secret: str, name: str, sent: datetime, body: bytes) -> bytes | None:
    """As it stands in a header; None for what is no secret."""
    try:
        key = b64decode(secret.removeprefix("whsec_") + "==")
    except (binascii.Error, ValueError):
        return None
    told = f"{name}.{int(sent.timestamp())}.".encode() + body
    return b"v1," + b64encode(hmac.digest(key, told, "sha256")) if key else None


def _items(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    """Each post as it came. Raises Garbled."""
    answer = Answer(status=200, url="", headers={}, body=body)
    found: list[msgspec.Raw] | _Envelope = envelope(_ENVELOPE, answer, "the body")
    if isinstance(found, list):
        return found
    if found.posts is not msgspec.UNSET:
        return found.posts
    if found.id is msgspec.UNSET:
        raise Garbled("the body is neither a post nor a list of posts")
    return [body]
