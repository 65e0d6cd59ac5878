"""Which part of a page to try next: the whole, then halves of the part that failed. Pure."""

from __future__ import annotations

from typing import NamedTuple

PATIENCE = 5
"""A single post is given up only from this attempt on: a worker may die of something else, too."""


class Progress(NamedTuple):
    """Half-open ranges [start, end) over a page's items: what is left to do, and what is being tried.

    Both None: never tried.
    """

    todo: list[list[int]] | None
    trying: list[int] | None


class Try(NamedTuple):
    """What to try now, and the one item that is given up, if any."""

    progress: Progress
    condemned: int | None = None


def next_try(before: Progress, attempts: int, items: int) -> Try:
    """What the attempt after `attempts` earlier ones takes of a page with so many items.

    `before.trying` still being set means that the attempt which tried it failed or died. The first two
    attempts take all there is; from the third on a part that failed is halved, and a part of one item
    that goes on failing is given up.
    """
    whole = [0, items]
    if before.todo is None:
        return Try(Progress([whole], whole))
    todo, failed = before.todo, before.trying
    if failed is None:
        return Try(Progress(todo, todo[0] if todo else None))
    if attempts < 2:
        return Try(Progress(todo, failed))
    start, end = failed
    rest = [part for part in todo if part != failed]
    if end - start > 1:
        middle = (start + end) // 2
        halves = [[start, middle], [middle, end]]
        return Try(Progress([*halves, *rest], halves[0]))
    if attempts < PATIENCE:
        return Try(Progress(todo, failed))
    return Try(Progress(rest, rest[0] if rest else None), condemned=start)
