"""`/stream`: figures, the chart, spikes and what set them off, the posts. `/stream/measured` is what follows the database;
the list does not grow under anybody's hands: `/stream/fresh` says how many posts are new."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from console import fleet
from console.mentions import record
from console.refusal import CannotDo
from console.stream import SENTIMENTS, Filter, author_of, choices, name_of, newer, posts
from console.stream_causes import known_cause
from console.stream_file import MOST
from console.stream_hours import measured
from console.stream_lift import lift
from console.web.asked import Ask, NotThere
from console.web.pages import HEADERS
from console.web.stream import sample, told
from console.web.stream.address import SPANS, Address, read
from models.vocabulary import PLATFORMS

MOST_SPIKES = 3
"""Spikes that are told in words, the newest; the chart and the table mark all."""
CHOICES = {"": "all but us", "all": "everybody"}
"""Voices that are several."""


def page(ask: Ask) -> Response:
    """The page."""
    address = read(ask.request.query_params)
    if named := ask.wish("account"):
        try:
            found = record(ask.session, ask.who.org, "account", named[:200])
        except CannotDo as unknown:
            return shown(ask, address, 422, account=named[:200], wrong=str(unknown))
        return RedirectResponse(address.to(scope=f"account:{found}", at=""), 303, HEADERS)
    return shown(ask, address)


def shown(ask: Ask, address: Address, status: int = 200, **more: Any) -> Response:
    """The page of this address. `more`: what a form was refused for."""
    session, org = ask.session, ask.who.org
    now = fleet.now(session)
    whole = address.filter(org, now)
    names = _names(ask, address)
    chosen = address.shown(whole)
    listed = posts(session, chosen, _before(ask.wish("before")))
    for row in listed.rows:
        row |= {"engagement": told.engagement(row), "why": told.unscored(row["unscored"])}
    newest = listed.rows[0] if listed.rows and not ask.wish("before") else None
    values = {
        "address": address,
        "names": names,
        "choices": choices(session, org),
        "spans": SPANS,
        "platforms": PLATFORMS,
        "chosen_voices": CHOICES | sample.VOICES,
        "lift": told.lifted(lift(session, whole, now)),
        "sentiments": SENTIMENTS,
        "most": MOST,
        "posts": listed,
        "older": _older(address, listed.next),
        "later": bool(ask.wish("before")),
        "follows": not (address.at or ask.wish("before")),
        "score": told.scored,
        "newest": f"{newest['occurred_at'].isoformat()},{newest['id']}"
        if newest
        else f"{whole.since.isoformat()},{UUID(int=0)}",
        "account": names["account"],
        "wrong": "",
        "stale": "",
        "more": bool(ask.wish("more")),
        **(sample.in_page(ask, address) if ask.wish("more") else {}),
        **_measured(ask, address, whole, now),
        **more,
    }
    return ask.shows("stream/stream.html", values, status)


def part(ask: Ask) -> Response:
    """What follows the database."""
    address = read(ask.request.query_params)
    now = fleet.now(ask.session)
    whole = address.filter(ask.who.org, now)
    values = ask.shared(("measured", address), lambda: _measured(ask, address, whole, now))
    return ask.shows("stream/_measured.html", values)


def fresh(ask: Ask) -> Response:
    """How many posts are newer than the list's first."""
    address = read(ask.request.query_params)
    than = _before(ask.wish("than"))
    of = address.filter(ask.who.org, fleet.now(ask.session))
    n = newer(ask.session, of, than) if than else 0
    return ask.shows("stream/_fresh.html", {"n": n, "to": address.to()})


def _measured(ask: Ask, address: Address, whole: Filter, now: datetime) -> dict[str, Any]:
    found = measured(ask.session, whole, address.step)
    spikes = [
        {
            "spike": spike,
            "said": told.sentence(spike, known_cause(ask.session, whole, spike)),
            "to": address.at_point(spike.top.at),
        }
        for spike in found.spikes[:MOST_SPIKES]
    ]
    return {
        "now": now,
        "address": address,
        "measured": found,
        "figures": told.figures(found),
        "before": told.span_before(address),
        "spikes": spikes,
        "spike_words": told.spike_words(address),
        "chart": told.chart(found, address),
        "steps": told.rows(found, address),
        "score": told.scored,
    }


def _names(ask: Ask, address: Address) -> dict[str, str]:
    """What the records of the address are called. Raises NotThere."""
    names = {"account": "", "campaign": "", "author": ""}
    kind = address.scope.partition(":")[0]
    if kind in ("account", "campaign"):
        found = name_of(ask.session, ask.who.org, address.scope)
        if found is None:
            raise NotThere(f"There is no such {kind} any more. The stream of everything is at /stream.")
        names[kind] = found or "without a name"
    if address.author:
        found = author_of(ask.session, ask.who.org, UUID(address.author))
        if found is None:
            raise NotThere("There is no such author any more. The stream of everything is at /stream.")
        names["author"] = found
    return names


def _before(told: str) -> tuple[datetime, UUID] | None:
    """Where a page of the list begins: the moment and the id of the last post before it."""
    at, _, last = told.partition(",")
    try:
        moment = datetime.fromisoformat(at.replace(" ", "+"))
        return (moment, UUID(last)) if moment.tzinfo else None
    except ValueError:
        return None


def _older(address: Address, after: tuple[datetime, UUID] | None) -> str:
    if after is None:
        return ""
    to = address.to()
    return f"{to}{'&' if '?' in to else '?'}{urlencode({'before': f'{after[0].isoformat()},{after[1]}'})}"
