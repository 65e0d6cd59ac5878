"""The stream's pages, for marketing: what is said, how much of it against what is usual, and what set it off."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked
from console.web.stream import changes, export, sample, whole


def routes(asked: Asked) -> list[Route]:
    """What stands under /stream."""
    return [
        Route("/stream", asked("stream", whole.page)),
        Route("/stream/measured", asked("stream", whole.part)),
        Route("/stream/fresh", asked("stream", whole.fresh)),
        Route("/stream/sample", asked("stream", sample.part)),
        Route("/stream/export", asked("stream", export.export), methods=["POST"]),
        Route("/stream/posts/{event}/correct", asked("stream", changes.correct), methods=["POST"]),
    ]
