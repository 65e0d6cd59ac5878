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
    """A bound that a figure has to keep: at least, or at most.

    `low` and `high` are the figure's 95 % interval where it is a share; the figure itself decides. `of` is how many
    rows it was measured on, where they were counted: what was measured on none is neither met nor missed.
    """

    what: str
    found: float | None
    bound: float
    at_least: bool
    low: float | None = None
    high: float | None = None
    of: int | None = None

    @property
    def measured(self) -> bool:
        """Was there anything to measure?"""
        return self.found is not None and self.of != 0

    @property
    def met(self) -> bool:
        """Does the figure keep the bound?"""
        return self.measured and self._keeps(self.found)

    @property
    def missed(self) -> bool:
        """Was it measured, and is not met?"""
        return self.measured and not self.met

    @property
    def within(self) -> bool | None:
        """Does the worse end of the interval keep the bound too? None where there is no interval."""
        if self.low is None or self.high is None:
            return None
        return self._keeps(self.low if self.at_least else self.high)

    def _keeps(self, figure: float | None) -> bool:
        if figure is None:
            return False
        return figure >= self.bound if self.at_least else figure <= self.bound


class Part(msgspec.Struct, frozen=True):
    """One part of an evaluation. `skipped` says why there is nothing in it; `lacks` what of it truth sets are missing for."""

    name: str
    title: str
    tables: list[Table] = []
    bars: list[Bar] = []
    notes: list[str] = []
    skipped: str | None = None
    lacks: list[str] = []


def of_share(what: str, found: Share, bound: float, *, at_least: bool) -> Bar:
    """The bar of a share, with its interval."""
    return Bar(what, found.share, bound, at_least, found.low, found.high, found.of)


def as_values(bar: Bar) -> dict[str, object]:
    """A bar with its verdicts, as plain values."""
    verdicts = {"measured": bar.measured, "met": bar.met, "within": bar.within}
    return {**msgspec.to_builtins(bar), **verdicts}


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def percent(found: Share) -> str:
    """A share in per cent with its interval: `32.4 (29.9–34.9)`, or a dash where there was nothing to count."""
    if found.share is None or found.low is None or found.high is None:
        return "–"
    return f"{found.share * 100:.1f} ({found.low * 100:.1f}–{found.high * 100:.1f})"
