"""The rules' pages: when what opens, how often that was right, what another threshold would have opened, the crisis switch."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked
from console.web.rules import changes, crisis, editing, lexicon, policy, tested, whole


def routes(asked: Asked) -> list[Route]:
    """What stands under /rules."""
    return [
        Route("/rules", asked("rules", whole.every)),
        Route("/rules/crisis", asked("rules", crisis.on), methods=["POST"]),
        Route("/rules/crisis/{switch}", asked("rules", crisis.held)),
        Route("/rules/crisis/{switch}/off", asked("rules", crisis.off), methods=["POST"]),
        Route("/rules/crisis/{switch}/release", asked("rules", crisis.released), methods=["POST"]),
        Route("/rules/lexicon", asked("rules", lexicon.page)),
        Route("/rules/lexicon", asked("rules", lexicon.save), methods=["POST"]),
        Route("/rules/lexicon/effect", asked("rules", lexicon.part)),
        Route("/rules/policy", asked("rules", policy.page)),
        Route("/rules/policy", asked("rules", policy.save), methods=["POST"]),
        Route("/rules/new", asked("rules", editing.new)),
        Route("/rules/new", asked("rules", editing.create), methods=["POST"]),
        Route("/rules/new/test", asked("rules", tested.part)),
        Route("/rules/{rule}", asked("rules", whole.one)),
        Route("/rules/{rule}/edit", asked("rules", editing.edit)),
        Route("/rules/{rule}/edit", asked("rules", editing.save), methods=["POST"]),
        Route("/rules/{rule}/remove", asked("rules", changes.leaving)),
        Route("/rules/{rule}/remove", asked("rules", changes.remove), methods=["POST"]),
        Route("/rules/{rule}/test", asked("rules", tested.part)),
        Route("/rules/{rule}/threshold", asked("rules", changes.threshold), methods=["POST"]),
        Route("/rules/{rule}/switch", asked("rules", changes.switch), methods=["POST"]),
    ]
