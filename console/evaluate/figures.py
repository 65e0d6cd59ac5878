"""The arithmetic of an evaluation: shares with intervals, F1, correlation, curves over thresholds.

A post is flagged when its score is at or below a threshold. Surprising: a post without a score (None) is never
flagged, at no threshold; so a curve may end short of its corner, and average precision below what it would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import StatisticsError, correlation
from typing import Final

import msgspec

_Z: Final = 1.959964
"""Of the normal distribution: 95 % lie within."""


class Share(msgspec.Struct, frozen=True):
    """`hits` of `of`, and the 95 % interval by Wilson (1927); all None where there is nothing to count."""

    hits: int
    of: int
    share: float | None
    low: float | None
    high: float | None


def share(hits: int, of: int) -> Share:
    """A share with its interval."""
    if not of:
        return Share(hits, of, None, None, None)
    p, z2 = hits / of, _Z * _Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return Share(hits, of, p, max(0.0, middle - half), min(1.0, middle + half))


def pearson(truth: Sequence[float], found: Sequence[float]) -> float | None:
    """The correlation; None for fewer than two pairs, or where one side never varies."""
    try:
        return correlation(truth, found)
    except StatisticsError:
        return None


class Class(msgspec.Struct, frozen=True):
    """One class: how many are of it, how many were said to be, precision and recall of saying so, F1."""

    name: str
    rows: int
    said: int
    precision: Share
    recall: Share
    f1: float | None


class Classes(msgspec.Struct, frozen=True):
    """All classes. Macro: the mean of the F1s; weighted: by how many rows are of each class.

    A class that nobody is of counts in neither mean.
    """

    classes: list[Class]
    macro_f1: float | None
    weighted_f1: float | None
    accuracy: Share


def classes(names: Sequence[str], truth: Sequence[str], said: Sequence[str]) -> Classes:
    """Each class of `names` by what is true and what was said of the same rows."""
    found = []
    for name in names:
        rows, claimed = truth.count(name), said.count(name)
        hits = sum(t == s == name for t, s in zip(truth, said, strict=True))
        both = rows + claimed
        f1 = 2 * hits / both if both else None
        found.append(Class(name, rows, claimed, share(hits, claimed), share(hits, rows), f1))
    real = [(one.f1, one.rows) for one in found if one.rows and one.f1 is not None]
    total = sum(rows for _, rows in real)
    right = sum(t == s for t, s in zip(truth, said, strict=True))
    return Classes(
        classes=found,
        macro_f1=sum(f1 for f1, _ in real) / len(real) if real else None,
        weighted_f1=sum(f1 * rows for f1, rows in real) / total if total else None,
        accuracy=share(right, len(truth)),
    )


class At(msgspec.Struct, frozen=True):
    """What a threshold would catch. `false_positives` is the share of the others that it flags."""

    threshold: float
    flagged: int
    precision: Share
    recall: Share
    false_positives: Share


class Band(msgspec.Struct, frozen=True):
    """The rows whose score is above `low` and at most `high`; `wanted` is the share that is one to catch.

    The lowest band has its low end in it. None and None: the rows without a score.
    """

    low: float | None
    high: float | None
    rows: int
    wanted: Share


class Point(msgspec.Struct, frozen=True):
    """One step of the curves: all scores at or below `threshold` are flagged."""

    threshold: float
    precision: float
    recall: float
    false_positives: float


class Detector(msgspec.Struct, frozen=True):
    """The score as a means to find what is wanted (complaints): over thresholds, over bands, as curves.

    `auc` is the area under ROC: the chance that a wanted row scores lower than another (equal: half; a row without
    a score counts as higher than all). `average_precision` is precision summed over the steps of recall.
    """

    wanted: str
    rows: int
    positives: int
    unscored: int
    auc: float | None
    average_precision: float | None
    at: list[At]
    bands: list[Band]
    points: list[Point]


def detector(
    name: str,
    wanted: Sequence[bool],
    scores: Sequence[float | None],
    thresholds: Sequence[float],
    edges: Sequence[float],
) -> Detector:
    """How well low scores find the wanted rows. `edges` are the ends of the bands, ascending, from -1 to 1."""
    pairs = list(zip(wanted, scores, strict=True))
    positives = sum(wanted)
    points, auc, precision = _curve(pairs, positives, len(pairs) - positives)
    return Detector(
        wanted=name,
        rows=len(pairs),
        positives=positives,
        unscored=sum(score is None for score in scores),
        auc=auc,
        average_precision=precision,
        at=[at_threshold(pairs, threshold) for threshold in thresholds],
        bands=_bands(pairs, edges),
        points=points,
    )


def at_threshold(pairs: Sequence[tuple[bool, float | None]], threshold: float) -> At:
    """What a threshold catches of (wanted, score)."""
    flagged = [is_wanted for is_wanted, score in pairs if score is not None and score <= threshold]
    hits, positives = sum(flagged), sum(is_wanted for is_wanted, _ in pairs)
    return At(
        threshold=threshold,
        flagged=len(flagged),
        precision=share(hits, len(flagged)),
        recall=share(hits, positives),
        false_positives=share(len(flagged) - hits, len(pairs) - positives),
    )


def _bands(pairs: Sequence[tuple[bool, float | None]], edges: Sequence[float]) -> list[Band]:
    found = []
    for low, high in pairwise(edges):
        inside = [
            is_wanted
            for is_wanted, score in pairs
            if score is not None and (low < score <= high or score == low == edges[0])
        ]
        found.append(Band(low, high, len(inside), share(sum(inside), len(inside))))
    none = [is_wanted for is_wanted, score in pairs if score is None]
    return [*found, Band(None, None, len(none), share(sum(none), len(none)))]


def _curve(
    pairs: Sequence[tuple[bool, float | None]], positives: int, negatives: int
) -> tuple[list[Point], float | None, float | None]:
    """The steps, the area under ROC, average precision; without both kinds of rows there is no curve."""
    if not positives or not negatives:
        return [], None, None
    scored = sorted((score, is_wanted) for is_wanted, score in pairs if score is not None)
    points: list[Point] = []
    hits = misses = 0
    area = precise = 0.0
    was_hits = was_misses = 0
    for at, (score, is_wanted) in enumerate(scored):
        hits += is_wanted
        misses += not is_wanted
        if at + 1 < len(scored) and scored[at + 1][0] == score:
            continue  # equal scores are flagged together
        points.append(Point(score, hits / (hits + misses), hits / positives, misses / negatives))
        area += (misses - was_misses) * (hits + was_hits) / 2
        precise += (hits - was_hits) * hits / (hits + misses)
        was_hits, was_misses = hits, misses
    area += (negatives - was_misses) * (positives + was_hits) / 2
    return points, area / (positives * negatives), precise / positives
