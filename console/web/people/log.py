"""`/people/log`: what was changed in the console, by whom, the newest first."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from console import audit
from console.sign_ins import listed
from console.web.asked import Ask

ROWS = 50


def whole(ask: Ask) -> Response:
    """The page; `before` is the last row of the page before, `by` a person."""
    by = ask.wish("by")
    found = audit.notes(ask.session, ask.who.org, ROWS + 1, by=by or None, before=_before(ask.wish("before")))
    more = found[ROWS - 1] if len(found) > ROWS else None
    values = {
        "notes": found[:ROWS],
        "by": by,
        "people": [one["email"] for one in listed(ask.session, ask.who.org)],
        "more": f"{more['at'].isoformat()}~{more['id']}" if more else "",
        "first": not ask.wish("before"),
    }
    return ask.shows("people/log.html", values)


def _before(told: str) -> tuple[datetime, UUID] | None:
    at, _, which = told.replace(" ", "+").partition("~")
    try:
        return datetime.fromisoformat(at), UUID(which)
    except ValueError:
        return None
