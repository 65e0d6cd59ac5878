"""How Reddit's recordings are played: under a token, each for the watch that reads it; see recordings_table.

A listing is a listing, whichever it came from (a user's, a domain's, a look-up); a thread's file is its first call,
and an answer of morechildren is read where a visit goes on with what is hidden.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors._base import Cursor, Watch
from tests.replayer import Asked, Reply

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

SECRET = "recorded-id:recorded-secret"
"""Of the credential that a recorded page is read with."""

TELLING = {"removed_by_category"}
_TERMS = {"search": "recorded", "mentions": "@me", "thread": "3hahrw"}


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    term = _TERMS.get(line.kind, "recorded")
    return Watch(kind=line.kind, term=term, host=host, now=now, token="recorded-token")


def cursor(line: Recorded) -> Cursor | None:
    return Cursor('{"hidden":["recorded"]}') if _is_more(line) else None


def answers(line: Recorded, asked: Asked) -> Reply | None:
    """A token for whoever asks; behind the recorded page there is nothing more."""
    if asked.path.endswith("/api/v1/access_token"):
        return _json(
            {"access_token": "recorded-token", "token_type": "bearer", "expires_in": 86400, "scope": "*"}
        )
    if asked.param("after") is not None:
        return _json(_NOTHING)
    if line.kind == "thread" and not _is_more(line):
        if asked.path.endswith("/api/morechildren"):
            return _json({"json": {"errors": [], "data": {"things": []}}})
        if "/_/" in asked.path:
            return _json([_NOTHING, _NOTHING])
    if _is_more(line) and not asked.path.endswith("/api/morechildren"):
        return _json([_NOTHING, _NOTHING])
    return None


def items(line: Recorded) -> int:
    """Every object that says it is a submission or a comment, wherever it stands."""
    return _counted(json.loads(line.path.read_bytes())["body"])


_NOTHING = {"kind": "Listing", "data": {"after": None, "before": None, "children": []}}


def _is_more(line: Recorded) -> bool:
    return "/api/morechildren" in json.loads(line.path.read_bytes())["request"]["url"]


def _counted(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_counted, value))
    if not isinstance(value, dict):
        return 0
    return (value.get("kind") in {"t1", "t3"}) + sum(map(_counted, value.values()))


def _json(value: Any) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json; charset=UTF-8"})
