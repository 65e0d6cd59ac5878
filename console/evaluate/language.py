"""What is scored although it is not English, and what is skipped although it is.

The scorer is told nothing of the language here, as where a platform tells none. Two kinds of rows stand apart:
Hindi in Latin letters (`hi`), which no detector tells from English, and texts of under three words, which are
scored as `und` on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from console.evaluate.figures import Share, share
from workers.score import Sentiment

if TYPE_CHECKING:
    from console.evaluate.reading import Sheet
    from workers.score import Unscored

ROMANISED: Final = "hi"
_NO_WORD: Final = re.compile(r"https?://\S*|[@#]\w+")
_SET_OFF: Final = "\"'.,:;!?()…"
FEWEST_WORDS: Final = 3


class Group(msgspec.Struct, frozen=True):
    """Rows of a kind: the share that was scored, and the share that was skipped as another language."""

    name: str
    scored: Share
    skipped: Share


class Languages(msgspec.Struct, frozen=True):
    """`foreign` and `english` without what stands apart; `apart`: romanised Hindi, and what is too short.

    `all_english` has the short rows in it. `by` is every language of the file by itself.
    """

    file: str
    scorer: str
    rows: int
    foreign: Group
    english: Group
    all_english: Group
    apart: list[Group]
    by: list[Group]


def long_enough(text: str) -> bool:
    """Has a text three words or more, links, handles and hashtags not counted?"""
    words = _NO_WORD.sub(" ", text).split()
    return sum(word.strip(_SET_OFF).isalpha() for word in words) >= FEWEST_WORDS


def languages(
    sheet: Sheet, answers: Sequence[Sentiment | Unscored], scorer: str, lang: str | None = None
) -> Languages:
    """What was scored of each language; `lang` is every row's where the file has no such column.

    Raises CannotDo where there is neither, and for a row without a language.
    """
    if lang is None:
        sheet.demand(["lang"])
    rows: list[tuple[str, bool, Sentiment | Unscored]] = []
    for row, answer in zip(sheet.rows, answers, strict=True):
        tag = (lang or row["lang"]).strip().lower().replace("_", "-").partition("-")[0]
        if not tag:
            raise sheet.wrong(row, "it has no language; lang is a tag like en or de")
        rows.append((tag, long_enough(row["text"]), answer))
    foreign = [row for row in rows if row[0] not in ("en", ROMANISED)]
    english = [row for row in rows if row[0] == "en"]
    hindi = [row for row in rows if row[0] == ROMANISED]
    return Languages(
        file=sheet.name,
        scorer=scorer,
        rows=len(rows),
        foreign=_group("other languages, three words or more", [row for row in foreign if row[1]]),
        english=_group("English, three words or more", [row for row in english if row[1]]),
        all_english=_group("English, all", english),
        apart=[
            _group("other languages, under three words", [row for row in foreign if not row[1]]),
            _group("English, under three words", [row for row in english if not row[1]]),
            _group("Hindi in Latin letters (hi)", hindi),
        ],
        by=[_group(tag, [row for row in rows if row[0] == tag]) for tag in sorted({row[0] for row in rows})],
    )


def _group(name: str, rows: Sequence[tuple[str, bool, Sentiment | Unscored]]) -> Group:
    scored = sum(isinstance(answer, Sentiment) for _, _, answer in rows)
    skipped = sum(
        not isinstance(answer, Sentiment) and answer.reason.startswith("lang:") for _, _, answer in rows
    )
    return Group(name, share(scored, len(rows)), share(skipped, len(rows)))
