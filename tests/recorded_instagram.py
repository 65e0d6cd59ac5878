"""How Instagram's recordings are played: a page of media first and nothing below it; comments as those of a medium
that is pending in a sweep."""

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
    ("media", "refused", "whole"): {"empty"},
    # and one whose comments cannot be read waits, counted, for the next sweep
    ("media", "html", "whole"): {"empty"},
    ("media", "truncated", "whole"): {"empty"},
    ("media", "*", "holder"): {"empty"},
}
_PENDING = {"comments_p1.json": "17846368219941692", "replies.json": "17950555375510937:17846368219941692:"}


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    return Watch(
        kind=line.kind, term="@me", host=host, now=now, token="recorded-token", me="17841406338772941"
    )


def cursor(line: Recorded) -> Cursor | None:
    pending = _PENDING.get(line.file)
    return None if pending is None else Cursor(json.dumps({"sweep": {"pending": [[pending, None]]}}))


def answers(line: Recorded, asked: Asked) -> Reply | None:
    if asked.path.endswith("/refresh_access_token"):
        return _json({"access_token": "recorded-token", "token_type": "bearer", "expires_in": 5_183_944})
    if asked.path.endswith("/me"):
        return _json({"user_id": "17841406338772941", "username": "ikroskun"})
    below = asked.path.endswith(("/comments", "/replies"))
    if asked.param("after") or below != (line.file in _PENDING):
        return _json({"data": []})
    return None


def items(line: Recorded) -> int:
    return len(json.loads(line.path.read_bytes())["body"]["data"])


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json"})
