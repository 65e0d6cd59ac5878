"""Posts of which a person has said what they are about: companies, people, campaigns and 1,500 rows to resolve.

Five files of tab-separated UTF-8 with a heading, to be read and checked by eye. A folder of others can be
written and run: `earshot evaluate resolution --rows FOLDER`. No cell is quoted; in a cell `\\n`, `\\t` and `\\\\`
stand for a line end, a tab and a backslash. A list has spaces between its parts. An empty cell is nothing, and
columns that a folder has no use for may be left out.

companies.tsv
    key         what rows call it: no spaces
    name        as the CRM spells it. Two companies may have one name
    ordinary    yes: the name is one ordinary English word, which by itself means nobody
    website     as a person would have typed it
    phone       likewise
    handles     platform:handle, with a stable id platform:id|handle. On mastodon handle@server
    aliases     more words for it, with ; between them: kind:value (name, domain, hashtag, keyword, utm, email,
                phone). name:Gap [jeans, hoodie] counts only in a post that has one of those words
contacts.tsv    key, first_name, last_name, email, phone, account (a company's key), handles
campaigns.tsv   key, name, starts_on, ends_on (both inclusive, either may be empty), hashtags, utm, handles;
                keywords with ; between them
tickets.tsv     key, number, account (a company's key)
rows.tsv
    id             unique; also the post's own id, which `reply_to` names
    group          what kind of row it is. Rows of a group that begins with `impersonator` or `recycled` must not be
                   tied to the one who is imitated, those of one that begins with `dictionary` to nobody at all
    platform       mastodon, bluesky, x, ...
    posted_on      a day. Days are heard in their order and the rows of a day in the order of the file, each day
                   when the one before it is recorded: what answers a post, or takes over a handle, comes a day later
    author_id      the author's stable id; empty where the platform tells none
    author_handle  without @
    text           plain, as a connector hands it over
    mentions       id|handle of everybody whom the post names by the platform's markup: id| and |handle will do
    hashtags       without #
    links          the addresses that the post links to
    reply_to       the id of the row that it answers
    heard_by       the key of the campaign whose source brings it; empty: a source of no campaign
    expected       the records that it is to be tied to without asking anybody, kind:key of account, contact,
                   campaign, ticket. With ? behind it: may be tied or not, and neither counts
    may_suggest    the records that it is right to suggest; another suggestion is counted as wrong
    stands_on      the account that the event must show; - for none, empty: not looked at
    note           why, where that is not plain

The surprising thing: a row may have its platform's markup and its text disagree, as they do in life; what is
expected is what a careful person would do who sees both and the CRM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeVar

HERE = Path(__file__).parent


class Unreadable(ValueError):
    """Which line of which file will not do, and why."""


class Handle(NamedTuple):
    """A handle on a platform, or a stable id: each stands for its holder by itself."""

    platform: str
    value: str


class Word(NamedTuple):
    """One more word for a record. A post must have one of `needs`, if there are any."""

    kind: str
    value: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Company:
    key: str
    name: str
    ordinary: bool
    website: str
    phone: str
    handles: tuple[Handle, ...]
    aliases: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Person:
    key: str
    first_name: str
    last_name: str
    email: str
    phone: str
    account: str
    handles: tuple[Handle, ...]


@dataclass(frozen=True, slots=True)
class Drive:
    """A campaign."""

    key: str
    name: str
    starts_on: date | None
    ends_on: date | None
    words: tuple[Word, ...]
    handles: tuple[Handle, ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """A ticket."""

    key: str
    number: int
    account: str


class Meant(NamedTuple):
    """A record as rows call it."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class Row:
    """One post. `mentions` are (id, handle); `allowed` are the expected ones with a ? behind them."""

    id: str
    group: str
    platform: str
    posted_on: date
    author_id: str
    author_handle: str
    text: str
    mentions: tuple[tuple[str, str], ...]
    hashtags: tuple[str, ...]
    links: tuple[str, ...]
    reply_to: str
    heard_by: str
    expected: frozenset[Meant]
    allowed: frozenset[Meant]
    may_suggest: frozenset[Meant]
    stands_on: str
    note: str


@dataclass(frozen=True, slots=True)
class Names:
    """A folder as it was read."""

    companies: tuple[Company, ...]
    contacts: tuple[Person, ...]
    campaigns: tuple[Drive, ...]
    tickets: tuple[Matter, ...]
    rows: tuple[Row, ...]


Cells = dict[str, str]
Made = TypeVar("Made")

COLUMNS = {
    "companies": ("key", "name", "ordinary", "website", "phone", "handles", "aliases"),
    "contacts": ("key", "first_name", "last_name", "email", "phone", "account", "handles"),
    "campaigns": ("key", "name", "starts_on", "ends_on", "hashtags", "keywords", "utm", "handles"),
    "tickets": ("key", "number", "account"),
    "rows": (
        *(
            "id",
            "group",
            "platform",
            "posted_on",
            "author_id",
            "author_handle",
            "text",
            "mentions",
            "hashtags",
        ),
        *("links", "reply_to", "heard_by", "expected", "may_suggest", "stands_on", "note"),
    ),
}
NEEDED = {
    "companies": ("key", "name"),
    "contacts": ("key",),
    "campaigns": ("key",),
    "tickets": ("key", "number"),
    "rows": ("id", "group", "platform", "posted_on", "text", "expected"),
}


def read(folder: Path = HERE) -> Names:
    """The five files of a folder; all but rows.tsv may be missing. Raises Unreadable."""
    names = Names(
        _each(folder, "companies", _company),
        _each(folder, "contacts", _person),
        _each(folder, "campaigns", _drive),
        _each(folder, "tickets", lambda cells: Matter(cells["key"], int(cells["number"]), cells["account"])),
        _each(folder, "rows", _row),
    )
    _demand_whole(names)
    return names


def _each(folder: Path, table: str, make: Callable[[Cells], Made]) -> tuple[Made, ...]:
    path = folder / f"{table}.tsv"
    if not path.exists() and table != "rows":
        return ()
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read: {error}") from None
    heading = lines[0].rstrip("\r").split("\t")
    if unknown := [name for name in heading if name not in COLUMNS[table]]:
        raise Unreadable(f"{path.name} has a column {unknown[0]!r}; known are {', '.join(COLUMNS[table])}")
    if missing := [name for name in NEEDED[table] if name not in heading]:
        raise Unreadable(f"{path.name} has no column {missing[0]!r}")
    made = []
    for number, line in enumerate(lines[1:], 2):
        if not (line := line.rstrip("\r")):
            continue
        parts = line.split("\t")
        if len(parts) > len(heading):
            raise Unreadable(f"{path.name}, line {number}: more cells than the heading has")
        cells = dict.fromkeys(COLUMNS[table], "")
        cells.update(zip(heading, map(_unescaped, parts), strict=False))
        try:
            made.append(make(cells))
        except ValueError as wrong:
            raise Unreadable(f"{path.name}, line {number}: {wrong}") from None
    return tuple(made)


_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


def _unescaped(cell: str) -> str:
    return re.sub(r"\\[nt\\]", lambda found: _ESCAPES[found[0]], cell)


def _company(cells: Cells) -> Company:
    if cells["ordinary"] not in ("", "yes"):
        raise ValueError(f"ordinary is {cells['ordinary']!r}, not yes or empty")
    return Company(
        cells["key"],
        cells["name"],
        cells["ordinary"] == "yes",
        cells["website"],
        cells["phone"],
        _handles(cells["handles"]),
        tuple(_word(*part.partition(":")[::2]) for part in _parts(cells["aliases"])),
    )


def _person(cells: Cells) -> Person:
    return Person(
        cells["key"],
        cells["first_name"],
        cells["last_name"],
        cells["email"],
        cells["phone"],
        cells["account"],
        _handles(cells["handles"]),
    )


def _drive(cells: Cells) -> Drive:
    words = [
        Word(kind, word)
        for kind in ("hashtag", "utm")
        for word in cells[f"{kind}{'s' * (kind != 'utm')}"].split()
    ]
    words += [Word("keyword", phrase) for phrase in _parts(cells["keywords"])]
    begins, ends = (
        date.fromisoformat(cells[day]) if cells[day] else None for day in ("starts_on", "ends_on")
    )
    return Drive(cells["key"], cells["name"], begins, ends, tuple(words), _handles(cells["handles"]))


def _row(cells: Cells) -> Row:
    expected = cells["expected"].split()
    return Row(
        cells["id"],
        cells["group"],
        cells["platform"],
        date.fromisoformat(cells["posted_on"]),
        cells["author_id"],
        cells["author_handle"],
        cells["text"],
        tuple(_mention(part) for part in cells["mentions"].split()),
        tuple(cells["hashtags"].split()),
        tuple(cells["links"].split()),
        cells["reply_to"],
        cells["heard_by"],
        frozenset(_meant(part) for part in expected if part[-1] != "?"),
        frozenset(_meant(part[:-1]) for part in expected if part[-1] == "?"),
        frozenset(_meant(part) for part in cells["may_suggest"].split()),
        cells["stands_on"],
        cells["note"],
    )


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _handles(cell: str) -> tuple[Handle, ...]:
    found = []
    for part in cell.split():
        platform, colon, names = part.partition(":")
        if not colon or not names:
            raise ValueError(f"the handle {part!r} is not written as platform:handle")
        found += [Handle(platform, name) for name in names.split("|") if name]
    return tuple(found)


def _word(kind: str, words: str) -> Word:
    value, _, needs = words.partition("[")
    return Word(
        kind, value.strip(), tuple(need.strip() for need in needs.rstrip("]").split(",") if need.strip())
    )


def _mention(part: str) -> tuple[str, str]:
    stable, bar, handle = part.rpartition("|")
    if not bar:
        raise ValueError(f"the mention {part!r} is not written as id|handle")
    return stable, handle


def _meant(part: str) -> Meant:
    kind, colon, key = part.partition(":")
    if not colon or kind not in ("account", "contact", "campaign", "ticket"):
        raise ValueError(f"{part!r} is not written as account:key, contact:key, campaign:key or ticket:key")
    return Meant(kind, key)


def _demand_whole(names: Names) -> None:
    """Every id once, and every record that a row speaks of there."""
    known: set[Meant] = set()
    tables: Iterable[tuple[str, Iterable[Company | Person | Drive | Matter]]] = (
        ("account", names.companies),
        ("contact", names.contacts),
        ("campaign", names.campaigns),
        ("ticket", names.tickets),
    )
    for kind, records in tables:
        for record in records:
            if not record.key or (meant := Meant(kind, record.key)) in known:
                raise Unreadable(f"the key {record.key!r} of {kind}s is empty or there twice")
            known.add(meant)
    accounts = [one.account for one in names.contacts] + [one.account for one in names.tickets]
    if lost := [account for account in accounts if account and Meant("account", account) not in known]:
        raise Unreadable(f"no company has the key {lost[0]!r}")
    days: dict[str, date] = {}
    for row in names.rows:
        if not row.id or row.id in days:
            raise Unreadable(f"rows.tsv: the id {row.id!r} is empty or there twice")
        days[row.id] = row.posted_on
        spoken = row.expected | row.allowed | row.may_suggest
        if row.stands_on not in ("", "-"):
            spoken |= {Meant("account", row.stands_on)}
        if row.heard_by:
            spoken |= {Meant("campaign", row.heard_by)}
        if unknown := sorted(spoken - known):
            raise Unreadable(f"rows.tsv: row {row.id} speaks of {unknown[0]}, which is in no file")
    for row in names.rows:
        if row.reply_to in days and days[row.reply_to] >= row.posted_on:
            raise Unreadable(
                f"rows.tsv: row {row.id} answers {row.reply_to} and must come a day later or more"
            )
