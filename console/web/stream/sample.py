"""What the newest posts of a filter have in common: authors, words; and of what kinds they are. A part of its own, since it reads
20,000 texts: the page does not wait for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import Response

from console import fleet, stream_kinds
from console.stream import SAMPLE, Filter
from console.stream_engagement import engagement
from console.stream_words import top_authors, top_words
from console.web.asked import Ask
from console.web.stream.address import Address, read

VOICES = {"earned": "earned", "competitor": "competitors", "own": "our own"}


def part(ask: Ask) -> Response:
    """The part."""
    address = read(ask.request.query_params)
    return ask.shows("stream/_sample.html", {"address": address, **recently(ask, address)})


def recently(ask: Ask, address: Address) -> dict[str, Any]:
    """What is found, and `ago`: how many seconds it is old. SAMPLE posts are not read again for everybody."""

    def made(session: Session) -> dict[str, Any]:
        return found(session, address, address.filter(ask.who.org, fleet.now(session)))

    values, ago = ask.recent(("sample", address), made, lambda told: bool(told["read"] >= SAMPLE))
    return {**values, "ago": ago}


def found(session: Session, address: Address, whole: Filter) -> dict[str, Any]:
    """Authors, words and engagement of what the list shows, and of how many posts."""
    of = address.shown(whole)
    words, n = top_words(session, of)
    kinds = stream_kinds.kinds(session, of)
    return {
        "kinds": kinds,
        "engagement": engagement(session, of),
        "voices": VOICES,
        "authors": top_authors(session, of),
        "top": words,
        "read": n,
        "sample": SAMPLE,
    }
