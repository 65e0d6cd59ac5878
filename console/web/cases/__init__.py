"""The cases' pages, for support: what is open, why it is, whose it is, and what people say of it."""

from __future__ import annotations

from starlette.routing import Route

from console.web.asked import Asked, Page
from console.web.cases import author, changes, inbox, matter, one, ties


def routes(asked: Asked) -> list[Route]:
    """What stands under /cases."""

    def form(path: str, page: Page) -> Route:
        return Route(f"/cases/{path}", asked("cases", page), methods=["POST"])

    return [
        Route("/cases", asked("cases", inbox.whole)),
        Route("/cases/fresh", asked("cases", inbox.part)),
        form("bulk", changes.bulk),
        Route("/cases/{case}", asked("cases", one.whole)),
        Route("/cases/{case}/fresh", asked("cases", one.part)),
        Route("/cases/{case}/precision", asked("cases", one.precision)),
        form("{case}/assign", changes.assign),
        form("{case}/status", changes.status),
        form("{case}/priority", changes.priority),
        form("{case}/verdict", changes.verdict),
        form("{case}/note", changes.note),
        form("{case}/merge", matter.merge),
        form("{case}/take-out", matter.take_out),
        form("{case}/take-out/{child}", matter.take_out),
        form("{case}/author/unlink", author.unlink),
        form("{case}/author/link", author.link),
        form("{case}/author/again", author.again),
        form("{case}/posts/{event}/split", matter.split),
        form("{case}/posts/{event}/undo", ties.undo),
        form("{case}/posts/{event}/again", ties.again),
        form("{case}/posts/{event}/tie", ties.tie),
    ]
