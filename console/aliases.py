"""Words that stand for somebody: put into the form in which they are compared, refused where they cannot work.

Used by the import, by `own add` and wherever a credential makes its account ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from models import Alias
from models.vocabulary import PLATFORMS
from workers.directory import domain_of, folded


class Unfit(Exception):
    """Why a word or a row cannot be taken."""


@dataclass(frozen=True)
class Target:
    """Whom a word stands for. `record` is None for ourselves and competitors; `label` is for people."""

    of: str
    record: UUID | None = None
    label: str | None = None


OURSELVES = Target("ourselves")

_ALREADY = {"ourselves": "ourselves", "competitor": "a competitor"}

_COLUMN = {"account": "account_id", "contact": "contact_id", "campaign": "campaign_id"}


class Aliases:
    """The aliases of an organisation, and those that this session adds to them."""

    def __init__(self, session: Session, org: str) -> None:
        self._session, self._org = session, org
        columns = (Alias.kind, Alias.value, Alias.platform, Alias.of)
        records = (Alias.account_id, Alias.contact_id, Alias.campaign_id)
        found = session.execute(select(*columns, *records).where(Alias.org_id == org))
        self._held = {
            (kind, value, platform, of, a or b or c) for kind, value, platform, of, a, b, c in found
        }
        self._new: list[dict[str, Any]] = []

    def demand_fit(self, kind: str, word: str, platform: str | None) -> str:
        """The word as it is stored. Raises Unfit when it could never be found or would be found everywhere."""
        if platform and kind != "handle":
            raise Unfit(f"only a handle belongs to a platform; a {kind} counts on all of them")
        return fit(kind, word, platform)

    def demand_free(self, kind: str, word: str, platform: str | None, record: UUID | None) -> None:
        """Raise Unfit when the word is unfit or stands for another record already."""
        value = self.demand_fit(kind, word, platform)
        for held_kind, held_value, held_platform, of, whose in self._held:
            if (held_kind, held_value, held_platform) == (kind, value, platform) and whose != record:
                raise Unfit(f"the {kind} {word!r} stands for {_ALREADY.get(of, f'another {of}')} already")

    def add(
        self,
        kind: str,
        word: str,
        platform: str | None,
        target: Target,
        valid_from: date | None = None,
        valid_to: date | None = None,
    ) -> bool:
        """Note an alias; False when it is there already. Raises Unfit."""
        value = self.demand_fit(kind, word, platform)
        if kind == "handle":
            self.demand_free(kind, word, platform, target.record)
        key = (kind, value, platform, target.of, target.record)
        if key in self._held:
            return False
        self._held.add(key)
        row: dict[str, Any] = dict.fromkeys(_COLUMN.values())
        if target.record is not None:
            row[_COLUMN[target.of]] = target.record
        row |= {"org_id": self._org, "kind": kind, "value": value, "platform": platform, "of": target.of}
        self._new.append(row | {"label": target.label, "valid_from": valid_from, "valid_to": valid_to})
        return True

    def write(self) -> int:
        """Write what was added, after the records that it stands for; says how many."""
        new, self._new = self._new, []
        if new:
            self._session.execute(insert(Alias), new)
        return len(new)


def fit(kind: str, word: str, platform: str | None) -> str:
    """The word as it is stored and compared. Raises Unfit."""
    word = " ".join(word.split())
    if "\0" in word:
        raise Unfit(f"a {kind} holds a NUL character")
    value = domain_of(word) or "" if kind == "domain" else word
    if kind in ("handle", "hashtag", "email", "utm"):
        value = folded(word)
    if sum(c.isalnum() for c in value) < 2:
        raise Unfit(f"the {kind} {word!r} is too short to mean anybody")
    if len(value) > 512:
        raise Unfit(f"a {kind} of {len(value)} characters is no {kind}")
    if kind == "handle":
        if platform is not None and platform not in PLATFORMS:
            raise Unfit(f"{platform!r} is no platform; known are {', '.join(PLATFORMS)}")
        if platform == "mastodon" and "@" not in value and "://" not in value:
            raise Unfit(f"a handle on mastodon names its server: {value}@mastodon.example, not {value!r}")
    if kind == "domain" and "." not in value:
        raise Unfit(f"{word!r} is no domain")
    if kind == "email" and ("@" not in value[1:] or "." not in value.rpartition("@")[2] or " " in value):
        raise Unfit(f"{word!r} is no e-mail address")
    if kind in ("handle", "hashtag", "utm") and " " in value:
        raise Unfit(f"a {kind} has no spaces: {word!r}")
    return value


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
