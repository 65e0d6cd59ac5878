"""Instagram on a stage: our own media, a hashtag's, and those that tag us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.contract_stages import Said, Stage
from tests.graph_stage import Graph, told
from tests.replayer import Asked, Reply


@dataclass
class Instagram(Graph):
    platform: str = "instagram"

    def term(self) -> str:
        return "#acme" if self.kind == "hashtag" else "@me"

    def item(self, said: Said) -> dict[str, Any]:
        return {
            "id": f"9_{self._n(said)}",
            "timestamp": self.at(said.written),
            "caption": said.text,
            "permalink": f"https://www.instagram.com/p/C{said.n}/",
            "comments_count": 0,
        }

    def tell(self, asked: Asked) -> Reply:
        if asked.path.endswith("/ig_hashtag_search"):
            return told({"data": [{"id": "17843826142012701"}]})
        return super().tell(asked)


def stages() -> list[Stage]:
    return [Instagram(kind=kind) for kind in ("media", "hashtag", "mentions")]
