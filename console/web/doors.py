"""`/sign-in` and `/sign-out`."""

from __future__ import annotations

import hmac
import secrets

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.web.asked import Ask, Fields, in_a_thread, read_form, same_origin
from console.web.pages import HEADERS, page
from console.web.sessions import COOKIE, WINDOW, TooOften, anybody, sign_in, sign_out

FORM = "__Host-earshot-form"
"""The cookie that ties a sign-in form to the browser that asked for it: there is no session yet to do so."""


class Doors:
    """The way in."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def show(self, request: Request) -> Response:
        """The form."""
        return await in_a_thread(self._form, request, 200, {})

    async def enter(self, request: Request) -> Response:
        """Signs in, or shows the form again with what was wrong."""
        return await in_a_thread(self._enter, request, await read_form(request))

    def _form(self, request: Request, status: int, told: dict[str, str]) -> Response:
        token = request.cookies.get(FORM) or secrets.token_urlsafe(16)
        with Session(self._engine) as session:
            nobody = not anybody(session)
        values = {
            "nobody": nobody,
            "form": token,
            "email": told.get("email", ""),
            "wrong": told.get("wrong", ""),
        }
        to = told.get("to") or request.query_params.get("to", "")
        answer = page(
            "sign_in.html",
            values
            | {"to": _ours(to), "who": None, "here": "", "areas": {}, "may": False, "done": None, "since": 0},
            status,
        )
        answer.set_cookie(FORM, token, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    def _enter(self, request: Request, fields: Fields) -> Response:
        told = {name: fields.get(name, "") for name in ("email", "to")}
        cookie = request.cookies.get(FORM, "")
        if (
            not cookie
            or not hmac.compare_digest(cookie.encode(), fields.get("form", "").encode())
            or not same_origin(request)
        ):
            return self._form(request, 403, told | {"wrong": "This form was too old. Try again."})
        try:
            with Session(self._engine) as session, session.begin():
                opened = sign_in(session, told["email"], fields.get("password", ""))
        except TooOften:
            minutes = int(WINDOW.total_seconds() // 60)
            wrong = f"Too many wrong passwords for this address. Try again in up to {minutes} minutes."
            return self._form(request, 429, told | {"wrong": wrong})
        if opened is None:
            return self._form(request, 401, told | {"wrong": "Address and password do not belong together."})
        answer = RedirectResponse(_ours(told["to"]) or "/", 303, HEADERS)
        answer.set_cookie(COOKIE, opened, path="/", secure=True, httponly=True, samesite="lax")
        return answer


def leave(ask: Ask) -> Response:
    """Sign out."""
    sign_out(ask.session, ask.who)
    answer = RedirectResponse("/sign-in", 303, HEADERS)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _ours(to: str) -> str:
    """The path, if it is one of ours: never another host, however it is spelt."""
    plain = to.startswith("/") and not to.startswith("//") and to.isprintable() and "\\" not in to
    return to if plain else ""
