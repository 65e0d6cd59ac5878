"""Aliases one at a time: who is called what is listed, added and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.aliases import Aliases, Outcome, Target, Unfit, fit
from console.own import disown
from console.records import record
from console.refusal import CannotDo
from models.vocabulary import ALIAS_KINDS, PLATFORMS

_LIST = """
    SELECT a.id, a.identity_id, a.kind, a.value, a.platform, a.of, a.needs, a.valid_from, a.valid_to,
           coalesce(k.name, nullif(concat_ws(' ', p.first_name, p.last_name), ''), p.email, g.name, a.label) AS target
    FROM aliases a
    LEFT JOIN accounts k ON k.id = a.account_id
    LEFT JOIN contacts p ON p.id = a.contact_id
    LEFT JOIN campaigns g ON g.id = a.campaign_id
    WHERE a.org_id = :org AND {which}
    ORDER BY a.of, target, a.kind, a.platform, a.value LIMIT :most
"""
_ALL = text(
    _LIST.format(
        which="(CAST(:kind AS text) IS NULL OR a.kind = :kind) AND (CAST(:of AS text) IS NULL OR a.of = :of)"
        " AND (CAST(:record AS uuid) IS NULL OR coalesce(a.account_id, a.contact_id, a.campaign_id) = :record)"
    )
)
_THESE = text(
    _LIST.format(
        which="a.kind = :kind AND a.value = ANY(:values) AND (CAST(:platform AS text) IS NULL OR a.platform = :platform)"
        " AND (CAST(:of AS text) IS NULL OR a.of = :of)"
        " AND (CAST(:record AS uuid) IS NULL OR coalesce(a.account_id, a.contact_id, a.campaign_id) = :record)"
    )
)
_REMOVE = text("DELETE FROM aliases WHERE id = :id")


def target(session: Session, org: str, named: dict[str, str | None]) -> Target | None:
    """Whom `named` means: at most one of account, contact, campaign, competitor has a name; None where none has.

    A competitor is nothing but its name. Raises CannotDo.
    """
    given = [(of, name) for of, name in named.items() if name is not None]
    if len(given) > 1:
        raise CannotDo(
            "A word is added for one at a time: an account, a contact, a campaign or a competitor."
        )
    for of, name in given:
        if of == "competitor":
            label = " ".join(name.split())
            if not label or "\0" in label or len(label) > 200:
                raise CannotDo("Which competitor? Its name is missing.")
            return Target(of, None, label)
        found = record(session, org, of, name)
        return Target(of, found.id, found.name)
    return None


def demand_kind(kind: str) -> str:
    """The kind in lower case. Raises CannotDo with the known ones."""
    if kind.lower() not in ALIAS_KINDS:
        raise CannotDo(f"There is no kind {kind!r}; known are {', '.join(ALIAS_KINDS)}.")
    return kind.lower()


def add_alias(
    session: Session,
    org: str,
    kind: str,
    word: str,
    whom: Target,
    *,
    platform: str | None = None,
    needs: Sequence[str] = (),
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> tuple[Outcome, str]:
    """Note that a word stands for somebody; what became of it, and the word as it is stored. Raises CannotDo."""
    if kind == "handle" and platform is None:
        raise CannotDo(f"On which platform? Say it with --platform: {', '.join(PLATFORMS)}.")
    aliases = Aliases(session, org)
    try:
        outcome = aliases.put(kind, word, platform, whom, valid_from, valid_to, needs)
        value = fit(kind, word, platform)
    except Unfit as unfit:
        raise CannotDo(f"{str(unfit)[0].upper()}{str(unfit)[1:]}.") from None
    aliases.write()
    return outcome, value


def aliases_of(
    session: Session, org: str, *, kind: str | None = None, whom: Target | None = None, most: int = 500
) -> list[dict[str, Any]]:
    """Who is called what: {id, kind, value, platform, of, target, needs, valid_from, valid_to}."""
    values = {
        "org": org,
        "kind": kind,
        "of": whom.of if whom else None,
        "record": whom.record if whom else None,
    }
    rows = [dict(row) for row in session.execute(_ALL, {**values, "most": most}).mappings()]
    return [row for row in rows if _meant(row, whom)]


def remove_alias(
    session: Session,
    org: str,
    kind: str,
    word: str,
    *,
    platform: str | None = None,
    whom: Target | None = None,
) -> dict[str, Any]:
    """Take a word away; what it matched so far stays, but whose handle was ours is ourselves no longer. The alias as it
    was. Raises CannotDo for none and for several."""
    values: dict[str, Any] = {"org": org, "kind": kind, "platform": platform, "most": 20}
    values |= {"of": whom.of if whom else None, "record": whom.record if whom else None}
    rows = session.execute(_THESE, {**values, "values": _spellings(kind, word, platform)}).mappings()
    found = [dict(row) for row in rows if _meant(dict(row), whom)]
    if not found:
        raise CannotDo(f"No {kind} {word!r} stands for anybody in {org}; see `earshot aliases list`.")
    if len(found) > 1:
        whose = "; ".join(f"{one['target'] or one['of']}{_on(one)}" for one in found)
        raise CannotDo(
            f"The {kind} {word!r} stands for several ({whose}); say which with --account, ... or --platform."
        )
    session.execute(_REMOVE, {"id": found[0]["id"]})
    if found[0]["of"] == "ourselves" and kind == "handle":
        disown(session, org, found[0]["platform"], found[0]["value"], found[0]["identity_id"])
    return found[0]


def _meant(row: dict[str, Any], whom: Target | None) -> bool:
    """Competitors have no record: their name tells them apart."""
    if whom is None or whom.of != "competitor":
        return True
    return (row["target"] or "").casefold() == (whom.label or "").casefold()


def _on(row: dict[str, Any]) -> str:
    return f" on {row['platform']}" if row["platform"] else ""


def _spellings(kind: str, word: str, platform: str | None) -> list[str]:
    """As it was written, and as it is stored: what was noted once can be removed, fit or not."""
    found = [" ".join(word.replace("\0", "").split())]
    with suppress(Unfit):
        found.append(fit(kind, word, platform))
    return found
