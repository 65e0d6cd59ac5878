"""How YouTube's recordings are played: what follows a recorded page is an empty one, and no replies are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors._base import Cursor, Watch
from tests.replayer import Asked, Reply

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

TERMS = {
    "channel": "UCa-vrCLQHviTOVnEKDOdetQ",
    "video": "F1UP7wRCPH8",
    "thread": "Ugw5zYU6n9pmIgAZWvN4AaABAg",
}


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    return Watch(kind=line.kind, term=TERMS[line.kind], host=host, now=now, token="recorded-token")


def cursor(line: Recorded) -> Cursor | None:
    """Pages of replies are met in the middle of a reading."""
    if line.kind != "thread":
        return None
    return Cursor(json.dumps({"total": 3, "read": "2026-11-23T11:00:00Z", "parent": [TERMS["thread"]]}))


def answers(line: Recorded, asked: Asked) -> Reply | None:
    below = asked.path.endswith("/comments") and line.kind != "thread"
    if asked.param("pageToken") is None and not below:
        return None
    return Reply(200, b'{"items": []}', {"content-type": "application/json; charset=UTF-8"})


def items(line: Recorded) -> int:
    return sum("textDisplay" in value for value in _objects(json.loads(line.path.read_bytes())["body"]))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)
