"""Accounts, contacts, campaigns and aliases from CSV: one bad row is told, the others come in.

Idempotent by natural key: an account and a campaign by name, a contact by e-mail address (without one by name
and account), an alias by what it stands for. A cell that is empty leaves what is there as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session
from uuid_utils import uuid7

from console.aliases import Aliases, Target, Unfit, handles_in, listed, phrases_in
from console.csv_file import Row, rows
from console.people import folded_name, users
from models import Account, Base, Campaign, Contact
from models.vocabulary import ALIAS_KINDS, ALIAS_OF, CAMPAIGN_STATUS, CAMPAIGN_TYPES, PLATFORMS
from workers.folding import domain_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("name", "industry", "website", "phone", "owner"),
    "contacts": ("account", "first_name", "last_name", "email", "phone", "handles", "owner"),
    "campaigns": ("name", "type", "status", "starts_on", "ends_on", "hashtags", "keywords"),
    "aliases": ("kind", "value", "platform", "of", "target", "valid_from", "valid_to", "needs"),
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "accounts": ("name",),
    "contacts": (),
    "campaigns": ("name",),
    "aliases": ("kind", "value", "of"),
}


@dataclass
class Imported:
    """How many rows were added, changed, or there already; `bad` are (line, reason)."""

    added: int = 0
    changed: int = 0
    same: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


def import_csv(session: Session, org: str, table: str, text: str, name: str) -> Imported:
    """Import one table. `table` is a key of COLUMNS; `name` is what sentences call the file.

    Raises CannotDo when the heading will not do.
    """
    return _IMPORTS[table](session, org, rows(text, name, NEEDED[table], COLUMNS[table]))


class _Writing:
    """New and changed rows of one table, written at once at the end."""

    def __init__(self, session: Session, table: type[Base]) -> None:
        self._session, self._table = session, table
        self._new: dict[UUID, dict[str, Any]] = {}
        self._changed: dict[UUID, dict[str, Any]] = {}

    def add(self, values: dict[str, Any]) -> UUID:
        made = UUID(str(uuid7()))
        self._new[made] = {"id": made, **values}
        return made

    def change(self, row: UUID, before: dict[str, Any], values: dict[str, Any]) -> bool:
        """Note what differs; False when nothing does."""
        differs = {key: value for key, value in values.items() if before.get(key) != value}
        if not differs:
            return False
        before.update(differs)
        if row in self._new:
            self._new[row].update(differs)
        else:
            self._changed.setdefault(row, {"id": row}).update(differs)
        return True

    def write(self) -> None:
        if self._new:
            # rows with different columns are grouped by SQLAlchemy: a default is not overwritten with NULL
            self._session.execute(insert(self._table), list(self._new.values()))
        if self._changed:
            self._session.execute(update(self._table), list(self._changed.values()))


_ONE_LINE = ("name", "first_name", "last_name", "account", "email", "value", "target")
"""Columns in which a line end is a mistake."""


def _each(found: Iterable[Row], take: Callable[[Row], str]) -> Imported:
    """Let `take` have each row; it answers `added`, `changed` or `same`, or raises Unfit."""
    told = Imported()
    for row in found:
        try:
            if row.wrong:
                raise Unfit(row.wrong)
            if broken := [column for column in _ONE_LINE if "\n" in row[column] or "\r" in row[column]]:
                raise Unfit(f"its {broken[0]} goes over several lines; is a quote not closed?")
            answer = take(row)
        except Unfit as unfit:
            told.bad.append((row.line, str(unfit)))
            continue
        setattr(told, answer, getattr(told, answer) + 1)
    return told


def _known(session: Session, table: Any, org: str, columns: Iterable[str]) -> list[dict[str, Any]]:
    names = ("id", *columns)
    found = session.execute(select(*(getattr(table, name) for name in names)).where(table.org_id == org))
    return [dict(zip(names, row, strict=True)) for row in found]


def _filled(row: Row, *columns: str) -> dict[str, Any]:
    return {column: row[column] for column in columns if row[column]}


def _accounts(session: Session, org: str, found: Iterable[Row]) -> Imported:
    owners = users(session, org)
    columns = ("name", "industry", "website", "phone", "owner_id")
    held = {folded_name(one["name"]): one for one in _known(session, Account, org, columns) if one["name"]}
    writing = _Writing(session, Account)

    def take(row: Row) -> str:
        name = " ".join(row["name"].split())
        if not name:
            raise Unfit("no name")
        if row["website"] and "." not in (domain_of(row["website"]) or ""):
            raise Unfit(f"the website {row['website']!r} has no domain")
        values = {**_filled(row, "industry", "website", "phone"), **_owner(row, owners)}
        before = held.get(folded_name(name))
        if before is not None:
            return "changed" if writing.change(before["id"], before, values) else "same"
        values = {"org_id": org, "name": name, **values}
        held[folded_name(name)] = {**values, "id": writing.add(values)}
        return "added"

    told = _each(found, take)
    writing.write()
    return told


def _contacts(session: Session, org: str, found: Iterable[Row]) -> Imported:
    owners = users(session, org)
    accounts = _by_name(_known(session, Account, org, ("name",)))
    columns = ("account_id", "first_name", "last_name", "email", "phone", "owner_id")
    by_email: dict[str, dict[str, Any]] = {}
    by_name: dict[tuple[str, UUID | None], dict[str, Any]] = {}

    def keep(one: dict[str, Any]) -> None:
        if one.get("email"):
            by_email[one["email"].casefold()] = one
        by_name.setdefault((_full_name(one), one.get("account_id")), one)

    for one in _known(session, Contact, org, columns):
        keep(one)
    writing, aliases = _Writing(session, Contact), Aliases(session, org)
    met: dict[UUID, int] = {}

    def take(row: Row) -> str:
        values = {**_filled(row, "first_name", "last_name", "email", "phone"), **_owner(row, owners)}
        if not _full_name(values) and not row["email"]:
            raise Unfit("neither a name nor an e-mail address")
        if row["email"] and not _is_address(row["email"]):
            raise Unfit(f"{row['email']!r} is no e-mail address")
        account = _one_of(accounts, row["account"], "account", "import accounts first")
        if account:
            values["account_id"] = account
        handles = handles_in(row["handles"])
        before = by_email.get(row["email"].casefold()) if row["email"] else None
        if before is None:
            before = by_name.get((_full_name(values), account))
            if before and row["email"] and before.get("email"):
                before = None  # the same name with another address is another person
        if before is not None and before["id"] in met:
            key = "e-mail address" if row["email"] else "name and account, without an e-mail address"
            raise Unfit(f"line {met[before['id']]} has the same {key} already")
        for platform, handle in handles:
            aliases.demand_free("handle", handle, platform, "contact", before["id"] if before else None)
        if before is not None:
            changed = writing.change(before["id"], before, values)
        else:
            values["org_id"] = org
            before = {**values, "id": writing.add(values)}
            changed = False
            keep(before)
            answer = "added"
        met[before["id"]] = row.line
        target = Target("contact", before["id"], _called(before))
        more = [aliases.add("handle", handle, platform, target) for platform, handle in handles]
        if "org_id" in values:
            return answer
        return "changed" if changed or any(more) else "same"

    told = _each(found, take)
    writing.write()
    aliases.write()
    return told


def _campaigns(session: Session, org: str, found: Iterable[Row]) -> Imported:
    columns = ("name", "type", "status", "starts_on", "ends_on")
    held = {folded_name(one["name"]): one for one in _known(session, Campaign, org, columns) if one["name"]}
    writing, aliases = _Writing(session, Campaign), Aliases(session, org)

    def take(row: Row) -> str:
        name = " ".join(row["name"].split())
        if not name:
            raise Unfit("no name")
        kinds = {"type": _word(row, "type", CAMPAIGN_TYPES), "status": _word(row, "status", CAMPAIGN_STATUS)}
        values = {name: word for name, word in kinds.items() if word} | _days(row, "starts_on", "ends_on")
        before = held.get(folded_name(name))
        both = {**(before or {}), **values}
        if both.get("starts_on") and both.get("ends_on") and both["ends_on"] < both["starts_on"]:
            raise Unfit(f"it ends on {both['ends_on']}, before it starts on {both['starts_on']}")
        words = [("hashtag", tag) for tag in listed(row["hashtags"])]
        words += [("keyword", phrase) for phrase in phrases_in(row["keywords"])]
        for kind, word in words:
            aliases.demand_fit(kind, word, None)
            aliases.demand_meant(kind, word, "campaign", before["id"] if before else None)
        if before is None:
            values = {"org_id": org, "name": name, **values}
            before = held[folded_name(name)] = {**values, "id": writing.add(values)}
            answer = "added"
        else:
            answer = "changed" if writing.change(before["id"], before, values) else "same"
        more = [aliases.add(kind, word, None, Target("campaign", before["id"], name)) for kind, word in words]
        return "changed" if answer == "same" and any(more) else answer

    told = _each(found, take)
    writing.write()
    aliases.write()
    return told


def _aliases(session: Session, org: str, found: Iterable[Row]) -> Imported:
    accounts = _by_name(_known(session, Account, org, ("name",)))
    campaigns = _by_name(_known(session, Campaign, org, ("name",)))
    contacts: dict[str, set[UUID]] = {}
    for one in _known(session, Contact, org, ("first_name", "last_name", "email")):
        for key in {folded_name(one["email"] or ""), _full_name(one)} - {""}:
            contacts.setdefault(key, set()).add(one["id"])
    aliases = Aliases(session, org)

    def take(row: Row) -> str:
        kind, of = _word(row, "kind", ALIAS_KINDS), _word(row, "of", ALIAS_OF)
        platform = _word(row, "platform", PLATFORMS)
        if not kind or not of:
            raise Unfit("no kind" if not kind else "not said whom it stands for (of)")
        lists = {"account": accounts, "campaign": campaigns, "contact": contacts}
        record = None
        if of in lists:
            record = _one_of(lists[of], row["target"], of, f"import {of}s first")
            if record is None:
                raise Unfit(f"no target: the {of} that it stands for")
        days = _days(row, "valid_from", "valid_to")
        target, needs = Target(of, record, row["target"] or None), phrases_in(row["needs"])
        return aliases.put(kind, row["value"], platform or None, target, **days, needs=needs)

    told = _each(found, take)
    aliases.write()
    return told


_IMPORTS: Mapping[str, Callable[[Session, str, Iterable[Row]], Imported]] = {
    "accounts": _accounts,
    "contacts": _contacts,
    "campaigns": _campaigns,
    "aliases": _aliases,
}


def _by_name(found: Iterable[dict[str, Any]]) -> dict[str, set[UUID]]:
    held: dict[str, set[UUID]] = {}
    for one in found:
        if one["name"]:
            held.setdefault(folded_name(one["name"]), set()).add(one["id"])
    return held


def _one_of(held: Mapping[str, set[UUID]], name: str, what: str, remedy: str) -> UUID | None:
    if not name:
        return None
    found = held.get(folded_name(name), set())
    if not found:
        raise Unfit(f"no {what} is called {name!r}; {remedy}")
    if len(found) > 1:
        raise Unfit(f"{len(found)} {what}s are called {name!r}; which one is meant cannot be told")
    return next(iter(found))


def _owner(row: Row, owners: Mapping[str, UUID]) -> dict[str, Any]:
    if not row["owner"]:
        return {}
    found = owners.get(row["owner"].casefold())
    if found is None:
        raise Unfit(f"no user has the e-mail address {row['owner']!r}")
    return {"owner_id": found}


def _full_name(values: Mapping[str, Any]) -> str:
    return folded_name(f"{values.get('first_name') or ''} {values.get('last_name') or ''}")


def _called(values: Mapping[str, Any]) -> str:
    return f"{values.get('first_name') or ''} {values.get('last_name') or ''}".strip() or values["email"]


def _is_address(words: str) -> bool:
    name, _, domain = words.rpartition("@")
    return bool(name) and "." in domain and not any(c.isspace() for c in words)


def _word(row: Row, column: str, words: tuple[str, ...]) -> str:
    """The cell in lower case, which is one of these words or empty."""
    word = row[column].lower()
    if word and word not in words:
        raise Unfit(f"{column} {word!r} is none of {', '.join(words)}")
    return word


def _days(row: Row, *columns: str) -> dict[str, date]:
    days = {}
    for column in columns:
        if row[column]:
            try:
                days[column] = date.fromisoformat(row[column])
            except ValueError:
                raise Unfit(f"{column} {row[column]!r} is no day like 2026-11-23") from None
    return days
