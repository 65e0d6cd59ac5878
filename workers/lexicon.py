"""What words weigh beside VADER's own: the shipped support profile, and over it an organisation's words.

An organisation's words are rows by version, so a score can be explained with the lexicon that it was made
with: the lexicon's name is part of the scorer that stands beside every score. Surprising: weight 0 takes a word
out instead of making it weigh nothing, and a phrase of weight 0 takes out what its words weigh together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

import models
from workers._normalise import readable
from workers._phrases import MOST_WORDS
from workers._vader import bare, tables

HEAVIEST: Final = 4.0
MOST_CHARACTERS: Final = 80
"""Of a word or phrase."""
MOST_WORDS_A_PHRASE: Final = MOST_WORDS
PROFILE: Final = "support-1"
"""The shipped profile's name; the number is raised with every change of `lexicon_support.txt`."""

_SHIPPED: Final = Path(__file__).with_name("lexicon_support.txt")
_HEADING: Final = re.compile(r"\[(?P<category>[\w ,']+)\] (?P<weight>-?\d+(?:\.\d+)?)")
_STORED: Final = re.compile(
    r"vader-[\d.]+\+n\d+(?P<profile>\+support-\d+)?(?:\+(?P<org>.+)\.(?P<version>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words and phrases of lower-case words with single spaces, each with its weight in [-4, 4]; 0 takes it out.

    `name` says which, for the scorer's version: `support-1`, `support-1+main.7`, or `main.7` without the profile.
    ValueError for a weight out of range.
    """

    words: Mapping[str, float]
    name: str

    def __post_init__(self) -> None:
        checked = {}
        for word, weight in self.words.items():
            if not math.isfinite(weight) or abs(weight) > HEAVIEST:
                raise ValueError(f"the weight of {word!r} is {weight}, and must lie between -4 and 4")
            checked[" ".join(word.lower().split())] = float(weight)
        object.__setattr__(self, "words", MappingProxyType(checked))

    def __hash__(self) -> int:
        # equal lexicons have equal names; different words under one name are told apart by ==
        return hash(self.name)


NONE: Final = Lexicon({}, "")


def as_stored(word: str) -> str:
    """A word or phrase as rows and lexicons have it: lower case, single spaces, no marks around it, `'` for `’`."""
    return " ".join(bare(" ".join(readable(word).lower().split())).split())


def weight_of(word: str, lexicon: Lexicon) -> float | None:
    """What a word or phrase weighs with a lexicon over VADER's own; None where it has no weight."""
    if word in lexicon.words:
        return lexicon.words[word] or None
    return tables().lexicon.get(word)


@cache
def categories() -> dict[str, tuple[float, tuple[str, ...]]]:
    """The shipped profile as it is written: category -> (its weight, its words and phrases)."""
    found: dict[str, tuple[float, tuple[str, ...]]] = {}
    for line in _SHIPPED.read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            category = heading["category"]
            found[category] = (float(heading["weight"]), ())
        elif line and line[0] != "#":
            weight, words = found[category]
            found[category] = (weight, (*words, *(word.strip() for word in line.split(",") if word.strip())))
    return found


@cache
def shipped() -> Lexicon:
    """The support profile: what is said of a service that fails, and what VADER mistakes for praise of it."""
    return Lexicon({word: weight for weight, words in categories().values() for word in words}, PROFILE)


def read_lexicon(session: Session, org: str, version: int | None = None) -> Lexicon:
    """An organisation's lexicon: the current one, or a version that it had. 0 is the shipped profile.

    LookupError for a version that it never had.
    """
    row = models.Lexicon
    query = select(row.version, row.profile).where(row.org_id == org).order_by(row.version.desc()).limit(1)
    if version is not None:
        query = query.where(row.version == version)
    found = session.execute(query).one_or_none()
    if found is None:
        if version:
            raise LookupError(f"{org} has no lexicon of version {version}")
        return shipped()
    beneath = shipped() if found.profile == "support" else NONE
    own = words_of(session, org, found.version)
    name = f"{org}.{found.version}" if own else ""
    return Lexicon({**beneath.words, **own}, "+".join(filter(None, (beneath.name, name))))


def words_of(session: Session, org: str, version: int) -> dict[str, float]:
    """The words of a version alone, without the profile beneath them, in alphabetical order."""
    held = models.LexiconWord
    query = (
        select(held.word, held.weight)
        .where(held.org_id == org, held.since <= version, held.until.is_(None) | (held.until > version))
        .order_by(held.word)
    )
    return {row.word: row.weight for row in session.execute(query)}


def lexicon_of(session: Session, org: str, scorer: str | None) -> Lexicon:
    """The lexicon that a stored scorer (`vader-3.3.2+n1+support-1+main.7`) speaks of.

    A shipped profile of another number is gone: today's stands for it, and the answer's name differs from the
    stored one. The same goes for a version that is not there, or a scorer that says nothing readable.
    """
    told = _STORED.fullmatch(scorer or "")
    if told is None:
        return read_lexicon(session, org)
    if told["org"] == org:
        try:
            return read_lexicon(session, org, int(told["version"]))
        except LookupError:
            return read_lexicon(session, org)
    return shipped() if told["profile"] else NONE
