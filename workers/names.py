"""The index of names: what each alias, account and contact may be found by, kept as rows of `names`.

    a record changes ── trigger ── renamed ── index_due ── names
                                                  └─ claim: a handle that one identity alone ever had is its own

Whoever changes a record, be it a neighbour by SQL, a trigger notes it; before names are looked up, what was noted is
taken in, here and in Python alone, so that records and posts are folded by the same functions. One record that cannot
be indexed holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.vocabulary import PLATFORMS
from workers._rows import as_json
from workers.folding import (
    core_of,
    domain_of,
    folded,
    is_ordinary_name,
    is_ordinary_phrase,
    is_shared_host,
    is_telling,
    lookalike,
    name_key,
    phone_key,
    similar_key,
    spellings_of,
    words_of,
)
from workers.follow import ask_to_follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session, sessionmaker

log = logging.getLogger(__name__)

AT_ONCE = 5_000
"""So many changed records are taken into the index in one transaction: about a second of work."""

LONGEST = 400
"""Bytes of a key. Nobody is called longer, and from 2,700 on no index takes it."""

Key = tuple[str, str, str]
"""(kind, key, platform) of a row in `names`."""


class Named(NamedTuple):
    """A record as far as it can be named. `kind` and `value` are an alias's; the others' columns as they stand."""

    owner: str
    id: UUID
    kind: str | None = None
    value: str | None = None
    platform: str | None = None
    of: str | None = None
    needs: bool = False
    name: str | None = None
    website: str | None = None
    email: str | None = None
    phone: str | None = None


def names_of(record: Named) -> set[Key]:
    """Everything that a record is found by. Nothing that only suggests where there is no record to suggest."""
    sure = record.of in ("ourselves", "competitor")
    return {
        key
        for key in _keys(record)
        if key[1] and len(key[1].encode()) <= LONGEST and not (sure and key[0] in ("similar", "lookalike"))
    }


def _keys(record: Named) -> Iterator[Key]:
    if record.kind is not None and record.value is not None:
        yield from _alias(record.kind, record.value, record.platform or "", record.needs)
    if record.name:
        yield from _name(record.name)
    if record.website:
        yield from _domain(record.website)
    if record.email:
        yield "email", folded(record.email), ""
    if record.phone:
        yield "phone", phone_key(record.phone), ""


def _alias(kind: str, value: str, platform: str, needs: bool) -> Iterator[Key]:
    if kind == "name":
        yield from _name(value, needs)
    elif kind == "keyword":
        if needs or not is_ordinary_name(value):
            yield from (("name", name_key(spelling), "") for spelling in spellings_of(value))
    elif kind == "domain":
        yield from _domain(value)
    elif kind == "phone":
        yield "phone", phone_key(value), ""
    else:
        yield kind, folded(value), platform if kind == "handle" else ""
        if kind == "handle" and ":" not in value and is_telling(folded(value)):
            yield "lookalike", lookalike(folded(value)), ""


def _name(name: str, needs: bool = False) -> Iterator[Key]:
    """A name of one ordinary word counts only beside another word of its own; none is guessed from such words."""
    if needs or not is_ordinary_name(name):
        yield from (("name", name_key(spelling), "") for spelling in spellings_of(name))
    core = core_of(name)
    if not is_ordinary_phrase(core):
        yield "similar", similar_key(words_of(core)), ""
        yield from (("hashtag", "".join(words_of(spelling)), "") for spelling in spellings_of(core))


def _domain(website: str) -> Iterator[Key]:
    domain = domain_of(website.strip())
    if domain and "." in domain and not is_shared_host(domain):
        yield "domain", domain, ""


# --- keeping it ----------------------------------------------------------------------------------------

# One process at a time: two that read a record at different moments must not write its names in the other order.
# Who finds another at it waits, about a second, rather than go on without what is being taken in.
_ANY = text("SELECT EXISTS (SELECT FROM renamed WHERE org_id = :org)")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('earshot names ' || :org, 0))")
_DUE = text("""
    DELETE FROM renamed WHERE id IN (SELECT id FROM renamed WHERE org_id = :org ORDER BY id LIMIT :most)
    RETURNING owner, owner_id, identity_id, of, record_id
""")
_RECORDS = text("""
    SELECT 'alias' AS owner, id, kind, value, platform, of, needs <> '{}' AS needs, NULL AS name, NULL AS website,
           NULL AS email, NULL AS phone
    FROM aliases WHERE id = ANY(:alias)
    UNION ALL
    SELECT 'account', id, NULL, NULL, NULL, NULL, false, name, website, NULL, phone
    FROM accounts WHERE id = ANY(:account)
    UNION ALL
    SELECT 'contact', id, NULL, NULL, NULL, NULL, false, NULL, NULL, email, phone
    FROM contacts WHERE id = ANY(:contact)
""")
_FORGET = text("DELETE FROM names WHERE owner_id = ANY(:owners)")
_WRITE = text("""
    INSERT INTO names (org_id, kind, key, platform, owner, owner_id)
    SELECT :org, kind, key, platform, owner, owner_id
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        kind text, key text, platform text, owner text, owner_id uuid)
    ON CONFLICT DO NOTHING
""")

_OF_THE_RECORD = ("22", "23", "54")
"""Classes of SQLSTATE that say something of the rows themselves: not of the server, nor of others at work."""


def index_due(session: Session, org: str, most: int = AT_ONCE) -> int:
    """Take what has changed into the index, the oldest changes first; says how many it were.

    Identities whose link changes are only asked to be followed: `follow_waiting` does it, in transactions of its own.
    """
    if not session.scalar(_ANY, {"org": org}):
        return 0
    session.execute(_LOCK, {"org": org})
    due = session.execute(_DUE, {"org": org, "most": most}).all()
    if due:
        _take(session, org, list(dict.fromkeys((row.owner, row.owner_id) for row in due)), due)
    return len(due)


def _take(session: Session, org: str, changed: Sequence[tuple[str, UUID]], due: Sequence[Any]) -> None:
    """Index these records; where that fails, half of them and then the others, so that only the bad one is left out."""
    try:
        with session.begin_nested():
            _index(session, org, changed, due)
    except (DBAPIError, ValueError, LookupError) as failure:
        if isinstance(failure, DBAPIError) and (_sqlstate(failure)[:2] not in _OF_THE_RECORD):
            raise
        if len(changed) > 1:
            half = len(changed) // 2
            _take(session, org, changed[:half], due)
            _take(session, org, changed[half:], due)
            return
        [(owner, owner_id)] = changed
        why = f"{type(failure).__name__} {_sqlstate(failure)}".strip()  # its message would hold the record
        log.error(
            "The %s %s cannot be looked up by its names: %s",
            owner,
            owner_id,
            why,
            extra={"action": "record_not_indexed"},
        )


def _sqlstate(failure: Exception) -> str:
    return getattr(getattr(failure, "orig", None), "sqlstate", None) or ""


def _index(session: Session, org: str, changed: Sequence[tuple[str, UUID]], due: Sequence[Any]) -> None:
    owners: dict[str, list[UUID]] = {"alias": [], "account": [], "contact": []}
    for owner, owner_id in changed:
        owners[owner].append(owner_id)
    rows = [
        {"kind": kind, "key": key, "platform": platform, "owner": record.owner, "owner_id": str(record.id)}
        for record in (Named(*row) for row in session.execute(_RECORDS, owners))
        for kind, key, platform in sorted(names_of(record))
    ]
    session.execute(_FORGET, {"owners": [owner_id for _, owner_id in changed]})
    if rows:
        session.execute(_WRITE, {"org": org, "rows": as_json(rows)})
    if owners["alias"]:
        mine = set(owners["alias"])
        was = [row for row in due if row.owner == "alias" and row.owner_id in mine and row.identity_id]
        loose = _loosen(session, was) if was else []
        ask_to_follow(session, org, {*loose, *claim(session, org, owners["alias"])})


# --- whose a handle is ---------------------------------------------------------------------------------

# What an alias linked and nobody decided goes with it, unless another alias says the same of that identity.
_LOOSEN = text("""
    UPDATE identities i
    SET ours = i.ours AND x.of <> 'ourselves',
        account_id = CASE WHEN x.of <> 'account' THEN i.account_id END,
        contact_id = CASE WHEN x.of <> 'contact' THEN i.contact_id END
    FROM json_to_recordset(CAST(:rows AS json)) AS x(identity_id uuid, of text, record_id uuid)
    WHERE i.id = x.identity_id AND NOT i.decided
      AND CASE x.of WHEN 'ourselves' THEN i.ours WHEN 'account' THEN i.account_id = x.record_id
                    WHEN 'contact' THEN i.contact_id = x.record_id END
      AND NOT EXISTS (
          SELECT FROM aliases a
          WHERE a.identity_id = i.id AND a.of = x.of AND NOT a.id = ANY(:changed)
            AND coalesce(a.account_id, a.contact_id) IS NOT DISTINCT FROM x.record_id)
    RETURNING i.id
""")
_HANDLES = text("""
    SELECT id, of, account_id, contact_id, value, platform, identity_id FROM aliases
    WHERE id = ANY(:alias) AND kind = 'handle' AND of IN ('ourselves', 'account', 'contact', 'competitor')
""")
# A handle that was entered is meant for whoever has it, if nobody else ever had it: who took it after another gave it
# up may be anybody, and then nobody is linked. A stable id goes before a handle. LATERAL ... OFFSET 0 and the platform
# asked for last hold the planner to one look into the right index a handle, however many authors there are.
_HOLDERS = text("""
    SELECT x.alias, h.id, h.by_id
    FROM json_to_recordset(CAST(:rows AS json)) AS x(alias uuid, value text, key text, platforms jsonb), LATERAL (
        SELECT i.id, true AS by_id FROM identities i
        WHERE i.org_id = :org AND i.stable_id IN (x.key, x.value)
          AND i.platform = ANY(ARRAY(SELECT jsonb_array_elements_text(x.platforms)))
        UNION ALL
        SELECT i.id, false FROM identities i
        WHERE lower(i.handle) = x.key AND i.org_id = :org AND x.platforms ? i.platform
        UNION ALL
        SELECT i.id, false FROM identities i
        WHERE lowered(i.former_handles) @> ARRAY[x.key] AND i.former_handles <> '{}'
          AND i.org_id || '' = :org AND x.platforms ? i.platform
        OFFSET 0
    ) h
""")
# Identities are locked before aliases, and in this order, as in a digest.
_HOLD = text("""
    SELECT FROM identities WHERE id = ANY(:identities) ORDER BY platform, stable_id FOR NO KEY UPDATE
""")
_CLAIM = text("""
    UPDATE aliases a SET identity_id = x.identity
    FROM json_to_recordset(CAST(:rows AS json)) AS x(alias uuid, identity uuid, held uuid)
    WHERE a.id = x.alias AND a.identity_id IS NOT DISTINCT FROM x.held
    RETURNING a.id
""")
_LINK = text("""
    UPDATE identities i
    SET ours = i.ours OR x.of = 'ourselves', account_id = coalesce(i.account_id, x.account_id),
        contact_id = coalesce(i.contact_id, x.contact_id)
    FROM json_to_recordset(CAST(:rows AS json)) AS x(identity uuid, of text, account_id uuid, contact_id uuid), LATERAL (
        SELECT h.id FROM identities h
        WHERE h.id = x.identity AND NOT h.decided AND h.merged_into IS NULL
          AND NOT h.ours AND h.account_id IS NULL AND h.contact_id IS NULL
        OFFSET 0
    ) h
    WHERE i.id = h.id AND x.of <> 'competitor'
    RETURNING i.id
""")
_EVER = text("""
    SELECT x.alias
    FROM json_to_recordset(CAST(:rows AS json)) AS x(alias uuid, value text, key text, platforms jsonb, held uuid)
    JOIN identities i ON i.id = x.held
    WHERE x.platforms ? i.platform
      AND (lower(i.stable_id) IN (x.key, x.value) OR lower(i.handle) = x.key
           OR ARRAY[x.key] <@ lowered(i.former_handles))
""")


def _loosen(session: Session, was: Sequence[Any]) -> list[UUID]:
    """Take back what these aliases said before they were changed or removed; the identities that lost a link."""
    session.execute(_HOLD, {"identities": sorted({row.identity_id for row in was})})
    rows = [
        {"identity_id": row.identity_id, "of": row.of, "record_id": row.record_id}
        for row in {(row.identity_id, row.of, row.record_id): row for row in was}.values()
    ]
    changed = [row.owner_id for row in was]
    return list(session.scalars(_LOOSEN, {"rows": as_json(rows), "changed": changed}))


def claim(session: Session, org: str, aliases: Sequence[UUID]) -> list[UUID]:
    """Give each of these handles to the identity that alone ever had it; the identities that were linked by it.

    Nobody else is ever meant by that handle. The caller lets the past of the linked ones follow.
    """
    entered: dict[UUID, Any] = {row.id: row for row in session.execute(_HANDLES, {"alias": list(aliases)})}
    asked = [
        {
            "alias": row.id,
            "value": row.value.strip(),
            "key": folded(row.value),
            "platforms": [row.platform] if row.platform else PLATFORMS,
            "held": row.identity_id,
        }
        for row in entered.values()
    ]
    if not asked:
        return []
    kept = set(session.scalars(_EVER, {"rows": as_json([one for one in asked if one["held"]])}))
    holders: dict[UUID, dict[UUID, bool]] = defaultdict(dict)
    fresh = [one for one in asked if one["alias"] not in kept]
    for alias, identity, by_id in session.execute(_HOLDERS, {"org": org, "rows": as_json(fresh)}):
        holders[alias][identity] = by_id or holders[alias].get(identity, False)
    meant = {alias: entered[alias].identity_id for alias in kept}
    for alias, found in holders.items():
        sure = [identity for identity, by_id in found.items() if by_id] or list(found)
        if len(sure) == 1:
            [meant[alias]] = sure
    session.execute(_HOLD, {"identities": sorted(set(meant.values()))})
    claims = [
        {"alias": one["alias"], "identity": meant.get(one["alias"]), "held": one["held"]}
        for one in fresh
        if one["held"] or one["alias"] in meant
    ]
    claimed = set(session.scalars(_CLAIM, {"rows": as_json(claims)})) if claims else set()
    targets: dict[UUID, set[tuple[str, UUID | None, UUID | None]]] = defaultdict(set)
    for alias in (kept | claimed) & meant.keys():
        row = entered[alias]
        targets[meant[alias]].add((row.of, row.account_id, row.contact_id))
    # of two records that have one handle neither is meant, as in a digest
    links = [
        {"identity": identity, "of": of, "account_id": account, "contact_id": contact}
        for identity, listed in targets.items()
        if len(listed) == 1
        for of, account, contact in listed
    ]
    return list(session.scalars(_LINK, {"rows": as_json(links)})) if links else []


def index_all(sessions: sessionmaker[Session], seconds: float = 10.0) -> int:
    """Take in what is due for every organisation, for so many seconds; says how many changes."""
    until = time.monotonic() + seconds
    taken = 0
    with sessions() as session:
        orgs = list(session.scalars(text("SELECT DISTINCT org_id FROM renamed")))
    for org in orgs:
        while time.monotonic() < until:
            with sessions() as session, session.begin():
                done = index_due(session, org)
            taken += done
            if not done:
                break
    return taken
