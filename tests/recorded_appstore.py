"""How the App Store's recordings are played. The one that is public was taken before there were times in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from connectors._base import Watch
from tests.replayer import Asked, Reply

if TYPE_CHECKING:
    from tests.recordings_table import Recorded

MUTATED: Mapping[tuple[str, str, str], set[str]] = {
    # a page without `entry` is how the feed says that there are no reviews
    ("reviews", "dropped", "holder"): {"empty"},
    # one entry is an object, so any object in its place is an entry; an empty list is one of no reviews
    ("reviews", "retyped", "holder"): {"empty"},
    # nobody signs in there, so a 403 is a limit
    ("reviews", "refused", "whole"): {"TryLater"},
}


def watch(line: Recorded, host: str, now: datetime) -> Watch:
    return Watch(kind="reviews", term="894649641", host=host, now=now)


def answers(line: Recorded, asked: Asked) -> Reply | None:
    """The recorded page is the first; there is nothing below it."""
    return None if "/page=1/" in asked.path else Reply(200, b'{"feed": {}}')


def items(line: Recorded) -> int:
    entry = json.loads(line.path.read_bytes())["body"]["feed"].get("entry", [])
    return 1 if isinstance(entry, dict) else len(entry)
