"""What a rule would open a day at each threshold, as a picture: and how many of those people marked wrong.

matplotlib is imported when a picture is asked for: it takes longer than all else.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from console.backtest import At, Tested
from console.backtest_told import said_at
from console.refusal import CannotDo

_BLUE, _RED, _GREY = "#1f5fa8", "#c0392b", "#777777"
_ALONG = {
    "stars": "reviews with so many stars or fewer",
    "threshold": "threshold: posts that score this or less",
    "mean": "threshold: a mean that falls to this",
    "factor": "factor: so many times as many as usual",
}


def draw(path: Path, tested: Tested, days: float, before: float) -> None:
    """Draw cases a day over thresholds, with the tested one and the one of now (`before`) marked, 1000 by 600.

    Raises CannotDo.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character of the title that the font lacks is drawn as a box
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 6), dpi=100, layout="constrained")
        axes = figure.subplots()
        _curves(axes, tested, days)
        _marks(axes, tested, before)
        tells = tested.rule.action == "notify"
        what = "ticket" if tested.rule.action == "ticket" else "activity"
        axes.set_ylabel("told a day" if tells else f"cases a day (a case has one {what})")
        axes.set_xlabel(_ALONG["mean" if tested.alarm and tested.axis == "threshold" else tested.axis])
        axes.set_title(
            f"{tested.rule.name}: what it would have {'told' if tells else 'opened'} in {days:.0f} days",
            parse_math=False,
        )
        axes.set_ylim(bottom=0)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left")
        try:
            figure.savefig(path)
        except OSError as error:
            raise CannotDo(f"{path} cannot be written: {error.strerror or error}.") from None


def _curves(axes: Any, tested: Tested, days: float) -> None:
    shown = [at for at in tested.at if tested.axis != "threshold" or at.value < 1]
    values = [at.value for at in shown]
    axes.plot(
        values,
        [at.per_day for at in shown],
        "o-",
        color=_BLUE,
        markersize=4,
        label="told" if tested.rule.action == "notify" else "cases",
    )
    axes.plot(
        values,
        [at.wrong / days for at in shown],
        "o-",
        color=_RED,
        markersize=4,
        label="marked wrong of them",
    )


def _marks(axes: Any, tested: Tested, before: float) -> None:
    at = tested.would
    if before != at.value and (before != 1.0 or tested.axis != "threshold"):
        axes.axvline(before, color=_GREY, linestyle=":", label=f"now: {said_at(tested, before)}")
    if at.value < 1 or tested.axis != "threshold":
        axes.axvline(at.value, color="black", linestyle="--", linewidth=1)
    right = at.value > sum(axes.get_xlim()) / 2
    axes.annotate(
        _said(tested, at),
        (min(at.value, axes.get_xlim()[1]), 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if right else 6, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
    )


def _said(tested: Tested, at: At) -> str:
    return f"{said_at(tested, at.value)}: {at.per_day:.1f} a day\n{at.wrong} of {at.cases} marked wrong"
