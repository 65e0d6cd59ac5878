"""The App Store's stage: pages of ten, newest first, and no more than ten of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.contract_stages import PAGE, Said, Stage
from tests.replayer import Asked, Reply

PAGES = 10


@dataclass
class AppStore(Stage):
    platform: str = "appstore"
    kind: str = "reviews"

    def term(self) -> str:
        return "310633997"

    def number(self, post_id: str) -> int:
        return int(post_id.rstrip("x"))

    def _entry(self, said: Said) -> dict[str, Any]:
        written = said.written.isoformat()
        stars = "many" if said.n in self.broken else str(said.n % 5 + 1)
        return {
            "author": {
                "uri": {"label": "https://itunes.apple.com/us/reviews/id77"},
                "name": {"label": "Ann"},
            },
            "updated": {"label": written},
            "im:rating": {"label": stars},
            "id": {"label": self._n(said)},
            "title": {"label": "A title"},
            "content": {"label": said.text, "attributes": {"type": "text"}},
        }

    def tell(self, asked: Asked) -> Reply:
        found = re.search(r"/page=(\d+)/", asked.path)
        assert found
        number = 1 if self.stuck else int(found[1])
        newest = sorted(self.there(self.said), key=lambda s: (s.written, s.n), reverse=True)[: PAGES * PAGE]
        entries = [self._entry(said) for said in newest[(number - 1) * PAGE : number * PAGE]]
        feed: dict[str, Any] = {"title": {"label": "Customer Reviews"}}
        if entries:
            feed["entry"] = entries[0] if len(entries) == 1 else entries
        return Reply(200, json.dumps({"feed": feed}).encode(), {"content-type": "text/javascript"})


def stages() -> list[Stage]:
    return [AppStore()]
