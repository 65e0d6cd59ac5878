"""score: texts in, sentiments out; or why a text has none.

    text ── normalise ── is it English? ── VADER ── Sentiment
                │               └─ lang:de ┐
                └─ empty, media_only ──────┴─ Unscored

The number is VADER's compound over the normalised text, with the organisation's lexicon.
Pure: no database, no clock. Surprising: what cannot be scored is never 0.0; a German post averaged in as neutral
would hide the English one beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from workers._language import language
from workers._normalise import Normalised, Normaliser
from workers._vader import Vader, Weight, bare, emoji, tables
from workers.lexicon import NONE, Lexicon

SCORER: Final = "vader-3.3.2+n1"
"""Stands beside every score: the package's version, and the normaliser's, raised when it changes a number.
Behind it the lexicon's name, where there is one: `vader-3.3.2+n1+support-1+main.7`."""

# a letter that does not belong to a masked name
_LETTER: Final = re.compile(r"(?<![@\w])[^\W\d_]")


class Sentiment(msgspec.Struct, frozen=True, gc=False):
    """VADER's four numbers: compound in [-1, 1], the others shares in [0, 1].

    `lang` is a BCP 47 primary tag, `und` where the text was too short to tell.
    """

    compound: float
    negative: float
    neutral: float
    positive: float
    lang: str
    version: str = SCORER


class Unscored(msgspec.Struct, frozen=True, gc=False):
    """A text without a score. `reason`: `lang:xx`, `empty` (no word, emoji or emoticon), `media_only` (links)."""

    reason: str
    lang: str | None = None


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """Why a text scores what it scores.

    `sum(word.weight for word in words) + emphasis == total`, exactly; `emphasis` is what the punctuation adds;
    compound = total / sqrt(total² + 15), rounded to four digits. `text` is what VADER read.
    """

    text: str
    words: tuple[Weight, ...]
    emphasis: float
    total: float
    compound: float


class Scorer:
    """The scorer of one organisation.

    Its own names, handles and products are masked (`_normalise` says how). `lexicon` adds words and phrases,
    or replaces their weights; without one the scorer is pure VADER.
    """

    def __init__(self, own_names: Iterable[str] = (), lexicon: Lexicon = NONE) -> None:
        self._normalise = Normaliser(own_names, lexicon.words)
        self._lexicon, self._vader = _analyzer(lexicon)
        self.version = f"{SCORER}+{lexicon.name}" if lexicon.name else SCORER

    def score(self, texts: Sequence[tuple[str, str | None]]) -> list[Sentiment | Unscored]:
        """(text, the platform's own language or None) each; as many answers, in the same order."""
        return [self._one(text, told) for text, told in texts]

    def explain(self, text: str) -> Explanation:
        """The words behind a score, whatever the language; nothing weighs in a text without words."""
        normalised = self._normalise(text).text
        weighed = self._vader.explain(normalised)
        return Explanation(normalised, weighed.words, weighed.emphasis, weighed.total, weighed.compound)

    def _one(self, text: str, told: str | None) -> Sentiment | Unscored:
        normalised = self._normalise(text)
        if not _LETTER.search(normalised.text) and not self._drawn(normalised):
            return Unscored("media_only" if normalised.linked else "empty")
        tag, readable = language(normalised.plain, told)
        if not readable:
            return Unscored(f"lang:{tag}", tag)
        return Sentiment(*self._vader.scores(normalised.text), tag, self.version)

    def _drawn(self, normalised: Normalised) -> bool:
        """Does a text without letters hold an emoji or an emoticon?"""
        text = normalised.text
        if not text.isascii() and not emoji().isdisjoint(text):
            return True
        return any(bare(token).lower() in self._lexicon for token in text.split())


@lru_cache(maxsize=32)
def _analyzer(lexicon: Lexicon) -> tuple[dict[str, float], Vader]:
    """One analyzer, and one memo, for all scorers of a lexicon, whoever's names they mask."""
    if not lexicon.words:
        return tables().lexicon, Vader(tables().lexicon)
    merged = dict(tables().lexicon)
    for word, weight in lexicon.words.items():
        key = word.replace(" ", "_")
        if weight:
            merged[key] = weight
        else:
            # gone, not zero: to VADER a shouted word of weight 0.0 is a negative one
            merged.pop(key, None)
    return merged, Vader(merged, [word for word in lexicon.words if " " in word])
