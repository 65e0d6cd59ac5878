"""`/review`: suggestions, the same evidence for the same record once; `/review/log`: what people decided."""

from __future__ import annotations

from starlette.responses import Response

from console import fleet
from console.records import all_called
from console.steps import steps
from console.suggestions import suggestions
from console.web.asked import Ask

MOST = 30
"""Suggestions on the page; the next come up as these are decided."""
STEPS = 100


def whole(ask: Ask) -> Response:
    """The page."""
    found = suggestions(ask.session, ask.who.org, MOST + 1)
    values = {"found": found[:MOST], "more": len(found) > MOST, "now": fleet.now(ask.session)}
    return ask.shows("review/review.html", values)


def log(ask: Ask) -> Response:
    """What people decided, the newest first."""
    found = steps(ask.session, ask.who.org, STEPS)
    about = [(row["kind"], row["record_id"]) for row in found if row["record_id"]]
    names = all_called(ask.session, ask.who.org, about)
    for row in found:
        row["record"] = names[row["kind"], row["record_id"]].name if row["record_id"] else None
    return ask.shows("review/log.html", {"steps": found, "now": fleet.now(ask.session), "most": STEPS})
