"""Bluesky's side of the world: https://docs.bsky.app/docs/api/app-bsky-feed-search-posts and its neighbours.

A search's cursor is an offset, so what is said in between shifts the pages; the last page has no cursor
key. Search takes a session, as the public service's does. Notifications page by `indexedAt`, and the
filter by reason comes after the page was cut: a page may be short, or empty, and still have a cursor.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from simulator.answers import Answer, Item, encoded, told
from simulator.markup import bluesky_text, hashtags, mentioned
from simulator.people import Person, letters_of
from simulator.sessions import Sessions
from simulator.stage import Said, Stage

Query = dict[str, list[str]]
DEEPEST = 10_000
"""Results of one search, at most."""

FORBIDDEN = b"<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def profile(person: Person) -> dict[str, Any]:
    """A profileViewBasic."""
    view: dict[str, Any] = {
        "did": person.did,
        "handle": person.bluesky,
        "viewer": {"muted": False, "blockedBy": False},
        "labels": [{"val": "bot", "src": person.did, "uri": person.did, "cts": "2025-01-01T00:00:00Z"}]
        if person.bot
        else [],
        "createdAt": "2024-02-06T12:00:00.000Z",
    }
    if person.name:
        view["displayName"] = person.name
    return view


class Bluesky:
    """A PDS and the AppView behind it, in one."""

    platform = "bluesky"

    def __init__(self, stage: Stage, sessions: Sessions) -> None:
        self.stage, self.sessions = stage, sessions
        self._rendered: dict[tuple[str, int, int, int], bytes] = {}

    def answer(
        self, path: str, query: Query, token: str | None, mischief: frozenset[str], body: Any, base: str
    ) -> Answer:
        """The answer to a request for `path` (below the server's base), without limits and transport faults."""
        method = path.strip("/").removeprefix("xrpc/")
        match method:
            case "com.atproto.server.createSession":
                return self.sessions.create(body, base)
            case "com.atproto.server.refreshSession":
                return self.sessions.refresh(token, base)
            case "app.bsky.feed.getPostThread" | "app.bsky.feed.getPosts" if token is None:
                pass
            case "app.bsky.feed.searchPosts" if token is None:
                return Answer(status=403, body=FORBIDDEN, media_type="text/html")
            case _:
                refused = self.sessions.refused(token)
                if refused is not None:
                    return refused
        match method:
            case "app.bsky.feed.searchPosts":
                return self._search(query, mischief)
            case "app.bsky.notification.listNotifications":
                return self._notifications(query, mischief)
            case "app.bsky.feed.getPostThread":
                return self._thread(query)
            case "app.bsky.feed.getPosts":
                return self._several(query.get("uris", query.get("uris[]", [])))
            case "com.atproto.server.getSession":
                us = self.stage.script.cast["us"]
                return told({"did": us.did, "handle": us.bluesky, "active": True})
        return told({"error": "MethodNotImplemented", "message": "Method Not Implemented"}, status=501)

    def _search(self, query: Query, mischief: frozenset[str]) -> Answer:
        q = " ".join(query.get("q", []))
        if not q.strip():
            return _bad('Error: Params must have the property "q"')
        limit, offset = _number(query, "limit", 25, 100), _number(query, "cursor", 0, None)
        if limit is None or limit == 0:
            return _bad("Error: limit must be an integer between 1 and 100")
        if offset is None:
            return told({"error": "UpstreamFailure", "message": "Upstream service unreachable"}, status=502)
        hits = [said for said in self.stage.on("bluesky") if self._matches(said, q, query)]
        hits.sort(key=lambda said: (said.sort_at, said.line.external_id), reverse=True)
        total, hits = len(hits), hits[:DEEPEST]
        page = hits[offset : offset + limit]
        if "duplicated" in mischief and page:
            page = [*hits[max(0, offset - 1) : offset], *page, page[0]]
        if "reordered" in mischief:
            page = page[:]
            random.Random(len(page)).shuffle(page)
        tail = b',"hitsTotal":%d' % total
        if offset + limit < len(hits):
            tail += b',"cursor":"%d"' % (offset + limit)
        body = b'{"posts":[' + b",".join(map(self._bytes, page)) + b"]" + tail + b"}"
        return Answer(body=body, items=tuple(map(_item, page)), via=f"search:{q.lower()}")

    def _matches(self, said: Said, q: str, query: Query) -> bool:
        text = self._haystack(said)
        for phrase, word in re.findall(r'"([^"]+)"|(\S+)', q.lower()):
            wanted = phrase or word
            if wanted and not re.search(rf"(?<!\w){re.escape(wanted)}", text):
                return False
        at = _time(said.sort_at)
        if query.get("since") and at < _moment(query["since"][0]):
            return False
        if query.get("until") and at >= _moment(query["until"][0]):
            return False
        tags = {tag.lower() for tag in hashtags(said.text)}
        if not all(tag.lower().lstrip("#") in tags for tag in query.get("tag", [])):
            return False
        wanted = next(iter(query.get("mentions", [])), None)
        people = self.stage.script.cast
        return wanted is None or any(
            wanted in (people[key].did, people[key].bluesky) for key in mentioned(said.text)
        )

    def _haystack(self, said: Said) -> str:
        return bluesky_text(said.text, self.stage.script.cast)[0].lower()

    def _notifications(self, query: Query, mischief: frozenset[str]) -> Answer:
        limit = _number(query, "limit", 50, 100) or 50
        reasons = query.get("reasons", query.get("reasons[]", []))
        heard = [(said, reason) for said in self.stage.on("bluesky") if (reason := self._concerns_us(said))]
        heard.sort(key=lambda pair: pair[0].indexed_at, reverse=True)
        before = next(iter(query.get("cursor", [])), None)
        if before is not None:
            heard = [pair for pair in heard if _time(pair[0].indexed_at) < before]
        scanned, more = heard[:limit], len(heard) > limit
        page = [pair for pair in scanned if not reasons or pair[1] in reasons]
        if "duplicated" in mischief and page:
            page = [*page, page[0]]
        if "reordered" in mischief:
            random.Random(len(page)).shuffle(page)
        body: dict[str, Any] = {
            "notifications": [self._notification(said, reason) for said, reason in page],
            "priority": False,
            "seenAt": _time(self.stage.start),
        }
        if more:
            body["cursor"] = _time(scanned[-1][0].indexed_at)
        items = [_item(said) for said, reason in page if reason != "repost"]
        return told(body, items=items, via="notifications")

    def _concerns_us(self, said: Said) -> str | None:
        line = said.line
        if line.by.own:
            return None
        for key, reason in ((line.repost_of, "repost"), (line.reply_to, "reply"), (line.quote_of, "quote")):
            parent = self.stage.get(key)
            if parent is not None and parent.line.by.own:
                return reason
        return "mention" if "us" in mentioned(said.text) else None

    def _notification(self, said: Said, reason: str) -> dict[str, Any]:
        line = said.line
        view: dict[str, Any] = {
            "uri": line.external_id,
            "cid": self._cid(said),
            "author": profile(line.by),
            "reason": reason,
            "record": self._record(said),
            "isRead": False,
            "indexedAt": _time(said.indexed_at),
            "labels": [],
        }
        subject = self.stage.get(line.reply_to or line.quote_of or line.repost_of)
        if subject is not None and reason != "mention":
            view["reasonSubject"] = subject.line.external_id
        if reason == "repost" and subject is not None:
            view["uri"] = line.external_id.replace("app.bsky.feed.post", "app.bsky.feed.repost")
            view["record"] = {
                "$type": "app.bsky.feed.repost",
                "createdAt": _time(said.created_at),
                "subject": self._reference(subject),
            }
        return view

    def _thread(self, query: Query) -> Answer:
        uri = next(iter(query.get("uri", [])), "")
        said = self._by_uri(uri)
        if said is None:
            return told({"error": "NotFound", "message": f"Post not found: {uri}"}, status=400)
        depth = _number(query, "depth", 6, 1_000)
        above = _number(query, "parentHeight", 80, 1_000)
        if depth is None or above is None:
            return _bad("Error: depth must be an integer")
        shown: list[Said] = []
        view = self._branch(said, depth, shown)
        here, parent = view, self.stage.said.get(said.line.reply_to or "")
        while parent is not None and above > 0:
            here["parent"] = self._leaf(parent, shown)
            here, above = here["parent"], above - 1
            parent = self.stage.said.get(parent.line.reply_to or "")
        return told({"thread": view}, items=map(_item, shown), via="thread")

    def _leaf(self, said: Said, shown: list[Said]) -> dict[str, Any]:
        if said.deleted:
            kind = "app.bsky.feed.defs#notFoundPost"
            return {"$type": kind, "uri": said.line.external_id, "notFound": True}
        shown.append(said)
        return {"$type": "app.bsky.feed.defs#threadViewPost", "post": self.post(said)}

    def _branch(self, said: Said, depth: int, shown: list[Said]) -> dict[str, Any]:
        view = self._leaf(said, shown)
        if depth > 0 and "post" in view:
            view["replies"] = [self._branch(one, depth - 1, shown) for one in self._answers_to(said)]
        return view

    def _answers_to(self, said: Said) -> Iterator[Said]:
        for one in self.stage.said.values():
            if one.line.reply_to == said.line.key:
                yield one

    def _several(self, uris: list[str]) -> Answer:
        if len(uris) > 25:
            return _bad("Error: uris must not have more than 25 elements")
        found = [said for uri in uris if (said := self._by_uri(uri)) is not None]
        return told({"posts": [self.post(said) for said in found]}, items=map(_item, found), via="posts")

    def _by_uri(self, uri: str) -> Said | None:
        return next((said for said in self.stage.on("bluesky") if said.line.external_id == uri), None)

    # How it is written down.

    def _bytes(self, said: Said) -> bytes:
        key = (
            said.line.key,
            said.version,
            self.stage.replies[said.line.key],
            self.stage.reposts[said.line.key],
        )
        if key not in self._rendered:
            self._rendered[key] = encoded(self.post(said))
        return self._rendered[key]

    def post(self, said: Said) -> dict[str, Any]:
        """A postView."""
        line = said.line
        view: dict[str, Any] = {
            "uri": line.external_id,
            "cid": self._cid(said),
            "author": profile(line.by),
            "record": self._record(said),
            "replyCount": self.stage.replies[line.key],
            "repostCount": self.stage.reposts[line.key],
            "likeCount": line.by.number % 9,
            "quoteCount": 0,
            "indexedAt": _time(said.indexed_at),
            "viewer": {"threadMuted": False, "embeddingDisabled": False},
            "labels": [],
        }
        quoted = self.stage.get(line.quote_of)
        if quoted is not None:
            record = {
                "$type": "app.bsky.embed.record#viewRecord",
                "uri": quoted.line.external_id,
                "cid": self._cid(quoted),
                "author": profile(quoted.line.by),
                "value": self._record(quoted),
                "labels": [],
                "indexedAt": _time(quoted.indexed_at),
            }
            view["embed"] = {"$type": "app.bsky.embed.record#view", "record": record}
        if line.poison == "no_id":
            del view["uri"], view["cid"]
        if line.poison == "no_author":
            del view["author"]
        return view

    def _record(self, said: Said) -> dict[str, Any]:
        line = said.line
        text, facets = bluesky_text(said.text, self.stage.script.cast)
        created = _time(said.created_at)
        created = {"year_1": "0001-01-01T00:00:00Z", "year_10000": "10000-01-01T00:00:00Z"}.get(
            line.poison or "", created
        )
        record: dict[str, Any] = {"$type": "app.bsky.feed.post", "createdAt": created, "text": text}
        if facets:
            record["facets"] = facets
        if line.lang:
            record["langs"] = [line.lang]
        parent = self.stage.said.get(line.reply_to or "")
        if line.reply_to:
            record["reply"] = self._reply(line.reply_to, parent)
        quoted = self.stage.said.get(line.quote_of or "")
        if quoted is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": self._reference(quoted)}
        return record

    def _reply(self, parent_key: str, parent: Said | None) -> dict[str, Any]:
        """The reference to what is answered, which may not have reached us yet: it is the author's record."""
        lines = self.stage.script.lines
        root_key = parent_key
        while (above := lines[root_key].reply_to) is not None:
            root_key = above
        seed = self.stage.script.seed
        return {
            name: {"uri": lines[key].external_id, "cid": f"bafyrei{letters_of(52, seed, key, 0)}"}
            for name, key in (("parent", parent_key), ("root", root_key))
        }

    def _reference(self, said: Said) -> dict[str, str]:
        return {"uri": said.line.external_id, "cid": self._cid(said)}

    def _cid(self, said: Said) -> str:
        return f"bafyrei{letters_of(52, self.stage.script.seed, said.line.key, said.version)}"


def _item(said: Said) -> Item:
    if said.line.poison == "no_id":
        return Item("reject", said.line.key)
    return Item("post", said.line.external_id, said.version)


def _number(query: Query, name: str, default: int, most: int | None) -> int | None:
    """A number from the query; None when it is none or out of bounds."""
    text = next(iter(query.get(name, [])), str(default))
    if not text.isdigit() or (most is not None and int(text) > most):
        return None
    return int(text)


def _moment(text: str) -> str:
    """A `since` or `until` in the form in which times are compared."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return _time(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _bad(message: str) -> Answer:
    return told({"error": "InvalidRequest", "message": message}, status=400)
