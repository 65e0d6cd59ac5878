"""Phrases that a rule asks for: does a text have one of them, at word boundaries, in any case?

Thai, Chinese, Japanese and the like put no space between words and Korean none before a particle: there a phrase
counts wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
_APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u2032\u00b4`"), "'")


def first_said(words: str, phrases: Sequence[str]) -> str | None:
    """The first of these phrases that a text has, whatever its case, spaces and apostrophes; None: it has none."""
    if not phrases:
        return None
    plain = _plain(words)
    return next((phrase for phrase in phrases if _has(plain, _plain(phrase))), None)


def _has(plain: str, phrase: str) -> bool:
    # the plain search first: most texts have none, and it is the cheaper question
    return bool(phrase) and phrase in plain and _standing_alone(phrase).search(plain) is not None


@lru_cache(maxsize=4_000)
def _standing_alone(phrase: str) -> re.Pattern[str]:
    before = "" if _UNSPACED.match(phrase[0]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(phrase[-1]) else r"(?!\w)"
    return re.compile(before + re.escape(phrase) + after)


def _plain(words: str) -> str:
    if not words.isascii():
        words = unicodedata.normalize("NFKC", words)
    return " ".join(words.translate(_APOSTROPHES).casefold().split())
