"""Facebook on a stage: a page's feed, posts that tag it, the comments of one post."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors._base import Held
from tests.contract_stages import Said, Stage
from tests.graph_stage import Graph


@dataclass
class Facebook(Graph):
    platform: str = "facebook"

    def held(self) -> Held:
        return Held(account_id="2121", handle="acme", scopes=frozenset({"read"}))

    def item(self, said: Said) -> dict[str, Any]:
        return {
            "id": f"2121_{self._n(said)}",
            "created_time": self.at(said.written),
            "message": said.text,
            "permalink_url": f"https://www.facebook.com/2121/posts/{said.n}",
        }


def stages() -> list[Stage]:
    return [Facebook(kind=kind) for kind in ("page", "mentions", "thread")]
