"""How a page is asked for: who asks, may they, and did one of our own pages send this form?

    303 to /sign-in   nobody is signed in        403  the wrong role, or a form that is not ours
    503               the database is away

A form of ours brings what only the session can derive, and the browser says that it comes from the same origin.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.web.pages import HEADERS, page
from console.web.sessions import COOKIE, Person, person

log = logging.getLogger(__name__)

AWAY = (DBAPIError, PoolTimeout, OSError)
MOST_FORM = 100_000
"""Bytes of a form at most."""

Page = Callable[[Request, Session, Person], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


class Asked:
    """Makes endpoints of pages: each runs in a thread with a session of its own, committed when it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, made: Page, roles: Collection[str] = ()) -> Endpoint:
        """The endpoint of a page that these roles may see (none named: all)."""

        def answer(request: Request, form: str | None) -> Response:
            with Session(self._engine) as session, session.begin():
                who = person(session, request.cookies.get(COOKIE))
                if who is None:
                    return _to_sign_in(request)
                if roles and who.role not in (*roles, "admin"):
                    return said(403, "Not for your role", f"You are signed in as {who.role}.", who)
                if request.method == "POST" and not (
                    form and hmac.compare_digest(form, who.form) and same_origin(request)
                ):
                    return said(403, "This form is too old", "Open the page again and repeat it.", who)
                return made(request, session, who)

        async def endpoint(request: Request) -> Response:
            form = (await read_form(request)).get("form") if request.method == "POST" else None
            return await in_a_thread(answer, request, form)

        return endpoint


async def in_a_thread(answer: Callable[..., Response], *given: Any) -> Response:
    """The answer, or a page that says that the database is away."""
    try:
        return await asyncio.to_thread(answer, *given)
    except AWAY as away:
        log.warning("A page waits for the database (%s)", type(away).__name__)
        return said(503, "The database does not answer", "Nothing is lost. Try again in a moment.", None)


async def read_form(request: Request) -> dict[str, str]:
    """The form's fields; empty for one that is too long or none."""
    told = request.headers.get("content-length", "")
    if not told.isdecimal() or int(told) > MOST_FORM:
        return {}
    async with request.form(max_files=0, max_fields=100) as fields:
        return {name: value for name, value in fields.items() if isinstance(value, str)}


def same_origin(request: Request) -> bool:
    """Does the browser say that a page of ours sent this? One that says nothing is believed to be none of ours."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


def said(status: int, title: str, words: str, who: Person | None) -> Response:
    """A page with nothing on it but a sentence and the way on."""
    return page("said.html", {"title": title, "words": words, "who": who, "here": ""}, status)


def _to_sign_in(request: Request) -> Response:
    to = f"/sign-in?to={quote(request.url.path)}"
    if request.headers.get("hx-request"):  # a part of a page: the whole page has to go there
        return Response(status_code=204, headers=HEADERS | {"hx-redirect": to})
    return RedirectResponse(to, 303, HEADERS)
