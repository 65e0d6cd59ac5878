"""The index of names: what each alias, account and contact may be found by, kept as rows of `names`.

    a record changes ── trigger ── renamed ── index_due ── names
                                                  └─ a handle that one identity has: claimed, and its past follows

Whoever changes a record, be it a neighbour by SQL, a trigger notes it; before names are looked up, what was noted is
taken in, here and in Python alone, so that records and posts are folded by the same functions.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from workers._rows import as_json
from workers.folding import (
    core_of,
    domain_of,
    folded,
    is_ordinary_phrase,
    is_ordinary_word,
    is_shared_host,
    is_telling,
    lookalike,
    name_key,
    phone_key,
    similar_key,
    words_of,
)
from workers.follow import follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session, sessionmaker

AT_ONCE = 5_000
"""So many changed records are taken into the index in one transaction: about a second of work."""

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
    return {key for key in _keys(record) if key[1] and not (sure and key[0] in ("similar", "lookalike"))}


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
        if needs or not is_ordinary_word(value):
            yield "name", name_key(value), ""
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
    if needs or not is_ordinary_word(name):
        yield "name", name_key(name), ""
    core = core_of(name)
    if not is_ordinary_phrase(core):
        yield "similar", similar_key(words_of(core)), ""
        yield "hashtag", "".join(words_of(core)), ""


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
    RETURNING owner, owner_id
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
# A handle that was entered is meant for whoever has it now, if that is one. Another identity that takes it later
# is somebody else. Where several were seen with it, the next post shows who has it. Identities are locked before
# aliases, as in a digest. LATERAL holds the planner to one look into an index an alias, however many authors there are.
_HOLDERS = text("""
    WITH found AS MATERIALIZED (
        SELECT a.id AS alias, a.of, a.account_id, a.contact_id, a.value, h.id AS identity
        FROM aliases a, LATERAL (
            (SELECT i.id, i.platform, i.stable_id FROM identities i
             WHERE i.org_id = a.org_id AND i.platform = a.platform AND lower(i.handle) = a.value LIMIT 3)
            UNION
            (SELECT i.id, i.platform, i.stable_id FROM identities i
             WHERE i.org_id = a.org_id AND i.platform = a.platform AND i.stable_id = a.value)
        ) h
        WHERE a.id = ANY(:alias) AND a.kind = 'handle' AND a.identity_id IS NULL
          AND a.of IN ('ourselves', 'account', 'contact', 'competitor')
        ORDER BY h.platform, h.stable_id
    )
    SELECT f.alias, f.of, f.account_id, f.contact_id, f.identity, i.stable_id = f.value AS by_id
    FROM found f, LATERAL (
        SELECT * FROM identities i
        WHERE i.id = f.identity AND (lower(i.handle) = f.value OR i.stable_id = f.value) FOR NO KEY UPDATE
    ) i
""")
_CLAIM = text("""
    UPDATE aliases a SET identity_id = x.identity
    FROM json_to_recordset(CAST(:rows AS json)) AS x(alias uuid, identity uuid)
    WHERE a.id = x.alias AND a.identity_id IS NULL
""")
_LINK = text("""
    UPDATE identities i
    SET ours = i.ours OR x.of = 'ourselves', account_id = coalesce(i.account_id, x.account_id),
        contact_id = coalesce(i.contact_id, x.contact_id)
    FROM json_to_recordset(CAST(:rows AS json)) AS x(
        identity uuid, of text, account_id uuid, contact_id uuid)
    WHERE i.id = x.identity AND NOT i.decided AND i.merged_into IS NULL
      AND NOT i.ours AND i.account_id IS NULL AND i.contact_id IS NULL
    RETURNING i.id
""")


def index_due(session: Session, org: str, most: int = AT_ONCE) -> int:
    """Take what has changed into the index, the oldest changes first; says how many it were."""
    if not session.scalar(_ANY, {"org": org}):
        return 0
    session.execute(_LOCK, {"org": org})
    due = session.execute(_DUE, {"org": org, "most": most}).all()
    if not due:
        return 0
    owners: dict[str, list[UUID]] = {"alias": [], "account": [], "contact": []}
    for owner, owner_id in dict.fromkeys((row.owner, row.owner_id) for row in due):
        owners[owner].append(owner_id)
    rows = [
        {"kind": kind, "key": key, "platform": platform, "owner": record.owner, "owner_id": str(record.id)}
        for record in (Named(*row) for row in session.execute(_RECORDS, owners))
        for kind, key, platform in sorted(names_of(record))
    ]
    session.execute(_FORGET, {"owners": [one for listed in owners.values() for one in listed]})
    if rows:
        session.execute(_WRITE, {"org": org, "rows": as_json(rows)})
    if owners["alias"]:
        _claim(session, org, owners["alias"])
    return len(due)


def _claim(session: Session, org: str, aliases: Sequence[UUID]) -> None:
    """Give each new handle to the identity that has it, and link that, its past events following."""
    holders: dict[UUID, list[Any]] = defaultdict(list)
    for row in session.execute(_HOLDERS, {"alias": aliases}):
        holders[row.alias].append(row)
    claimed: list[dict[str, Any]] = []
    for found in holders.values():
        meant = [row for row in found if row.by_id] or found
        if len(meant) == 1:
            claimed.append({name: value and str(value) for name, value in meant[0]._mapping.items()})
    if claimed:
        rows = as_json(claimed)
        session.execute(_CLAIM, {"rows": rows})
        linked = list(session.scalars(_LINK, {"rows": rows}))
        if linked:
            follow(session, org, linked)


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
