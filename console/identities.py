"""Authors on platforms: whose they are, and which of them are one person. Every step is kept and can be taken back.

A step changes the identities' own rows and asks that their past posts follow (workers/follow.py); the caller carries
that on, a transaction a batch. Merging leaves the merged identity's own link as it is, so that un-merging finds it.
Open cases stay as they are: a case belongs to the identity that complained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.records import Record, called
from console.refusal import CannotDo
from console.steps import Step, noted
from console.words import one_line
from models.vocabulary import PLATFORMS
from workers.folding import folded
from workers.follow import ask_to_follow

LINKS = ("contact_id", "account_id", "lead_id")
KEPT = (*LINKS, "merged_into", "decided")
"""The columns of an identity that a step may change, and that taking it back restores."""

_SELECT = """
    SELECT i.*, p.account_id AS contact_account FROM identities i LEFT JOIN contacts p ON p.id = i.contact_id
    WHERE i.org_id = :org AND
"""
_BY_HANDLE = text(
    _SELECT
    + """i.platform = :platform AND (lower(i.handle) = :handle OR i.stable_id = :named)
    ORDER BY i.id LIMIT 10"""
)
_BY_ID = text(_SELECT + "(i.id = :id OR (:end <> '' AND i.id::text LIKE '%' || :end)) ORDER BY i.id LIMIT 10")
_HOLD = text("""
    SELECT id FROM identities
    WHERE org_id = :org AND (id = ANY(:ids) OR merged_into = ANY(:ids))
    ORDER BY platform, stable_id FOR NO KEY UPDATE
""")
_GROUP = text(_SELECT + "(i.id = :root OR i.merged_into = :root) ORDER BY i.platform, i.stable_id")
_ONE = text(_SELECT + "i.id = :id")
_WRITE = text("""
    UPDATE identities SET contact_id = :contact_id, account_id = :account_id, lead_id = :lead_id,
        merged_into = :merged_into, decided = :decided
    WHERE id = :id
""")
# held until the end: what a step links to is not deleted meanwhile
_THERE = {
    "contact": text("SELECT id FROM contacts WHERE id = :id FOR KEY SHARE"),
    "account": text("SELECT id FROM accounts WHERE id = :id FOR KEY SHARE"),
    "lead": text("SELECT id FROM leads WHERE id = :id FOR KEY SHARE"),
}
_LAST_MERGE = text("""
    SELECT * FROM reviews
    WHERE org_id = :org AND action = 'merge' AND identity_id = :id AND undone_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT 1
""")


@dataclass(frozen=True)
class Identity:
    """An identity as it stands. `account` is its own or else its contact's."""

    id: UUID
    platform: str
    stable_id: str
    handle: str | None
    name: str | None
    ours: bool
    contact_id: UUID | None
    account_id: UUID | None
    lead_id: UUID | None
    merged_into: UUID | None
    decided: bool
    contact_account: UUID | None

    @property
    def account(self) -> UUID | None:
        return self.account_id or self.contact_account

    def __str__(self) -> str:
        return f"{self.platform}:{one_line(self.handle or self.stable_id, 120)}"


def find_identities(session: Session, org: str, named: str) -> list[Identity]:
    """Those whom `named` fits: `platform:handle`, `platform:stable id`, an id, or its end."""
    named = named.strip()
    platform, colon, handle = named.partition(":")
    if "\0" in named:
        return []
    if colon and platform in PLATFORMS:
        values = {"platform": platform, "handle": folded(handle).lower(), "named": handle}
        return _all(session, _BY_HANDLE, {"org": org, **values})
    end = named.lower().lstrip("…")
    whole = _uuid(end)
    if whole is None and not (len(end) >= 6 and set(end) <= set("0123456789abcdef-")):
        return []
    return _all(session, _BY_ID, {"org": org, "id": whole, "end": "" if whole else end})


def identity(session: Session, org: str, named: str) -> Identity:
    """The only one whom `named` fits. Raises CannotDo."""
    found = find_identities(session, org, named)
    if not found:
        raise CannotDo(
            f"No author of {org} is called {named!r}; write platform:handle, such as mastodon:kim@town.example."
        )
    if len(found) > 1:
        raise CannotDo(f"{named!r} fits {len(found)} authors: {listed(found)}. Give the id.")
    return found[0]


def listed(found: Sequence[Identity]) -> str:
    """Authors with what tells them apart."""
    return "; ".join(f"{one} ({one_line(one.stable_id, 80)}, id {str(one.id)[-8:]})" for one in found)


def held(session: Session, org: str, *ids: UUID) -> list[list[Identity]]:
    """Hold the groups of these identities until the transaction ends; each group with its root first."""
    roots = list(ids)
    while True:
        session.execute(_HOLD, {"org": org, "ids": roots})
        now = [one(session, org, which) for which in roots]
        if all(each.merged_into is None for each in now):
            break
        roots = [each.merged_into or each.id for each in now]
    groups = [_all(session, _GROUP, {"org": org, "root": root}) for root in roots]
    return [
        sorted(group, key=lambda each: each.id != root) for group, root in zip(groups, roots, strict=True)
    ]


def one(session: Session, org: str, which: UUID) -> Identity:
    """The identity of this id. Raises CannotDo when it is gone."""
    found = _all(session, _ONE, {"org": org, "id": which})
    if not found:
        raise CannotDo("That author is no longer known.")
    return found[0]


def link(
    session: Session, org: str, which: UUID, to: Record, by: str, *, action: str = "link", **more: Any
) -> Step:
    """Say that an author is this Contact or Account; all of its posts follow. Raises CannotDo.

    Of a merged author it is said of the whole person. `more` is noted with the step.
    """
    [group] = held(session, org, which)
    root = group[0]
    if root.ours:
        raise CannotDo(f"{root} is ourselves, and no {to.kind} of ours.")
    if to.kind in _THERE and not _is_there(session, to.kind, to.id):
        raise CannotDo(f"{str(to)[0].upper()}{str(to)[1:]} was deleted.")
    values = _columns(root)
    if to.kind == "contact":
        account = session.execute(
            text("SELECT account_id FROM contacts WHERE id = :id"), {"id": to.id}
        ).scalar()
        if root.account_id and account and account != root.account_id:
            raise CannotDo(
                f"{root} belongs to {called(session, org, 'account', root.account_id)}, and {to} to another account;"
                f" unlink it first: earshot review unlink {root}"
            )
        values["contact_id"] = to.id
    elif to.kind == "account":
        if root.contact_account and root.contact_account != to.id:
            raise CannotDo(
                f"{root} is {called(session, org, 'contact', root.contact_id or to.id)}, who belongs to"
                f" {called(session, org, 'account', root.contact_account)}; unlink it first: earshot review unlink {root}"
            )
        values["account_id"] = to.id
    else:
        raise CannotDo(f"An author belongs to a contact or an account, not to a {to.kind}.")
    if (root.contact_id, root.account_id, root.decided) == (values["contact_id"], values["account_id"], True):
        raise CannotDo(f"{root} is linked to {to} already.")
    return _changed(session, org, action, by, root, {root: values | {"decided": True}}, to=to, more=more)


def unlink(session: Session, org: str, which: UUID, by: str, kind: str | None = None) -> Step:
    """Say that an author is not whom it is linked to (`kind`: only its contact or account). Raises CannotDo."""
    [group] = held(session, org, which)
    root = group[0]
    columns = [f"{kind}_id"] if kind else ["contact_id", "account_id"]
    if kind not in (None, "contact", "account"):
        raise CannotDo(f"An author belongs to a contact or an account, not to a {kind}.")
    if root.ours and not any(getattr(root, column) for column in columns):
        raise CannotDo(
            f"{root} is ourselves. If that is a mistake:"
            f" earshot own remove handle {one_line(root.handle or root.stable_id, 120)} --platform {root.platform}"
        )
    if not any(getattr(root, column) for column in columns):
        raise CannotDo(f"{root} is linked to no {kind or 'contact or account'}.")
    values = _columns(root) | dict.fromkeys(columns) | {"decided": True}
    lost = [called(session, org, name[:-3], getattr(root, name)) for name in columns if getattr(root, name)]
    return _changed(session, org, "unlink", by, root, {root: values}, to=lost[0])


def merge(session: Session, org: str, first: UUID, second: UUID, by: str) -> Step:
    """Say that two authors are one person; the one that is linked becomes the root. Raises CannotDo."""
    one_group, other_group = held(session, org, first, second)
    a, b = one_group[0], other_group[0]
    if a.id == b.id:
        raise CannotDo(f"{one(session, org, first)} and {one(session, org, second)} are one person already.")
    for platform in sorted({each.platform for each in one_group} & {each.platform for each in other_group}):
        two = [each for each in (*one_group, *other_group) if each.platform == platform]
        raise CannotDo(
            f"{two[0]} and {two[1]} are both on {platform}: two authors of one platform are not merged,"
            " since nobody can tell them apart afterwards. Link each to the same contact instead."
        )
    if a.ours != b.ours:
        ours, other = (a, b) if a.ours else (b, a)
        raise CannotDo(f"{ours} is ourselves and {other} is not.")
    for kind, mine, other_s in (
        ("contact", a.contact_id, b.contact_id),
        ("account", a.account, b.account),
    ):
        if mine and other_s and mine != other_s:
            raise CannotDo(
                f"{a} belongs to {called(session, org, kind, mine)} and {b} to {called(session, org, kind, other_s)};"
                " unlink the one that is wrong first."
            )
    root, child, moving = (a, b, other_group) if _says_all(a, b) else (b, a, one_group)
    if not _says_all(root, child):
        raise CannotDo(
            f"{a} says the {'contact' if a.contact_id else 'account'} and {b} the"
            f" {'contact' if b.contact_id else 'account'}; link one of them to both first."
        )
    changes = {each: _columns(each) | {"merged_into": root.id} for each in moving}
    return _changed(session, org, "merge", by, child, changes, into=root)


def unmerge(session: Session, org: str, which: UUID, by: str) -> Step:
    """Take an author out of the person whom it was merged into, with those that came along with it; each event is
    what it was before. Raises CannotDo."""
    [_] = held(session, org, which)
    now = one(session, org, which)
    if now.merged_into is None:
        of = [each for each in _all(session, _GROUP, {"org": org, "root": which}) if each.id != which]
        hint = f"; merged into it are: {listed(of)}" if of else ""
        raise CannotDo(f"{now} is merged into nobody{hint}.")
    root = one(session, org, now.merged_into)
    merged = session.execute(_LAST_MERGE, {"org": org, "id": which}).mappings().first()
    if merged is None:  # it came along with another
        changes = {now: _columns(now) | {"merged_into": None}}
        return _changed(session, org, "unmerge", by, now, changes, into=root)
    before = merged["before"]["identities"]
    along = [each for each in _all(session, _GROUP, {"org": org, "root": root.id}) if str(each.id) in before]
    changes = {each: _columns(each) | {"merged_into": before[str(each.id)]["merged_into"]} for each in along}
    return _changed(session, org, "unmerge", by, now, changes, into=root, restores=merged["id"])


def restore(session: Session, org: str, review: UUID, before: dict[str, dict[str, Any]]) -> None:
    """Give identities their columns back as a step found them, and ask that their events be what they were."""
    which = sorted(UUID(each) for each in before)
    session.execute(_HOLD, {"org": org, "ids": which})
    for each in which:
        values = before[str(each)] | {"id": each}
        for kind in ("contact", "account"):
            record = values[f"{kind}_id"]
            if record and not _is_there(session, kind, record):
                author = one(session, org, each)
                nobody = (
                    f", or earshot review unlink {author}" if author.contact_id or author.account_id else ""
                )
                raise CannotDo(
                    f"{author} belonged to a {kind} that was deleted since, so that cannot be again."
                    f" Say whose it is now: earshot review link {author} {kind} NAME{nobody}"
                )
        if values["lead_id"] and not _is_there(session, "lead", values["lead_id"]):
            values["lead_id"] = None
        session.execute(_WRITE, values)
    ask_to_follow(session, org, which, restores=review)


def _is_there(session: Session, kind: str, record: UUID | str) -> bool:
    return session.scalar(_THERE[kind], {"id": record}) is not None


def _says_all(root: Identity, child: Identity) -> bool:
    """Is nothing that the child is linked to lost when the root's link counts for both?"""
    return all(
        theirs is None or mine == theirs
        for mine, theirs in ((root.contact_id, child.contact_id), (root.account, child.account))
    )


def _changed(
    session: Session,
    org: str,
    action: str,
    by: str,
    whom: Identity,
    changes: dict[Identity, dict[str, Any]],
    *,
    to: Record | None = None,
    into: Identity | None = None,
    restores: UUID | None = None,
    more: dict[str, Any] | None = None,
) -> Step:
    before = {str(each.id): _columns(each) for each in changes}
    step = noted(
        session,
        org,
        action,
        by,
        identity=whom.id,
        into=into.id if into else None,
        kind=to.kind if to else None,
        record=to.id if to else None,
        before={"identities": before, **(more or {})},
    )
    for each, values in changes.items():
        session.execute(_WRITE, values | {"id": each.id})
    ask_to_follow(session, org, [each.id for each in changes], review=step.id, restores=restores)
    return step


def _columns(each: Identity) -> dict[str, Any]:
    return {name: getattr(each, name) for name in KEPT}


def _all(session: Session, query: Any, values: dict[str, Any]) -> list[Identity]:
    names = Identity.__dataclass_fields__
    return [
        Identity(**{name: row[name] for name in names}) for row in session.execute(query, values).mappings()
    ]


def _uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None
