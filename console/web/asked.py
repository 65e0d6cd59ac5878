"""How a page is asked for: who asks, may they, and did one of our own pages send this form?

    303 to /sign-in   nobody is signed in        403  the wrong role, or a form that is not ours
    404               nothing of that name        503  the database is away, and this page was not shown lately

A form of ours brings what only the session can derive, and the browser says that it comes from the same origin. Whatever
a form changes is written down (`console.audit`) in the same transaction: one that changes something in silence is a fault.
While the database is away a page that its reader has seen lately is shown as it was, and says so.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console import audit
from console.refusal import BadInput, CannotDo
from console.web.aside import Aside, Counted, Counting
from console.web.kept import Kept
from console.web.live import HORIZON
from console.web.pages import HEADERS, page
from console.web.roles import AREAS, may
from console.web.sessions import COOKIE, Person, person
from console.web.shared import Shared

log = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError, PoolTimeout, OSError)
LOST = ("40001", "40P01")
"""Serialisation failure and deadlock: nothing of the transaction was done."""
MOST_FORM = 100_000
"""Bytes of a form at most."""

Fields = ImmutableMultiDict[str, str]
Made = TypeVar("Made")


class NotThere(Exception):
    """The page's record does not exist; the sentence says what to do instead."""


@dataclass(frozen=True)
class Ask:
    """One question of somebody's browser, in a transaction of its own. `area` is a key of AREAS."""

    request: Request
    session: Session
    who: Person
    area: str
    fields: Fields
    since: int
    """The horizon at which the page is read (`console.web.live`)."""
    common: Shared | None = None
    beside: Aside | None = None

    def wish(self, name: str) -> str:
        """A word of the address's query, or nothing."""
        return self.request.query_params.get(name, "").strip()

    def name(self, part: str) -> UUID:
        """The id in the address's path. Raises NotThere."""
        try:
            return UUID(self.request.path_params[part])
        except ValueError:
            raise NotThere("The address is not whole.") from None

    def shared(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, which is nobody's own and stays as it is: in a part that is asked for by itself, made once for all who
        ask at the same time (`console.web.shared`)."""
        if self.common is None or not self.by_itself:
            return make()
        return self.common.value(self.who.org, key, make)

    def recent(
        self, key: Hashable, make: Callable[[Session], Made], worth: Callable[[Made], bool]
    ) -> tuple[Made, float]:
        """What `make` returns, which may be from some seconds ago, and how many (`console.web.shared`)."""
        if self.common is None:
            return make(self.session), 0.0
        return self.common.recent(self.session, (self.who.org, key), make, worth)

    def aside(
        self,
        key: Hashable,
        work: Callable[..., Any],
        given: Callable[[], tuple[Any, ...]],
        *,
        few: Callable[[], bool],
        lasts: bool = False,
    ) -> Counted | Counting:
        """What `work(session, *given())` returns: counted here where there is `few` to count, else beside us
        (`console.web.aside`, which says of `lasts`). Raises what the work refuses."""
        org = self.who.org
        known = self.beside.known(org, key) if self.beside else None
        if isinstance(known, Counting):
            return known
        if self.beside is None or (known is None and few()):
            more = {"so_far": _unheard} if lasts else {}
            return Counted(work(self.session, *given(), **more), 0.0)
        return self.beside.ask(org, key, work, *given(), lasts=lasts)

    def counting(self, told: Counting, way: str, target: str) -> Response:
        """A part that says so, and asks at `way` again for what is to be shown in `target`; nothing for who was told that already."""
        values = self.still(told, way, target)
        if self.wish("shown") == values["shown"]:
            return Response(status_code=204, headers=HEADERS)
        return self.shows("counting.html", values)

    def still(self, told: Counting, way: str, target: str) -> dict[str, Any]:
        """What counting.html is given."""
        percent = "" if told.so_far is None else str(int(told.so_far * 10) * 10)
        shown = f"{'waits' if told.waits else 'runs'}{percent}"
        again = f"{way}{'&' if '?' in way else '?'}shown={shown}"
        values = {"way": way, "again": again, "target": target, "shown": shown, "percent": percent}
        return values | {"waits": told.waits, "by_itself": self.by_itself}

    @property
    def by_itself(self) -> bool:
        """Does a page's script ask, for a part of it?"""
        return self.request.method == "GET" and "hx-request" in self.request.headers

    @property
    def may(self) -> bool:
        """May they change something here?"""
        return may(self.who.role, self.area)

    def shows(self, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """A page, or a part of one. Templates know `who`, `here`, `may`, and `done`: what the reader has just done."""
        done = None
        if (told := self.wish("done")) and len(told) == 36:
            try:
                done = audit.said(self.session, self.who.org, self.who.email, UUID(told))
            except ValueError:
                done = None
        base = {
            "who": self.who,
            "here": self.area,
            "areas": AREAS,
            "may": self.may,
            "done": done,
            "since": self.since,
        }
        return page(template, base | dict(values), status)

    def done(
        self, to: str, what: str, said: str, *, of: str, of_id: UUID | None = None, **detail: Any
    ) -> Response:
        """Write down what was changed (see `console.audit.note`) and go on to `to`, which says it."""
        made = audit.note(
            self.session, self.who.org, self.who.email, what, said, of=of, of_id=of_id, **detail
        )
        path, _, query = to.partition("?")
        wishes = [part for part in query.split("&") if part and not part.startswith("done=")]
        return RedirectResponse(f"{path}?{'&'.join([*wishes, urlencode({'done': str(made)})])}", 303, HEADERS)


Page = Callable[[Ask], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


class Asked:
    """Makes endpoints of pages: each runs in a thread with a session of its own, committed when it returns."""

    def __init__(
        self,
        engine: Engine,
        telling: Callable[[str], int | None] = lambda org: None,
        beside: Aside | None = None,
    ) -> None:
        self._engine, self._kept, self._shared = engine, Kept(), Shared(engine, telling)
        self._beside = beside

    def __call__(self, area: str, made: Page) -> Endpoint:
        """The endpoint of a page: everybody may look, who may change something says `roles`."""

        def answer(request: Request, fields: Fields) -> Response:
            with Session(self._engine) as session, session.begin():
                by_itself = request.method == "GET" and "hx-request" in request.headers
                who = person(session, request.cookies.get(COOKIE), seen=not by_itself)
                if who is None:
                    return _to_sign_in(request)
                if request.method == "POST":
                    form = fields.get("form", "")
                    if not (hmac.compare_digest(form.encode(), who.form.encode()) and same_origin(request)):
                        return said(403, "This form is too old", "Open the page again and repeat it.", who)
                    if area and not may(who.role, area):
                        return said(403, "Not for your role", f"You are signed in as {who.role}.", who)
                since = session.execute(HORIZON).scalar_one()
                ask = Ask(request, session, who, area, fields, since, self._shared, self._beside)
                try:
                    told = made(ask)
                except NotThere as missing:
                    session.rollback()
                    return said(404, "Nothing is here", str(missing), who)
                except (BadInput, CannotDo) as refused:  # a page that knows better says it beside the field
                    session.rollback()
                    return said(422, "This cannot be done", str(refused), who)
                if request.method == "POST":
                    if area and told.status_code >= 400:
                        session.rollback()
                    elif area and audit.NOTED not in session.info:
                        raise AssertionError(f"{request.url.path} changed something and wrote nothing down")
                return told

        async def endpoint(request: Request) -> Response:
            fields = await read_form(request) if request.method == "POST" else Fields()
            return await self._kept.or_last_known(request, in_a_thread(answer, request, fields))

        return endpoint


async def in_a_thread(answer: Callable[..., Response], *given: Any) -> Response:
    """The answer, or a page that says that the database is away. Who lost a conflict with others is tried again."""
    for left in (2, 1, 0):
        try:
            return await asyncio.to_thread(answer, *given)
        except OperationalError as conflict:
            if not left or getattr(conflict.orig, "sqlstate", None) not in LOST:
                return _away(conflict)
        except AWAY as away:
            return _away(away)
    raise AssertionError


def _unheard(share: float) -> None:
    """How far something is, where nobody is told."""


def _away(away: Exception) -> Response:
    log.warning("A page waits for the database (%s)", type(away).__name__)
    return said(503, "The database does not answer", "Nothing is lost. Try again in a moment.", None)


async def read_form(request: Request) -> Fields:
    """The form's fields; empty for one that is too long or none."""
    told = request.headers.get("content-length", "")
    if not told.isdecimal() or int(told) > MOST_FORM:
        return Fields()
    async with request.form(max_files=0, max_fields=1000) as fields:
        return Fields([(name, value) for name, value in fields.multi_items() if isinstance(value, str)])


def same_origin(request: Request) -> bool:
    """Does the browser say that a page of ours sent this? One that says nothing is believed to be none of ours."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


def said(status: int, title: str, words: str, who: Person | None) -> Response:
    """A page with nothing on it but a sentence and the way on."""
    values = {
        "title": title,
        "words": words,
        "who": who,
        "here": "",
        "areas": AREAS,
        "may": False,
        "done": None,
        "since": 0,
    }
    return page("said.html", values, status)


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = f"/sign-in?to={quote(wanted if request.method == 'GET' else '/')}"
    if request.headers.get("hx-request"):  # a part of a page: the whole page has to go there
        shown = urlsplit(request.headers.get("hx-current-url", ""))
        to = f"/sign-in?to={quote(shown.path + (f'?{shown.query}' if shown.query else ''))}"
        return Response(status_code=204, headers=HEADERS | {"hx-redirect": to})
    return RedirectResponse(to, 303, HEADERS)
