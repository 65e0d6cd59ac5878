"""`/fleet/gaps`: what no platform offers any more, with its source, and what can be done about it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from console import fleet
from console.gaps import gaps
from console.web.asked import Ask

MOST = 50


def whole(ask: Ask) -> Response:
    """The page."""
    at, _, last = ask.wish("before").partition("/")
    try:
        before = (datetime.fromisoformat(at), UUID(last)) if at else None
    except ValueError:
        before = None
    rows = gaps(ask.session, ask.who.org, MOST + 1, before)
    end = rows[MOST - 1] if len(rows) > MOST else None
    values = {
        "now": fleet.now(ask.session),
        "rows": rows[:MOST],
        "first": before is None,
        "older": end and "?" + urlencode({"before": f"{end['started_at'].isoformat()}/{end['id']}"}),
    }
    return ask.shows("fleet/gaps.html", values)
