"""JSON envelopes: read strictly and fast; where the platform sent what JSON forbids, mended once.

A lone surrogate, bytes that are no UTF-8 or a raw control character make a strict reader refuse a whole
page for one character of one post. Those are replaced and the page is read again; only what is still no
JSON is Garbled. Surprising: what is kept as msgspec.Raw may hold bytes that are no UTF-8, which only its own
decoder would meet; they are looked for beforehand, so no item of an envelope has any.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from connectors._base import Answer, Garbled

T = TypeVar("T")

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def envelope(decoder: msgspec.json.Decoder[T], answer: Answer, what: str) -> T:
    """The answer's body as the decoder's type. Raises Garbled, and says what was there instead."""
    body = answer.body
    if not _is_utf8(body):
        body = mended(body)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Garbled(f"{what} has another shape: {error}") from None
    except msgspec.DecodeError:
        pass
    except RecursionError:
        raise Garbled(f"{what} is nested too deeply") from None
    start = body[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise Garbled(f"{what} is empty")
    if start.startswith(b"<"):
        raise Garbled(f"{what} is HTML where JSON was promised")
    try:
        return decoder.decode(mended(body))
    except msgspec.ValidationError as error:
        raise Garbled(f"{what} has another shape: {error}") from None
    except RecursionError:
        raise Garbled(f"{what} is nested too deeply") from None
    except msgspec.DecodeError:
        raise Garbled(f"{what} is not whole JSON") from None


def at_once(decoder: msgspec.json.Decoder[T], answer: Answer) -> T | None:
    """The whole answer as the decoder's type, which holds no Raw; None where anything in it is of another shape or no
    JSON, so that `envelope` has to look."""
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def mended(body: bytes) -> bytes:
    """JSON text with lone surrogates, broken UTF-8 and raw control characters replaced by U+FFFD or a space."""
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    body = _ESCAPE.sub(_whole_character, body)
    body = _CONTROL.sub(b" ", body)
    return body.decode("utf-8", "replace").encode()


def _whole_character(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return b"\\ufffd" if len(text) == 6 and text[1:2] == b"u" else text


def raw_text(raw: msgspec.Raw | bytes, limit: int = 65_536) -> str:
    """An item as it came, for quarantine."""
    return bytes(raw)[:limit].decode("utf-8", "replace").replace("\0", "\ufffd")
