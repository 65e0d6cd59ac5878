"""What support changes about whose a post is: a wrong match undone, an undone one brought back, the right record named.

The case's ticket follows where it was the wrong record's: else the complaint would stand in a stranger's file.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.responses import Response

from console import casework, review
from console.case_page import belongs
from console.casework import Matter
from console.records import Record, called, record
from console.refusal import CannotDo
from console.steps import find_step
from console.web.asked import Ask, NotThere
from console.web.cases.changes import changed
from models.vocabulary import MATCH_KINDS

TIES = ("account", "contact", "campaign")


def undo(ask: Ask) -> Response:
    """Take a post's tie to a record away."""

    def untied(one: Matter) -> tuple[str, str, dict[str, Any]]:
        post = _post(ask, one)
        whom = _meant(ask)
        step = review.unlink(ask.session, ask.who.org, post, whom, ask.who.email)
        return _told(ask, one, step, whom, "unlinked", f"The post is not tied to {whom} any more")

    return changed(ask, _field(ask), untied, any_version=True)


def again(ask: Ask) -> Response:
    """Take the last step about a tie back."""

    def restored(one: Matter) -> tuple[str, str, dict[str, Any]]:
        post = _post(ask, one)
        found = find_step(ask.session, ask.who.org, ask.fields.get("step", ""))
        if found.event_id != post or found.kind is None or found.record_id is None:
            raise CannotDo("That step was about another post.")
        step = review.undo(ask.session, ask.who.org, found.id)
        whom = called(ask.session, ask.who.org, found.kind, found.record_id)
        return _told(
            ask, one, step, whom, "relinked", f"Whether the post is about {whom} is as it was before"
        )

    return changed(ask, _field(ask), restored, any_version=True)


def tie(ask: Ask) -> Response:
    """Tie a post to a record that a person names."""

    def tied(one: Matter) -> tuple[str, str, dict[str, Any]]:
        post, kind = _post(ask, one), ask.fields.get("kind", "")
        if kind not in TIES:
            raise CannotDo("Choose an account, a contact or a campaign.")
        to = record(ask.session, ask.who.org, kind, ask.fields.get("named", "")[:300])
        step = review.link(ask.session, ask.who.org, post, to, ask.who.email)
        said = f"The post is tied to {to}"
        if "identities" in step.before:
            said += ": its author is, and the author's other posts follow within a minute or two"
        return _told(ask, one, step, to, "linked", said)

    return changed(ask, f"tie-{ask.request.path_params['event']}", tied, any_version=True)


def _told(
    ask: Ask, one: Matter, step: Any, whom: Record, what: str, said: str
) -> tuple[str, str, dict[str, Any]]:
    moved = casework.follow_posts(ask.session, one, whom.kind, whom.id)
    if moved:
        now = (
            called(ask.session, ask.who.org, whom.kind, UUID(moved["now"])).name
            if moved["now"]
            else f"no {whom.kind}"
        )
        said += f"; {one.name[0].lower()}{one.name[1:]} is of {now} now"
    return what, f"{said}.", {"step": str(step.id), "whose": dict(moved) if moved else None}


def _post(ask: Ask, one: Matter) -> UUID:
    post = ask.name("event")
    if not belongs(ask.session, ask.who.org, one.id, post):
        raise NotThere("That post is not one of this case.")
    return post


def _meant(ask: Ask) -> Record:
    kind = ask.fields.get("kind", "")
    try:
        which = UUID(ask.fields.get("record", ""))
    except ValueError:
        raise CannotDo("The form does not say which record.") from None
    if kind not in MATCH_KINDS:
        raise CannotDo("The form does not say which record.")
    return called(ask.session, ask.who.org, kind, which)


def _field(ask: Ask) -> str:
    return f"match-{ask.request.path_params['event']}"
