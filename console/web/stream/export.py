"""The posts of a filter as a file. Who took which out is written down, as with whatever leaves the house.

The file is made on disk and sent from there, so that its size costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import parse_qsl

from starlette.responses import Response, StreamingResponse

from console import audit, fleet
from console.refusal import BadInput
from console.stream_file import write_csv
from console.stream_xlsx import write_xlsx
from console.web.asked import Ask
from console.web.pages import HEADERS
from console.web.stream.address import read
from console.words import counted

KINDS = {
    "csv": ("CSV", "text/csv; charset=utf-8"),
    "xlsx": ("workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
PIECE = 65_536
"""Bytes that are sent at once."""


def export(ask: Ask) -> Response:
    """What the list shows, from its first post to its last, as a CSV or (`as` is xlsx) a workbook."""
    kind = ask.fields.get("as", "csv")
    if kind not in KINDS:
        raise BadInput("A file is csv or xlsx.")
    now = fleet.now(ask.session)
    address = read(dict(parse_qsl(ask.fields.get("address", "")[:2000])))
    of = address.shown(address.filter(ask.who.org, now))
    with ExitStack() as closed:
        made = closed.enter_context(TemporaryFile())
        if kind == "xlsx":
            about: dict[str, str | datetime] = {
                "filter": address.to(),
                "from": of.since,
                "until": of.until,
                "taken out": now,
                "by": ask.who.email,
            }
            n = write_xlsx(ask.session, of, made, about)
        else:
            n = write_csv(ask.session, of, made)
        size = made.seek(0, 2)
        said = f"{counted(n, 'post')} of {address.to()} went out as a {KINDS[kind][0]}."
        audit.note(ask.session, ask.who.org, ask.who.email, "exported", said, of="stream", posts=n)
        closed.pop_all()  # `_sent` closes it
    name = f"earshot-posts-{now:%Y-%m-%d-%H%M}.{kind}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(size)}
    return StreamingResponse(_sent(made), 200, HEADERS | headers, KINDS[kind][1])


def _sent(made: IO[bytes]) -> Iterator[bytes]:
    with made:
        made.seek(0)
        while piece := made.read(PIECE):
            yield piece
