"""`/me`: everybody's own page, with another password."""

from __future__ import annotations

from starlette.responses import Response

from console.refusal import CannotDo
from console.sign_ins import change_password
from console.web.asked import Ask
from console.web.sessions import TooOften, knows


def whole(ask: Ask) -> Response:
    """The page."""
    return ask.shows("people/me.html", {"wrong": "", "wrong_in": ""})


def change(ask: Ask) -> Response:
    """Another password; whoever is signed in elsewhere under this name is so no more."""
    try:
        right = knows(ask.session, ask.who, ask.fields.get("password", ""))
    except TooOften:
        return _refused(ask, "password", "Too many wrong passwords. Try again in a quarter of an hour.", 429)
    if not right:
        return _refused(ask, "password", "This is not your password.")
    new = ask.fields.get("new", "")
    try:
        change_password(ask.session, ask.who.org, ask.who.email, new, ask.who.session)
    except CannotDo as refused:
        return _refused(ask, "new", str(refused))
    return ask.done("/me", "password", "You have a new password.", of="person")


def _refused(ask: Ask, field: str, wrong: str, status: int = 422) -> Response:
    return ask.shows("people/me.html", {"wrong": wrong, "wrong_in": field}, status)
