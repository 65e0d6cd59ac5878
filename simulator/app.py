"""The one server: each platform under its prefix, the controls under `/_control`.

A request meets, in this order: the platform's rate window, a fault that is waiting for it, the platform's
own answer, and what that fault does to it on the way out.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from simulator.answers import Answer, Pace, Telling, told
from simulator.asked import Asked
from simulator.bluesky import Bluesky
from simulator.control import Control
from simulator.faults import ON_THE_PAGE, Faults, instead, spoilt, too_many
from simulator.feeds import Feeds
from simulator.limits import Window, bluesky_headers, mastodon_headers
from simulator.mastodon import Mastodon
from simulator.playing import PLAYED, Counters
from simulator.sessions import Sessions
from simulator.stage import Stage
from simulator.truth import Truth

PLATFORMS = ("mastodon", "bluesky", "feeds", *PLAYED)


class Simulator:
    """An ASGI application around a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.faults = Faults()
        self.truth = Truth(stage)
        self.sessions = Sessions(stage.script.cast["us"], self.now)
        self.mastodon = Mastodon(stage)
        self.bluesky = Bluesky(stage, self.sessions)
        self.feeds = Feeds(stage)
        # Ten times Mastodon's own default, as an administrator may set it: the world is watched closely.
        self.windows = {
            "mastodon": Window(3_000, 300),
            "bluesky": Window(3_000, 300),
            "feeds": Window(100_000, 300),
        }
        self.played = {name: kind(stage) for name, kind in PLAYED.items()}
        self.counters = Counters(self.played)
        self.control = Control(self)
        self.requests = 0
        self.visited = asyncio.Event()
        self.sending = 0

    def now(self) -> float:
        return self.stage.clock().timestamp()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        platform, _, path = scope["path"].lstrip("/").partition("/")
        if platform == "_control":
            try:
                answer = await self.control.answer(request, path)
            except ClientDisconnect:
                return
            await Telling(answer, lambda _: None)(scope, receive, send)
        elif platform in PLATFORMS:
            try:
                telling = await self._platform(request, platform, path)
            except ClientDisconnect:
                return
            self.sending += 1
            try:
                await telling(scope, receive, send)
            except ConnectionAbortedError:
                if telling.pace != "cut":
                    raise
            finally:
                self.sending -= 1
        else:
            await Telling(told({"error": "Not Found"}, status=404), lambda _: None)(scope, receive, send)

    async def _platform(self, request: Request, platform: str, path: str) -> Telling:
        self.requests += 1
        self.visited.set()
        now, token = self.now(), _token(request)
        if platform in self.played:
            window, within = self.counters.take(platform, token, now)
        else:
            window = self.windows[platform]
            within = window.take(now)
            self.counters.met(platform, token, now)
        fault = self.faults.take(platform, path)
        pace: Pace = "at once"
        if not within:
            played = self.played.get(platform)
            answer = played.too_many(window, now) if played else too_many(platform, window.until, now)
        elif fault is None:
            answer = await self._answer(request, platform, path, frozenset())
        else:
            if fault.kind == "expired_token":
                self.expire(platform)
            answer = instead(fault, now) or await self._answer(
                request, platform, path, frozenset({fault.kind}) & ON_THE_PAGE
            )
            answer, pace = spoilt(answer, fault)
        answer.headers = {**self._rates(platform, window, now), **answer.headers}
        if fault is not None and fault.kind == "rate_limited":
            self.counters.told(platform, token, now + fault.seconds, now)
        elif window.remaining == 0 and (self._rates(platform, window, now) or not within):
            self.counters.told(platform, token, window.until, now)
        return Telling(
            answer,
            lambda sent: self.truth.note(platform, sent),
            pace=pace,
            seconds=fault.seconds if fault else 0.0,
        )

    def expire(self, platform: str) -> None:
        """End the access tokens of a platform that has any."""
        played = self.played.get(platform)
        for holder in (
            self.sessions if platform == "bluesky" else None,
            played,
            getattr(played, "keys", None),
        ):
            if end := getattr(holder, "expire", None):
                end()

    async def _answer(self, request: Request, platform: str, path: str, mischief: frozenset[str]) -> Answer:
        query = parse_qs(request.url.query, keep_blank_values=True)
        base = f"{request.url.scheme}://{request.url.netloc}/{platform}"
        token = _token(request)
        if platform in self.played:
            raw = await request.body()
            form = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
            return self.played[platform].answer(
                Asked(
                    method=request.method,
                    path=path,
                    query=query,
                    headers=dict(request.headers),
                    token=token,
                    body=_json(raw),
                    form=form,
                    base=base,
                    now=self.stage.clock(),
                    mischief=mischief,
                )
            )
        if platform == "feeds":
            return self.feeds.answer(path, request.headers, mischief)
        if platform == "bluesky":
            body = _json(await request.body()) if request.method == "POST" else None
            return self.bluesky.answer(path, query, token, mischief, body, base)
        answer = self.mastodon.answer(path, query, token, mischief)
        if "Link" in answer.headers:
            answer.headers["Link"] = answer.headers["Link"].replace("{base}", base)
        return answer

    def _rates(self, platform: str, window: Window, now: float) -> dict[str, str]:
        if platform in self.played:
            return self.played[platform].rates(window, now)
        if platform == "mastodon":
            return mastodon_headers(window)
        return bluesky_headers(window) if platform == "bluesky" else {}


def _token(request: Request) -> str | None:
    """What says who asks, without its scheme."""
    key = request.headers.get("x-goog-api-key") or request.query_params.get("access_token")
    return key or request.headers.get("authorization", "").partition(" ")[2] or None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
