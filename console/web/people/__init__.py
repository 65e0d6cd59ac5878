"""Who may sign in, in what role, and what was changed by whom."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked
from console.web.people import log, me, people


def routes(asked: Asked) -> list[Route]:
    """What stands under /people, and everybody's own page /me."""
    return [
        Route("/people", asked("people", people.whole)),
        Route("/people", asked("people", people.add), methods=["POST"]),
        Route("/people/{person}/role", asked("people", people.role), methods=["POST"]),
        Route("/people/{person}/password", asked("people", people.password), methods=["POST"]),
        Route("/people/{person}/away", asked("people", people.away), methods=["POST"]),
        Route("/people/log", asked("people", log.whole)),
        Route("/me", asked("", me.whole)),
        Route("/me", asked("", me.change), methods=["POST"]),
    ]
