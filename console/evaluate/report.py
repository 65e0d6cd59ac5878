"""What an evaluation hands to whoever prints it: tables of words, and bars that are met or missed."""

from __future__ import annotations

import msgspec

from console.evaluate.figures import Share


class Table(msgspec.Struct, frozen=True):
    """A table as it is printed; a heading with > in front stands right, one with ~ wraps."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Bar(msgspec.Struct, frozen=True):
    """A bound that a figure has to keep: at least, or at most. A figure that is not there keeps none.

    `low` and `high` are the figure's 95 % interval where it is a share; the figure itself decides.
    """

    what: str
    found: float | None
    bound: float
    at_least: bool
    low: float | None = None
    high: float | None = None

    @property
    def met(self) -> bool:
        """Does the figure keep the bound?"""
        if self.found is None:
            return False
        return self.found >= self.bound if self.at_least else self.found <= self.bound


class Part(msgspec.Struct, frozen=True):
    """One part of an evaluation. `skipped` says why there is nothing in it."""

    name: str
    title: str
    tables: list[Table] = []
    bars: list[Bar] = []
    notes: list[str] = []
    skipped: str | None = None


def of_share(what: str, found: Share, bound: float, *, at_least: bool) -> Bar:
    """The bar of a share, with its interval."""
    return Bar(what, found.share, bound, at_least, found.low, found.high)


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(found: Share) -> str:
    """A share in per cent with its interval: `32.4 (29.9–34.9)`, or a dash where there was nothing to count."""
    if found.share is None or found.low is None or found.high is None:
        return "–"
    return f"{found.share * 100:.1f} ({found.low * 100:.1f}–{found.high * 100:.1f})"
