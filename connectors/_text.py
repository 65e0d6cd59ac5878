"""The one door through which a platform's strings come in: what leaves here, PostgreSQL can hold.

U+0000 and lone surrogates become U+FFFD (a single one would otherwise make a whole batch of rows fail),
texts are capped, ids that are too long for an index key become their digest, and only web addresses are
kept as addresses. Surprising: identifiers are left byte for byte as they came, never case-folded or
normalised; two spellings are two ids until the platform says otherwise.
"""

from __future__ import annotations

from hashlib import sha256

MAX_TEXT = 65_536
"""Bytes of UTF-8 in one text."""

MAX_ID = 512
"""Characters in an id; longer ones become `sha256:` and 64 hex digits."""

MAX_NAME = 512
MAX_URL = 2_048

_MOST = 2**63 - 1
_WEB = ("https://", "http://")


def clean(text: str) -> str:
    """The same text without U+0000 and lone surrogates (a pair in halves becomes its character)."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()  # finds a surrogate several times as fast as a search for one
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def body(text: str) -> tuple[str, bool]:
    """A text as it is kept, and whether it had to be cut to MAX_TEXT bytes."""
    text = clean(text)
    if len(text) * 4 <= MAX_TEXT or (len(text) <= MAX_TEXT and text.isascii()):
        return text, False
    raw = text.encode()
    if len(raw) <= MAX_TEXT:
        return text, False
    return raw[:MAX_TEXT].decode(errors="ignore"), True


def ident(value: str) -> str:
    """An id as a key: at most MAX_ID characters, never empty for a value that is not."""
    value = clean(value)
    if len(value) <= MAX_ID:
        return value
    return "sha256:" + sha256(value.encode()).hexdigest()


def name(value: str | None) -> str | None:
    """A display name or handle, or None where there is nothing to see."""
    if not value:
        return None
    return clean(value).strip()[:MAX_NAME] or None


def web(url: str | None) -> str | None:
    """The address if it is one of the web (http or https) and not absurdly long, else None."""
    if not url:
        return None
    url = clean(url).strip()
    if not url.startswith(_WEB) and not url[:8].lower().startswith(_WEB):
        return None
    return url if len(url) <= MAX_URL and "\n" not in url else None


def tag(value: str) -> str:
    """A hashtag without its sign, lower-cased."""
    return clean(value).strip().lstrip("#\uff03").lower()[:MAX_NAME]


def language(value: str | None) -> str | None:
    """The primary tag of a BCP 47 language tag in lower case: `pt-BR` is `pt`; None if it is no tag."""
    if not value:
        return None
    if len(value) == 2 and value.isascii() and value.isalpha():
        return value.lower()
    primary = value.strip().replace("_", "-").split("-", 1)[0].lower()
    return primary if 2 <= len(primary) <= 3 and primary.isascii() and primary.isalpha() else None


def distinct(values: list[str]) -> tuple[str, ...]:
    """The values in their order, each once, empty ones left out."""
    return tuple(dict.fromkeys(filter(None, values)))


def count(value: int) -> int:
    """A number of likes and the like, within what a database's bigint holds."""
    return value if 0 <= value <= _MOST else 0 if value < 0 else _MOST
