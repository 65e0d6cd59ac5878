"""What the newest posts of a filter have in common: authors, words; and of what kinds they are. A part of its own, since it reads
20,000 texts: the page does not wait for it, and they are counted beside the pages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.responses import Response

from console import fleet, stream_kinds
from console.stream import SAMPLE
from console.stream_sample import sample
from console.web.aside import Counted, Counting
from console.web.asked import Ask
from console.web.stream.address import Address, read

VOICES = {"earned": "earned", "competitor": "competitors", "own": "our own"}
FEW = 2_000
"""Posts of a span that are read while the page waits."""
_MANY = text("""
    SELECT EXISTS (SELECT FROM social_events e
                   WHERE e.org_id = :org AND e.occurred_at >= :since AND e.occurred_at < :until OFFSET :most)
""")


def part(ask: Ask) -> Response:
    """The part."""
    address = read(ask.request.query_params)
    told = _recently(ask, address)
    if isinstance(told, Counting):
        return ask.counting(told, f"/stream/sample?{address.query}", "#sample")
    return ask.shows("stream/_sample.html", _shown(address, told))


def in_page(ask: Ask, address: Address) -> dict[str, Any]:
    """The same for a whole page, which says whether it is `counted`."""
    told = _recently(ask, address)
    if isinstance(told, Counting):
        way = f"{address.to()}{'&' if address.query else '?'}more=1"
        part = f"/stream/sample?{address.query}"
        return {"counted": False, **ask.still(told, part, "#sample"), "way": way}
    return {"counted": True, **_shown(address, told)}


def _recently(ask: Ask, address: Address) -> Counted | Counting:
    """What is found, which may be some seconds old."""

    def few() -> bool:
        of = address.shown(address.filter(ask.who.org, fleet.now(ask.session)))
        given = {"org": of.org, "since": of.since, "until": of.until, "most": FEW}
        return not ask.session.scalar(_MANY, given)

    return ask.aside(("sample", address), found, lambda: (ask.who.org, address), few=few)


def _shown(address: Address, told: Counted) -> dict[str, Any]:
    """What the template is given."""
    return {"address": address, "voices": VOICES, "sample": SAMPLE, **told.value, "ago": told.ago}


def found(session: Session, org: str, address: Address) -> dict[str, Any]:
    """Authors, words, kinds and engagement of what the list shows."""
    of = address.shown(address.filter(org, fleet.now(session)))
    return {"kinds": stream_kinds.kinds(session, of), **sample(session, of)._asdict()}
