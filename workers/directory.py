"""The names that resolve looks up: handles, domains, hashtags, addresses and phrases of one organisation.
Its rules and its scorer, which masks its own names, are read along with them.

Held in memory per process, read anew every few seconds. Phrases are found by one automaton over the
lower-cased text and count only at word boundaries; a name that is one ordinary English word is never
found by itself, because "target" is mostly not Target.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

import ahocorasick_rs
from sqlalchemy import text
from tldextract import TLDExtract

from workers.escalate import read_rules
from workers.score import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from sqlalchemy.orm import Session

    from workers.escalate import Rule

FRESH_SECONDS = 15.0
"""How old the names may be; a change is heard within twice this."""

Of = Literal["ourselves", "account", "contact", "campaign", "competitor"]

# private suffixes count too: whoever has me.github.io does not own github.io
_suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom a word stands for, and on which days. `record` is None for ourselves and competitors.

    `account` is a contact's account.
    """

    of: Of
    record: UUID | None
    how: str
    label: str
    valid_from: date | None = None
    valid_to: date | None = None
    account: UUID | None = None

    def holds_on(self, day: date) -> bool:
        """Is the word valid on that day (both ends inclusive)?"""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that a post names, and where: character offsets in its text, or None outside of it."""

    entry: Entry
    evidence: str
    starts: int | None = None
    ends: int | None = None


def folded(word: str) -> str:
    """A handle, tag or address as it is compared: NFKC, casefolded, without @ or # in front."""
    if word.isascii():
        return word.strip().lstrip("@#").lower()
    return unicodedata.normalize("NFKC", word).strip().lstrip("@#").casefold()


@lru_cache(maxsize=20_000)
def domain_of(url: str) -> str | None:
    """The registrable domain of a link or a bare host, by the public suffix list; None when there is none."""
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname
    except ValueError:
        return None
    if not host:
        return None
    found = _suffixes(host)
    if found.top_domain_under_public_suffix or found.ipv4 or found.ipv6:
        return found.top_domain_under_public_suffix.lower() or host.lower()
    # a suffix that the list does not know is one label, which is the list's own last rule
    return ".".join(host.lower().rsplit(".", 2)[-2:])


@cache
def _ordinary_words() -> frozenset[str]:
    from english_words import get_english_words_set

    return frozenset(get_english_words_set(["web2", "gcide"], lower=True))


def is_ordinary_word(name: str) -> bool:
    """Is the whole name one word that English uses for something else?"""
    word = name.lower()
    return word.isalpha() and not _ordinary_words().isdisjoint((word, word.removesuffix("s")))


def _lowered(words: str) -> str:
    """Lower case that keeps every character's position."""
    low = words.lower()
    return low if len(low) == len(words) else "".join(c.lower() if len(c.lower()) == 1 else c for c in words)


# bounded, so that no text makes them try for long
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_TICKET = re.compile(r"(?i)\bticket\s{0,3}(?:(?:no\.?|nr\.?|number)\s{0,3})?#?\s{0,3}(\d{4,12})\b")


def addresses_in(words: str) -> list[re.Match[str]]:
    """E-mail addresses in a text; a fediverse handle (@user@host) is none."""
    if "@" not in words:
        return []
    return [m for m in _ADDRESS.finditer(words) if m.start() == 0 or words[m.start() - 1] != "@"]


def ticket_numbers_in(words: str) -> list[int]:
    """The numbers that a text gives after the word ticket."""
    if "icket" not in words and "ICKET" not in words:
        return []
    return [int(m[1]) for m in _TICKET.finditer(words)]


class Directory:
    """One organisation's names, frozen at the moment of reading."""

    def __init__(
        self, rows: Iterable[tuple[str, str, str | None, Entry]], rules: Iterable[Rule] = ()
    ) -> None:
        """`rows` are (kind, value, platform, entry); values need not be folded."""
        self._exact: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._handles: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        phrases: dict[str, list[Entry]] = defaultdict(list)
        own: list[str] = []
        for kind, value, platform, entry in rows:
            if kind in ("name", "keyword"):
                phrase = " ".join(_lowered(value).split())
                if entry.of == "ourselves":
                    own.append(value)
                if phrase and (kind == "keyword" or not is_ordinary_word(phrase)):
                    phrases[phrase].append(entry)
            elif kind == "handle":
                self._handles[platform or "", folded(value)].append(entry)
                if entry.of == "ourselves":
                    own.append("@" + value.lstrip("@"))
            else:
                key = domain_of(value) or "" if kind == "domain" else folded(value)
                self._exact[kind, key].append(entry)
        self._phrases = list(phrases)
        self._phrase_entries = [phrases[phrase] for phrase in self._phrases]
        self._automaton = ahocorasick_rs.AhoCorasick(self._phrases) if self._phrases else None
        self.scorer = Scorer(own_names=sorted(set(own)))
        self.rules = tuple(rules)

    def handle(self, platform: str, handle: str | None) -> list[Entry]:
        """Whom a handle or stable id on a platform stands for."""
        if not handle or not self._handles:
            return []
        key = folded(handle)
        return self._handles.get((platform, key)) or self._handles.get(("", key)) or []

    def exact(self, kind: str, value: str) -> list[Entry]:
        """Whom a hashtag, domain, UTM tag or e-mail address stands for."""
        return self._exact.get((kind, value), [])

    def phrases_in(self, words: str) -> Iterator[Found]:
        """Names and keywords in a text at word boundaries; where several overlap, the longest."""
        if self._automaton is None:
            return
        low = _lowered(words)
        hits = self._automaton.find_matches_as_indexes(low, overlapping=True)
        if not hits:
            return
        taken = -1
        for index, start, end in sorted(hits, key=lambda hit: (hit[1], -hit[2])):
            if start >= taken and _stands_alone(low, start, end):
                taken = end
                for entry in self._phrase_entries[index]:
                    yield Found(entry, words[start:end], start, end)


def _stands_alone(words: str, start: int, end: int) -> bool:
    """No word, handle, tag or address goes on before or after the span."""
    if start and (words[start - 1].isalnum() or words[start - 1] in "@#_/."):
        return False
    if end == len(words):
        return True
    after = words[end]
    if after.isalnum() or after in "_@":
        return False
    return not (after == "." and end + 1 < len(words) and words[end + 1].isalnum())


_READ = text("""
    SELECT kind, value, platform, of, coalesce(a.account_id, a.contact_id, a.campaign_id) AS record,
           coalesce(a.label, c.name, k.name, '') AS label,
           greatest(a.valid_from, c.starts_on) AS valid_from, least(a.valid_to, c.ends_on) AS valid_to,
           p.account_id AS account
    FROM aliases a
    LEFT JOIN campaigns c ON c.id = a.campaign_id
    LEFT JOIN accounts k ON k.id = a.account_id
    LEFT JOIN contacts p ON p.id = a.contact_id
    WHERE a.org_id = :org
    UNION ALL
    SELECT 'name', name, NULL, 'account', id, name, NULL, NULL, NULL FROM accounts WHERE org_id = :org AND name <> ''
    UNION ALL
    SELECT 'domain', website, NULL, 'account', id, name, NULL, NULL, NULL FROM accounts
    WHERE org_id = :org AND website <> ''
    UNION ALL
    SELECT 'email', email, NULL, 'contact', id, concat_ws(' ', first_name, last_name), NULL, NULL,
           account_id
    FROM contacts WHERE org_id = :org AND email <> ''
""")

_HOW = {"name": "alias", "keyword": "keyword", "domain": "link domain", "email": "e-mail", "utm": "UTM tag"}


def read_directory(session: Session, org: str) -> Directory:
    """The names of an organisation as they stand now: its aliases, its accounts' names and domains,
    its contacts' e-mail addresses."""
    rows = session.execute(_READ, {"org": org}).all()
    return Directory(
        (
            (
                row.kind,
                row.value,
                row.platform,
                Entry(
                    row.of,
                    row.record,
                    _HOW.get(row.kind, row.kind),
                    row.label,
                    row.valid_from,
                    row.valid_to,
                    row.account,
                ),
            )
            for row in rows
        ),
        read_rules(session, org),
    )


# Every row carries the number of the transaction that wrote it (xmin): where neither the newest of them nor
# the count of rows has moved, nothing was added, changed or deleted.
_STATE = text(
    " UNION ALL ".join(
        f"SELECT count(*), max(xmin::text::bigint) FROM {table} WHERE org_id = :org"
        for table in ("aliases", "accounts", "contacts", "campaigns", "rules")
    )
)


class _Held(NamedTuple):
    looked: float
    state: list[tuple[int, int | None]]
    directory: Directory


class Directories:
    """The directories of a process, one an organisation, each read anew when it is no longer fresh."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def of(self, session: Session, org: str) -> Directory:
        """A directory at most FRESH_SECONDS old; read anew only if what it holds has changed."""
        now = time.monotonic()
        held = self._held.get(org)
        if held is None or now - held.looked > FRESH_SECONDS:
            state = [tuple(row) for row in session.execute(_STATE, {"org": org})]
            if held is None or held.state != state:
                held = _Held(now, state, read_directory(session, org))
            else:
                held = held._replace(looked=now)
            self._held[org] = held
        return held.directory
