"""What people type, made readable for VADER: a text in, the text to be scored out.

Each step was measured before it was let in: apostrophes as phones write them ("can’t" is no negation
to VADER), HTML entities, links, handles and our own names (a brand called "United" is praised by its name),
emoji that VADER reads as nothing, sentences glued together. What did not help is not here: hashtags are not split,
hyphens not opened.

Surprising: a name is not removed but replaced by a word that feels nothing, word by word and in the same
case, because VADER counts words (a negation reaches three) and compares capitals. Every cap is here too: VADER's cost
grows with the text, and a post may be written to be dear.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import Final, NamedTuple

from workers import _vader

MOST_CHARACTERS: Final = 2_000
MOST_EMOJI: Final = 100
MOST_TOKENS: Final = 300

# Two characters after the sign: VADER leaves such a token alone, so no lexicon can ever give it a weight.
OUR_NAME: Final = "@us"
A_HANDLE: Final = "@x"

# Typed for an apostrophe. The backtick only between letters, since emoticons are drawn with it.
_APOSTROPHES: Final = "’‘‛ʼʹ′´＇"
_TO_ASCII: Final = dict.fromkeys(map(ord, _APOSTROPHES), "'")
# Variation selectors, joiners, directional marks, soft hyphen, byte-order mark, skin tones: seen by nobody
# as a character, and each hides a word or an emoji from a dictionary.
_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u180e\ufe0e\ufe0f\ufeff"
    + "".join(map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070))))
    + "".join(map(chr, range(0x1F3FB, 0x1F400)))
)
# Emoji that VADER knows by an English name which says nothing of how they are meant, or not at all.
EMOJI_WORDS: Final = {
    "😡": "furious",
    "🤬": "furious",
    "😤": "frustrated",
    "😾": "angry",
    "👎": "bad",
    "🖕": "hate",
    "💩": "crap",
    "🤮": "disgusting",
    "🤢": "disgusting",
    "🙄": "annoyed",
    "😒": "annoyed",
    "😑": "annoyed",
    "🙃": "annoyed",
    "🤦": "frustrated",
    "😩": "frustrated",
    "😖": "upset",
    "😣": "upset",
    "😔": "sad",
    "😥": "sad",
    "🫤": "disappointed",
    "💔": "heartbroken",
    "💀": "ugh",
    "🤡": "pathetic",
    "👍": "good",
    "🫶": "love",
    "🩷": "heart",
    "🩵": "heart",
    "🩶": "heart",
}

# Each pattern begins with what is rare and looks back from there: a look-behind in front is tried at every
# letter and costs more than the rest of this page.
_LINK: Final = re.compile(
    r"""
    (?: [hH][tT][tT][pP][sS]?:// | [wW]{3}\.(?<!\w[wW]{3}\.) | pic\.twitter\.com/ | t\.co/(?<!\wt\.co/) )
    (?: [^\s<>"\u0250-\U0010ffff]* [^\s<>"!?.,;:)\]\u0250-\U0010ffff] )?
    | https?(?<!\whttp)(?<!\whttps)(?!\w)…?      # what cutting a post short leaves of one
    """,
    re.VERBOSE,
)
# A mail address is no handle; a handle may be a domain or carry its server (@a.bsky.social, @a@town.example).
_HANDLE: Final = re.compile(r"@(?<![\w@]@)\w+(?:[.-][a-z0-9]+)*(?:@\w+(?:[.-]\w+)*)?")
_GLUE: Final = re.compile(r"[,.!?…](?=[^\W\d_])")
_RUN: Final = re.compile(r"(.)\1\1\1+", re.DOTALL)
_BACKTICK: Final = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")


class Normalised(NamedTuple):
    """`text` is what VADER scores, `plain` the same before emoji became words; `linked`: it held a link."""

    text: str
    plain: str
    linked: bool


class Normaliser:
    """The steps in their order, for one organisation's own names.

    A name of one word is masked where it is written as a name (as given, capitalised, in capitals, as a
    hashtag): "United lost my bag" but not "we stand united"; a name of several words in any case. A name
    given with @ or # is only looked for in that form. `lexicon`: words that weigh beside VADER's own.
    """

    def __init__(self, own_names: Iterable[str] = (), lexicon: Collection[str] = ()) -> None:
        names = [name.strip().translate(_TO_ASCII) for name in own_names]
        self._handles = frozenset(name.lstrip("@").lower() for name in names)
        self._mask = _Mask(names, frozenset(word for phrase in lexicon for word in phrase.lower().split()))

    def __call__(self, text: str) -> Normalised:
        text = text[:MOST_CHARACTERS]
        pictured = linked = False
        if "&" in text:
            text = html.unescape(html.unescape(text))
        if not text.isascii():
            text, pictured = _readable(text)
        if "`" in text:
            text = _BACKTICK.sub("'", text)
        if _RUN.search(text):
            text = _RUN.sub(r"\1\1\1", text)
        if "://" in text or "www." in text or ".co" in text or "http" in text:
            text, links = _LINK.subn(" ", text)
            linked = links > 0
        text = self._mask(text)
        if "@" in text:
            text = _HANDLE.sub(self._nameless, text)
        plain = text
        if pictured:
            text = _in_words(text)
        if _GLUE.search(text):
            text = _GLUE.sub(_loosened, text)
        # so many words need as many spaces
        if len(text) > 2 * MOST_TOKENS:
            words = text.split(None, MOST_TOKENS)
            if len(words) > MOST_TOKENS:
                text = " ".join(words[:MOST_TOKENS])
        return Normalised(text, plain, linked)

    def _nameless(self, match: re.Match[str]) -> str:
        handle = match[0]
        if handle in (OUR_NAME, OUR_NAME.upper()):
            return handle
        return _in_the_case_of(handle, OUR_NAME if handle[1:].lower() in self._handles else A_HANDLE)


class _Mask:
    """Our own names where they could move a score: where VADER knows one of their words, or a `!`."""

    def __init__(self, names: Iterable[str], lexicon: Collection[str]) -> None:
        self._hints: list[str] = []
        forms: list[str] = []
        for name in sorted({name for name in names if name and name[0] != "@"}, key=len, reverse=True):
            words = name.lstrip("#").split()
            if not any(_vader.knows(word, lexicon) or "!" in word or "?" in word for word in words):
                continue
            self._hints.append(words[0].lower())
            phrase = r"\s+".join(map(re.escape, words))
            forms.append(f"#(?i:{phrase})")
            if len(words) > 1:
                forms.append(f"(?i:{phrase})")
            elif name[0] != "#":
                forms += map(re.escape, {name, name[0].upper() + name[1:], name.upper()})
        self._pattern = re.compile(rf"(?<![\w@])(?:{'|'.join(forms)})(?!\w)") if forms else None

    def __call__(self, text: str) -> str:
        if self._pattern is None:
            return text
        lowered = text.lower()
        for hint in self._hints:
            if hint in lowered:
                return self._pattern.sub(_ours, text)
        return text


@cache
def _pictures() -> frozenset[str]:
    return _vader.emoji().union(EMOJI_WORDS)


@cache
def _remarkable() -> frozenset[str]:
    return _pictures().union(_APOSTROPHES, _INVISIBLE)


def readable(text: str) -> str:
    """A text with ASCII apostrophes and without what nobody sees."""
    return _readable(text)[0]


def _readable(text: str) -> tuple[str, bool]:
    """Apostrophes made ASCII, what nobody sees dropped; and whether there is an emoji."""
    # set arithmetic, because a regex class beyond the BMP costs more than all of VADER
    found = _remarkable().intersection(text)
    for char in found:
        if char in _INVISIBLE:
            text = text.replace(char, "")
        elif char in _APOSTROPHES:
            text = text.replace(char, "'")
    return text, not _pictures().isdisjoint(found)


def _in_words(text: str) -> str:
    """The emoji that VADER cannot read, as words; those beyond the hundredth dropped."""
    found = _pictures().intersection(text)
    if len(text) > MOST_EMOJI and sum(map(text.count, found)) > MOST_EMOJI:
        places = [place for place, char in enumerate(text) if char in found]
        text = text[: places[MOST_EMOJI]] + "".join(c for c in text[places[MOST_EMOJI] :] if c not in found)
    for char in found.intersection(EMOJI_WORDS):
        text = text.replace(char, f" {EMOJI_WORDS[char]} ")
    return text


def _loosened(match: re.Match[str]) -> str:
    """A space after a mark that ends a clause; a full stop does so only between `e.T`, never in `a.b`."""
    text, place = match.string, match.start()
    before = text[:place].rstrip(",.!?…")[-1:]
    if match[0] == "." and text[place - 1 : place] != ".":
        ends = before.islower() and text[place + 1].isupper() and text[place + 2 : place + 3].islower()
    else:
        ends = before.isalpha()
    return match[0] + " " if ends else match[0]


def _ours(match: re.Match[str]) -> str:
    return " ".join(_in_the_case_of(word, OUR_NAME) for word in match[0].split())


def _in_the_case_of(word: str, placeholder: str) -> str:
    return placeholder.upper() if word.isupper() else placeholder
