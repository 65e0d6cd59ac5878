"""Phrases of a lexicon, each read as one word, since VADER weighs words.

Found among the words of a text by the least common of their own words, so that a text without any of those is
passed at the price of one look at a set. Surprising: a mark inside ends a phrase ("still, waiting" is none),
marks around it do not; where two overlap, the one that begins first, then the longer one is taken.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable
from typing import Final

MOST_WORDS: Final = 6
"""A longer phrase is never found; what a text costs grows with the square of this."""

_PUNCTUATION: Final = string.punctuation

# Too common to be looked for, unless a phrase is made of nothing else.
_COMMON_WORDS: Final = """
    a an and are at be been can do does for get got had has have how i if in is it me my no not of on one or our so that
    the them there they this to up us was we were what when where who why will with would you your
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())


class Phrases:
    """Some phrases of two words or more, in any case and with any space between."""

    def __init__(self, phrases: Iterable[str]) -> None:
        shapes: dict[str, set[tuple[int, int]]] = {}
        self._known: set[str] = set()
        for phrase in phrases:
            words = phrase.strip(_PUNCTUATION).lower().split()
            if 2 <= len(words) <= MOST_WORDS:
                self._known.add(" ".join(words))
                place = max(range(len(words)), key=lambda at: (words[at] not in _COMMON, len(words[at])))
                shapes.setdefault(words[place].strip(_PUNCTUATION), set()).add((place, len(words)))
        self._shapes = {word: sorted(found) for word, found in shapes.items()}
        self.keys = frozenset(self._shapes)

    def joined(self, words: list[str], keyed: Collection[str]) -> list[str]:
        """The words with every phrase made one (`still_waiting`); the same list if there is none.

        `keyed`: words as written that `keys` has when they are lower-cased and without the marks around them.
        """
        found: list[tuple[int, int]] = []
        for place, word in enumerate(words):
            if word not in keyed:
                continue
            for offset, length in self._shapes[word.strip(_PUNCTUATION).lower()]:
                start = place - offset
                if start >= 0 and self.holds(" ".join(words[start : start + length])):
                    found.append((start, -length))
        if not found:
            return words
        found.sort()
        whole: list[str] = []
        done = 0
        for start, length in found:
            if start >= done:
                whole += words[done:start]
                done = start - length
                whole.append("_".join(words[start:done]))
        return whole + words[done:]

    def holds(self, phrase: str) -> bool:
        """Is this one of the phrases, written with single spaces and whatever case and marks around it?"""
        return phrase.strip(_PUNCTUATION).lower() in self._known
