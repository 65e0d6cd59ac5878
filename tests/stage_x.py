"""X on a stage: ids of the time at which a post was written, pages newest first, `since_id` and `start_time` kept apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors._base import Held
from tests.contract_stages import Said, Stage, as_json, iso
from tests.replayer import Asked, Reply

EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)


def snowflake(when: datetime, n: int = 0) -> int:
    """An id that was made at this time."""
    return (round((when - EPOCH).total_seconds() * 1000) << 22) + n


@dataclass
class X(Stage):
    """Tokens are offsets. An id is made when a post is written, also of one that is shown late, and a date from the
    future moves nothing; it has at most 19 digits, so `long_ids` can only make the other strings long."""

    PLACE = ("next_token", "pagination_token")
    platform: str = "x"

    def held(self) -> Held:
        return Held(account_id="7", handle="acme")

    def unplaced(self) -> Reply:
        name = "pagination_token" if self.kind == "mentions" else "next_token"
        problem = {
            "parameters": {name: ["10"]},
            "message": f"The `{name}` query parameter value [10] is not valid",
        }
        kind = "https://api.x.com/2/problems/invalid-request"
        return as_json({"errors": [problem], "title": "Invalid Request", "type": kind}, 400)

    def beside(self, asked: Asked) -> Reply | None:
        if asked.path == "/2/users/me":
            return as_json({"data": {"id": "7", "username": "acme", "name": "Acme"}})
        if asked.path == "/oauth2/token":
            return as_json({"token_type": "bearer", "access_token": "token"})
        if asked.path != "/2/tweets":
            return None
        ids = (asked.param("ids") or "").split(",")
        assert len(ids) <= 100
        found = self.named(asked.param("ids"))
        lacking = [one for one in ids if int(one) not in {self._id(said) for said in found}]
        trouble = "https://api.x.com/2/problems/resource-not-found"
        errors = [
            {"type": trouble, "resource_id": one, "value": one, "title": "Not Found"} for one in lacking
        ]
        return as_json({"data": [self._post(said) for said in found], "errors": errors})

    def term(self) -> str:
        return {"search": "acme -is:retweet", "mentions": "7", "conversation": "1440716895355764743"}[
            self.kind
        ]

    def number(self, post_id: str) -> int:
        return int(post_id) & 0x3FFFFF

    def _id(self, said: Said) -> int:
        return snowflake(min(said.written, said.arrived), said.n)

    def _post(self, said: Said) -> dict[str, Any]:
        if said.n in self.broken:
            return {"id": str(self._id(said)), "text": ["?"]}
        return {
            "id": str(self._id(said)),
            "edit_history_tweet_ids": [str(self._id(said))],
            "text": said.text,
            "created_at": iso(said.written),
            "author_id": "12",
            "conversation_id": "1440716895355764743",
            "lang": "en",
        }

    def tell(self, asked: Asked) -> Reply:
        assert asked.headers["authorization"] == "Bearer token"
        newest = sorted(self.said, key=self._id, reverse=True)
        since, start = asked.param("since_id"), asked.param("start_time")
        assert not (since and start), "since_id and start_time may not be combined"
        if since is not None and not self.stuck:
            newest = [s for s in newest if self._id(s) > int(since)]
        if start is not None and not self.stuck:
            newest = [s for s in newest if min(s.written, s.arrived) >= datetime.fromisoformat(start)]
        size = int(asked.param("max_results") or 10)
        token = asked.param("pagination_token" if self.kind == "mentions" else "next_token")
        offset = 0 if self.stuck else int(token or 0)
        page = self.there(newest[offset : offset + size])
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": str(self._id(page[0])), "oldest_id": str(self._id(page[-1]))}
        if self.stuck or offset + size < len(newest):
            meta["next_token"] = str(offset + size)
        body: dict[str, Any] = {"meta": meta}
        if page:
            user = {"id": "12", "username": "ann" + "x" * 600 * self.long_ids, "name": "Ann"}
            body |= {"data": [self._post(s) for s in page], "includes": {"users": [user]}}
        return as_json(body) if not self.long_ids else Reply(200, json.dumps(body).encode())


def stages() -> list[Stage]:
    return [X(kind=kind) for kind in ("search", "mentions", "conversation")]
