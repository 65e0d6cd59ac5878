"""Google Play's stage: what changed last comes first, tokens are offsets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.contract_stages import Said, Stage
from tests.replayer import Asked, Reply


@dataclass
class GooglePlay(Stage):
    platform: str = "googleplay"
    kind: str = "reviews"

    def term(self) -> str:
        return "com.acme.shop"

    def number(self, post_id: str) -> int:
        return int(post_id.rstrip("x"))

    def _review(self, said: Said) -> dict[str, Any]:
        if said.n == self.broken:
            return {"reviewId": self._n(said), "comments": "?"}
        at = said.written.timestamp()
        modified = {"seconds": str(int(at)), "nanos": said.written.microsecond * 1000}
        comment = {"text": f"\t{said.text}", "lastModified": modified, "starRating": said.n % 5 + 1}
        return {"reviewId": self._n(said), "authorName": "Ann", "comments": [{"userComment": comment}]}

    def tell(self, asked: Asked) -> Reply:
        newest = sorted(self.said, key=lambda s: (s.written, s.n), reverse=True)
        limit = int(asked.param("maxResults") or 10)
        start = 0 if self.stuck else int(asked.param("token") or 0)
        page: dict[str, Any] = {"reviews": [self._review(said) for said in newest[start : start + limit]]}
        if self.stuck or start + limit < len(newest):
            page["tokenPagination"] = {"nextPageToken": str(start + limit)}
        return Reply(200, json.dumps(page).encode(), {"content-type": "application/json"})


def stages() -> list[Stage]:
    return [GooglePlay()]
