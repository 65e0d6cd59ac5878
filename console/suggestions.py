"""The review queue: what the machine would not decide, grouped where the same evidence suggests the same record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from console.explain import find
from console.identities import Identity, find_identities, listed
from console.records import all_called, called
from console.refusal import CannotDo
from workers.folding import evidence_key

_GROUPS = text("""
    SELECT kind, record_id, evidence, author, count(*) AS posts, max(created_at) AS newest,
           (array_agg(id ORDER BY created_at DESC, id DESC))[1] AS id
    FROM matches WHERE org_id = :org AND state = 'suggested'
    GROUP BY kind, record_id, evidence, author
    ORDER BY max(created_at) DESC, (array_agg(id ORDER BY created_at DESC, id DESC))[1] DESC
""")
_TOLD = text("""
    SELECT m.id, m.how, m.sure, m.starts, m.ends, e.id AS event, e.platform, e.text, e.url, e.occurred_at,
           coalesce(i.handle, i.name, i.stable_id) AS author_name, i.id AS identity
    FROM matches m JOIN social_events e ON e.id = m.event_id LEFT JOIN identities i ON i.id = e.identity_id
    WHERE m.id = ANY(:ids)
""")
_FIND = text("""
    SELECT id, state FROM matches
    WHERE org_id = :org AND (id = :id OR (:end <> '' AND state = 'suggested' AND id::text LIKE '%' || :end))
    ORDER BY id LIMIT 3
""")
_ALL = text("""
    SELECT m.id, m.kind, m.record_id, m.how, m.sure, m.evidence, m.state, m.author, m.by FROM matches m
    WHERE m.event_id = :event ORDER BY m.state, m.sure DESC, m.kind, m.id
""")

_ALIKE = text("""
    SELECT m.id, m.evidence, d.evidence AS same FROM matches d
    JOIN matches m ON m.org_id = d.org_id AND m.kind = d.kind AND m.record_id = d.record_id AND m.state = 'suggested'
    WHERE d.org_id = :org AND d.id = :id ORDER BY m.id
""")


def suggestions(session: Session, org: str, most: int = 50) -> list[dict[str, Any]]:
    """What waits for a decision, the newest first: {id, kind, record_id, record, author (does it say who the author
    is?), evidence, how, sure, posts, newest, event, platform, text, url, author_name, identity}."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for kind, record, evidence, author, posts, newest, suggestion in session.execute(_GROUPS, {"org": org}):
        key = (kind, record, author, evidence_key(evidence))
        if (group := groups.get(key)) is not None:
            group["posts"] += posts
            continue
        groups[key] = {
            "kind": kind,
            "record_id": record,
            "evidence": evidence,
            "author": author,
            "posts": posts,
            "newest": newest,
            "id": suggestion,
        }
    found = list(groups.values())[:most]
    told = {
        row["id"]: row for row in session.execute(_TOLD, {"ids": [group["id"] for group in found]}).mappings()
    }
    names = all_called(session, org, [(group["kind"], group["record_id"]) for group in found])
    for group in found:
        group.update(told[group["id"]])
        group["record"] = names[group["kind"], group["record_id"]].name
    return found


def find_suggestion(session: Session, org: str, named: str) -> UUID:
    """The suggestion of this id, or the only one whose id ends so. Raises CannotDo."""
    end = named.strip().lower().lstrip("…")
    try:
        whole: UUID | None = UUID(end)
    except ValueError:
        whole = None
    if whole is None and (len(end) < 4 or not set(end) <= set("0123456789abcdef-")):
        raise CannotDo(f"{named!r} is no id of a suggestion; `earshot review` lists them.")
    found = session.execute(_FIND, {"org": org, "id": whole, "end": "" if whole else end}).all()
    if not found:
        raise CannotDo(f"No suggestion of {org} has the id {named!r}; `earshot review` lists them.")
    if len(found) > 1:
        raise CannotDo(f"{named!r} fits more than one suggestion; give more of the id.")
    suggestion: UUID = found[0].id
    return suggestion


def shown(session: Session, org: str, suggestion: UUID) -> dict[str, Any]:
    """One suggestion as in the list, and `ties`: everything that its post is, was or may be tied to."""
    rows = [dict(row) for row in session.execute(_TOLD, {"ids": [suggestion]}).mappings()]
    ties = session.execute(_ALL, {"event": rows[0]["event"]}).mappings()
    rows[0]["ties"] = [
        {**tie, "record": called(session, org, tie["kind"], tie["record_id"]).name} for tie in ties
    ]
    same = next(tie for tie in rows[0]["ties"] if tie["id"] == suggestion)
    return rows[0] | {
        name: same[name] for name in ("kind", "record_id", "record", "evidence", "author", "state")
    }


def event_or_identity(session: Session, org: str, named: str) -> UUID | Identity:
    """The post (its id) or the author whom `named` means. Raises CannotDo for none, several, or both."""
    people = find_identities(session, org, named)
    try:
        event = find(session, org, named)
    except CannotDo as none:
        if len(people) == 1:
            return people[0]
        if people:
            raise CannotDo(f"{named!r} fits {len(people)} authors: {listed(people)}. Give the id.") from None
        raise CannotDo(f"{none} Authors are written platform:handle.") from None
    if people:
        raise CannotDo(
            f"{named!r} fits a post ({str(event)[-12:]}) and {listed(people)}; give more of the id."
        )
    return event


def next_like(session: Session, org: str, decided: UUID) -> UUID | None:
    """Another suggestion of the evidence and record of one that was decided; None when there is none."""
    values = {"org": org, "id": decided}
    rows = session.execute(_ALIKE, values).all()
    return next((row.id for row in rows if evidence_key(row.evidence) == evidence_key(row.same)), None)
