"""What the newest posts of a filter have in common: authors, words; and of what kinds they are. A part of its own, since it reads
20,000 texts: the page does not wait for it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console import fleet, stream_kinds
from console.stream import SAMPLE, Filter
from console.stream_words import top_authors, top_words
from console.web.asked import Ask
from console.web.stream.address import Address, read

VOICES = {"earned": "earned", "competitor": "competitors", "own": "our own"}


def part(ask: Ask) -> Response:
    """The part."""
    address = read(ask.request.query_params)
    whole = address.filter(ask.who.org, fleet.now(ask.session))
    return ask.shows("stream/_sample.html", {"address": address, **found(ask, address, whole)})


def found(ask: Ask, address: Address, whole: Filter) -> dict[str, Any]:
    """Authors and words of what the list shows, and of how many posts."""
    of = address.shown(whole)
    words, n = top_words(ask.session, of)
    kinds = stream_kinds.kinds(ask.session, of)
    return {
        "kinds": kinds,
        "voices": VOICES,
        "authors": top_authors(ask.session, of),
        "top": words,
        "read": n,
        "sample": SAMPLE,
    }
