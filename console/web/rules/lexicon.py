"""`/rules/lexicon`: what words weigh for us, and what another weight would do to yesterday's posts before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.responses import Response

from console import fleet, lexicon
from console.lexicon_effect import MOST, Effect, effect, few
from console.lexicon_words import own_weight, so_many, weight_beneath, words
from console.refusal import CannotDo
from console.web.aside import Counting
from console.web.asked import Ask
from console.words import counted, one_line
from models.vocabulary import LEXICON_PROFILES
from workers.lexicon import HEAVIEST, as_stored

VERSIONS = 10
ASKED = ("word", "weight", "back", "profile", "version", "note")
MOST_NAMED = 30
"""Words that are named of those that an older version weighs otherwise."""
_PROFILES = {
    "support": "The support profile is laid beneath our words",
    "none": "No profile is beneath our words",
}


class Wrong(Exception):
    """What was typed into `field` cannot be taken."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field, self.said = field, said


@dataclass(frozen=True)
class Wish:
    """A change that somebody wants: a word with its weight (None: ours is taken back), a profile, or a version again with
    the `words` that it weighs otherwise.

    `is_now` is what stands for it at this moment, as a form brings it back.
    """

    word: str
    weight: float | None
    profile: str | None
    is_now: str
    said: str
    version: int | None = None
    words: Mapping[str, float | None] = field(default_factory=dict)


def page(ask: Ask) -> Response:
    """The words, a page of them, and the form; with a word and its weight in the address what they would change."""
    told = {name: ask.wish(name) for name in ASKED}
    if not (told["word"] or told["weight"] or told["profile"] or told["version"]):
        return _shown(ask, told)
    if told["word"] and not told["weight"] and not told["back"]:  # chosen from the list, to be weighed
        return _shown(ask, told)
    try:
        return _shown(ask, told, _wish(ask, told))
    except Wrong as wrong:
        return _shown(ask, told, None, wrong, 422)


def part(ask: Ask) -> Response:
    """What a change would do to yesterday's posts: the part of the page that reads them."""
    try:
        wish = _wish(ask, {name: ask.wish(name) for name in ASKED})
    except Wrong as wrong:
        raise CannotDo(wrong.said) from None
    session, org = ask.session, ask.who.org
    key = ("effect", lexicon.current(session, org), tuple(wish.words.items()), wish.profile)
    found = ask.aside(
        key,
        effect_by_now,
        lambda: (org, wish.words, wish.profile),
        few=lambda: few(session, org, fleet.now(session)),
    )
    if isinstance(found, Counting):
        asked = {name: ask.wish(name) for name in ("word", "weight", "back", "profile") if ask.wish(name)}
        return ask.counting(found, f"/rules/lexicon/effect?{urlencode(asked)}", "#effect")
    return ask.shows(
        "rules/_effect.html", {"effect": found.value, "said": sentence(found.value, wish), "most": MOST}
    )


def effect_by_now(
    session: Session, org: str, words: Mapping[str, float | None], profile: str | None
) -> Effect:
    """`effect` at the moment at which it is counted."""
    return effect(session, org, words, fleet.now(session), profile)


def save(ask: Ask) -> Response:
    """Make it so; all workers hear of it within 30 seconds."""
    told = {name: ask.fields.get(name, "").strip() for name in ASKED}
    try:
        wish = _wish(ask, told)
        was = ask.fields.get("was", "")
        if was != wish.is_now:
            meanwhile = (
                f"version {wish.is_now} holds"
                if wish.version is not None
                else "the profile is another"
                if wish.profile
                else f"it weighs {_said(float(wish.is_now))} by our lexicon"
                if wish.is_now
                else "ours was taken back"
            )
            raise Wrong(
                "stale",
                f"Nothing was changed: somebody was quicker, {meanwhile} meanwhile. Look at it again, then decide.",
            )
        note = one_line(told["note"], 300) or None
        session, org, by = ask.session, ask.who.org, ask.who.email
        changed = (
            lexicon.restore(session, org, wish.version, by)
            if wish.version is not None
            else lexicon.change(session, org, wish.words, profile=wish.profile, by=by, note=note)
        )
        if not changed.fresh:
            raise Wrong("weight", "That is what it weighs already.")
    except Wrong as wrong:
        return _shown(ask, told, None, wrong, 409 if wrong.field == "stale" else 422)
    except CannotDo as refused:
        return _shown(ask, told, None, Wrong("word", str(refused)), 422)
    return ask.done(
        f"/rules/lexicon?{urlencode({'q': wish.word})}" if wish.word else "/rules/lexicon",
        "lexicon",
        f"{wish.said} from now on; all workers hear of it within 30 seconds.",
        of="lexicon",
        was=was or None,
        now=f"version {wish.version}" if wish.version is not None else wish.profile or wish.weight,
        version=changed.version,
    )


def sentence(found: Effect, wish: Wish) -> str:
    """What a change would have done, in words."""
    about = f" with “{one_line(wish.word, 60)}”" if wish.word else ""
    if not found.looked:
        return f"No post{about} was heard then, so nothing would have changed."
    posts = f"{found.looked:,} {'post' if found.looked == 1 else 'posts'}{about}"
    if not found.moved:
        return f"{posts}: no score would have changed."
    scores = (
        f"{found.moved:,} of {found.scored:,} {'score' if found.scored == 1 else 'scores'} would have changed"
    )
    crosses = [
        *([f"{found.newly:,} would have crossed a rule for tickets that did not"] if found.newly else []),
        *([f"{found.no_longer:,} would not have crossed one any more"] if found.no_longer else []),
    ]
    return (
        f"{posts}: {scores}; {' and '.join(crosses) or 'none would have crossed another rule for tickets'}."
    )


def _wish(ask: Ask, told: Mapping[str, str]) -> Wish:
    version, profile = lexicon.current(ask.session, ask.who.org)
    if told.get("version"):
        return _again(ask, told["version"], version)
    if wanted := told.get("profile"):
        if wanted not in LEXICON_PROFILES:
            raise Wrong("word", "There are two profiles, support and none.")
        if wanted == profile:
            raise Wrong("word", "That is how it is already.")
        return Wish("", None, wanted, profile, _PROFILES[wanted])
    word = as_stored(told["word"])
    if told.get("back"):
        own = own_weight(ask.session, ask.who.org, word)
        if own is None:
            raise Wrong(
                "word", f"“{one_line(told['word'], 60)}” is no word of ours; there is nothing to take back."
            )
        said = f"“{word}” weighs {_said(weight_beneath(word, profile))} again"
        return Wish(word, None, None, f"{own:g}", said, words={word: None})
    weight = _weight(told["weight"])
    try:
        lexicon.checked({told["word"]: weight})
    except CannotDo as refused:
        raise Wrong("word", str(refused).removesuffix(" Nothing was changed.")) from None
    own = own_weight(ask.session, ask.who.org, word)
    if own == weight:
        raise Wrong("weight", f"That is what “{one_line(word, 60)}” weighs already.")
    is_now, said = "" if own is None else f"{own:g}", f"“{word}” weighs {_said(weight)}"
    return Wish(word, weight, None, is_now, said, words={word: weight})


def _again(ask: Ask, told: str, now: int) -> Wish:
    try:
        version = int(told) if told.isascii() and told.isdecimal() and len(told) < 9 else -1
        words, profile = lexicon.difference(ask.session, ask.who.org, version)
    except CannotDo:
        raise Wrong(
            "version",
            f"There is no version “{one_line(told, 20)}” of the lexicon; those that there are stand below.",
        ) from None
    beneath = lexicon.current(ask.session, ask.who.org)[1]
    if not words and profile == beneath:
        raise Wrong("version", f"That is what version {version} says already.")
    so = counted(len(words), "word weighs otherwise", "words weigh otherwise")
    if profile != beneath:
        so += f", {_PROFILES[profile][0].lower()}{_PROFILES[profile][1:]}"
    which = f"Version {version}" if version else "The shipped profile alone"
    return Wish("", None, profile, str(now), f"{which} holds again ({so})", version, words)


def _weight(told: str) -> float:
    try:
        weight = float(told.replace("−", "-").replace(",", "."))
    except ValueError:
        raise Wrong(
            "weight", "A weight is a number from -4 (worst) to 4 (best); 0 lets a word not count."
        ) from None
    if not abs(weight) <= HEAVIEST:
        raise Wrong("weight", f"{told} is out of reach: a weight lies between -4 (worst) and 4 (best).")
    return weight


def _said(weight: float | None) -> str:
    return "nothing" if not weight else f"{weight:+g}".replace("-", "−")


def _shown(
    ask: Ask, told: Mapping[str, str], wish: Wish | None = None, wrong: Wrong | None = None, status: int = 200
) -> Response:
    session, org = ask.session, ask.who.org
    version, profile = lexicon.current(session, org)
    search, of = ask.wish("q")[:80].replace("\0", ""), ask.wish("of")
    found, more = words(
        session, org, profile, search, ask.wish("after")[:80].replace("\0", ""), ours=of == "ours"
    )
    own, beneath = so_many(session, org, profile)
    chosen = as_stored(told["word"]) if told["word"] and "\0" not in told["word"] else ""
    values: dict[str, Any] = {
        "words": found,
        "more": f"/rules/lexicon?{urlencode({'q': search, 'of': of, 'after': more})}" if more else "",
        "first": not ask.wish("after"),
        "q": search,
        "of": of,
        "own": own,
        "beneath": beneath,
        "profile": profile,
        "version": version,
        "versions": lexicon.history(session, org, VERSIONS),
        "told": {**dict.fromkeys(ASKED, ""), **told},
        "most_named": MOST_NAMED,
        "wish": wish,
        "query": urlencode({name: told[name] for name in ASKED if name != "note" and told.get(name)}),
        "wrong": wrong,
        "masked": lexicon.masked(session, org, [wish.word]) if wish and wish.weight else [],
        "now": fleet.now(session),
        "said": _said,
        "chosen": {
            "own": own_weight(session, org, chosen),
            "beneath": weight_beneath(chosen, profile),
        }
        if chosen
        else None,
    }
    return ask.shows("rules/lexicon.html", values, status)
