"""What every page shares: templates that escape, headers that allow nothing from elsewhere, files that are served.

The front end's packages lie in the environment (`.ci/front-end` puts them there), not in the tree; only the files that
PACKAGES names are served of them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.words import folded, one_line, since, span

HERE = Path(__file__).parent
NODE = Path(sys.prefix) / "share" / "earshot" / "node_modules"
PACKAGES = {
    "htmx.js": NODE / "htmx.org" / "dist" / "htmx.min.js",
    "uplot.js": NODE / "uplot" / "dist" / "uPlot.iife.min.js",
    "uplot.css": NODE / "uplot" / "dist" / "uPlot.min.css",
}
OURS = {file.name: file for file in (HERE / "static").iterdir()}
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def page(template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page, or a part of one."""
    return HTMLResponse(templates().get_template(template).render(values), status, HEADERS)


async def static(request: Request) -> Response:
    """A file of ours or of a package; its address changes with it, so it may be kept."""
    name = request.path_params["name"]
    file = (OURS | PACKAGES).get(name)
    if file is None or not file.exists():
        return Response("No such file.", 404, HEADERS, "text/plain")
    kept = "public, max-age=31536000, immutable" if request.query_params.get("v") else "no-cache"
    return Response(_read(file), 200, HEADERS | {"cache-control": kept}, KINDS[file.suffix])


def missing() -> list[str]:
    """The packages that are not installed."""
    return [name for name, file in PACKAGES.items() if not file.exists()]


@cache
def templates() -> Environment:
    """Everything is escaped, and a name that is not given is an error instead of an empty place."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"since": since, "span": span, "line": one_line, "folded": folded}
    made.globals |= {"file": _address, "iso": _iso}
    return made


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


@cache
def _read(file: Path) -> bytes:
    return file.read_bytes()


@cache
def _address(name: str) -> str:
    file = (OURS | PACKAGES)[name]
    return f"/static/{name}?v={hashlib.sha256(_read(file)).hexdigest()[:12]}" if file.exists() else ""
