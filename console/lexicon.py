"""What words weigh for an organisation: read, changed and brought back. Every change is a new version.

Whoever changes a lexicon holds the organisation's lock until the commit, so two at once make two versions, and
the second sees the first. Versions are never rewritten: a score can be explained with the words it was made with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from console.own import own_words
from console.refusal import BadInput, CannotDo
from models import Lexicon, LexiconWord
from workers import lexicon as weighing
from workers._vader import tables
from workers.folding import words_of
from workers.lexicon import HEAVIEST, MOST_CHARACTERS, MOST_WORDS_A_PHRASE, as_stored
from workers.score import Scorer, Sentiment

MOST_WORDS = 20_000
"""Words and phrases that an organisation may have of its own."""
_SHOWN = 5

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot lexicon of ' || :org, 0))")


@dataclass(frozen=True)
class Change:
    """A word's weight before and after. None: nobody gives it one, neither we nor the profile nor VADER."""

    word: str
    before: float | None
    after: float | None
    alone: tuple[float, float]
    """What a post of this word alone scores, before and after."""


@dataclass(frozen=True)
class Changed:
    """The version that now holds, and what it changed; an unchanged lexicon keeps its version."""

    version: int
    profile: str
    words: tuple[Change, ...]
    fresh: bool


def current(session: Session, org: str) -> tuple[int, str]:
    """The version that holds and the profile beneath it; (0, "support") where nothing was ever changed."""
    row = session.execute(
        select(Lexicon.version, Lexicon.profile)
        .where(Lexicon.org_id == org)
        .order_by(Lexicon.version.desc())
        .limit(1)
    ).one_or_none()
    return (row.version, row.profile) if row else (0, "support")


def change(
    session: Session,
    org: str,
    words: Mapping[str, float | None],
    *,
    profile: str | None = None,
    only: bool = False,
    by: str | None = None,
    note: str | None = None,
) -> Changed:
    """Give words their weights (None: no weight of ours any more) and, if asked, put another profile beneath.

    `only`: what is not among the words goes. Raises CannotDo, and then nothing has changed.
    """
    weights = {word: weight for word, weight in checked(words).items() if weight is not None}
    gone = {as_stored(word) for word, weight in words.items() if weight is None}
    session.execute(_LOCK, {"org": org})
    version, before = current(session, org)
    held = weighing.words_of(session, org, version)
    if absent := sorted(gone - held.keys()):
        raise CannotDo(f"{_quoted(absent)}: no word of {org}'s lexicon; `earshot lexicon list` shows them.")
    wanted = weights if only else {word: w for word, w in held.items() if word not in gone} | weights
    if len(wanted) > MOST_WORDS:
        raise CannotDo(f"{len(wanted):,} words are too many; an organisation may have {MOST_WORDS:,}.")
    profile = profile or before
    if wanted == held and profile == before:
        return Changed(version, profile, (), fresh=False)
    _write(session, org, version + 1, held, wanted)
    session.execute(
        insert(Lexicon).values(org_id=org, version=version + 1, profile=profile, by=by, note=note)
    )
    touched = sorted(word for word in held.keys() | wanted.keys() if held.get(word) != wanted.get(word))
    return Changed(version + 1, profile, _told(touched, (before, held), (profile, wanted)), fresh=True)


def restore(session: Session, org: str, version: int, by: str | None = None) -> Changed:
    """Make the lexicon what it was in a version, words and profile; 0 is the shipped profile alone."""
    profile = _profile(session, org, version)
    return change(
        session,
        org,
        weighing.words_of(session, org, version),
        profile=profile,
        only=True,
        by=by,
        note=f"version {version} again",
    )


def difference(session: Session, org: str, version: int) -> tuple[dict[str, float | None], str]:
    """What bringing a version back would change: each word that weighs something else by it (None: no word of ours any
    more), and its profile. Raises CannotDo."""
    now, _ = current(session, org)
    held, wanted = weighing.words_of(session, org, now), weighing.words_of(session, org, version)
    profile = _profile(session, org, version)
    return {
        word: wanted.get(word)
        for word in sorted(held.keys() | wanted.keys())
        if held.get(word) != wanted.get(word)
    }, profile


def _profile(session: Session, org: str, version: int) -> str:
    """The profile that was beneath a version; raises CannotDo where there is no such version."""
    profile = session.scalar(select(Lexicon.profile).where(Lexicon.org_id == org, Lexicon.version == version))
    if profile is None and version:
        raise CannotDo(f"{org} has no lexicon of version {version}; `earshot lexicon history` lists them.")
    return profile or "support"


def listed(session: Session, org: str, version: int | None, everything: bool) -> dict[str, Any]:
    """{version, profile, words: [{word, weight, of}]} by word; `of` is the organisation's name or `support`.

    `everything`: the profile's words too, but for those that the organisation weighs itself.
    """
    held, profile = current(session, org)
    if version is not None and version != held:
        held, profile = version, _profile(session, org, version)
    own = weighing.words_of(session, org, held)
    rows = [(word, weight, org) for word, weight in own.items()]
    if everything and profile == "support":
        shipped = weighing.shipped().words
        rows += [(word, weight, "support") for word, weight in shipped.items() if word not in own]
    return {
        "version": held,
        "profile": profile,
        "words": [{"word": word, "weight": weight, "of": of} for word, weight, of in sorted(rows)],
    }


def history(session: Session, org: str, most: int | None = None) -> list[dict[str, Any]]:
    """Every version (or the newest `most`), the newest first: {version, at, by, profile, words, changed, note}."""
    words = (
        select(func.count())
        .where(
            LexiconWord.org_id == org,
            LexiconWord.since <= Lexicon.version,
            LexiconWord.until.is_(None) | (LexiconWord.until > Lexicon.version),
        )
        .scalar_subquery()
    )
    moved = (
        select(func.count(LexiconWord.word.distinct()))
        .where(
            LexiconWord.org_id == org,
            (LexiconWord.since == Lexicon.version) | (LexiconWord.until == Lexicon.version),
        )
        .scalar_subquery()
    )
    found = session.execute(
        select(
            Lexicon.version,
            Lexicon.created_at.label("at"),
            Lexicon.by,
            Lexicon.profile,
            words.label("words"),
            moved.label("changed"),
            Lexicon.note,
        )
        .where(Lexicon.org_id == org)
        .order_by(Lexicon.version.desc())
        .limit(most)
    )
    return [dict(row) for row in found.mappings()]


def checked(words: Mapping[str, float | None]) -> dict[str, float | None]:
    """The words as they are stored, each able to weigh. Raises CannotDo with the first few that are not."""
    wrong: list[str] = []
    stored: dict[str, float | None] = {}
    for given, weight in words.items():
        word = as_stored(given)
        if reason := _unfit(given, word, weight):
            wrong.append(reason)
        elif word in stored and stored[word] != weight:
            wrong.append(f"{word!r} is given two weights")
        else:
            stored[word] = weight
    if not wrong:
        wrong = _never_found([word for word, weight in stored.items() if weight is not None])
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise BadInput(f"{'; '.join(wrong[:_SHOWN])}{more}. Nothing was changed.")
    return stored


def masked(session: Session, org: str, words: Sequence[str]) -> list[str]:
    """Those of these words that are not weighed where they stand as a name of ours, since own names are masked."""
    ours = [own["value"] for own in own_words(session, org) if own["kind"] != "handle"]
    parts = {part for own in ours for part in words_of(own)}
    near = [word for word in words if not parts.isdisjoint(words_of(word))]
    if not near:
        return []
    plain = Scorer((), weighing.Lexicon(dict.fromkeys(map(as_stored, near), 1.0), "to be checked"))
    with_names = Scorer(
        sorted(ours), weighing.Lexicon(dict.fromkeys(map(as_stored, near), 1.0), "to be checked")
    )
    return [
        word
        for word in near
        if any(with_names.explain(said).total != plain.explain(said).total for said in (word, word.title()))
    ]


def _unfit(given: str, word: str, weight: float | None) -> str | None:
    if "\0" in given:
        return "a word holds a NUL character"
    if not word:
        return f"{given!r} has no word in it"
    if given.lstrip().startswith("@"):
        return f"{given!r} is a handle, and would never weigh: whoever is mentioned says nothing of the mood"
    if len(word) > MOST_CHARACTERS:
        return f"{word[:30]!r}… has {len(word)} characters; a word or phrase may have {MOST_CHARACTERS}"
    if word.count(" ") >= MOST_WORDS_A_PHRASE:
        return f"{word!r} has more than {MOST_WORDS_A_PHRASE} words"
    if weight is not None and not (math.isfinite(weight) and abs(weight) <= HEAVIEST):
        return f"the weight of {word!r} is {weight:g}, and must lie between -4 and 4"
    return None


def _never_found(words: list[str]) -> list[str]:
    """What a post could say without it ever weighing: handles, links, emoji (read by their names), very."""
    scorer = Scorer((), weighing.Lexicon(dict.fromkeys(words, 1.0), "to be checked"))
    wrong = []
    for word in words:
        told = scorer.explain(word)
        if [(weighed.word.lower(), weighed.base) for weighed in told.words] != [(word, 1.0)]:
            wrong.append(f"{word!r} would never weigh: {_read_as(word, told.text.strip())}")
    return wrong


def _read_as(word: str, text: str) -> str:
    if text != word:
        return f"it is read as {text!r}"
    if named := [name for char, name in tables().emoji.items() if char in word]:
        return f"an emoji is read by its name, {named[0]!r}"
    return "VADER only strengthens other words by it"


def _write(
    session: Session, org: str, version: int, held: Mapping[str, float], wanted: Mapping[str, float]
) -> None:
    over = [word for word, weight in held.items() if wanted.get(word) != weight]
    if over:
        session.execute(
            update(LexiconWord)
            .where(LexiconWord.org_id == org, LexiconWord.until.is_(None), LexiconWord.word.in_(over))
            .values(until=version)
        )
    rows = [
        {"org_id": org, "word": word, "weight": weight, "since": version}
        for word, weight in wanted.items()
        if held.get(word) != weight
    ]
    if rows:
        session.execute(insert(LexiconWord), rows)


def _told(
    words: list[str], before: tuple[str, Mapping[str, float]], after: tuple[str, Mapping[str, float]]
) -> tuple[Change, ...]:
    was, now = whole(*before), whole(*after)
    scorers = Scorer((), was), Scorer((), now)
    return tuple(
        Change(word, weighing.weight_of(word, was), weighing.weight_of(word, now), _alone(word, *scorers))
        for word in words
    )


def whole(profile: str, own: Mapping[str, float]) -> weighing.Lexicon:
    """A lexicon as it would be, to be compared with another; it stands beside no score."""
    beneath = weighing.shipped().words if profile == "support" else {}
    return weighing.Lexicon({**beneath, **own}, "to be compared")


def _alone(word: str, *scorers: Scorer) -> tuple[float, float]:
    before, after = (scorer.score([(word, "en")])[0] for scorer in scorers)
    return (
        before.compound if isinstance(before, Sentiment) else 0.0,
        after.compound if isinstance(after, Sentiment) else 0.0,
    )


def _quoted(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(repr(word) for word in words[:_SHOWN]) + more
