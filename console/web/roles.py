"""Who may change what. Looking is for everybody who signs in: they are one company's people."""

from __future__ import annotations

from typing import NamedTuple


class Area(NamedTuple):
    """A part of the console: its first page, what it is called, who may change something there (an admin always)."""

    path: str
    title: str
    roles: tuple[str, ...]


AREAS = {
    "fleet": Area("/fleet", "Fleet", ("ops",)),
    "stream": Area("/stream", "Stream", ("marketing",)),
    "cases": Area("/cases", "Cases", ("support",)),
    "rules": Area("/rules", "Rules", ("support", "marketing")),
    "review": Area("/review", "Review", ("support", "marketing")),
    "people": Area("/people", "People", ()),
}
FIRST = {"ops": "fleet", "marketing": "stream", "support": "cases", "admin": "fleet"}


def may(role: str, area: str) -> bool:
    """May somebody in this role change something there? Nowhere in particular (their own page) everybody may."""
    return role == "admin" or not area or role in AREAS[area].roles


def first(role: str) -> str:
    """The path of the page that somebody in this role starts from."""
    return AREAS[FIRST[role]].path
