"""The review pages: what the machine would not decide, and every step of people, which can be taken back."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked
from console.web.review import changes, queue


def routes(asked: Asked) -> list[Route]:
    """What stands under /review."""
    return [
        Route("/review", asked("review", queue.whole)),
        Route("/review/log", asked("review", queue.log)),
        Route("/review/log/{step}/undo", asked("review", changes.undo), methods=["POST"]),
        Route("/review/{suggestion}/accept", asked("review", changes.accept), methods=["POST"]),
        Route("/review/{suggestion}/reject", asked("review", changes.reject), methods=["POST"]),
    ]
