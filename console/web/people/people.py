"""`/people`: who may sign in, in what role. Admins let people in, change their role and turn them away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.responses import Response

from console import fleet
from console.refusal import CannotDo
from console.sign_ins import change_password, give, listed, set_role, turn_away
from console.web.asked import Ask, NotThere
from models.vocabulary import ROLES

NO_SESSION = UUID(int=0)
"""All sessions end but this one."""


def whole(ask: Ask) -> Response:
    """The page."""
    return _shown(ask, {}, "")


def add(ask: Ask) -> Response:
    """Let somebody in."""
    told = {name: ask.fields.get(name, "").strip() for name in ("email", "name", "role")}
    try:
        if told["role"] not in ROLES:
            raise CannotDo("Choose a role.")
        if any(one["email"] == told["email"].casefold() for one in listed(ask.session, ask.who.org)):
            raise CannotDo(f"{told['email']} is here already; change the role below.")
        give(
            ask.session,
            ask.who.org,
            told["email"],
            told["name"],
            told["role"],
            ask.fields.get("password", ""),
        )
    except CannotDo as refused:
        return _shown(ask, told, str(refused), 422)
    return ask.done(
        "/people", "let in", f"{told['email']} may sign in as {told['role']}.", of="person", role=told["role"]
    )


def role(ask: Ask) -> Response:
    """Another role."""
    one, now = _person(ask), ask.fields.get("role", "")
    if now not in ROLES:
        raise CannotDo("Choose a role.")
    if one["email"] == ask.who.email:
        raise CannotDo("Your own role is changed by another admin: nobody locks themselves out.")
    if one["role"] != ask.fields.get("was"):
        raise CannotDo(f"{one['email']} is {one['role']} meanwhile; open the page again.")
    set_role(ask.session, ask.who.org, one["id"], now)
    return ask.done(
        "/people",
        "role",
        f"{one['email']} is {now} now.",
        of="person",
        of_id=one["id"],
        was=one["role"],
        now=now,
    )


def password(ask: Ask) -> Response:
    """Another password for somebody who lost theirs; it ends their sessions."""
    one = _person(ask)
    if one["email"] == ask.who.email:
        raise CannotDo("Your own password is changed on your own page, /me: it asks for the old one.")
    try:
        change_password(ask.session, ask.who.org, one["email"], ask.fields.get("password", ""), NO_SESSION)
    except CannotDo as refused:
        return _shown(ask, {}, "", 422, reset=one["id"], reset_wrong=str(refused))
    said = f"{one['email']} has a new password and has to sign in again."
    return ask.done("/people", "password", said, of="person", of_id=one["id"])


def away(ask: Ask) -> Response:
    """Turn somebody away, which ends their sessions, or let them in again."""
    one, off = _person(ask), ask.fields.get("off") == "yes"
    if one["email"] == ask.who.email:
        raise CannotDo("You cannot turn yourself away.")
    turn_away(ask.session, ask.who.org, one["id"], off=off)
    said = f"{one['email']} may sign in {'no more' if off else 'again'}."
    return ask.done("/people", "turned away" if off else "let in", said, of="person", of_id=one["id"])


def _person(ask: Ask) -> dict[str, Any]:
    which = ask.name("person")
    for one in listed(ask.session, ask.who.org):
        if one["id"] == which:
            return one
    raise NotThere("Nobody here has this address any more.")


def _shown(
    ask: Ask,
    told: dict[str, str],
    wrong: str,
    status: int = 200,
    *,
    reset: UUID | None = None,
    reset_wrong: str = "",
) -> Response:
    values = {
        "people": listed(ask.session, ask.who.org),
        "now": fleet.now(ask.session),
        "roles": ROLES,
        "told": {"email": "", "name": "", "role": "support"} | told,
        "wrong": wrong,
        "reset": reset,
        "reset_wrong": reset_wrong,
    }
    return ask.shows("people/people.html", values, status)
