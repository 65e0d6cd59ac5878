"""Is this English? VADER is a lexicon of English words, and a German article is a death to it ("die").

The platform's own field goes first. Without one, a few English function words settle it for nine posts of ten;
the rest is asked of eld (https://github.com/nitotm/efficient-language-detector-py), which costs more than scoring does.
Surprising: what is too short to tell is scored (`und`): two words are more often "thank you" than anything else.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

UNKNOWN: Final = "und"

# Words that make a sentence English and are no everyday words of the languages it is confused with: no "was",
# "will", "so", "on", "is", "we", all as good German, French or Dutch. Written from general knowledge.
_ENGLISH_WORDS: Final = """
    the and you your yours you're you've you'll with this that that's these those have haven't has
    hasn't had what are aren't they they're there there's their them would could should because about
    from been being were weren't when who which how why where just than then our ours my mine i'm i've
    i'd i'll it it's its don't doesn't didn't can't couldn't isn't wasn't won't wouldn't shouldn't of
    for to not get gets getting got if but any some out into after before again still never ever every
    very really please thank thanks know think want need needs does did can cannot only going went gone
    make makes made even more most much many his she we're way too always another other first last next
    back help call called phone hours hour days weeks years year time times today yesterday tomorrow now
    good great best better worst people someone anyone everyone everything anything something nothing
    nobody say says said tell told ask asked working worked give gave given take took taking use used
    using try tried trying wait waiting waited see saw seen look looks looking found keep keeps left buy
    bought pay paid customer service money ordered without while through between during until
"""
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
_ENOUGH: Final = 2
_SHARE: Final = 7
_LONG_ENOUGH: Final = 3
# How far behind the likeliest language English may lie, as a share of that language's score
_MARGIN: Final = 0.85

_NO_LANGUAGE: Final = re.compile(r"[@#]\w+")
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class Language(NamedTuple):
    """A BCP 47 primary tag, or `und`; and whether VADER can read it."""

    tag: str
    readable: bool


def language(plain: str, told: str | None) -> Language:
    """The language of a text without links, whose emoji are still emoji; `told` is the platform's field."""
    tag = _primary(told) if told else None
    foreign = not plain.isascii() and _foreign_script(plain)
    if tag is not None and (tag != "en" or not foreign):
        return Language(tag, tag == "en")
    if not foreign:
        words = plain.lower().split()
        hits = len(_ENGLISH.intersection(words))
        if hits >= _ENOUGH and hits * _SHARE >= len(words):
            return Language("en", readable=True)
    return _detected(_NO_LANGUAGE.sub(" ", plain), foreign)


def _detected(text: str, foreign: bool) -> Language:
    if not foreign and len(_WORD.findall(text)) < _LONG_ENOUGH:
        return Language(UNKNOWN, readable=True)
    result = _detector().detect(text)
    if foreign:
        tag = result.language if result.language not in (None, "en") else UNKNOWN
        return Language(tag, readable=False)
    if result.language is None:
        return Language(UNKNOWN, readable=True)
    if result.language == "en":
        return Language("en", readable=True)
    scores = result.scores()
    if scores.get("en", 0.0) > scores[result.language] * _MARGIN:
        return Language("en", readable=True)
    return Language(result.language, readable=False)


def _foreign_script(plain: str) -> bool:
    """Are most letters beyond the Latin blocks?"""
    # each such letter takes a byte or more beyond its first
    if len(plain.encode(errors="replace")) < 1.2 * len(plain):
        return False
    letters = [char for char in plain if char.isalpha()]
    return 2 * sum(char > "\u024f" for char in letters) > len(letters)


@lru_cache(maxsize=1024)
def _primary(told: str) -> str | None:
    """`en` of `en-GB`, None of a tag that names no language (ISO 639: und, zxx, mul, mis, qaa to qtz)."""
    tag = told.strip().lower().replace("_", "-").partition("-")[0]
    if not tag.isalpha() or not 2 <= len(tag) <= 3 or tag in ("und", "zxx", "mul", "mis", "art"):
        return None
    if len(tag) == 3 and tag[0] == "q" and tag[1] <= "t":
        return None
    return "en" if tag == "eng" else tag


@cache
def _detector() -> Any:
    """Loaded on first use: 0.1 s and 44 MB a process."""
    from eld import LanguageDetector

    return LanguageDetector()
