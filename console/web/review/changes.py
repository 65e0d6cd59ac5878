"""What is decided on the review pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from console import review
from console.refusal import CannotDo
from console.steps import find_step
from console.suggestions import find_suggestion, shown
from console.web.asked import Ask, NotThere
from console.words import counted, one_line


def accept(ask: Ask) -> Response:
    """Say that a suggestion is right; past posts of an author who is linked by it follow within a minute."""
    return _decided(ask, review.accept, "accepted", "is")


def reject(ask: Ask) -> Response:
    """Say that it is wrong; this evidence is not taken for that record again."""
    return _decided(ask, review.reject, "rejected", "is not")


def undo(ask: Ask) -> Response:
    """Take a step back."""
    try:
        found = find_step(ask.session, ask.who.org, str(ask.name("step")))
    except CannotDo:
        raise NotThere("That step is gone. /review/log has those that there are.") from None
    step = review.undo(ask.session, ask.who.org, found.id)
    said = f"The {step.action} of {step.by} is taken back; what it changed is what it was before."
    return ask.done("/review/log", "taken back", said, of="step", of_id=step.id)


def _decided(ask: Ask, decide: Callable[..., list[Any]], what: str, verb: str) -> Response:
    alike = ask.fields.get("alike") == "yes"
    try:
        which = find_suggestion(ask.session, ask.who.org, str(ask.name("suggestion")))
    except CannotDo as gone:
        raise NotThere(str(gone)) from None
    meant = shown(ask.session, ask.who.org, which)
    steps = decide(ask.session, ask.who.org, which, ask.who.email, alike=alike)
    posts = sum(len(step.matches) for step in steps)
    more = f", and {counted(posts - 1, 'other')} like it" if alike and posts > 1 else ""
    said = f"“{one_line(meant['evidence'] or 'it', 60)}” {verb} {meant['kind']} {one_line(meant['record'], 60)}{more}."
    return ask.done(
        "/review", what, said, of="suggestion", of_id=which, steps=[str(step.id) for step in steps]
    )
