"""The fleet's pages, for ops: sources, and what stands between a post and the database."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked
from console.web.fleet import changes, following, gaps, held, one, sources, workers


def routes(asked: Asked) -> list[Route]:
    """What stands under /fleet."""
    return [
        Route("/fleet", asked("fleet", sources.whole)),
        Route("/fleet/sources", asked("fleet", sources.part), methods=["GET"]),
        Route("/fleet/sources", asked("fleet", following.follow), methods=["POST"]),
        Route("/fleet/sources/new", asked("fleet", following.new)),
        Route("/fleet/sources/outlook", asked("fleet", following.outlook), methods=["POST"]),
        Route("/fleet/sources/{source}", asked("fleet", one.whole)),
        Route("/fleet/sources/{source}/part", asked("fleet", one.part)),
        Route("/fleet/sources/{source}/pause", asked("fleet", changes.pause), methods=["POST"]),
        Route("/fleet/sources/{source}/resume", asked("fleet", changes.resume), methods=["POST"]),
        Route("/fleet/gaps", asked("fleet", gaps.whole)),
        Route("/fleet/workers", asked("fleet", workers.whole)),
        Route("/fleet/quarantine", asked("fleet", held.whole)),
        Route("/fleet/quarantine/fresh", asked("fleet", held.fresh)),
        Route("/fleet/quarantine/replay", asked("fleet", held.replay), methods=["POST"]),
        Route("/fleet/quarantine/drop", asked("fleet", held.drop), methods=["POST"]),
    ]
