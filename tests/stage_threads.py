"""Threads on a stage: a search, our own posts with what is said under them, our mentions, one conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.contract_stages import Said, Stage
from tests.graph_stage import Graph


@dataclass
class Threads(Graph):
    platform: str = "threads"
    nextless: bool = True

    def term(self) -> str:
        return {"search": "acme", "thread": "1801"}.get(self.kind, "@me")

    def item(self, said: Said) -> dict[str, Any]:
        return {
            "id": f"18_{self._n(said)}",
            "timestamp": self.at(said.written),
            "text": said.text,
            "username": "ann",
            "media_type": "TEXT_POST",
            "has_replies": False,
        }


def stages() -> list[Stage]:
    return [Threads(kind=kind) for kind in ("search", "replies", "mentions", "thread")]
