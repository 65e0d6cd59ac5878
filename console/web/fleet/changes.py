"""What ops change on the fleet's pages."""

from __future__ import annotations

from starlette.responses import Response

from console.following import find_source, set_state
from console.refusal import CannotDo
from console.web.asked import Ask, NotThere


def pause(ask: Ask) -> Response:
    """Visit a source no more. Nothing is forgotten."""
    return _set(ask, "paused", "is paused")


def resume(ask: Ask) -> Response:
    """Let a source go on where it stood."""
    return _set(ask, "active", "goes on where it stood")


def _set(ask: Ask, state: str, verb: str) -> Response:
    try:
        source = find_source(ask.session, ask.who.org, str(ask.name("source")))
    except CannotDo as unknown:
        raise NotThere(str(unknown)) from None
    set_state(ask.session, [source], state)
    said = f"{source['platform']} {source['kind']} {source['term']} {verb}."
    if ask.fields.get("back") == "source":
        to = f"/fleet/sources/{source['id']}"
    else:
        to = "/fleet" + (f"?state={shown}" if (shown := ask.fields.get("state", "")).isalpha() else "")
    return ask.done(to, state, said, of="source", of_id=source["id"], was=source["state"])
