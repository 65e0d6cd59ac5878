"""Texts that people rated or labelled, held against their scores.

A file has one of three kinds of judgement, found by its column:

    label        negative, neutral, positive; or complaint and not      -> F1 by class, and the detector
    mean_rating  -4 to 4, as people rate for VADER's own sets           -> correlation, F1 by class, the detector
    sentiment    -1 to 1                                                -> the same

Cut into classes, truth is cut at 0 and a score at ±0.05, VADER's own bounds; a text without a score is neutral
there, 0 in the correlation, and never flagged by the detector.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from console.evaluate.figures import Classes, Detector, classes, detector, pearson
from models.rule import SHIPPED
from workers.score import Unscored

if TYPE_CHECKING:
    from console.evaluate.reading import Row, Sheet
    from workers.score import Sentiment

CUT: Final = 0.05
THRESHOLDS: Final = (-0.80, -0.70, -0.60, -0.50, -0.40, -0.30, -0.25, -0.20, -0.10, -0.05)
_EDGES: Final = (-1.0, -0.8, -0.6, -0.5, -0.4, -0.3, -0.25, -0.2, -0.05, 0.05, 0.25, 0.5, 1.0)
_RATED: Final = {"mean_rating": 4.0, "sentiment": 1.0}

FEELINGS: Final = ("negative", "neutral", "positive")
COMPLAINTS: Final = ("complaint", "not")
_LABELS: Final = {
    "negative": "negative",
    "neg": "negative",
    "neutral": "neutral",
    "neu": "neutral",
    "positive": "positive",
    "pos": "positive",
    "complaint": "complaint",
    "not": "not",
    "not complaint": "not",
    "not a complaint": "not",
    "no complaint": "not",
    "non complaint": "not",
}


class Judged(msgspec.Struct, frozen=True):
    """What people said of the rows: by which column; a label each, and a number each where they rated."""

    column: str
    labels: list[str]
    ratings: list[float] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, the one that is to be caught first."""
        return COMPLAINTS if self.labels and self.labels[0] in COMPLAINTS else FEELINGS


class Measured(msgspec.Struct, frozen=True):
    """A file as it was measured.

    `shipped` is the threshold at which the shipped rule opens a Ticket. `zeros` are scores of exactly 0; `unscored`
    counts the rows without a score by reason. `pearson` only where people rated.
    """

    file: str
    column: str
    scorer: str
    rows: int
    shipped: float
    zeros: int
    unscored: dict[str, int]
    pearson: float | None
    classes: Classes
    detector: Detector


@cache
def shipped_threshold() -> float:
    """Where the shipped rule for what is addressed to us opens a Ticket."""
    return next(float(rule["threshold"] or 0) for rule in SHIPPED if rule["name"] == "A complaint to us")


def judged(sheet: Sheet) -> Judged:
    """What people said of each row. Raises CannotDo with the line of a judgement that cannot be read."""
    if "label" in sheet.columns:
        return Judged("label", _labels(sheet))
    for column, most in _RATED.items():
        if column in sheet.columns:
            ratings = [_rating(sheet, row, column, most) for row in sheet.rows]
            return Judged(column, [FEELINGS[(value > 0) - (value < 0) + 1] for value in ratings], ratings)
    raise sheet.lacks("label, mean_rating or sentiment")


def _labels(sheet: Sheet) -> list[str]:
    found: list[str] = []
    for row in sheet.rows:
        word = " ".join(row["label"].lower().replace("-", " ").replace("_", " ").split())
        label = _LABELS.get(word)
        if label is None:
            known = "negative, neutral, positive; or complaint, not"
            raise sheet.wrong(row, f"the label {row['label']!r} is unknown (known: {known})")
        if found and (label in COMPLAINTS) != (found[0] in COMPLAINTS):
            raise sheet.wrong(
                row, f"the label {row['label']!r} is of another kind than {found[0]!r} above it"
            )
        found.append(label)
    return found


def _rating(sheet: Sheet, row: Row, column: str, most: float) -> float:
    try:
        value = float(row[column])
    except ValueError:
        raise sheet.wrong(row, f"{column} is {row[column]!r}, and must be a number") from None
    if not math.isfinite(value) or abs(value) > most:
        raise sheet.wrong(row, f"{column} is {row[column]}, and must lie between {-most:g} and {most:g}")
    return value


def thresholds(more: Sequence[float] = ()) -> list[float]:
    """The thresholds of the table, the lowest first: the usual ones, the shipped one, and `more`."""
    return sorted({*THRESHOLDS, shipped_threshold(), *more})


def measure(
    sheet: Sheet,
    truth: Judged,
    answers: Sequence[Sentiment | Unscored],
    scores: Sequence[float | None],
    scorer: str,
    more: Sequence[float] = (),
) -> Measured:
    """Hold the numbers of a file's rows against what people said of them; `more` thresholds for the table."""
    shipped = shipped_threshold()
    if truth.names == COMPLAINTS:
        said = [COMPLAINTS[score is None or score > shipped] for score in scores]
    else:
        said = [_feeling(score or 0.0) for score in scores]
    wanted = truth.names[0]
    return Measured(
        file=sheet.name,
        column=truth.column,
        scorer=scorer,
        rows=len(sheet.rows),
        shipped=shipped,
        zeros=sum(score == 0 for score in scores),
        unscored=dict(
            Counter(_reason(one.reason) for one in answers if isinstance(one, Unscored)).most_common()
        ),
        pearson=None if truth.ratings is None else pearson(truth.ratings, [score or 0.0 for score in scores]),
        classes=classes(truth.names, truth.labels, said),
        detector=detector(
            wanted,
            [label == wanted for label in truth.labels],
            scores,
            thresholds(more),
            sorted({*_EDGES, shipped}),
        ),
    )


def _feeling(score: float) -> str:
    return FEELINGS[(score >= CUT) - (score <= -CUT) + 1]


def _reason(reason: str) -> str:
    return "not English" if reason.startswith("lang:") else reason
