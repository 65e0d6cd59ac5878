"""Everything that `earshot evaluate all` measures: a part each, in the order in which it is printed.

A part is a name and a function of a Run. One that lacks a truth set is a skipped one; one that needs none pays no
heed to the folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from console.evaluate import tables
from console.evaluate.language import languages
from console.evaluate.lexicons import Choice, scorers
from console.evaluate.reading import Sheet, read
from console.evaluate.report import Bar, Part, Table, number, of_share
from console.evaluate.scoring import Scorers, Track, answers, numbers, silently
from console.evaluate.sentiment import Measured, judged, measure
from console.refusal import CannotDo


class Run(NamedTuple):
    """What the parts measure with: the folder of truth sets, how progress is shown, how a lexicon's scorers are made."""

    folder: Path
    track: Track = silently
    scorers: Callable[[Choice], Scorers] = scorers


NEAR: Final = 0.10
"""How far from the shipped threshold the tables that compare lexicons look."""


def truth_folder() -> Path:
    """Where the truth sets are: EARSHOT_TRUTH, else `shared/truth` beside the checkout. May not exist."""
    named = os.environ.get("EARSHOT_TRUTH")
    return Path(named) if named else Path(__file__).parents[3] / "shared" / "truth"


def tweets(run: Run) -> Part:
    """The pure scorer on the tweets of VADER's own paper, and the profile beside it."""
    title = "Tweets of VADER's own paper (tweets.tsv)"
    found = _by_lexicon(run, run.folder / "vader" / "tweets.tsv")
    if isinstance(found, str):
        return Part("tweets", title, skipped=found)
    pure = found["none"]
    return Part(
        "tweets",
        title,
        tables=[
            tables.of_classes(pure.classes, "By the pure scorer"),
            Table(
                "Pure scorer and profile",
                ["lexicon", ">Pearson r", ">weighted F1", ">macro F1"],
                [
                    [
                        name,
                        *(number(n) for n in (one.pearson, one.classes.weighted_f1, one.classes.macro_f1)),
                    ]
                    for name, one in found.items()
                ],
            ),
        ],
        bars=[
            Bar("tweets, pure scorer: Pearson r", pure.pearson, 0.865, at_least=True),
            Bar("tweets, pure scorer: weighted F1", pure.classes.weighted_f1, 0.945, at_least=True),
        ],
        notes=[tables.head(pure)],
    )


def airlines(run: Run) -> Part:
    """Complaints to airlines, each airline's own name masked."""
    title = "Complaints to airlines (airline_us.tsv)"
    return _complaints(run, "airlines", title, "airline_us.tsv", recall=0.40, false_positives=0.055)


def brands(run: Run) -> Part:
    """Complaints to brands of nine trades; the rows that are not directed at a brand are left out."""
    title = "Complaints to brands (complaints19.tsv)"
    which = ["domain!=random_*"]
    return _complaints(run, "brands", title, "complaints19.tsv", which, recall=0.30, false_positives=0.065)


def any_topic(run: Run) -> Part:
    """Negative tweets about anything, for comparison."""
    title = "Tweets on any topic, for comparison (semeval17_test.tsv)"
    return _complaints(run, "semeval17", title, "semeval17_test.tsv")


def other_languages(run: Run) -> Part:
    """What is scored though it is not English, and the reverse."""
    title = "Language (multilang_xlmt.tsv, airline_us.tsv)"
    files = [run.folder / "complaints" / name for name in ("multilang_xlmt.tsv", "airline_us.tsv")]
    if missing := [file.name for file in files if not file.is_file()]:
        return Part("language", title, skipped=_missing(*missing))
    chosen = run.scorers("support")
    mixed, english = (
        languages(sheet, answers(sheet, chosen, detect=True, track=run.track), chosen.version, lang)
        for sheet, lang in ((read(files[0]), None), (read(files[1]), "en"))
    )
    skipped = english.all_english.skipped
    return Part(
        "language",
        title,
        tables=[tables.of_languages(mixed), tables.of_languages(english)],
        bars=[
            of_share(
                "not English, three words or more, no Hindi: scored",
                mixed.foreign.scored,
                0.03,
                at_least=False,
            ),
            of_share("English (airlines): skipped", skipped, 0.015, at_least=False),
        ],
    )


def resolution(run: Run) -> Part:
    """Whom posts are tied to, and what is only suggested."""
    from console.evaluate.resolution import resolution as measured

    return measured(run.folder, run.track)


PARTS: Final[tuple[tuple[str, Callable[[Run], Part]], ...]] = (
    ("tweets", tweets),
    ("airlines", airlines),
    ("brands", brands),
    ("semeval17", any_topic),
    ("language", other_languages),
    ("resolution", resolution),
)


def evaluate(run: Run, only: Collection[str] = ()) -> list[Part]:
    """All parts, or `only` these, in order. Raises CannotDo for a name that is no part's."""
    names = [name for name, _ in PARTS]
    if unknown := [name for name in only if name not in names]:
        raise CannotDo(f"There is no part {unknown[0]!r}; there are: {', '.join(names)}.")
    return [part(run) for name, part in PARTS if not only or name in only]


def _complaints(
    run: Run,
    name: str,
    title: str,
    file: str,
    conditions: Sequence[str] = (),
    *,
    recall: float | None = None,
    false_positives: float | None = None,
) -> Part:
    found = _by_lexicon(run, run.folder / "complaints" / file, conditions)
    if isinstance(found, str):
        return Part(name, title, skipped=found)
    told = found["support"]
    at = next(at for at in told.detector.at if at.threshold == told.shipped)
    bars = []
    if recall is not None and false_positives is not None:
        where = f"{name}, profile at {told.shipped:+.2f}"
        bars = [
            of_share(f"{where}: recall", at.recall, recall, at_least=True),
            of_share(f"{where}: false positives", at.false_positives, false_positives, at_least=False),
        ]
    near = [one.threshold for one in told.detector.at if abs(one.threshold - told.shipped) <= NEAR + 1e-9]
    return Part(
        name,
        title,
        tables=[tables.beside(found, near), *tables.of_sentiment(told)],
        bars=bars,
        notes=[tables.head(told)],
    )


def _by_lexicon(run: Run, file: Path, conditions: Sequence[str] = ()) -> dict[Choice, Measured] | str:
    """The file measured by the pure scorer and with the profile; or why it was not."""
    if not file.is_file():
        return _missing(file.name)
    sheet = read(file).chosen(conditions)
    choices: tuple[Choice, ...] = ("none", "support")
    return {choice: _measured(run, sheet, choice) for choice in choices}


def _measured(run: Run, sheet: Sheet, choice: Choice) -> Measured:
    chosen = run.scorers(choice)
    told = answers(sheet, chosen, track=run.track)
    return measure(sheet, judged(sheet), told, numbers(told), chosen.version)


def _missing(*names: str) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not in the folder of truth sets"
