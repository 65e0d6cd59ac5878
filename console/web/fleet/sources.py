"""`/fleet`: how the fleet stands, for ops. `/fleet/sources` is the part of it that is asked for again and again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from console import fleet
from console.gaps import lately
from console.health import OLD_NAME, OLD_NEWS, OLD_PAGE
from console.owed import standing
from console.queues import queues
from console.receivers import receivers
from console.spending import budgets
from console.web.asked import Ask
from console.web.fleet.looks import LATE, MARKS, ORDER, told
from console.web.fleet.one import budget_words

MOST = 100
"""Sources of one page: those that need somebody stand first, the others are found by a filter."""
OLD = {"fetch": LATE, "digest": OLD_PAGE, "notify": OLD_NEWS, "maintenance": OLD_NAME}
"""Seconds from which the oldest in a queue has waited for too long."""


def whole(ask: Ask) -> Response:
    """The page."""
    return ask.shows("fleet/fleet.html", _found(ask))


def part(ask: Ask) -> Response:
    """What changes on it."""
    wishes = (ask.wish("state"), ask.wish("find"))
    return ask.shows("fleet/_sources.html", ask.shared(("fleet", *wishes), lambda: _found(ask)))


def _found(ask: Ask) -> dict[str, Any]:
    session, org = ask.session, ask.who.org
    moment = fleet.now(session)
    rows = [row | told(row, moment) for row in fleet.sources(session, org)]
    rows.sort(key=lambda row: ORDER.index(row["look"]))  # else by platform, kind and term
    chosen, sought = ask.wish("state"), ask.wish("find")[:100]
    chosen = chosen if chosen in MARKS else ""
    found = [row for row in rows if (not chosen or chosen in row["marks"]) and _is(row, sought)]
    return {
        "now": moment,
        "chosen": chosen,
        "sought": sought,
        "query": urlencode({name: value for name, value in (("state", chosen), ("find", sought)) if value}),
        "all": len(rows),
        "counts": _counts(rows),
        "rows": found[:MOST],
        "found": len(found),
        "held": fleet.held(session, org),
        "gaps": lately(session, org),
        "beat": fleet.beat(session),
        "queues": [one | {"late": _late(one, moment)} for one in queues(session, org)],
        "limits": _limited(rows),
        "budgets": [(one, budget_words(one)) for one in budgets(session, org, moment)],
        "owed": standing(session, org),
        "receivers": receivers(session, org),
    }


def _is(row: dict[str, Any], sought: str) -> bool:
    told = f"{row['platform']} {row['kind']} {row['term']} {row['host']} {row['campaign'] or ''}"
    return sought.casefold() in told.casefold()


def _late(queue: dict[str, Any], moment: datetime) -> bool:
    return bool(queue["oldest"] and (moment - queue["oldest"]).total_seconds() > OLD[queue["name"]])


def _limited(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per platform: how many of its sources wait, when the first goes on, and why."""
    waits: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if "limited" in row["marks"]:
            waits.setdefault(row["platform"], []).append(row)
    return [
        {
            "platform": platform,
            "number": len(these),
            "until": min(row["due_at"] for row in these),
            "why": these[0]["last_error"],
        }
        for platform, these in waits.items()
    ]


def _counts(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    counted = [(mark, words, sum(mark in row["marks"] for row in rows)) for mark, words in MARKS.items()]
    return [one for one in counted if one[2]]
