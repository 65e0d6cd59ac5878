"""The filter of a page is its address, so that it can be kept and sent: read here, and written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from console.stream import DAY, HOUR, SENTIMENTS, Filter, asked_words, whole_day, whole_hour
from models.vocabulary import PLATFORMS, VOICES

SPANS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
KNOWN = ("scope", "span", "platform", "language", "voice", "sentiment", "words", "author", "at")
_MOMENT = "%Y-%m-%dT%HZ"


@dataclass(frozen=True)
class Address:
    """What is asked for, as words that are known; what means nothing is left out. `at` is one hour or day of the chart."""

    scope: str = "all"
    span: str = "24h"
    platform: str = ""
    language: str = ""
    voice: str = ""
    sentiment: str = ""
    words: str = ""
    author: str = ""
    at: str = ""

    @property
    def step(self) -> timedelta:
        """Between two points of the chart."""
        return DAY if self.span == "30d" else HOUR

    @property
    def moment(self) -> datetime | None:
        """Where the chosen point begins."""
        return datetime.strptime(self.at, _MOMENT).replace(tzinfo=UTC) if self.at else None

    def filter(self, org: str, now: datetime) -> Filter:
        """The whole span, up to the end of the hour or day that it is."""
        now = now.astimezone(UTC)
        until = (whole_day(now) if self.step == DAY else whole_hour(now)) + self.step
        length = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}[self.span]
        words = asked_words(self.words)
        tagged = self.scope.startswith("#")
        return Filter(
            org=org,
            since=until - length,
            until=until,
            scope="all" if tagged else self.scope,
            platform=self.platform,
            language=self.language,
            voice=self.voice,
            sentiment=self.sentiment,
            words=tuple(dict.fromkeys([self.scope, *words])) if tagged else words,
            author=UUID(self.author) if self.author else None,
        )

    def shown(self, whole: Filter) -> Filter:
        """What the list shows of it: the chosen point, or everything."""
        at = self.moment
        return replace(whole, since=at, until=at + self.step) if at else whole

    def to(self, **changed: Any) -> str:
        """The address with something changed, as a path: `to(at="")`."""
        query = replace(self, **changed).query
        return f"/stream?{query}" if query else "/stream"

    def at_point(self, at: datetime) -> str:
        """The posts of one hour or day of the chart, where the list of them begins."""
        return f"{self.to_points}{point(at)}#posts"

    @cached_property
    def to_points(self) -> str:
        """What stands before the hour or day in the address of its posts."""
        to = self.to(at="")
        return f"{to}{'&' if '?' in to else '?'}at="

    @property
    def query(self) -> str:
        """What stands behind the question mark."""
        return urlencode(self.pairs())

    def pairs(self) -> list[tuple[str, str]]:
        """What differs from the page without any wish, in the order of KNOWN."""
        plain = Address()
        return [
            (name, value)
            for name in KNOWN
            if (value := getattr(self, name)) != getattr(plain, name) and value
        ]


def point(at: datetime) -> str:
    """An hour or day of the chart as it stands in an address."""
    return at.astimezone(UTC).strftime(_MOMENT)


def read(told: Mapping[str, str]) -> Address:
    """The address of a query."""
    given = {name: told.get(name, "").strip()[:300].replace("\0", "") for name in KNOWN}
    span = given["span"] if given["span"] in SPANS else "24h"
    return Address(
        scope=_scope(given["scope"]),
        span=span,
        platform=_one_of(given["platform"], PLATFORMS),
        language=given["language"] if 0 < len(given["language"]) <= 12 else "",
        voice=_one_of(given["voice"], (*VOICES, "all")),
        sentiment=_one_of(given["sentiment"], SENTIMENTS),
        words=" ".join(given["words"].split()),
        author=_id(given["author"]),
        at=_at(given["at"], span),
    )


def _scope(told: str) -> str:
    kind, _, record = told.partition(":")
    if kind in ("account", "campaign") and (which := _id(record)):
        return f"{kind}:{which}"
    return told[:60] if told.startswith("#") and asked_words(told) == (told,) else "all"


def _one_of(word: str, known: tuple[str, ...]) -> str:
    return word if word in known else ""


def _id(told: str) -> str:
    try:
        return str(UUID(told))
    except ValueError:
        return ""


def _at(told: str, span: str) -> str:
    try:
        at = datetime.strptime(told, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return point(whole_day(at) if span == "30d" else at)
