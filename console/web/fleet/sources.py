"""`/fleet`: how every source stands, for ops. `/fleet/sources` is the part of it that is asked for again and again."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console import fleet
from console.web.asked import Ask
from console.web.fleet.looks import MARKS, ORDER, told


def whole(ask: Ask) -> Response:
    """The page."""
    return ask.shows("fleet/fleet.html", _found(ask))


def part(ask: Ask) -> Response:
    """What changes on it."""
    return ask.shows("fleet/_sources.html", _found(ask))


def _found(ask: Ask) -> dict[str, Any]:
    session, org = ask.session, ask.who.org
    moment = fleet.now(session)
    rows = [row | told(row, moment) for row in fleet.sources(session, org)]
    rows.sort(key=lambda row: ORDER.index(row["look"]))  # else by platform, kind and term
    chosen = ask.wish("state")
    chosen = chosen if chosen in MARKS else ""
    waits = fleet.waiting(session, org)
    return {
        "now": moment,
        "chosen": chosen,
        "all": len(rows),
        "counts": _counts(rows),
        "rows": [row for row in rows if not chosen or chosen in row["marks"]],
        "waiting": waits,
        "held": fleet.held(session, org),
        "beat": fleet.beat(session),
    }


def _counts(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    counted = [(mark, words, sum(mark in row["marks"] for row in rows)) for mark, words in MARKS.items()]
    return [one for one in counted if one[2]]
