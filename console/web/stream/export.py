"""The posts of a filter as a file. Who took which out is written down, as with whatever leaves the house."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.responses import Response

from console import audit, fleet
from console.stream_file import MOST, as_csv
from console.web.asked import Ask
from console.web.pages import HEADERS
from console.web.stream.address import read
from console.words import counted


def csv_file(ask: Ask) -> Response:
    """A CSV of what the list shows, from its first post to its last."""
    now = fleet.now(ask.session)
    address = read(dict(parse_qsl(ask.fields.get("address", "")[:2000])))
    body, n = as_csv(ask.session, address.shown(address.filter(ask.who.org, now)), MOST)
    said = f"{counted(n, 'post')} of {address.to()} went out as a CSV."
    audit.note(ask.session, ask.who.org, ask.who.email, "exported", said, of="stream", posts=n)
    name = f"earshot-posts-{now:%Y-%m-%d-%H%M}.csv"
    return Response(
        body,
        200,
        HEADERS | {"content-disposition": f'attachment; filename="{name}"'},
        "text/csv; charset=utf-8",
    )
