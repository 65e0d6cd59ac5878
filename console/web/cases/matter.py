"""What support says about of how many cases a matter is one: this one merged into another, taken out again, a post split out."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from starlette.responses import Response

from console import casework
from console.casework import Matter, Stale
from console.inbox import numbered
from console.merging import merge as merged
from console.merging import take_out as taken_out
from console.refusal import CannotDo
from console.splitting import split as split_out
from console.story import the_case
from console.web.asked import Ask, NotThere
from console.web.cases.one import shown

Done = tuple[str, str, UUID]
"""A word for what was done, the sentence that says it, and the case on whose page one goes on."""


def merge(ask: Ask) -> Response:
    """Into the case of a ticket's number."""

    def one(matter: Matter) -> Done:
        named = " ".join(ask.fields.get("into", "").replace("\0", "").split())[:100]
        if not named:
            raise CannotDo("Write the number of the ticket that it is the same matter as.")
        into = numbered(ask.session, ask.who.org, named) or the_case(ask.session, ask.who.org, named)
        case, said = merged(ask.session, ask.who.org, matter.id, into, ask.who.email)
        return "took in", said, case

    return _changed(ask, "into", one)


def take_out(ask: Ask) -> Response:
    """Out of what it was merged into, or was taken in by."""

    def one(matter: Matter) -> Done:
        case = ask.name("child") if "child" in ask.request.path_params else matter.id
        return "took out", taken_out(ask.session, ask.who.org, case, ask.who.email), matter.id

    return _changed(ask, "out", one)


def split(ask: Ask) -> Response:
    """A post, or all that its author said in the case."""

    def one(matter: Matter) -> Done:
        what, event = ask.fields.get("what"), ask.name("event")
        if what not in ("post", "author"):
            raise CannotDo("Choose what is to go.")
        done = split_out(
            ask.session, ask.who.org, matter.id, event, "post" if what == "post" else "author", ask.who.email
        )
        return "split", done.said, done.case

    return _changed(ask, f"split-{ask.request.path_params['event']}", one)


def _changed(ask: Ask, field: str, change: Callable[[Matter], Done]) -> Response:
    case, org = ask.name("case"), ask.who.org
    try:
        casework.matter(ask.session, org, case)
    except CannotDo:
        raise NotThere("There is no such case. /cases lists those there are.") from None
    try:
        with ask.session.begin_nested():
            version = ask.fields.get("version", "")
            what, said, to = change(casework.held(ask.session, org, case, version, hold=False))
    except Stale as stale:
        return shown(ask, status=409, stale=stale)
    except CannotDo as refused:
        return shown(ask, status=422, wrong={field: str(refused)})
    return ask.done(f"/cases/{to}", what, said, of="case", of_id=to)
