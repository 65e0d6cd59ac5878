"""What a reader saw last, for as long as the database is away: a page as it was is worth more than an apology."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable
from hashlib import sha256
from time import monotonic

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.web.pages import HEADERS
from console.web.sessions import COOKIE

MOST, SECONDS = 200, 600.0
"""How many pages are kept, and for how long. A page of 100 kB makes that 20 MB at most."""
LONGEST = 400_000
PLACE = b'<div id="away" hidden></div>'


class Kept:
    """Whole pages by reader and address. The key is made of the session's secret: nobody is shown what somebody else saw."""

    def __init__(self) -> None:
        self._pages: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    async def or_last_known(self, request: Request, answered: Awaitable[Response]) -> Response:
        """The answer; where it says 503, the page as this reader saw it last, if that is not long ago."""
        answer = await answered
        cookie = request.cookies.get(COOKIE)
        if request.method != "GET" or not cookie or request.headers.get("hx-request"):
            return answer
        key = sha256(f"{cookie} {request.url.path}?{request.url.query}".encode()).digest()
        if answer.status_code == 200 and isinstance(answer, HTMLResponse) and len(answer.body) < LONGEST:
            self._pages[key] = (monotonic(), bytes(answer.body))
            self._pages.move_to_end(key)
            while len(self._pages) > MOST:
                self._pages.popitem(last=False)
        if answer.status_code == 503 and key in self._pages:
            at, body = self._pages[key]
            if (ago := monotonic() - at) < SECONDS:
                return HTMLResponse(_as_it_was(body, ago), 503, HEADERS)
        return answer


def _as_it_was(body: bytes, ago: float) -> bytes:
    words = f"The database does not answer. This is how the page was {ago:.0f} s ago; nothing is lost."
    return body.replace(PLACE, f'<div id="away" role="alert">{words}</div>'.encode(), 1)
