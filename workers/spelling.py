"""Does a run of words in a text spell a name, and is it the company that is meant?

A name counts where it stands alone and as it is written. What else may be meant makes it doubtful, which is then
for a person to see: a namesake ("Tom Velquist", "Tarnbeck Road"), a first name's genitive ("Wendy's mother"). Names of
ordinary words ("Best Choice") count only with their own capitals, and not in a title, where every word has one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from workers.folding import (
    KEY_WORDS,
    as_written,
    both_ways,
    goes_on,
    is_ordinary_phrase,
    is_ordinary_word,
    spans_of,
    spellings_of,
)

Spelt = tuple[int, Literal["sure", "doubtful"]]
"""Where the name ends, and whether it is surely the name."""

_GOES_ON = re.compile(r"[@#_]|\.\w|[-+][\w.+-]*@|[-+](?:[\w-]*\.)+[A-Za-z]{2}|(?:[.+-][\w.+-]+)@")
_GENITIVE = re.compile(r"\w+'s", re.IGNORECASE)
_BESIDE = 40
"""So many characters around a name are looked at for what else may be meant."""
_BEFORE = re.compile(r"(\w+)\.?[ \t]+$")
_AFTER = re.compile(r"[ \t]+(\w+)")
_CALLED = """
    mr mrs ms miss mister dr prof sir lady lord uncle aunt auntie king queen saint st san lake mount mt port fort cape
    aaron adam alan alex alice amy andrew andy anna anne ann anthony barbara ben betty bill bob brian carl carol
    charles charlie chris christine claire colin craig dan daniel dave david dean deborah denise dennis denny diana
    donna dorothy doug ed edward elizabeth ellen emily emma eric eve frank fred gary george gerald grace graham greg
    hannah harold harry heather helen henry howard ian jack jacob james jamie jane janet jason jean jeff jennifer jenny
    jeremy jerry jessica jill jim jimmy joan joe john jonathan joseph josh joyce judith judy julia julie karen kate
    kathy keith kelly ken kevin kim kyle larry laura lauren lee leo leon levi linda lisa liz louise lucy luke lynn macy
    margaret maria marie mark martha martin mary matt matthew megan melissa michael michelle mike molly nancy nathan
    neil nick nicole nigel nina oliver oscar pam pamela pat patricia paul peter phil philip rachel ralph ray rebecca
    richard rick rob robert robin roger ron rose roy russell ruth ryan sally sam samantha samuel sandra sara sarah scott
    sean sharon sheila simon sophie stephanie stephen steve steven stuart sue susan ted teresa terry theresa tim tina
    todd tom tommy tony tracy trevor tyler vera victor victoria vincent walter wayne wendy will william zoe
"""
_NAMES = frozenset(_CALLED.split())
"""Titles, what places are called by, and common first names: what follows is probably a person or a place."""
_PLACES = """
    road rd street avenue ave lane drive way square court close crescent park hill bridge valley island lake river
    creek bay beach county village station cemetery
"""
_PLACED = frozenset(_PLACES.split())


def stands_alone(text: str, start: int, end: int) -> bool:
    """No word, handle, tag or address goes on before or after the span."""
    before = text[start - 1] if start else " "
    if before != " " or not text[start].isascii():
        if before in "@#_." or goes_on(text, start):
            return False
        if before == "/" or before == "-":
            # "Elquist/Brightwell" names two, a path or an address names none
            run = text[max(0, start - 64) : start - 1].rpartition(" ")[2]
            if any(mark in run for mark in "./@\\") or (before == "/" and not run):
                return False
    return (
        end == len(text)
        or text[end] == " "
        or not (goes_on(text, end) or _GOES_ON.match(text, end, end + 64))
    )


class _Form(NamedTuple):
    """One way in which a name may be written. `beyond`: how many words follow those that it is found by."""

    name: str
    compared: str
    beyond: int
    ordinary: bool


@lru_cache(maxsize=20_000)
def _forms_of(value: str) -> list[_Form]:
    names = [as_written(spelling) for spelling in spellings_of(value)]
    return [
        _Form(name, name.casefold(), max(0, len(spans_of(name)) - KEY_WORDS), is_ordinary_phrase(name))
        for name in names
    ]


def spelt(text: str, starts: int, ends: int, value: str, keyword: bool = False) -> Spelt | None:
    """How a name stands where its first words were found; None where it does not.

    `keyword`: a phrase that a person chose, which counts however it is written.
    """
    for form in _forms_of(value):
        if found := _spelt(text, starts, ends, form, keyword):
            return found
    return None


def _spelt(text: str, starts: int, ends: int, form: _Form, keyword: bool) -> Spelt | None:
    name = form.name
    if form.beyond:
        after = spans_of(text[ends : ends + 2 * len(name) + 64])[: form.beyond]
        ends += after[-1][1] if after else 0
        if not stands_alone(text, starts, ends):
            return None
    written = text[starts:ends]
    if written != name:
        written = as_written(written)
        if written != name and written.casefold() != form.compared:
            return None
    if keyword:
        return ends, "sure"
    if form.ordinary and (written != name or name.islower() or _is_title(text, starts, ends)):
        return None
    if "'" in name and _GENITIVE.fullmatch(name):
        if is_ordinary_word(name[:-2]):
            return None
        return ends, "doubtful" if name[:-2].casefold() in _NAMES else "sure"
    return ends, "doubtful" if " " not in name and _is_namesake(text, starts, ends) else "sure"


def _is_title(text: str, starts: int, ends: int) -> bool:
    """Have all other words capitals too, so that the name's say nothing?"""
    around = text[max(0, starts - 200) : starts] + " " + text[ends : ends + 200]
    others = [word for word in both_ways(around)[0] if len(word) > 3 and word[0].isalpha()]
    return len(others) > 1 and not any(word[0].islower() for word in others)


def _is_namesake(text: str, starts: int, ends: int) -> bool:
    """Is it part of a longer name: a person's, a place's?"""
    if not text[starts].isupper() or (ends - starts > 1 and text[starts:ends].isupper()):
        return False
    after = _AFTER.match(text, ends, ends + _BESIDE)
    if after and after[1][0].isupper() and after[1].casefold() in _PLACED:
        return True
    before = _BEFORE.search(text[max(0, starts - _BESIDE) : starts])
    return before is not None and before[1][0].isupper() and before[1].casefold() in _NAMES
