"""What Facebook, Instagram and Threads have in common here: https://developers.facebook.com/docs/graph-api.

A line that answers none is a post, any other a comment. Pages are cut before what was deleted is left out, so they are
short, or empty, and still go on; `paging.next` carries the token of whoever asked. Everything that is refused comes
as a bad request, limits too, and the use of a window is told in percent.
"""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from simulator.answers import Answer, Item, told
from simulator.limits import Window
from simulator.markup import parts
from simulator.people import Person, number_of
from simulator.stage import Said, Stage

if TYPE_CHECKING:
    from simulator.asked import Asked

TOKEN = "sim-graph-token"  # noqa: S105
"""Opens everything, and does not end."""

STRANGER = "sim-graph-stranger"
"""An app's that was not reviewed: it is told who wrote nothing."""

UNREADABLE = frozenset({"no_id", "year_1", "year_10000"})
_TIMES = {"year_1": "0001-01-01T00:00:00+0000", "year_10000": "10000-01-01T00:00:00+0000"}
_WINDOW = 3_600


def written(said: Said) -> datetime:
    """The server's own time, but for what the script moves."""
    return said.created_at if said.line.hours is not None else said.indexed_at


def person_id(person: Person) -> str:
    """Who somebody is to us."""
    return f"1784{person.number}"


def page_id(seed: int, name: str) -> str:
    """The number of a Facebook page."""
    return str(number_of(seed, "page", name))


@dataclass
class _There:
    """What there is after so many changes of the stage: all of it by id, what is below a post, newest first."""

    changed: int
    by_id: dict[str, Said] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    below: dict[str, list[Said]] = field(default_factory=dict)
    posts: list[Said] = field(default_factory=list)


class Graph:
    """What the three have in common. `most` is how many items may be asked for before it is too much at once."""

    platform = ""
    limit_code, limit_status, kind = 4, 400, "platform"
    nextless = False

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.window = Window(4_800, _WINDOW)
        self.most = 100
        self.tokens: dict[str, float] = {TOKEN: math.inf, STRANGER: math.inf}
        self._there = _There(-1)

    def expire(self, subcode: int = 463) -> None:
        """End every token now, by the reason that a subcode names."""
        self.tokens, self._ended = {}, subcode

    _ended = 463

    def answer(self, asked: Asked) -> Answer:
        """See `Plays`."""
        if self.tokens.get(asked.token or "", 0.0) <= asked.now.timestamp():
            return refused(190, self._ended, "Error validating access token", status=401)
        path = asked.path.strip("/").split("/")
        if path[0].startswith("v") and path[0][1:2].isdigit():
            path = path[1:]
        if path in ([], [""]) and asked.one("ids"):
            return self._several(asked)
        return self.asked_for(path, asked)

    def asked_for(self, path: list[str], asked: Asked) -> Answer:
        raise NotImplementedError

    def written_down(self, said: Said, asked: Asked) -> dict[str, Any]:
        raise NotImplementedError

    def rates(self, window: Window, now: float) -> dict[str, str]:
        """Percentages, and minutes for whoever is shut out."""
        percent = math.ceil(100 * window.used / window.limit)
        use = {"call_count": percent, "total_time": percent // 2, "total_cputime": percent // 3}
        if percent < 100:
            return {"X-App-Usage": json.dumps(use)}
        minutes = max(1, math.ceil((window.until - now) / 60))
        shut = {"type": self.kind, **use, "estimated_time_to_regain_access": minutes}
        return {"X-App-Usage": json.dumps(use), "X-Business-Use-Case-Usage": json.dumps({"1": [shut]})}

    def too_many(self, window: Window, now: float) -> Answer:
        """A bad request with a code."""
        return refused(self.limit_code, None, "request limit reached", status=self.limit_status)

    # What there is.

    def there(self) -> _There:
        if self._there.changed != self.stage.changed:
            made = _There(self.stage.changed)
            for said in self.stage.said.values():
                if said.line.platform != self.platform:
                    continue
                made.by_id[said.line.external_id] = said
                above = said
                while (parent := self.stage.said.get(above.line.reply_to or "")) is not None:
                    above = parent
                made.roots[said.line.key] = above.line.key
                if said.line.reply_to is None:
                    made.posts.append(said)
                else:
                    made.below.setdefault(above.line.key, []).append(said)
            for several in (made.posts, *made.below.values()):
                several.sort(key=lambda said: (written(said), said.ordinal), reverse=True)
            self._there = made
        return self._there

    def find(self, ident: str) -> Said | None:
        said = self.there().by_id.get(ident)
        return None if said is None or said.deleted or said.line.poison in UNREADABLE else said

    def beneath(self, said: Said) -> list[Said]:
        """All that is said under a post, newest first."""
        return self.there().below.get(said.line.key, [])

    def count(self, said: Said) -> int:
        return sum(not one.deleted for one in self.beneath(said))

    def plain(self, said: Said) -> str:
        """Its words, with names as handles."""
        people = self.stage.script.cast
        told_of = (
            f"@{people[part.value].forum}" if part.kind == "mention" else part.value
            for part in self.spelled(said)
        )
        return "".join(told_of)

    def spelled(self, said: Said) -> Iterable[Any]:
        for part in parts(said.text):
            yield part if part.kind != "hashtag" else type(part)("text", f"#{part.value}")

    def time(self, said: Said) -> str:
        return _TIMES.get(said.line.poison or "", stamp(written(said)))

    # Lists.

    def listed(
        self,
        asked: Asked,
        found: Sequence[Said],
        via: str,
        write: Callable[[Said, Asked], dict[str, Any]] | None = None,
        *,
        by_time: bool = False,
    ) -> Answer:
        """One page of an edge. The place to go on is behind an item, whether it is still there or not."""
        limit = int(asked.one("limit", "25"))
        if limit > self.most:
            return refused(1, None, "Please reduce the amount of data you're asking for", status=500)
        behind = asked.one("__paging_token" if by_time else "after")
        start = 0
        if behind:
            places = [n for n, said in enumerate(found) if place_of(said) == behind]
            if not places:
                return refused(100, None, "Invalid parameter")
            start = places[0] + 1
        page, more = list(found[start : start + limit]), start + limit < len(found)
        shown = [said for said in page if not said.deleted]
        if "duplicated" in asked.mischief and shown:
            shown = [*shown, shown[0]]
        if "reordered" in asked.mischief:
            shown = shown[1::2] + shown[::2]
        make = write or self.written_down
        body: dict[str, Any] = {"data": [_spoilt(said, make(said, asked)) for said in shown]}
        if page:
            body["paging"] = self._paging(asked, page, more, by_time)
        return told(body, items=[item for said in shown for item in self.items(said, asked)], via=via)

    def items(self, said: Said, asked: Asked) -> list[Item]:
        """What an item tells: itself."""
        return [item_of(said)]

    def _paging(self, asked: Asked, page: list[Said], more: bool, by_time: bool) -> dict[str, Any]:
        last = place_of(page[-1])
        if by_time:
            on = {"until": str(int(written(page[-1]).timestamp())), "__paging_token": last}
            paging: dict[str, Any] = {"previous": f"{asked.base}/{asked.path}?since=1"}
        else:
            on = {"after": last}
            paging = {"cursors": {"before": place_of(page[0]), "after": last}}
        if more and not self.nextless:
            query = urlencode({"access_token": asked.token, "limit": asked.one("limit", "25"), **on})
            paging["next"] = f"{asked.base}/{asked.path}?{query}"
        return paging

    def _several(self, asked: Asked) -> Answer:
        """Objects by ids: all of them, or none where one is gone."""
        ids = asked.one("ids").split(",")
        found = [self.find(ident) for ident in ids]
        if None in found:
            return refused(803, None, "Some of the aliases you requested do not exist", status=404)
        there = {said.line.external_id: self.written_down(said, asked) for said in found if said is not None}
        if asked.one("fields") == "id":
            return told({ident: {"id": ident} for ident in there})
        return told(there, items=[item_of(said) for said in found if said is not None], via="ids")

    def single(self, ident: str, asked: Asked) -> Answer:
        said = self.find(ident)
        if said is None:
            return missing()
        if asked.one("fields") == "id":
            return told({"id": ident})
        return told(self.written_down(said, asked), items=[item_of(said)], via="id")


def refused(code: int, subcode: int | None, message: str, *, status: int = 400) -> Answer:
    """An error in Meta's envelope."""
    error: dict[str, Any] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    return told({"error": {**error, "fbtrace_id": f"A{code}190x4"}}, status=status)


def missing() -> Answer:
    """What is deleted, was never there, or is not for us to see."""
    return refused(100, 33, "Unsupported get request. Object does not exist or cannot be loaded")


def item_of(said: Said) -> Item:
    if said.line.poison in UNREADABLE:
        return Item("reject", said.line.key)
    return Item("post", said.line.external_id, said.version)


def _spoilt(said: Said, value: dict[str, Any]) -> dict[str, Any]:
    if said.line.poison == "no_id":
        del value["id"]
    return value


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S+0000")


def place_of(said: Said) -> str:
    return urlsafe_b64encode(f"at {said.line.external_id}".encode()).decode()
