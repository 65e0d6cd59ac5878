"""Which part of a page to try next: the whole, then halves of the part that failed. Pure."""

from __future__ import annotations

from typing import NamedTuple

Range = list[int]
"""[start, end, failures]: half-open over a page's items, and how often it failed since it was cut out."""

WHOLE_TRIES = 2
"""A page fails so often as a whole before it is cut: the first time it may have been its batch's fault."""

LAST_TRIES = 4
"""A single post fails so often before it is given up: a worker may die of something else, too."""


class Progress(NamedTuple):
    """What is left to do, and what is being tried, one of those. Both None: never tried."""

    todo: list[Range] | None
    trying: Range | None


class Try(NamedTuple):
    """What to try now. `condemned` is the one item that is given up: then nothing else is tried with it, and
    it stays in `todo` until that is written down."""

    progress: Progress
    condemned: int | None = None


def next_try(before: Progress, items: int) -> Try:
    """What the next attempt takes of a page with so many items.

    `before.trying` still being set means that the attempt which tried it failed or died.
    """
    if before.todo is None:
        whole = [0, items, 0]
        return Try(Progress([whole], whole))
    todo, failed = before.todo, before.trying
    if failed is None:
        return Try(Progress(todo, todo[0] if todo else None))
    start, end, failures = failed[0], failed[1], failed[2] + 1
    rest = [part for part in todo if part != failed]
    again = [start, end, failures]
    once_more = end - start == items and failures < WHOLE_TRIES
    if end - start > 1 and not once_more:
        middle = (start + end) // 2
        halves = [[start, middle, 0], [middle, end, 0]]
        return Try(Progress([*halves, *rest], halves[0]))
    gives_up = end - start <= 1 and failures >= LAST_TRIES
    return Try(Progress([again, *rest], again), condemned=start if gives_up else None)
