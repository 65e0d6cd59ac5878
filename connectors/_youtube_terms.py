"""The id in what a person gives for a channel, a video or a comment: as it is, or from an address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

_IDS = {
    "channel": re.compile(r"UC[A-Za-z0-9_-]{22}"),
    "video": re.compile(r"[A-Za-z0-9_-]{11}"),
    "thread": re.compile(r"[A-Za-z0-9_-]{10,100}"),
}


def ident(kind: str, term: str) -> str | None:
    """The id in a term; None where there is none."""
    term = term.strip()
    found = _from_address(kind, term) if "/" in term else term
    if kind == "thread":
        found = found.partition(".")[0]  # a reply's id begins with that of the comment it stands under
    return found if _IDS[kind].fullmatch(found) else None


def _from_address(kind: str, address: str) -> str:
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
    except ValueError:
        return ""
    query = parse_qs(parts.query)
    if kind == "thread":
        return query.get("lc", [""])[0]
    if kind == "video" and "v" in query:
        return query["v"][0]
    path = [part for part in parts.path.split("/") if part]
    if kind == "channel":
        return path[1] if path[:1] == ["channel"] and len(path) > 1 else ""
    return path[-1] if path else ""
