"""Phrases that a rule asks for: does a text have one of them, at word boundaries, in any case?

Thai, Chinese, Japanese and the like put no space between words and Korean none before a particle: there a phrase
counts wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from workers.folding import UNSPACED, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

READ = 10_000
"""How far into a text phrases are looked for, in characters: no text may cost more than a few milliseconds."""

_UNSPACED = re.compile(f"[{UNSPACED}]")
_WORD = re.compile(r"\w+")
_APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u2032\u00b4`"), "'")


def first_said(words: str, phrases: Sequence[str]) -> str | None:
    """The first of these phrases that a text has, whatever its case, spaces and apostrophes; None: it has none."""
    if not phrases:
        return None
    plain = _plain(words[:READ])
    return next((phrase for phrase in phrases if _has(plain, phrase)), None)


def words_said(words: str) -> list[str]:
    """The words of a text, as far as phrases are looked for in it; among them the telling word of each that it has."""
    words = words[:READ]
    return words_of(words) if words.isascii() else _WORD.findall(_plain(words))


def telling_word(phrase: str) -> str | None:
    """A word that every text says which has this phrase; None where no single word tells."""
    wanted = _plain(phrase)
    if _UNSPACED.search(wanted):
        return None
    return max(_WORD.findall(wanted), key=len, default=None)


def _has(plain: str, phrase: str) -> bool:
    wanted, standing_alone = _sought(phrase)
    # the plain search first: most texts have none, and it is the cheaper question
    return bool(wanted) and wanted in plain and standing_alone.search(plain) is not None


@lru_cache(maxsize=4_000)
def _sought(phrase: str) -> tuple[str, re.Pattern[str]]:
    wanted = _plain(phrase)
    before = "" if _UNSPACED.match(wanted[:1]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(wanted[-1:]) else r"(?!\w)"
    return wanted, re.compile(before + re.escape(wanted) + after)


# one rule after the other asks about the same post
@lru_cache(maxsize=8)
def _plain(words: str) -> str:
    if not words.isascii():
        words = unicodedata.normalize("NFKC", words)
    return " ".join(words.translate(_APOSTROPHES).casefold().split())
