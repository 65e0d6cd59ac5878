"""The words of many texts in one row: what looks for names asks for thousands of words at once, by a number of each.

Plain texts, whose words are ASCII, are taken apart together, in a few passes over their bytes, the others one by one.
Surprising: a plain text's word becomes a string only where it may be a name, since making strings of all costs more
than all else here; and between two texts stands a break, which has a place in the row and is no word.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.folding import MOST_WORDS, VOWELS, both_ways, composed, consonants, spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Places = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_SPACE, _S, _BREAK = ord(" "), ord("s"), 0xF7
_APART = b" \xf7 "
# what is not a letter, digit or _ becomes a space, letters become small
_LOWERED = bytes(
    code if chr(code).isalnum() or code == ord("_") else _SPACE for code in range(128)
).lower() + bytes(range(128, 256))

_VOWEL = np.isin(np.arange(256), list(VOWELS.encode()))
# quotation marks, dashes, symbols and emoji: what parts words, is one character and stays it when text is composed
_PARTING = frozenset(
    char
    for char in map(chr, (*range(0x80), *range(0x80, 0xC0), *range(0x2000, 0x2C00), *range(0x1F000, 0x1FB00)))
    if char.isascii()
    or not (
        char.isalnum() or unicodedata.category(char)[0] == "M" or unicodedata.normalize("NFC", char) != char
    )
)

MOST_PLAIN = 2 * MOST_WORDS
"""A text of so many characters has no more words than are looked at."""
FEW_DIGITS = 9
"""A text with fewer has no telephone number in it."""


class Row(Protocol):
    """Several texts' words as they are compared, in order.

    `texts`: as `spans` counts their characters. `hashes`: the number of each word. `breaks`: where the texts end.
    `capitals`: which words were written with one. `digits`: the texts, by number, that have FEW_DIGITS or more.
    """

    texts: Sequence[str]
    hashes: Hashes
    breaks: Places
    capitals: Places
    digits: list[int]

    def words(self, places: Places | slice) -> list[str]:
        """The words at these places."""

    def spans(self, firsts: Places, lasts: Places) -> list[tuple[int, int]]:
        """Where runs of words, from one place to another, begin and end in their text, in characters."""

    def consonants(self, places: Places) -> list[str]:
        """The consonants of the words at these places (workers/folding.py)."""


def plain(text: str) -> bool:
    """May it be taken apart together with others?"""
    return len(text) <= MOST_PLAIN and (text.isascii() or _PARTING.issuperset(text))


class PlainRow:
    """A row of texts that are all plain."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts: Sequence[str] = texts
        # one byte a character, whatever it is: what is not ASCII here is a "?" and parts words like one
        parted = b" " + _APART.join([text.encode("ascii", "replace") for text in texts]) + _APART
        lowered = parted.translate(_LOWERED)
        self._lowered = lowered.decode("latin-1")
        written, self._read = np.frombuffer(parted, np.uint8), np.frombuffer(lowered, np.uint8)
        read = self._read
        inside = read != _SPACE
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        self._starts, self._ends = edges[0::2], edges[1::2]
        self.hashes = _hashes(lowered, self._starts, self._ends)
        broken = np.flatnonzero(read == _BREAK)
        self.breaks = np.searchsorted(self._starts, broken)
        self._offsets = np.concatenate(([1], broken[:-1] + 2))
        self.capitals = self._capitals(written)
        digits = np.searchsorted(broken, np.flatnonzero((written - np.uint8(48)) < 10))
        self.digits = np.flatnonzero(np.bincount(digits) >= FEW_DIGITS).tolist()

    def _capitals(self, written: NDArray[np.uint8]) -> Places:
        letters = np.flatnonzero((written - np.uint8(65)) < 26)
        words = np.searchsorted(self._starts, letters, side="right") - 1
        return words[np.flatnonzero(np.diff(words, prepend=-1))]

    def words(self, places: Places | slice) -> list[str]:
        """As Row says."""
        spans = zip(self._starts[places].tolist(), self._ends[places].tolist(), strict=True)
        return [self._lowered[start:end] for start, end in spans]

    def spans(self, firsts: Places, lasts: Places) -> list[tuple[int, int]]:
        """As Row says."""
        offsets = self._offsets[np.searchsorted(self.breaks, firsts)]
        starts, ends = self._starts[firsts] - offsets, self._ends[lasts] - offsets
        return list(zip(starts.tolist(), ends.tolist(), strict=True))

    def consonants(self, places: Places) -> list[str]:
        """As Row says."""
        sizes = self._ends[places] - self._starts[places]
        upto = np.concatenate(([0], np.cumsum(sizes)))
        read = self._read[np.arange(upto[-1]) + np.repeat(self._starts[places] - upto[:-1], sizes)]
        kept = ~_VOWEL[read]
        kept[1:] &= read[1:] != read[:-1]
        kept[upto[:-1]] = True
        final = upto[1:][sizes > 3] - 1
        kept[final[read[final] == _S]] = False
        left = read[kept].tobytes().decode()
        ends = np.cumsum(kept)[upto[1:] - 1].tolist()
        return [left[start:end] for start, end in zip([0, *ends], ends, strict=False)]


class OddRow:
    """A row of any texts, each as `composed` makes it."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts: Sequence[str] = [composed(text) for text in texts]
        self._words: list[str] = []
        breaks: list[int] = []
        capitals: list[int] = []
        for text in self.texts:
            written, compared = both_ways(text)
            if len(compared) > MOST_WORDS:
                del written[MOST_WORDS:], compared[MOST_WORDS:]
            both = enumerate(zip(written, compared, strict=True), len(self._words))
            capitals += [at for at, (one, other) in both if one != other]
            self._words += compared
            breaks.append(len(self._words))
            self._words.append("")
        self.hashes = hashes_of(self._words)
        self.breaks, self.capitals = np.array(breaks, np.int64), np.array(capitals, np.int64)
        self.digits = list(range(len(texts)))
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def words(self, places: Places | slice) -> list[str]:
        """As Row says."""
        return (
            self._words[places] if isinstance(places, slice) else [self._words[at] for at in places.tolist()]
        )

    def spans(self, firsts: Places, lasts: Places) -> list[tuple[int, int]]:
        """As Row says."""
        texts = np.searchsorted(self.breaks, firsts)
        begins = np.concatenate(([0], self.breaks + 1))[texts]
        found = []
        runs = zip(texts.tolist(), (firsts - begins).tolist(), (lasts - begins).tolist(), strict=True)
        for text, first, last in runs:
            spans = self._spans.get(text)
            if spans is None:
                spans = self._spans[text] = spans_of(self.texts[text])
            found.append((spans[first][0], spans[last][1]))
        return found

    def consonants(self, places: Places) -> list[str]:
        """As Row says."""
        return list(map(consonants, self.words(places)))


# --- the number of a word ------------------------------------------------------------------------------

_TOLD = 64
"""So many bytes of a word are in its number."""
_KEPT = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_MIX, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


def hashes_of(words: Sequence[str]) -> Hashes:
    """The numbers of words that stand in no row, the same as there."""
    parts = [word.encode("utf-8", "surrogatepass") for word in words]
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    ends = np.cumsum(sizes)
    return _hashes(b"".join(parts), ends - sizes, ends)


def _hashes(words: bytes, starts: Places, ends: Places) -> Hashes:
    """By the first eight bytes of all, and by the next eight of those that go on."""
    eights = np.ndarray((len(words) + 1,), "<u8", words + bytes(8), strides=(1,))
    sizes = ends - starts
    hashes = _mixed(eights[starts] & _KEPT[np.minimum(sizes, 8)])
    longer = np.flatnonzero(sizes > 8)
    for at in range(8, _TOLD, 8):
        more = eights[starts[longer] + at] & _KEPT[np.minimum(sizes[longer] - at, 8)]
        hashes[longer] = _mixed(hashes[longer] ^ more)
        longer = longer[sizes[longer] > at + 8]
        if not len(longer):
            break
    return hashes


def _mixed(hashes: Hashes) -> Hashes:
    """Numbers of which each bit hangs on all bits of the given ones."""
    hashes = hashes * _MIX
    hashes ^= hashes >> np.uint64(32)
    hashes *= _OTHER
    hashes ^= hashes >> np.uint64(29)
    return hashes
