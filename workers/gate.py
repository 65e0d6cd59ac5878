"""Which keys an organisation has, as far as memory needs to know: asked before the database is.

A Bloom filter of four bits a key, all in one block of 64, because each look into another place of a large memory costs
more than all else. Surprising: it forgets nothing; a name that is gone is merely asked for in vain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.tokens import hashes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.tokens import Hashes, Places

_BITS_A_KEY = 32
_LEAST_BITS, _MOST_BITS = 1 << 17, 1 << 28
_MIX = np.uint64(0x9E3779B97F4A7C15)
_ONE, _BIT = np.uint64(1), np.uint64(63)


class Gate:
    """Which keys there are: never "no" for one that is there, "yes" to about one in a thousand others.

    At most 32 MB, also for millions of keys. They are asked for many at once, because a look at one of them costs more
    in Python than the word it is for. What names begin with is found from the hashes of words alone.
    """

    def __init__(self, keys: int = 0) -> None:
        """`keys`: about how many there will be."""
        self.names = self.similar = self.lookalikes = False
        self.handles: set[str] = set()
        """The platforms on which there are handles; "" for those that mean any."""
        bits = 1 << (max(_LEAST_BITS, min(_MOST_BITS, keys * _BITS_A_KEY)) - 1).bit_length()
        self._blocks = np.zeros(bits >> 6, np.uint64)
        self._last = np.uint64(len(self._blocks) - 1)
        self._added = 0

    def add(self, mark: str, keys: Sequence[str]) -> None:
        """Let these keys of the kind that has this mark through from now on."""
        if mark[0] == "@":
            self.handles.add(mark[1:-1])
        self.similar |= mark == "~"
        self.lookalikes |= mark == "%"
        self._add(_marked(mark, keys))

    def add_names(self, names: Sequence[str]) -> None:
        """Let these names through: what they begin with, and longer ones as a whole."""
        self.names |= bool(names)
        longer = [name for name in names if " " in name]
        begun = [name.split(" ", 2) for name in longer]
        self._add(hashes_of([name for name in names if " " not in name]))
        self._add(_paired(hashes_of([words[0] for words in begun]), hashes_of([words[1] for words in begun])))
        self._add(_marked("=", longer))

    def among(self, mark: str | Sequence[str], keys: Sequence[str]) -> list[int]:
        """Which of these keys, of the kind that has this mark or each of its own, there may be; by where they stand."""
        found: list[int] = self._among(_marked(mark, keys)).tolist() if keys else []
        return found

    def has(self, mark: str, key: str) -> bool:
        """May there be this key?"""
        return bool(self.among(mark, [key]))

    def openings(self, words: Hashes) -> tuple[Places, Places]:
        """Which of these words in a row may be a name, and which may, with the next, be the first two of a longer one;
        by where they stand."""
        return self._among(words), self._among(_paired(words[:-1], words[1:]))

    @property
    def crowded(self) -> bool:
        """Has it grown so far that a larger one would do better?"""
        bits = 64 * len(self._blocks)
        return bits < _MOST_BITS and self._added * _BITS_A_KEY > 4 * bits

    def _add(self, hashes: Hashes) -> None:
        self._added += len(hashes)
        np.bitwise_or.at(self._blocks, self._places(hashes), _bits(hashes))

    def _among(self, hashes: Hashes) -> Places:
        wanted = _bits(hashes)
        return np.flatnonzero(self._blocks[self._places(hashes)] & wanted == wanted)

    def _places(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(32) & self._last


def _marked(mark: str | Sequence[str], keys: Sequence[str]) -> Hashes:
    """Of whole keys of a kind, or each of its own."""
    return _hashed(keys) * _MIX ^ _hashed([mark] if isinstance(mark, str) else mark)


def _hashed(words: Sequence[str]) -> Hashes:
    return np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)


def _paired(one: Hashes, other: Hashes) -> Hashes:
    """Of two words in a row, neither's own and not the same the other way round."""
    return (one * _MIX) ^ (other >> _ONE)


def _bits(hashes: Hashes) -> Hashes:
    """Four bits of a block, by the lower bits of a hash; its upper ones say which block."""
    bits = _ONE << (hashes & _BIT)
    for taken in (6, 12, 18):
        bits |= _ONE << (hashes >> np.uint64(taken) & _BIT)
    return bits
