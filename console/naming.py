"""Aliases one at a time: who is called what is listed, added and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.aliases import WORDY, Aliases, Outcome, Target, Unfit, fit, refusal
from console.own import disown
from console.records import record
from console.refusal import BadInput, CannotDo
from console.words import one_line
from models.vocabulary import ALIAS_KINDS, PLATFORMS
from workers.folding import name_key, phone_key, spellings_of

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
_OURS = text(
    "SELECT value FROM aliases WHERE org_id = :org AND of = 'ourselves' AND kind IN ('name', 'keyword')"
)
_SHARE = text(r"""
    SELECT DISTINCT x.whose FROM (
        SELECT coalesce(k.name, nullif(concat_ws(' ', p.first_name, p.last_name), ''), p.email, g.name) AS whose,
               coalesce(a.account_id, a.contact_id, a.campaign_id) AS record
        FROM aliases a
        LEFT JOIN accounts k ON k.id = a.account_id
        LEFT JOIN contacts p ON p.id = a.contact_id
        LEFT JOIN campaigns g ON g.id = a.campaign_id
        WHERE a.org_id = :org AND a.of = :of AND a.kind = :kind AND lower(a.value) = lower(:value)
        UNION ALL
        SELECT name, id FROM accounts
        WHERE org_id = :org AND :of = 'account' AND :kind = 'name' AND lower(name) = lower(:value)
        UNION ALL
        SELECT name, id FROM accounts
        WHERE org_id = :org AND :of = 'account' AND :kind = 'phone' AND :digits <> ''
          AND right(regexp_replace(phone, '\D', '', 'g'), length(:digits)) = :digits
    ) x WHERE x.record <> :record ORDER BY x.whose LIMIT 6
""")
_OURS_TOO = text("""
    SELECT DISTINCT k.name FROM accounts k
    JOIN aliases a ON a.org_id = k.org_id AND a.of = 'ourselves' AND a.kind IN ('name', 'keyword')
                  AND lower(a.value) = lower(k.name)
    WHERE k.org_id = :org ORDER BY k.name LIMIT 6
""")
_ONE_PHONE = text(r"""
    SELECT array_agg(name ORDER BY name) AS names FROM accounts WHERE org_id = :org AND phone ~ '\d'
    GROUP BY right(regexp_replace(phone, '\D', '', 'g'), 9) HAVING count(*) > 1 ORDER BY 1 LIMIT 6
""")
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
        raise BadInput(f"There is no kind {kind!r}; known are {', '.join(ALIAS_KINDS)}.")
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
        raise BadInput(f"On which platform? Say it with --platform: {', '.join(PLATFORMS)}.")
    aliases = Aliases(session, org)
    try:
        outcome = aliases.put(kind, word, platform, whom, valid_from, valid_to, needs)
        value = fit(kind, word, platform)
    except Unfit as unfit:
        raise refusal(unfit) from None
    aliases.write()
    return outcome, value


def remarks(session: Session, org: str, kind: str, value: str, whom: Target) -> list[str]:
    """What whoever added this word should know: it is our own name, or others have it as well."""
    told = []
    if kind in WORDY and (ours := _ours(session, org, value)):
        told.append(
            f"{ours!r} is our own name: a post that says it is about us as well as about {whom.label}."
        )
    values = {"org": org, "kind": kind, "value": value, "of": whom.of, "record": whom.record}
    digits = phone_key(value) if kind == "phone" else ""
    if whom.record and (others := session.scalars(_SHARE, {**values, "digits": digits}).all()):
        told.append(f"The {kind} {value} is that of {_several(others)} too: {_SUGGESTED}")
    return told


def remarks_on_accounts(session: Session, org: str) -> list[str]:
    """Accounts that are called like ourselves, and those that share a telephone number."""
    told = [
        f"The account {name} is called like ourselves: a post that says so is about us as well as about it."
        for name in session.scalars(_OURS_TOO, {"org": org})
    ]
    for names in session.scalars(_ONE_PHONE, {"org": org}):
        told.append(f"{_several(names)} have one telephone number: {_SUGGESTED}")
    return told


_SUGGESTED = "what two records share is suggested, never linked by itself."


def _ours(session: Session, org: str, value: str) -> str | None:
    """Our own name that is this word."""
    keys = {name_key(one) for one in spellings_of(value)}
    return next((own for own in session.scalars(_OURS, {"org": org}) if name_key(own) in keys), None)


def _several(names: Sequence[str]) -> str:
    shown = [one_line(name, 60) for name in names[:5]]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown) + (
        " and others" if len(names) > 5 else ""
    )


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
