"""The words of many texts in one row: what looks for names asks for thousands of words at once.

Plain (ASCII) texts are taken apart together, in a few passes over their bytes, which costs a third of doing it text
by text; the others one by one. Surprising: between two texts stands BREAK, which is no word of either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from workers.folding import MOST_WORDS, both_ways, spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BREAK = "\xf7"
"""Stands after each text: a sign (of division) that is no letter, so no word is it."""
_BREAK = 0xF7
_APART = b" \xf7 "
_SPACE = 32
# what is not a letter, digit or _ becomes a space, letters become small
_LOWERED = bytes(
    code if chr(code).isalnum() or code == ord("_") else _SPACE for code in range(128)
).lower() + bytes(range(128, 256))

MOST_PLAIN = 2 * MOST_WORDS
"""A text of so many characters has no more words than are looked at."""
FEW_DIGITS = 9
"""A text with fewer has no telephone number in it."""


class Row(Protocol):
    """Several texts' words as they are compared, in order. `begins`: where each text's first word stands in the row.
    `capitals`: which words were written with one. `digits`: the texts, by number, that have FEW_DIGITS or more."""

    words: list[str]
    begins: list[int]
    capitals: list[int]
    digits: list[int]

    def span(self, text: int, first: int, last: int) -> tuple[int, int]:
        """Where words, by their places in the row, begin and end in their text, in characters."""


def plain(text: str) -> bool:
    """May it be taken apart together with others?"""
    return len(text) <= MOST_PLAIN and text.isascii()


class PlainRow:
    """A row of texts that are all plain."""

    def __init__(self, texts: Sequence[str]) -> None:
        parted = b" " + _APART.join([text.encode() for text in texts]) + _APART
        lowered = parted.translate(_LOWERED)
        self.words = lowered.decode("latin-1").split()
        written, read = np.frombuffer(parted, np.uint8), np.frombuffer(lowered, np.uint8)
        inside = read != _SPACE
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        self._starts, self._ends = edges[0::2], edges[1::2]
        breaks = np.flatnonzero(read == _BREAK)
        after = np.searchsorted(self._starts, breaks) + 1
        self.begins = [0, *after[:-1].tolist()]
        offsets = np.concatenate(([1], breaks[:-1] + 2))
        self._offsets = offsets.tolist()
        self.capitals = self._capitals(written)
        digits = np.add.reduceat((written - np.uint8(48)) < 10, offsets, dtype=np.int32)
        self.digits = np.flatnonzero(digits >= FEW_DIGITS).tolist()

    def _capitals(self, written: NDArray[np.uint8]) -> list[int]:
        letters = np.flatnonzero((written - np.uint8(65)) < 26)
        words = np.searchsorted(self._starts, letters, side="right") - 1
        found: list[int] = words[np.flatnonzero(np.diff(words, prepend=-1))].tolist()
        return found

    def span(self, text: int, first: int, last: int) -> tuple[int, int]:
        """As Row says."""
        offset = self._offsets[text]
        return int(self._starts[first]) - offset, int(self._ends[last]) - offset


class OddRow:
    """A row of any texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.words: list[str] = []
        self.begins: list[int] = []
        self.capitals: list[int] = []
        self.digits = list(range(len(texts)))
        self._spans: dict[int, list[tuple[int, int]]] = {}
        for text in texts:
            begins = len(self.words)
            self.begins.append(begins)
            written, compared = both_ways(text)
            if len(compared) > MOST_WORDS:
                del written[MOST_WORDS:], compared[MOST_WORDS:]
            self.words += compared
            self.words.append(BREAK)
            for at, (one, other) in enumerate(zip(written, compared, strict=True), begins):
                if one != other:
                    self.capitals.append(at)

    def span(self, text: int, first: int, last: int) -> tuple[int, int]:
        """As Row says."""
        spans = self._spans.get(text)
        if spans is None:
            spans = self._spans[text] = spans_of(self._texts[text])
        begins = self.begins[text]
        return spans[first - begins][0], spans[last - begins][1]
