"""How Facebook's recordings are played: a page of a feed first and nothing below it, a post by itself as a thread's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors._base import Cursor, Watch
from tests.replayer import Asked, Reply

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

MUTATED: Mapping[tuple[str, str, str], set[str]] = {
    # one object of many that is gone is passed over, and the sweep goes on
    ("page", "refused", "whole"): {"empty"},
}


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    term = "19292868552_10158407654328553" if line.kind == "thread" else "19292868552"
    return Watch(kind=line.kind, term=term, host=host, now=now, token="recorded-token", me="19292868552")


def cursor(line: Recorded) -> Cursor | None:
    return Cursor('{"answers":{},"read":true}') if line.kind == "thread" and _single(line) else None


def answers(line: Recorded, asked: Asked) -> Reply | None:
    if any(asked.param(name) for name in ("after", "until")):
        return _json({"data": []})
    below = asked.path.endswith("/comments")
    if line.kind == "thread":
        if _single(line):
            return _json({"data": []}) if below else None
        return None if below else _json({"error": {"code": 100, "error_subcode": 33}}, 400)
    return _json({"data": []}) if below else None


def items(line: Recorded) -> int:
    body = json.loads(line.path.read_bytes())["body"]
    return len(body["data"]) if "data" in body else 1


def _single(line: Recorded) -> bool:
    """An object, and no list of them."""
    return "data" not in json.loads(line.path.read_bytes())["body"]


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json"})
