"""Words that stand for somebody: put into the form in which they are compared, refused where they cannot work.

Used by the import, by `aliases add`, by `own add` and wherever a credential makes its account ours. An ordinary
English word is nobody's name by itself: it takes words of which the post must have one as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from console.refusal import BadInput, CannotDo
from models import Alias
from models.vocabulary import PLATFORMS
from workers.folding import domain_of, folded, is_ordinary_name, is_shared_host, words_of
from workers.names import LONGEST

Outcome = Literal["added", "changed", "same"]


class Unfit(Exception):
    """Why a word or a row cannot be taken."""


class Taken(Unfit):
    """It stands for somebody else already."""


def refusal(unfit: Unfit) -> CannotDo:
    """It as a sentence for whoever typed the word."""
    words = f"{str(unfit)[0].upper()}{str(unfit)[1:]}."
    return CannotDo(words) if isinstance(unfit, Taken) else BadInput(words)


@dataclass(frozen=True)
class Target:
    """Whom a word stands for. `record` is None for ourselves and competitors; `label` is for people."""

    of: str
    record: UUID | None = None
    label: str | None = None


OURSELVES = Target("ourselves")

_ALREADY = {"ourselves": "ourselves", "competitor": "a competitor"}

_COLUMN = {"account": "account_id", "contact": "contact_id", "campaign": "campaign_id"}

WORDY = ("name", "keyword", "hashtag")
"""Kinds that are words, and which an ordinary one may be of only with others beside it."""
MOST_NEEDS, LONGEST_NEED = 50, 80
_SAID_ANYWHERE = """
    a an the and or but of to in on at by for from with as is am are was were be been being has have had it its this
    that these those i me my we us our you your he him his she her they them their not all any so if
"""
SAYS_NOTHING = frozenset(_SAID_ANYWHERE.split())
"""Words that almost every post has one of."""


class Aliases:
    """The aliases of an organisation, and those that this session adds to them."""

    def __init__(self, session: Session, org: str) -> None:
        self._session, self._org = session, org
        columns = (Alias.kind, Alias.value, Alias.platform, Alias.of)
        records = (Alias.account_id, Alias.contact_id, Alias.campaign_id)
        more = (Alias.id, Alias.needs, Alias.valid_from, Alias.valid_to)
        found = session.execute(select(*columns, *records, *more).where(Alias.org_id == org))
        self._held: dict[tuple[str, str, str | None, str, UUID | None], dict[str, Any]] = {
            (kind, value, platform, of, a or b or c): dict(
                zip(("id", "needs", "valid_from", "valid_to"), rest, strict=True)
            )
            for kind, value, platform, of, a, b, c, *rest in found
        }
        self._new: list[dict[str, Any]] = []
        self._changed: list[dict[str, Any]] = []

    def demand_fit(self, kind: str, word: str, platform: str | None) -> str:
        """The word as it is stored. Raises Unfit when it could never be found or would be found everywhere."""
        if platform and kind != "handle":
            raise Unfit(f"only a handle belongs to a platform; a {kind} counts on all of them")
        return fit(kind, word, platform)

    def demand_free(self, kind: str, word: str, platform: str | None, of: str, record: UUID | None) -> None:
        """Raise Unfit when the word is unfit or stands for somebody else already."""
        value = self.demand_fit(kind, word, platform)
        for *word_held, held_of, whose in self._held:
            if word_held == [kind, value, platform] and (held_of, whose) != (of, record):
                other = "another" if held_of == of else "an" if held_of == "account" else "a"
                raise Taken(
                    f"the {kind} {word!r} stands for {_ALREADY.get(held_of, f'{other} {held_of}')} already"
                )

    def demand_meant(
        self, kind: str, word: str, of: str, record: UUID | None, needs: Sequence[str] = ()
    ) -> None:
        """Raise Unfit for an ordinary word without a second signal, unless it was noted before."""
        value = self.demand_fit(kind, word, None) if kind in WORDY else ""
        if (
            value
            and (kind, value, None, of, record) not in self._held
            and not needs
            and is_ordinary_name(value)
        ):
            raise Unfit(
                f"{value!r} is an ordinary English word and by itself means nobody; say of which words a post"
                " must have one as well (--with, in a file of aliases the column needs), or take a longer"
                f" {kind}, a handle or a domain"
            )

    def put(
        self,
        kind: str,
        word: str,
        platform: str | None,
        target: Target,
        valid_from: date | None = None,
        valid_to: date | None = None,
        needs: Sequence[str] = (),
    ) -> Outcome:
        """Note an alias, or what is given of days and needs of one that is there already. Raises Unfit.

        `needs`: words of which a post must have one for a name, keyword or hashtag to count.
        """
        value = self.demand_fit(kind, word, platform)
        if kind == "handle":
            self.demand_free(kind, word, platform, target.of, target.record)
        beside = fit_needs(kind, value, needs)
        self.demand_meant(kind, word, target.of, target.record, beside)
        key = (kind, value, platform, target.of, target.record)
        given = {"needs": beside, "valid_from": valid_from, "valid_to": valid_to}
        held = self._held.get(key)
        if held is not None:
            differs = {name: what for name, what in given.items() if what and what != held[name]}
            both = {**held, **differs}
            _demand_days(both["valid_from"], both["valid_to"])
            if not differs:
                return "same"
            held.update(differs)
            if "id" in held:
                self._changed.append({"id": held["id"], **differs})
            else:
                held["row"].update(differs)
            return "changed"
        _demand_days(valid_from, valid_to)
        row: dict[str, Any] = dict.fromkeys(_COLUMN.values())
        if target.record is not None:
            row[_COLUMN[target.of]] = target.record
        row |= {"org_id": self._org, "kind": kind, "value": value, "platform": platform, "of": target.of}
        row |= {"label": target.label, **given}
        self._held[key] = {**given, "row": row}
        self._new.append(row)
        return "added"

    def add(self, kind: str, word: str, platform: str | None, target: Target) -> bool:
        """Note an alias; False when it is there already. Raises Unfit."""
        return self.put(kind, word, platform, target) == "added"

    def write(self) -> int:
        """Write what was added and changed, after the records that it stands for; says how many."""
        new, self._new = self._new, []
        changed, self._changed = self._changed, []
        if new:
            self._session.execute(insert(Alias), new)
        for row in changed:
            self._session.execute(update(Alias).where(Alias.id == row.pop("id")).values(row))
        return len(new) + len(changed)


def _demand_days(valid_from: date | None, valid_to: date | None) -> None:
    if valid_from and valid_to and valid_to < valid_from:
        raise Unfit("it ends before it begins")


def fit_needs(kind: str, value: str, needs: Sequence[str]) -> list[str]:
    """The words beside a name, keyword or hashtag as they are stored. Raises Unfit for what is no second signal."""
    words = list(dict.fromkeys(" ".join(need.split()) for need in needs if need.strip()))
    if words and kind not in WORDY:
        raise Unfit(f"only a name, a keyword or a hashtag takes words beside it, not a {kind}")
    if len(words) > MOST_NEEDS:
        raise Unfit(f"{len(words)} words beside a {kind} are too many; {MOST_NEEDS} are the most")
    own = [word.removesuffix("s") for word in words_of(value)]
    for word in words:
        if "\0" in word or sum(c.isalnum() for c in word) < 2 or SAYS_NOTHING.issuperset(words_of(word)):
            raise Unfit(f"{word!r} beside {value!r} tells nothing: almost every post has it")
        if len(word) > LONGEST_NEED:
            raise Unfit(f"a word of {len(word)} characters is never said; {LONGEST_NEED} are the most")
        if [part.removesuffix("s") for part in words_of(word)] == own:
            raise Unfit(f"{word!r} is {value!r} itself and no second signal")
    return words


_APP = re.compile(
    r"(?:[a-z]{2}:)?(?:id)?([0-9]{1,20})|https?://apps\.apple\.com/.*/id([0-9]{1,20})(?:[/?#].*)?"
)
"""An app of the App Store as it is followed; an app is one in all countries, so its number names it."""


def fit(kind: str, word: str, platform: str | None) -> str:
    """The word as it is stored and compared. Raises Unfit."""
    word = " ".join(word.split())
    if "\0" in word:
        raise Unfit(f"a {kind} holds a NUL character")
    if kind == "phone":
        return _phone(word)
    value = domain_of(word) if kind == "domain" else word
    if value is None:
        if "." not in word:
            raise Unfit(f"{word!r} is no domain")
        raise Unfit(f"{word!r} is an ending under which everybody may have a domain: it means nobody")
    if kind in ("handle", "hashtag", "email", "utm"):
        value = folded(word)
    if sum(c.isalnum() for c in value) < 2:
        raise Unfit(f"the {kind} {word!r} is too short to mean anybody")
    if len(value.encode()) > LONGEST:
        raise Unfit(f"a {kind} of {len(value)} characters is too long to be found in a post")
    if kind == "handle":
        if platform is not None and platform not in PLATFORMS:
            raise Unfit(f"{platform!r} is no platform; known are {', '.join(PLATFORMS)}")
        if platform == "appstore" and (app := _APP.fullmatch(value)):
            value = app[1] or app[2]
        if platform == "mastodon" and "@" not in value and "://" not in value:
            raise Unfit(f"a handle on mastodon names its server: {value}@mastodon.example, not {value!r}")
    if kind == "domain" and "." not in value:
        raise Unfit(f"{word!r} is no domain")
    if kind == "domain" and is_shared_host(value):
        raise Unfit(
            f"on {value} everybody may have a page or a mailbox: it means nobody; take the handle there"
        )
    if kind == "email" and ("@" not in value[1:] or "." not in value.rpartition("@")[2] or " " in value):
        raise Unfit(f"{word!r} is no e-mail address")
    if kind in ("handle", "hashtag", "utm") and " " in value:
        raise Unfit(f"a {kind} has no spaces: {word!r}")
    return value


def _phone(word: str) -> str:
    """A telephone number in E.164. Raises Unfit where it names no country or cannot be one."""
    import phonenumbers

    if not word.startswith("+"):
        raise Unfit(f"a phone number is written with its country, like +44 20 7946 0101, not {word!r}")
    try:
        number = phonenumbers.parse(word)
    except phonenumbers.NumberParseException:
        raise Unfit(f"{word!r} is no phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise Unfit(f"{word!r} has too few or too many digits for a phone number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def listed(words: str) -> list[str]:
    """The tags of a cell: between spaces, commas or semicolons."""
    return [word for word in re.split(r"[\s,;]+", words) if word]


def phrases_in(words: str) -> list[str]:
    """The phrases of a cell: between commas, semicolons or bars, since a phrase has spaces of its own."""
    return [phrase.strip() for phrase in re.split(r"[,;|]", words) if phrase.strip()]


def handles_in(words: str) -> list[tuple[str, str]]:
    """`mastodon:alice@town.example bluesky:did:plc:x|alice.example` as (platform, handle). Raises Unfit.

    After a platform stand a handle, a stable id, or both with a bar between them.
    """
    found = []
    for part in words.split():
        platform, colon, names = part.partition(":")
        if not colon or not names or platform not in PLATFORMS:
            raise Unfit(f"the handle {part!r} is not written as platform:handle, like bluesky:alice.example")
        found += [(platform, name) for name in names.split("|") if name]
    for platform, name in found:
        fit("handle", name, platform)
    return found
