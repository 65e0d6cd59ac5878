"""The curves of a detector as a picture: precision over recall, ROC, and what each threshold would catch.

matplotlib is imported only when a picture is asked for, when a picture is asked for: it takes longer than all else.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.refusal import CannotDo

if TYPE_CHECKING:
    from console.evaluate.figures import At, Detector

KINDS = (".png", ".svg")
_BLUE, _RED, _GREY = "#1f5fa8", "#c0392b", "#777777"


def demand_place(path: Path) -> None:
    """Raises CannotDo, before anything is measured, where no picture can be put."""
    if path.suffix.lower() not in KINDS:
        raise CannotDo(f"{path} is no picture's name: it ends in {' or '.join(KINDS)}.")
    if not path.parent.is_dir():
        raise CannotDo(f"{path.parent} is no folder; make it, or name another for the picture.")


def draw(path: Path, told: Detector, shipped: float, title: str) -> None:
    """Draw a detector's curves with the shipped threshold marked, 1200 by 800. Raises CannotDo."""
    if not told.points:
        raise CannotDo("There is nothing to draw: the file needs rows of both kinds, and some with a score.")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character of the title that the font lacks is drawn as a box
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(12, 8), dpi=100, layout="constrained")
        figure.suptitle(title, fontsize=14, parse_math=False)
        upper_left, upper_right, below = figure.subplot_mosaic([["a", "b"], ["c", "c"]]).values()
        mark = next(at for at in told.at if at.threshold == shipped)
        _precision_recall(upper_left, told, mark)
        _roc(upper_right, told, mark)
        _thresholds(below, told, mark)
        for axes in (upper_left, upper_right, below):
            axes.grid(color="#dddddd", linewidth=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        try:
            figure.savefig(path)
        except OSError as error:
            raise CannotDo(f"{path} cannot be written: {error.strerror or error}.") from None


def _precision_recall(axes: Any, told: Detector, mark: At) -> None:
    recall = [point.recall for point in told.points]
    axes.plot(recall, [point.precision for point in told.points], color=_BLUE)
    axes.axhline(told.positives / told.rows, color=_GREY, linestyle=":", label="flagging at random")
    _marked(axes, mark.recall.share, mark.precision.share, mark.threshold)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=f"recall: share of “{told.wanted}” that is flagged")
    axes.set(ylabel=f"precision: flagged that are “{told.wanted}”")
    axes.set_title(f"Precision over recall (average precision {told.average_precision:.3f})", fontsize=11)
    axes.legend(loc="lower right")


def _roc(axes: Any, told: Detector, mark: At) -> None:
    steps = [(0.0, 0.0), *((point.false_positives, point.recall) for point in told.points)]
    axes.plot([x for x, _ in steps], [y for _, y in steps], color=_BLUE)
    axes.plot((0, 1), (0, 1), color=_GREY, linestyle=":", label="flagging at random")
    _marked(axes, mark.false_positives.share, mark.recall.share, mark.threshold)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="false positives: share of the others that is flagged")
    axes.set(ylabel="recall")
    axes.set_title(f"ROC (area under the curve {told.auc:.3f})", fontsize=11)
    axes.legend(loc="lower right")


def _thresholds(axes: Any, told: Detector, mark: At) -> None:
    for name, colour in (("recall", _BLUE), ("false_positives", _RED)):
        at = [point.threshold for point in told.points]
        label = "recall" if name == "recall" else "false positives"
        axes.step(
            at, [getattr(point, name) for point in told.points], where="post", color=colour, label=label
        )
        spans = [(one.threshold, getattr(one, name)) for one in told.at]
        axes.errorbar(
            [x for x, _ in spans],
            [found.share for _, found in spans],
            # rounding may put the end of an interval a hair on the wrong side of its middle
            yerr=[
                [max(0.0, found.share - found.low) for _, found in spans],
                [max(0.0, found.high - found.share) for _, found in spans],
            ],
            fmt="none",
            ecolor=colour,
            capsize=3,
        )
    axes.axvline(mark.threshold, color="black", linestyle="--", linewidth=1)
    axes.annotate(
        f"shipped: {mark.threshold:+.2f}\nrecall {mark.recall.share:.1%}, false positives {mark.false_positives.share:.1%}",
        (mark.threshold, 0.97),
        xytext=(6, 0),
        textcoords="offset points",
        va="top",
    )
    axes.set(xlim=(-1, 1), ylim=(0, 1.02), xlabel="threshold: a post is flagged at this score or below")
    axes.set(ylabel="share flagged")
    axes.set_title("What a threshold catches (bars: 95 % intervals)", fontsize=11)
    axes.legend(loc="lower right")


def _marked(axes: Any, x: float | None, y: float | None, threshold: float) -> None:
    if x is not None and y is not None:
        axes.plot([x], [y], "o", color="black", label=f"shipped threshold {threshold:+.2f}")
