"""An Http that tells a platform's refusal from our own.

A request that we do not let out (an address inside, a port, no TLS for a token) is Denied as well; for a
credential that is no verdict, since nobody asked its platform. Here it is TryLater.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors._base import Denied, TryLater

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from connectors._base import Answer, ConnectorError, Http


class Answered:
    """Requests whose Denied is the platform's: it answered, and the answer was no."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def get(self, url: str, **asked: Any) -> Answer:
        """As Http's."""
        return await _told(self._http.get, url, asked)

    async def post(self, url: str, **asked: Any) -> Answer:
        """As Http's."""
        return await _told(self._http.post, url, asked)


async def _told(ask: Callable[..., Awaitable[Answer]], url: str, asked: dict[str, Any]) -> Answer:
    judge, answers = asked.get("judge"), 0

    def heard(answer: Answer) -> ConnectorError | None:
        nonlocal answers
        answers += 1
        verdict: ConnectorError | None = judge(answer) if judge else None
        return verdict

    try:
        return await ask(url, **{**asked, "judge": heard})
    except Denied as denied:
        if answers:
            raise
        raise TryLater(str(denied)) from None
