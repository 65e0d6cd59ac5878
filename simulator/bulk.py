"""A corpus for the bench: many different English posts, rendered once and served from memory.

Half of them on Mastodon (hashtag `bench`, 40 a page), half on Bluesky (search `bench`, 100 a page), and a
tenth as many again in RSS documents of 500 entries, `/feeds/bench-0.rss` and on. The same for the same seed.
`GET /_control/texts` gives the texts as lines of JSON, for scoring them without us.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from simulator import words
from simulator.answers import Answer, Item, Telling, encoded, told
from simulator.bluesky import DEEPEST
from simulator.limits import Window, bluesky_headers, mastodon_headers
from simulator.mastodon import account
from simulator.people import Person, cast, digest, letters_of, number_of, passer_by
from simulator.sessions import PASSWORD, Sessions

PER_DOCUMENT = 500
AUTHORS = 2_000


class Bulk:
    """An ASGI application that serves the corpus and counts what it served."""

    def __init__(self, count: int, seed: int) -> None:
        self.seed, self.served = seed, {"mastodon": 0, "bluesky": 0, "feeds": 0}
        texts = words.corpus(seed, count + count // 10)
        half = count // 2
        people = [passer_by(seed, f"author {number}") for number in range(AUTHORS)]
        # Whole minutes of the day before: nothing in the corpus depends on the moment of the run.
        self.start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self.texts = {
            "mastodon": texts[:half],
            "bluesky": texts[half:count],
            "feeds": texts[count:],
        }
        self._dice = random.Random(digest(seed, "bulk"))
        self._numbers, self._statuses = self._mastodon(people)
        self._posts = self._bluesky(people)
        self._documents = self._feeds(people)
        self.sessions = Sessions(cast(seed)["us"], lambda: datetime.now(UTC).timestamp())
        self._rates = {name: Window(1_000_000, 300) for name in ("mastodon", "bluesky")}
        self._jsonl = b"".join(
            json.dumps({"platform": platform, "text": text + _TAGGED[platform]}).encode() + b"\n"
            for platform, several in self.texts.items()
            for text in several
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        platform, _, path = scope["path"].lstrip("/").partition("/")
        now = datetime.now(UTC).timestamp()
        if platform in self._rates:
            self._rates[platform].take(now)
        if platform == "mastodon":
            answer = self._tag(request, path)
            answer.headers.update(mastodon_headers(self._rates[platform]))
        elif platform == "bluesky":
            answer = await self._xrpc(request, path)
            answer.headers.update(bluesky_headers(self._rates[platform]))
        elif platform == "feeds":
            answer = self._documents.get(path) or told({"error": "Not Found"}, status=404)
        else:
            answer = self._control(request, path)

        def note(sent: Answer) -> None:
            if platform in self.served:
                self.served[platform] += len(sent.items)

        await Telling(answer, note)(scope, receive, send)

    def _tag(self, request: Request, path: str) -> Answer:
        if path != "api/v1/timelines/tag/bench":
            return (
                told([])
                if path.startswith("api/v1/timelines/tag/")
                else told({"error": "Not Found"}, status=404)
            )
        query = request.query_params
        limit = max(1, min(40, int(query.get("limit", "20"))))
        numbers = self._numbers
        low = bisect_right(numbers, int(query["min_id"])) if "min_id" in query else 0
        if "since_id" in query:
            low = max(low, bisect_right(numbers, int(query["since_id"])))
        high = bisect_left(numbers, int(query["max_id"])) if "max_id" in query else len(numbers)
        chosen = (
            range(low, min(high, low + limit)) if "min_id" in query else range(max(low, high - limit), high)
        )
        body = b"[" + b",".join([self._statuses[index] for index in reversed(chosen)]) + b"]"
        headers = {}
        if chosen:
            base = f"{request.url.scheme}://{request.url.netloc}/mastodon/{path}?limit={limit}"
            oldest, newest = numbers[chosen[0]], numbers[chosen[-1]]
            headers["Link"] = f'<{base}&max_id={oldest}>; rel="next", <{base}&min_id={newest}>; rel="prev"'
        return Answer(body=body, headers=headers, items=_NOTED * len(chosen))

    async def _xrpc(self, request: Request, path: str) -> Answer:
        method = path.removeprefix("xrpc/")
        base = f"{request.url.scheme}://{request.url.netloc}/bluesky"
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or None
        if method == "com.atproto.server.createSession":
            return self.sessions.create(json.loads(await request.body()), base)
        if method == "com.atproto.server.refreshSession":
            return self.sessions.refresh(token, base)
        refused = self.sessions.refused(token)
        if refused is not None:
            return refused
        query = parse_qs(request.url.query)
        found = self._within(query) if query.get("q", [""])[0].strip("#") == "bench" else []
        limit, offset = min(100, int(query.get("limit", ["25"])[0])), int(query.get("cursor", ["0"])[0])
        page = found[offset : offset + limit]
        tail = b',"cursor":"%d"' % (offset + limit) if offset + limit < len(found) else b""
        body = b'{"posts":[' + b",".join(page) + b'],"hitsTotal":%d' % len(found) + tail + b"}"
        return Answer(body=body, items=_NOTED * len(page))

    def _within(self, query: dict[str, list[str]]) -> list[bytes]:
        """The posts of a window by `since` (inclusive) and `until` (exclusive), newest first."""
        first, last = 0, len(self._posts)
        if "until" in query:
            first = last - bisect_left(self._times, query["until"][0])
        if "since" in query:
            last -= bisect_left(self._times, query["since"][0])
        return self._posts[first:last][:DEEPEST]

    def _control(self, request: Request, path: str) -> Answer:
        if path == "texts":
            return Answer(body=self._jsonl, media_type="application/x-ndjson")
        base = f"{request.url.scheme}://{request.url.netloc}"
        us = self.sessions.us
        login = {"identifier": us.bluesky, "password": PASSWORD}
        sources: list[dict[str, Any]] = [
            {"platform": "mastodon", "kind": "hashtag", "term": "bench", "host": f"{base}/mastodon"},
            {
                "platform": "bluesky",
                "kind": "search",
                "term": "bench",
                "host": f"{base}/bluesky",
                "login": login,
            },
        ]
        feeds = [
            {"platform": "feeds", "kind": "feed", "term": f"{base}/feeds/{name}", "host": f"{base}/feeds"}
            for name in self._documents
        ]
        counts = {name: len(several) for name, several in self.texts.items()}
        lowest = str(self._numbers[0] - 1) if self._numbers else "0"
        return told(
            {
                "sources": sources,
                "feeds": feeds,
                "posts": counts,
                "served": self.served,
                "before_first_id": lowest,
                "mark": (self.start - timedelta(days=2)).isoformat(),
            }
        )

    # Rendering, once.

    def _language(self) -> str | None:
        return "en" if self._dice.random() < 0.5 else None

    def _mastodon(self, people: list[Person]) -> tuple[list[int], list[bytes]]:
        numbers: list[int] = []
        statuses: list[bytes] = []
        accounts = [account(person) for person in people]
        for index, text in enumerate(self.texts["mastodon"]):
            moment = self.start - timedelta(days=1) + timedelta(seconds=index)
            number = (int(moment.timestamp() * 1000) << 16) | index & 0xFFFF
            who = self._dice.randrange(len(people))
            person, wire = people[who], accounts[who]
            uri = f"{person.mastodon_uri}/statuses/{number_of(self.seed, 'bulk', index)}"
            tag = '<a href="https://hub.example/tags/bench" class="mention hashtag" rel="tag">#<span>bench</span></a>'
            numbers.append(number)
            statuses.append(
                encoded(
                    {
                        "id": str(number),
                        "created_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                        "in_reply_to_id": None,
                        "in_reply_to_account_id": None,
                        "sensitive": False,
                        "spoiler_text": "",
                        "visibility": "public",
                        "language": self._language(),
                        "uri": uri,
                        "url": uri,
                        "replies_count": 0,
                        "reblogs_count": 0,
                        "favourites_count": 0,
                        "edited_at": None,
                        "content": f"<p>{words.escaped(text)} {tag}</p>",
                        "reblog": None,
                        "account": wire,
                        "media_attachments": [],
                        "mentions": [],
                        "tags": [{"name": "bench", "url": "https://hub.example/tags/bench"}],
                        "emojis": [],
                        "card": None,
                        "poll": None,
                    }
                )
            )
        return numbers, statuses

    def _bluesky(self, people: list[Person]) -> list[bytes]:
        posts: list[bytes] = []
        self._times: list[str] = []
        for index, text in enumerate(self.texts["bluesky"]):
            moment = self.start - timedelta(days=1) + timedelta(seconds=index)
            at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            person = self._dice.choice(people)
            record: dict[str, Any] = {"$type": "app.bsky.feed.post", "createdAt": at, "text": text}
            language = self._language()
            if language:
                record["langs"] = [language]
            self._times.append(at)
            posts.append(
                encoded(
                    {
                        "uri": f"at://{person.did}/app.bsky.feed.post/3{letters_of(12, self.seed, 'bulk', index)}",
                        "cid": f"bafyrei{letters_of(52, self.seed, 'cid', index)}",
                        "author": {"did": person.did, "handle": person.bluesky, "displayName": person.name},
                        "record": record,
                        "replyCount": 0,
                        "repostCount": 0,
                        "likeCount": 0,
                        "quoteCount": 0,
                        "indexedAt": at,
                        "labels": [],
                    }
                )
            )
        return posts[::-1]

    def _feeds(self, people: list[Person]) -> dict[str, Answer]:
        documents: dict[str, Answer] = {}
        texts = self.texts["feeds"]
        for first in range(0, len(texts), PER_DOCUMENT):
            items = "".join(
                f"<item><title>Note {first + index}</title><link>https://bench.example/{first + index}</link>"
                f"<guid>https://bench.example/{first + index}</guid>"
                f"<pubDate>{(self.start - timedelta(seconds=index)):%a, %d %b %Y %H:%M:%S} +0000</pubDate>"
                f"<description>{words.escaped(text)}</description></item>"
                for index, text in enumerate(texts[first : first + PER_DOCUMENT])
            )
            body = (
                '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>bench</title>'
                f"<link>https://bench.example/</link><description>bench</description>{items}</channel></rss>"
            ).encode()
            documents[f"bench-{first // PER_DOCUMENT}.rss"] = Answer(
                body=body,
                media_type="application/rss+xml; charset=utf-8",
                items=_NOTED * items.count("<item>"),
            )
        return documents


_NOTED = (Item("post", ""),)
_TAGGED = {"mastodon": " #bench", "bluesky": "", "feeds": ""}
