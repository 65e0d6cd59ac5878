"""What a walk needs to know of a page of which some items cannot be read, where a list is newest first.

A page of items that are no posts is not an empty one, and the walk goes on behind it. Such an item is taken to be as old
as what stands before it: it neither moves the mark nor says that the walk has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors._backwards import OVERLAP, Sighting, Stand


def sightings(items: Sequence[tuple[str, datetime | None]], stand: Stand, now: datetime) -> list[Sighting]:
    """Every item of a page, by its id, or all of it as it came, and its time; None where it cannot be read."""
    low = stand.walk.low if stand.walk is not None else None
    before = low or stand.newest or now - OVERLAP
    at = next((when for _, when in items if when is not None), before)
    found = []
    for name, when in items:
        at = when or at
        found.append(Sighting(name, at, at))
    return found
