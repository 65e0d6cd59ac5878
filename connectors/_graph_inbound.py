"""What Meta delivers by itself: a page's comments, Instagram's, Threads' replies, all in one kind of envelope.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started, /docs/threads/webhooks. A delivery is signed
over the raw body with the app's secret; before the first, Meta asks for a challenge to be read back. Surprising:
one delivery holds several entries with several changes each, of fields that nobody may know yet, and nothing names
it, so its digest does. What is no post (a reaction, a removal, an id without words) becomes a reject that says so.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from connectors import _graph as graph
from connectors import _text, _times
from connectors._base import Author, Delivery, Denied, Garbled, Page, Post, Received, Reject
from connectors._decode import mended, raw_text

_NOTHING = msgspec.Raw(b"null")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change: the field that it is of, its value as it came, whose page or account it is, and when."""

    field: str
    value: msgspec.Raw
    owner: str | None
    at: datetime | None


Maps = Callable[[Change, datetime], Post | str]
"""A platform's reading of a change: the post that it is, or why it is none."""


class _Entry(msgspec.Struct):
    id: str | int | None = None
    time: int | None = None
    changes: list[msgspec.Raw] | None = None
    messaging: list[msgspec.Raw] | None = None


class _Envelope(msgspec.Struct):
    """`entry` on Facebook and Instagram, `values` on Threads."""

    entry: list[msgspec.Raw] | None = None
    values: msgspec.Raw = _NOTHING
    target_id: str | int | None = None
    time: int | None = None


class _Change(msgspec.Struct):
    field: str
    value: msgspec.Raw = _NOTHING


class _Party(msgspec.Struct):
    id: str | int | None = None


class _Words(msgspec.Struct):
    mid: str
    text: str | None = None
    is_echo: bool | None = None
    is_deleted: bool | None = None


class _Messaging(msgspec.Struct):
    message: _Words
    timestamp: int
    sender: _Party | None = None
    recipient: _Party | None = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ENTRY = msgspec.json.Decoder(_Entry)
_CHANGE = msgspec.json.Decoder(_Change)
_CHANGES = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGING = msgspec.json.Decoder(_Messaging)


def receiver(maps: Maps) -> Callable[[Delivery, str, datetime], Received]:
    """A platform's `receive`. Its secret is the app's secret and the verify token, joined by a colon."""

    def receive(delivery: Delivery, secret: str, now: datetime) -> Received:
        """What was delivered, once its signature holds. Raises Denied where it does not, Garbled for no JSON."""
        app_secret, _, verify_token = secret.partition(":")
        if delivery.method == "GET":
            return _verified(delivery, verify_token)
        signature = delivery.headers.get("x-hub-signature-256", "")
        good = "sha256=" + hmac.new(app_secret.encode(), delivery.body, sha256).hexdigest()
        if not app_secret or not hmac.compare_digest(signature.encode("utf-8", "replace"), good.encode()):
            raise Denied("the signature of this delivery does not hold", refreshable=False)
        found = list(_found(_envelope(delivery.body), maps, now))
        posts, rejects = graph.placed(found)
        page = Page(posts=posts, rejects=rejects, cursor=None) if found else None
        return Received(id=sha256(delivery.body).hexdigest(), page=page)

    return receive


def _verified(delivery: Delivery, verify_token: str) -> Received:
    """Meta's question whether we are who was subscribed."""
    query = delivery.query
    asked = query.get("hub.verify_token", "")
    good = hmac.compare_digest(asked.encode("utf-8", "replace"), verify_token.encode())
    if query.get("hub.mode") != "subscribe" or not verify_token or not good:
        raise Denied("this is not the verify token that was agreed on", refreshable=False)
    return Received(answer=query.get("hub.challenge", "").encode("utf-8", "replace"))


def _envelope(body: bytes) -> _Envelope:
    try:
        return _ENVELOPE.decode(mended(body))
    except (msgspec.DecodeError, RecursionError):
        raise Garbled("the delivery is no envelope of Meta's") from None


def _found(envelope: _Envelope, maps: Maps, now: datetime) -> Iterator[Post | Reject]:
    if bytes(envelope.values) != b"null":
        owner = None if envelope.target_id is None else str(envelope.target_id)
        for raw in _several(envelope.values):
            yield _mapped(raw, owner, moment(envelope.time), maps, now)
    for raw_entry in envelope.entry or ():
        try:
            entry = _ENTRY.decode(raw_entry)
        except msgspec.ValidationError as error:
            yield _reject(raw_entry, f"no entry: {error}")
            continue
        owner, at = None if entry.id is None else str(entry.id), moment(entry.time)
        for raw in entry.changes or ():
            yield _mapped(raw, owner, at, maps, now)
        for raw in entry.messaging or ():
            yield _message(raw, owner, now)
        if not entry.changes and not entry.messaging:
            yield _reject(raw_entry, "an entry without changes: subscribe with their values included")


def _several(values: msgspec.Raw) -> list[msgspec.Raw]:
    """Threads writes one change as an object, and may write several as a list."""
    try:
        return _CHANGES.decode(values)
    except msgspec.ValidationError:
        return [values]


def _mapped(
    raw: msgspec.Raw, owner: str | None, at: datetime | None, maps: Maps, now: datetime
) -> Post | Reject:
    try:
        change = _CHANGE.decode(raw)
        made = maps(Change(field=change.field, value=change.value, owner=owner, at=at), now)
    except msgspec.ValidationError as error:
        return _reject(raw, f"no change that we know: {error}")
    return made if isinstance(made, Post) else _reject(raw, made)


def _message(raw: msgspec.Raw, owner: str | None, now: datetime) -> Post | Reject:
    """A message to the page or the account, or what it wrote itself. Reads and deliveries are no messages."""
    try:
        said = _MESSAGING.decode(raw)
    except msgspec.ValidationError as error:
        return _reject(raw, f"no message: {error}")
    posted_at = _times.believable(moment(said.timestamp), now)
    if said.message.is_deleted or posted_at is None:
        return _reject(raw, "a message that was taken back, or from no time that we believe")
    sender = None if said.sender is None or not said.sender.id else _text.ident(str(said.sender.id))
    whom = None if said.recipient is None or not said.recipient.id else _text.ident(str(said.recipient.id))
    text, truncated = _text.body(said.message.text or "")
    return Post(
        id=_text.ident(said.message.mid),
        posted_at=posted_at,
        verb="message",
        text=text,
        author=Author(id=sender) if sender else None,
        thread=whom if said.message.is_echo else sender,
        reply_to_author=whom,
        place=owner,
        links=graph.links(text),
        visibility="direct",
        truncated=truncated,
    )


def _reject(raw: msgspec.Raw, reason: str) -> Reject:
    return Reject(raw=raw_text(raw), reason=reason)


def moment(number: int | None) -> datetime | None:
    """A time in seconds or milliseconds since 1970."""
    if number is None:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number >= 10**11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
