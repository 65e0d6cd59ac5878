"""What was measured, as tables of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from console.evaluate.figures import Classes, Detector
from console.evaluate.language import Group, Languages
from console.evaluate.lexicons import Choice
from console.evaluate.report import Bar, Table, number, percent
from console.evaluate.sentiment import FEELINGS, Measured
from console.words import counted

INTERVALS = "In brackets: 95 % intervals (Wilson)."


def head(told: Measured) -> str:
    """A file in a sentence: how many rows, what they were judged by, what has no score."""
    zeros = f"{told.zeros:,} score{'s' if told.zeros == 1 else ''} exactly 0"
    said = f"{counted(told.rows, 'row')} by their {told.column}, scored by {told.scorer}; {zeros}"
    if told.unscored:
        without = ", ".join(f"{reason.replace('_', ' ')} {n:,}" for reason, n in told.unscored.items())
        said += f"; without a score, and so never flagged: {without}"
    return said + "."


def of_sentiment(told: Measured) -> Iterator[Table]:
    """Classes, thresholds, bands."""
    yield of_classes(told.classes, _cut(told))
    yield of_thresholds(told.detector, told.shipped)
    yield of_bands(told.detector)


def _cut(told: Measured) -> str:
    names = [one.name for one in told.classes.classes]
    if tuple(names) == FEELINGS:
        return "Classes, a score being positive from +0.05 up and negative from -0.05 down"
    return f"Classes, a score of {told.shipped:+.2f} or lower being a {names[0]}"


def of_classes(told: Classes, title: str) -> Table:
    """Precision, recall and F1 of each class; the means over all in the title."""
    rows = [
        [one.name, f"{one.rows:,}", percent(one.precision), percent(one.recall), number(one.f1)]
        for one in told.classes
    ]
    return Table(
        f"{title}: weighted F1 {number(told.weighted_f1)}, macro F1 {number(told.macro_f1)}",
        ["class", ">rows", ">precision %", ">recall %", ">F1"],
        rows,
    )


def of_thresholds(told: Detector, shipped: float) -> Table:
    """What each threshold would catch."""
    title = (
        f"As a detector of “{told.wanted}” ({told.positives:,} of {told.rows:,}): area under ROC {number(told.auc)},"
        f" average precision {number(told.average_precision)}"
    )
    rows = [
        [
            f"{at.threshold:+.2f}" + (" shipped" if at.threshold == shipped else ""),
            f"{at.flagged:,}",
            percent(at.precision),
            percent(at.recall),
            percent(at.false_positives),
        ]
        for at in told.at
    ]
    return Table(title, ["flagged at", ">rows", ">precision %", ">recall %", ">false pos. %"], rows)


def of_bands(told: Detector) -> Table:
    """How many of each band of the score are wanted: what one band more would bring."""
    rows = [
        [
            "no score" if band.low is None or band.high is None else f"{band.low:+.2f} to {band.high:+.2f}",
            f"{band.rows:,}",
            percent(band.wanted),
        ]
        for band in told.bands
    ]
    return Table(f"By bands of the score: how many are “{told.wanted}”", ["score", ">rows", ">share %"], rows)


def of_languages(told: Languages) -> Table:
    """What was scored and what was skipped, what stands apart and every language by itself below."""
    groups = [told.foreign, told.english, told.all_english, *told.apart, *told.by]
    return Table(
        "Language, the scorer being told none",
        ["rows that are", ">rows", ">scored %", ">skipped as not English %"],
        [_of_group(group) for group in groups if group.scored.of],
    )


def _of_group(group: Group) -> list[str]:
    return [group.name, f"{group.scored.of:,}", percent(group.scored), percent(group.skipped)]


def of_bars(bars: Sequence[Bar]) -> Table:
    """Each bar with what was found and whether it is met, and whether the interval lets it be sure of that."""
    rows = []
    for bar in bars:
        bound = f"{'at least' if bar.at_least else 'at most'} {bar.bound:.3f}"
        span = "" if bar.low is None or bar.high is None else f" ({bar.low:.3f} to {bar.high:.3f})"
        verdict = "met" if bar.met else "MISSED" if bar.missed else "not measured"
        within = "" if bar.within is None else "yes" if bar.within else "no"
        rows.append([bar.what, bound, number(bar.found, 4) + span, verdict, within])
    title = "Bars (within 95 %: the worse end of the interval keeps the bar too)"
    return Table(title, ["what", ">bar", ">found", "verdict", "within 95 %"], rows)


def beside(told: Mapping[Choice, Measured], wanted: Sequence[float]) -> Table:
    """The same rows by several lexicons, at some thresholds."""
    rows = []
    for lexicon, measured in told.items():
        for at in measured.detector.at:
            if at.threshold in wanted:
                mark = " shipped" if at.threshold == measured.shipped else ""
                shares = [percent(one) for one in (at.precision, at.recall, at.false_positives)]
                rows.append([lexicon, f"{at.threshold:+.2f}{mark}", *shares])
    areas = ", ".join(f"{lexicon} {number(one.detector.auc)}" for lexicon, one in told.items())
    columns = ["lexicon", "flagged at", ">precision %", ">recall %", ">false pos. %"]
    return Table(f"Pure scorer and profile: area under ROC {areas}", columns, rows)
