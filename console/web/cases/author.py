"""What support changes about who an author is: a link to a contact or account taken away, made, or brought back.

The author's posts follow: the first of them at once, so that this case says what is so, the others within a minute or two.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from starlette.responses import Response

from console import casework, identities, review
from console.casework import Matter
from console.records import Record, called, record
from console.refusal import CannotDo
from console.steps import Step, find_step
from console.web.asked import Ask
from console.web.cases.changes import changed
from workers.follow import follow_on

LINKS = ("contact", "account")
_AUTHOR = text(
    "SELECT coalesce(i.merged_into, i.id) FROM cases c JOIN identities i ON i.id = c.identity_id WHERE c.id = :case"
)
_GROUP = text(
    "SELECT id FROM identities WHERE id = :root OR merged_into = :root ORDER BY platform, stable_id"
)


def unlink(ask: Ask) -> Response:
    """The author is not this contact, or does not belong to this account."""

    def untied(one: Matter) -> tuple[str, str, dict[str, Any]]:
        kind, root = ask.fields.get("kind", ""), _root(ask, one)
        if kind not in LINKS:
            raise CannotDo("The form does not say what is wrong.")
        step = identities.unlink(ask.session, ask.who.org, root, ask.who.email, kind)
        whom = (
            called(ask.session, ask.who.org, kind, step.record_id)
            if step.record_id
            else Record(kind, one.id, "")
        )
        return _told(ask, one, step, root, whom, "unlinked", f"The author is not {whom} any more")

    return changed(ask, "author", untied, any_version=True)


def link(ask: Ask) -> Response:
    """The author is this contact, or belongs to this account."""

    def tied(one: Matter) -> tuple[str, str, dict[str, Any]]:
        kind, root = ask.fields.get("kind", ""), _root(ask, one)
        if kind not in LINKS:
            raise CannotDo("Choose a contact or an account.")
        to = record(ask.session, ask.who.org, kind, ask.fields.get("named", "")[:300])
        now = identities.one(ask.session, ask.who.org, root)
        held = now.contact_id if kind == "contact" else now.account_id
        if (
            held and held != to.id
        ):  # what it is linked to instead is taken away first, so that one step is enough
            identities.unlink(ask.session, ask.who.org, root, ask.who.email, kind)
        step = identities.link(ask.session, ask.who.org, root, to, ask.who.email)
        verb = "is" if kind == "contact" else "belongs to"
        return _told(ask, one, step, root, to, "linked", f"The author {verb} {to}")

    return changed(ask, "author", tied, any_version=True)


def again(ask: Ask) -> Response:
    """Take the last step about the author's link back."""

    def restored(one: Matter) -> tuple[str, str, dict[str, Any]]:
        root, found = _root(ask, one), find_step(ask.session, ask.who.org, ask.fields.get("step", ""))
        if found.identity_id != root or found.kind is None or found.record_id is None:
            raise CannotDo("That step was about another author.")
        step = review.undo(ask.session, ask.who.org, found.id)
        whom = called(ask.session, ask.who.org, found.kind, found.record_id)
        said = f"Whether the author is {whom} is as it was before"
        return _told(ask, one, step, root, whom, "relinked", said)

    return changed(ask, "author", restored, any_version=True)


def _told(
    ask: Ask, one: Matter, step: Step, root: UUID, whom: Record, what: str, said: str
) -> tuple[str, str, dict[str, Any]]:
    _follow(ask, root)
    whose = {}
    for kind, was in (
        ("contact", one.contact_id),
        ("account", one.account_id),
    ):  # an account may be the contact's
        if moved := casework.follow_posts(ask.session, one, kind, was or whom.id):
            whose[kind] = dict(moved)
            now = (
                called(ask.session, ask.who.org, kind, UUID(moved["now"])).name
                if moved["now"]
                else f"no {kind}"
            )
            said += f"; {one.name[0].lower()}{one.name[1:]} is of {now} now"
    said += ". The author's other posts follow within a minute or two."
    return what, said, {"step": str(step.id), "whose": whose}


def _follow(ask: Ask, root: UUID) -> None:
    for identity in list(ask.session.scalars(_GROUP, {"root": root})):
        follow_on(ask.session, ask.who.org, [identity])


def _root(ask: Ask, one: Matter) -> UUID:
    root: UUID | None = ask.session.scalar(_AUTHOR, {"case": one.id})
    if root is None:
        raise CannotDo("Nobody knows who complains here.")
    return root
