"""VADER's own arithmetic over the package's own tables, several times faster and equal to the last digit.

The lexicon, the emoji names, the boosters, negations and idioms are vaderSentiment 3.3.2's
(https://github.com/cjhutto/vaderSentiment); only the control flow is ours. Most words of a post can neither carry
nor change a weight, so each token is looked up once in a bounded memo and the rules run around the few
that do; stock lower-cases the whole post again for each of them, which makes it quadratic.

Surprising, and kept because the number must be stock's: "so" or "this" right before a word strengthens it
without any "never"; "but" weakens the *first* word of an equal weight, not the one at hand; an emoji of several
code points is never found. Texts are taken as they are: what should be mended first is `_normalise`'s.
"""

from __future__ import annotations

import string
from collections.abc import Container, Iterable, Mapping
from functools import cache
from math import sqrt
from typing import Final

import msgspec

from workers._phrases import Phrases

_MEMO_TOKENS: Final = 50_000
_MEMO_TOKEN_LENGTH: Final = 32
_PUNCTUATION: Final = string.punctuation

# Words without a weight that a rule asks for at once; others are read from the text when their rule applies.
_ASKED_FOR: Final = frozenset({"but", "least", "this"})

# What a token can do, or None when it can do nothing:
# (weight, boost, negates, in the lexicon, hints at an idiom, in capitals, lower-cased)
_Record = tuple[float | None, float, bool, bool, bool, bool, str]
_INERT: Final[_Record] = (None, 0.0, False, False, False, False, "")
# Stands around the text: like a word of the lexicon it modifies nothing that follows.
_OUTSIDE: Final[_Record] = (None, 0.0, False, True, False, False, "")
_EDGE: Final = 3
_MARGIN: Final = (_OUTSIDE,) * _EDGE


class Weight(msgspec.Struct, frozen=True, gc=False):
    """A word as written, what it added to the sum, and what the lexicon alone says of it."""

    word: str
    weight: float
    base: float


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """Every word that weighed, in order; `sum(weights) + emphasis == total` exactly, before rounding."""

    words: tuple[Weight, ...]
    emphasis: float
    total: float
    compound: float


class _Tables(msgspec.Struct, frozen=True):
    lexicon: dict[str, float]
    emoji: dict[str, str]
    boosters: dict[str, float]
    negations: frozenset[str]
    idioms: dict[str, float]
    shout: float
    negation: float


@cache
def tables() -> _Tables:
    """The package's tables, read once a process and on first use (8 ms)."""
    from vaderSentiment.vaderSentiment import (
        BOOSTER_DICT,
        C_INCR,
        N_SCALAR,
        NEGATE,
        SPECIAL_CASES,
        SentimentIntensityAnalyzer,
    )

    analyzer = SentimentIntensityAnalyzer()
    return _Tables(
        lexicon=dict(analyzer.lexicon),
        # the package reads emoji one code point at a time, so longer keys can never match
        emoji={char: name for char, name in analyzer.emojis.items() if len(char) == 1},
        boosters=dict(BOOSTER_DICT),
        negations=frozenset(NEGATE),
        idioms=dict(SPECIAL_CASES),
        shout=C_INCR,
        negation=N_SCALAR,
    )


@cache
def emoji() -> frozenset[str]:
    """The single code points that VADER reads by their English names. None is ASCII."""
    return frozenset(tables().emoji)


@cache
def _vocabulary() -> frozenset[str]:
    known = tables()
    phrases = " ".join((*known.idioms, *known.boosters)).split()
    return _ASKED_FOR.union(known.lexicon, known.boosters, known.negations, phrases)


def knows(word: str, lexicon: Container[str] = ()) -> bool:
    """Could this word move a score, by VADER's tables or by a lexicon beside them?"""
    word = _plain(word)
    return word in _vocabulary() or word in lexicon or "n't" in word


class _Memo(dict[str, _Record]):
    """Token as written -> what it can do. `keyed`: the tokens by which phrases are found."""

    def __init__(self, lexicon: Mapping[str, float], keys: frozenset[str]) -> None:
        super().__init__()
        self.keyed: set[str] = set()
        self._keys = keys
        known = tables()
        phrases = [phrase.split() for phrase in (*known.idioms, *known.boosters) if " " in phrase]
        self._lexicon = lexicon
        # one word an idiom is enough to look closer, and the longest is the rarest: not "of", not "the"
        self._hints = frozenset(max(phrase, key=len) for phrase in phrases)
        self._marked = _ASKED_FOR.union(lexicon, known.boosters, known.negations, self._hints)

    def __missing__(self, token: str) -> _Record:
        # three times a post, so nothing is called here that can be written out
        word = token.strip(_PUNCTUATION)
        word = word.lower() if len(word) > 2 else token.lower()
        record = self._describe(token, word) if word in self._marked or "n't" in word else _INERT
        if len(token) <= _MEMO_TOKEN_LENGTH:
            self[token] = record
            if word in self._keys:
                self.keyed.add(token)
        return record

    def forget(self) -> None:
        """Everything, when full: cheaper than choosing. Between texts only, or a phrase would be passed over."""
        self.clear()
        self.keyed.clear()

    def _describe(self, token: str, word: str) -> _Record:
        known = tables()
        booster = known.boosters.get(word)
        return (
            self._lexicon.get(word) if booster is None else None,
            booster or 0.0,
            word in known.negations or "n't" in word,
            word in self._lexicon,
            word in self._hints,
            token.isupper(),
            word,
        )


def bare(token: str) -> str:
    """A token without the punctuation around it; one of two characters or fewer is left alone (`:D`)."""
    stripped = token.strip(_PUNCTUATION)
    return stripped if len(stripped) > 2 else token


class Vader:
    """An analyzer over one lexicon, whose keys are lower-case.

    Each of `phrases` (`still waiting`) is read as one word, which the lexicon has as `still_waiting`.
    """

    def __init__(self, lexicon: Mapping[str, float], phrases: Iterable[str] = ()) -> None:
        known = tables()
        self._phrases = Phrases(phrases)
        self._memo = _Memo(lexicon, self._phrases.keys)
        self._emoji = emoji()
        self._names = known.emoji
        self._idioms = known.idioms
        self._boosters = known.boosters
        self._negation = known.negation
        self._shout = known.shout

    def scores(self, text: str) -> tuple[float, float, float, float]:
        """(compound, negative, neutral, positive), each rounded as the package rounds it."""
        text = self._spell_out(text)
        words = text.split()
        _, weights = self._weigh(text, words)
        if not weights:
            return (0.0, 0.0, 1.0, 0.0) if words else (0.0, 0.0, 0.0, 0.0)
        stress = _stress(text) if "!" in text or "?" in text else 0.0
        total = sum(weights)
        total += _signed(stress, total)
        positive = negative = 0.0
        neutral = len(words) - len(weights)
        for weight in weights:
            # one is added because a neutral word counts as one
            if weight > 0:
                positive += weight + 1
            elif weight < 0:
                negative += weight - 1
            else:
                neutral += 1
        if positive > -negative:
            positive += stress
        elif positive < -negative:
            negative -= stress
        whole = positive - negative + neutral
        return (
            _compound(total),
            round(-negative / whole, 3) if negative else 0.0,
            round(neutral / whole, 3),
            round(positive / whole, 3) if positive else 0.0,
        )

    def explain(self, text: str) -> Weighed:
        """The words behind the compound of a text."""
        text = self._spell_out(text)
        words = text.split()
        places, weights = self._weigh(text, words)
        plain = sum(weights)
        emphasis = _signed(_stress(text), plain)
        total = plain + emphasis
        found = tuple(
            Weight(self._as_written(words[place]), weight, self._memo[words[place]][0] or 0.0)
            for place, weight in zip(places, weights, strict=True)
            if weight
        )
        return Weighed(found, emphasis, total, _compound(total))

    def _as_written(self, token: str) -> str:
        word = bare(token)
        spaced = word.replace("_", " ")
        return spaced if spaced != word and self._phrases.holds(spaced) else word

    def _spell_out(self, text: str) -> str:
        """Each emoji replaced by its name. More spaces than stock puts: words are all that is read."""
        if text.isascii():
            return text
        for char in self._emoji.intersection(text):
            text = text.replace(char, " " + self._names[char])
        return text

    def _weigh(self, text: str, words: list[str]) -> tuple[list[int], list[float]]:
        """Which of the words are in the lexicon, and what each weighs where it stands. Joins phrases in `words`.

        The rules in stock's order, one word after another; a record is read by position, since a name costs a
        call. Most words of the lexicon stand among words that change nothing, and are done with early.
        """
        memo = self._memo
        if len(memo) >= _MEMO_TOKENS:
            memo.forget()
        records = [*_MARGIN, *map(memo.__getitem__, words), *_MARGIN]
        if memo.keyed and not memo.keyed.isdisjoint(words):
            whole = self._phrases.joined(words, memo.keyed)
            if whole is not words:
                words[:] = whole
                records = [*_MARGIN, *map(memo.__getitem__, words), *_MARGIN]
        places = [place for place, record in enumerate(records) if record[0] is not None]
        if not places:
            return places, []
        shouting: bool | None = None
        weights = []
        for place in places:
            third, second, before, here, after, beyond = records[place - 3 : place + 3]
            base, _, _, _, hint, upper, word = here
            assert base is not None
            weight = base
            if word == "kind" and after is not _OUTSIDE and _plain(words[place - _EDGE + 1]) == "of":
                weights.append(0.0)
                continue
            if word == "no" and after[3] and after is not _OUTSIDE:
                weight = 0.0
            if (
                (before is _INERT or before is _OUTSIDE)
                and (second is _INERT or second is _OUTSIDE)
                and (third is _INERT or third is _OUTSIDE)
            ):
                if upper:
                    if shouting is None:
                        shouting = _shouts(words)
                    if shouting:
                        weight += self._shout if weight > 0 else -self._shout
                if (hint or after[4] or beyond[4]) and third is _INERT:
                    weight = self._idiom(weight, words, place - _EDGE)
                weights.append(weight)
                continue
            if shouting is None and (upper or before[5] or second[5] or third[5]):
                shouting = _shouts(words)
            if (
                before[6] == "no"
                or second[6] == "no"
                or (third[6] == "no" and _plain(words[place - _EDGE - 1]) in ("or", "nor"))
            ):
                weight = base * self._negation
            if upper and shouting:
                weight += self._shout if weight > 0 else -self._shout
            if not before[3]:
                if before[1]:
                    weight += self._boost(before, weight, shouting)
                if before[2]:
                    weight *= self._negation
            nearest, farther = before[6], second[6]
            if not second[3]:
                if second[1]:
                    weight += self._boost(second, weight, shouting) * 0.95
                if farther == "never" and (nearest == "so" or nearest == "this"):
                    weight *= 1.25
                elif second[2] and not (farther == "without" and _plain(words[place - _EDGE - 1]) == "doubt"):
                    weight *= self._negation
            if not third[3]:
                if third[1]:
                    weight += self._boost(third, weight, shouting) * 0.9
                if (
                    nearest == "so"
                    or nearest == "this"
                    or (third[6] == "never" and (farther == "so" or farther == "this"))
                ):
                    weight *= 1.25
                elif third[2] and not (
                    third[6] == "without"
                    and "doubt" in (_plain(words[place - _EDGE - 2]), _plain(words[place - _EDGE - 1]))
                ):
                    weight *= self._negation
                if hint or before[4] or second[4] or third[4] or after[4] or beyond[4]:
                    weight = self._idiom(weight, words, place - _EDGE)
            if (
                nearest == "least"
                and not before[3]
                and (place == _EDGE + 1 or _plain(words[place - _EDGE - 2]) not in ("at", "very"))
            ):
                weight *= self._negation
            weights.append(weight)
        if "but" in text.lower():
            self._contrast(records, places, weights)
        return [place - _EDGE for place in places], weights

    def _boost(self, booster: _Record, weight: float, shouting: bool | None) -> float:
        scalar = -booster[1] if weight < 0 else booster[1]
        if booster[5] and shouting:
            scalar += self._shout if weight > 0 else -self._shout
        return scalar

    def _idiom(self, weight: float, words: list[str], place: int) -> float:
        """The weight of an idiom around a word replaces the word's; a two-word booster before it adds."""
        third, second, before, word, *after = map(_plain, words[place - 3 : place + 3])
        for phrase in (
            f"{before} {word}",
            f"{second} {before} {word}",
            f"{second} {before}",
            f"{third} {second} {before}",
            f"{third} {second}",
        ):
            if phrase in self._idioms:
                weight = self._idioms[phrase]
                break
        for length in range(1, len(after) + 1):
            weight = self._idioms.get(" ".join((word, *after[:length])), weight)
        for phrase in (f"{third} {second} {before}", f"{third} {second}", f"{second} {before}"):
            weight += self._boosters.get(phrase, 0.0)
        return weight

    @staticmethod
    def _contrast(records: list[_Record], places: list[int], weights: list[float]) -> None:
        """What stands before the first "but" counts half, what follows it half as much again."""
        but = next((place for place, record in enumerate(records) if record[6] == "but"), None)
        if but is None:
            return
        for turn in range(len(weights)):
            # stock looks the word up by its weight, so it may find an earlier one of the same
            found = weights.index(weights[turn])
            if places[found] < but:
                weights[found] *= 0.5
            elif places[found] > but:
                weights[found] *= 1.5


def _plain(token: str) -> str:
    return bare(token).lower()


def _shouts(words: list[str]) -> bool:
    """Are some words, but not all, in capitals?"""
    return 0 < sum(map(str.isupper, words)) < len(words)


def _stress(text: str) -> float:
    """What exclamation marks (up to four) and question marks (from two on) add."""
    questions = text.count("?")
    asked = 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + asked


def _signed(stress: float, total: float) -> float:
    """Emphasis pushes a sum further from zero, and leaves zero alone."""
    if total > 0:
        return stress
    return -stress if total < 0 and stress else 0.0


def _compound(total: float) -> float:
    # 15 is stock's guess at the greatest sum to be expected; the fraction never leaves [-1, 1]
    return round(total / sqrt(total * total + 15), 4)
