"""The rows of a file scored as posts would be, with the lexicon and the names that were asked for.

A column `brand` says whose post it is, and that brand's name is masked in its row as our own name would be: a file
of posts to many brands measures each as its owner would see it. Surprising: a text is English unless a column `lang`
says otherwise, as where a platform tells the language; `detect` leaves it to the scorer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from workers.score import Scorer, Sentiment

if TYPE_CHECKING:
    from console.evaluate.reading import Row, Sheet
    from workers.score import Unscored

Make = Callable[[Sequence[str]], Scorer]
"""A scorer that masks these own names; its lexicon is chosen already."""
Track = Callable[[Sequence["Row"]], Iterable["Row"]]
"""Goes through rows and shows how far it is."""


def silently(rows: Sequence[Row]) -> Iterable[Row]:
    """Goes through rows and shows nothing."""
    return rows


class Scorers:
    """A scorer for each set of own names, made once."""

    def __init__(self, make: Make, own_names: Sequence[str] = ()) -> None:
        self._make, self._own = make, tuple(own_names)
        self._made: dict[str, Scorer] = {}

    def of(self, brand: str) -> Scorer:
        """The scorer that masks the own names and this brand ("" is none)."""
        if brand not in self._made:
            self._made[brand] = self._make([*self._own, *names_of(brand)])
        return self._made[brand]

    @property
    def version(self) -> str:
        """What stands beside a score."""
        return self.of("").version


def names_of(brand: str) -> tuple[str, ...]:
    """A brand as it is named in posts: as given, and as a handle without spaces."""
    brand = " ".join(brand.split())
    return (brand, "@" + brand.replace(" ", "")) if brand else ()


def answers(
    sheet: Sheet, scorers: Scorers, *, detect: bool = False, track: Track = silently
) -> list[Sentiment | Unscored]:
    """What each row gets, in the order of the file."""
    branded, told = "brand" in sheet.columns, "lang" in sheet.columns
    found = []
    for row in track(sheet.rows):
        scorer = scorers.of(row["brand"]) if branded else scorers.of("")
        lang = None if detect else row["lang"] or None if told else "en"
        found.extend(scorer.score([(row["text"], lang)]))
    return found


def numbers(found: Iterable[Sentiment | Unscored]) -> list[float | None]:
    """The number of each answer; None where it has none."""
    return [one.compound if isinstance(one, Sentiment) else None for one in found]
