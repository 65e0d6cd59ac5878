"""Accounts, contacts, campaigns and tickets as people name them: by name, number, e-mail address or id.

What fits several is shown and never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from console.people import folded_name
from console.refusal import CannotDo
from console.words import one_line

KINDS = ("account", "contact", "campaign", "ticket")
_SHOWN = 5

_COLUMNS = {
    "account": ("accounts", "name", "website"),
    "contact": ("contacts", "concat_ws(' ', first_name, last_name)", "email"),
    "campaign": ("campaigns", "name", "NULL::text"),
    "ticket": ("tickets", "subject", "'#' || number"),
}

_WHOSE = {"contact": "(SELECT a.name FROM accounts a WHERE a.id = account_id)"}


def _named(kind: str) -> TextClause:
    table, name, other = _COLUMNS[kind]
    return text(f"""
        SELECT id, {name} AS name, {other} AS other, {_WHOSE.get(kind, "NULL::text")} AS whose FROM {table}
        WHERE org_id = :org AND (lower({name}) LIKE lower(:like) OR lower({other}) = lower(:named) OR id = :id
            OR (:end <> '' AND id::text LIKE '%' || :end))
        ORDER BY id LIMIT 50
    """)


@dataclass(frozen=True)
class Record:
    """A record, and what people call it."""

    kind: str
    id: UUID
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


def record(session: Session, org: str, kind: str, named: str) -> Record:
    """The record of this kind whom `named` means: its name (or the beginning of only one), #number, e-mail address,
    id or its end. Raises CannotDo for none and for several."""
    words = " ".join(named.split())
    if kind not in KINDS:
        raise CannotDo(f"There is no kind {kind!r}; say {', '.join(KINDS)}.")
    if not words or "\0" in words:
        raise CannotDo(f"Which {kind}?")
    if kind == "ticket" and words.isdigit():
        words = f"#{words}"
    end = words.lower().lstrip("…")
    is_id = len(end) >= 6 and set(end) <= set("0123456789abcdef-")
    like = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    found = session.execute(
        _named(kind),
        {
            "org": org,
            "named": words,
            "like": like if kind != "ticket" else "",
            "id": _uuid(words),
            "end": end if is_id else "",
        },
    ).all()
    exact = [row for row in found if folded_name(row.name or "") == folded_name(words)]
    chosen = exact or found
    if not chosen:
        raise CannotDo(f"No {kind} of {org} is called {named!r}.")
    if len(chosen) > 1:
        shown = "; ".join(
            f"{_shown(kind, row.name, row.other)} ({_apart(kind, row)}{str(row.id)[-8:]})"
            for row in chosen[:_SHOWN]
        )
        more = f" and {len(chosen) - _SHOWN} more" if len(chosen) > _SHOWN else ""
        which = "the e-mail address or the id" if kind == "contact" else "the id"
        raise CannotDo(
            f"{named!r} fits {len(chosen)} {kind}s: {shown}{more}. Give {which}, or more of the name."
        )
    return Record(kind, chosen[0].id, _shown(kind, chosen[0].name, chosen[0].other))


def called(session: Session, org: str, kind: str, record: UUID) -> Record:
    """What people call a record of the organisation whose id is known."""
    return all_called(session, org, [(kind, record)])[kind, record]


def all_called(
    session: Session, org: str, records: Iterable[tuple[str, UUID]]
) -> dict[tuple[str, UUID], Record]:
    """`called` of many, by kind and id, with one statement for each kind."""
    ids: dict[str, set[UUID]] = {}
    for kind, record in records:
        ids.setdefault(kind, set()).add(record)
    found: dict[tuple[str, UUID], Record] = {}
    for kind, some in ids.items():
        end = " (deleted)" if kind in _COLUMNS else ""
        found |= {(kind, one): Record(kind, one, f"{str(one)[-8:]}{end}") for one in some}
        if kind in _COLUMNS:
            table, name, other = _COLUMNS[kind]
            these = text(f"""
                SELECT id, {name} AS name, {other} AS other FROM {table} WHERE org_id = :org AND id = ANY (:ids)
            """)
            for row in session.execute(these, {"org": org, "ids": list(some)}):
                found[kind, row.id] = Record(kind, row.id, _shown(kind, row.name, row.other))
    return found


def _apart(kind: str, row: Any) -> str:
    """What tells a record from others of its name: e-mail address and account of a contact, an account's website."""
    told = [row.other if row.name and kind != "ticket" else None, row.whose]
    return "".join(f"{one_line(one, 60)}, " for one in told if one)


def _shown(kind: str, name: str | None, other: str | None) -> str:
    if kind == "ticket":
        return other or "without a number"
    return one_line(name or other or "without a name", 80)


def _uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None
