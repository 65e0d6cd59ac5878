"""People at work on the console, without a browser: each is signed in, has a page open, is told over /live what has changed,
asks for these parts as static/live.js does, and goes on to another page after a while. A part that is being counted is asked for
again every second, as the page does; how long its result took is told as well.

What is timed is the server's own time (`Server-Timing`), from the request's first byte to the answer's: nothing of this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import psycopg

from console.web.sessions import COOKIE, derived

EVERY = 1.0
"""Seconds after which a part that is being counted is asked for again."""
THINKS = 8.0
"""Seconds that somebody looks at a page, on average."""
_TAG = re.compile(r"<[a-z]+\b[^>]*\bhx-get=[^>]*>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"', re.DOTALL)
_SINCE = re.compile(r'data-since="(\d+)"')
_TIMING = re.compile(r"total;dur=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Page:
    """An address to go to. `name` is its row of the table; a form's `fields` are posted."""

    name: str
    path: str
    fields: Mapping[str, str] | None = None
    bar: bool = True


@dataclass(slots=True)
class Seen:
    """Milliseconds of server time by page and part, the parts that are followed, and what went wrong."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    counted: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Milliseconds from the question to the result of what is counted beside the pages."""
    left: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How many went on before it was there."""
    told: int = 0

    def note(self, name: str, status: int, headers: Mapping[str, str]) -> None:
        if status not in (200, 204, 303):
            self.wrong[f"{name}: {status}"] += 1
            return
        timing = _TIMING.search(headers.get("server-timing", ""))
        assert timing, f"{name} says nothing of its time"
        self.took[name].append(float(timing[1]))


class Line:
    """One connection of a browser, opened again where the server closed it."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, path: str, fields: Mapping[str, str] | None = None, part: bool = False
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        for again in (True, False):
            try:
                return await self._asked(path, fields, part)
            except (OSError, asyncio.IncompleteReadError):
                self.close()
                if not again:
                    raise
        raise AssertionError

    async def _asked(
        self, path: str, fields: Mapping[str, str] | None, part: bool
    ) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        reader, writer = self._streams
        writer.write(self.request(path, fields, part))
        status, headers = await answered(reader)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return status, headers, body

    def request(self, path: str, fields: Mapping[str, str] | None = None, part: bool = False) -> bytes:
        body = urlencode(fields).encode() if fields is not None else b""
        host = f"127.0.0.1:{self._port}"
        lines = [
            f"{'POST' if fields is not None else 'GET'} {path} HTTP/1.1",
            f"host: {host}",
            f"cookie: {COOKIE}={self._cookie}",
            f"origin: http://{host}",
            *(["hx-request: true", f"hx-current-url: http://{host}/"] if part else []),
            *(
                [f"content-length: {len(body)}", "content-type: application/x-www-form-urlencoded"]
                if body
                else []
            ),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


async def answered(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    told = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in told[1:] if line)
    return int(told[0].split(" ")[1]), headers


def parts(html: str) -> list[tuple[str, set[str], str]]:
    """The parts of a page that are asked for by themselves: address, topics, trigger."""
    found = []
    for tag in _TAG.findall(html):
        told = dict(_ATTRIBUTE.findall(tag))
        if "hx-trigger" in told:
            path = told["hx-get"].replace("&amp;", "&")
            found.append((path, set(told.get("data-live", "").split()), told["hx-trigger"]))
    return found


def asks_again(body: bytes) -> str | None:
    """Where a part that is being counted wants to be asked for again."""
    found = [
        path for path, _, trigger in parts(body.decode(errors="replace")) if trigger == f"every {EVERY:.0f}s"
    ]
    return found[0] if found else None


def called(path: str) -> str:
    """A part's row of the table: its path without ids and wishes."""
    return "part " + re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", path.partition("?")[0])


class Person:
    """One of them; `done` ends it."""

    def __init__(self, port: int, cookie: str, pages: Sequence[Page], seen: Seen, seed: int) -> None:
        self._port, self._cookie, self._seen = port, cookie, seen
        self._line, self._again = Line(port, cookie), Line(port, cookie)
        self._counting: dict[str, tuple[float, str]] = {}
        self._dice = random.Random(seed)
        self._pages = list(pages)
        self._asked: dict[str, float] = {}
        self._parts: list[tuple[str, set[str], str]] = []

    async def work(self, until: float) -> None:
        """Page after page until then (`time.monotonic`)."""
        await asyncio.sleep(self._dice.random() * THINKS)
        try:
            while time.monotonic() < until:
                self._dice.shuffle(self._pages)
                for page in self._pages:
                    if time.monotonic() >= until:
                        break
                    await self._look(page)
        finally:
            self._line.close()
            self._again.close()

    async def _look(self, page: Page) -> None:
        fields = page.fields
        if fields is not None:
            fields = {**fields, "form": derived(self._cookie.partition(".")[2])}
        status, headers, body = await self._line.ask(page.path, fields)
        self._seen.note(page.name, status, headers)
        html = body.decode(errors="replace") if status == 200 and fields is None else ""
        self._parts, self._asked, self._counting = parts(html), {}, {}
        for path, _, trigger in self._parts:
            if "load" in trigger.replace(",", " ").split():
                await self._ask(path)
        thinks = self._dice.uniform(0.5, 1.5) * THINKS
        asking = asyncio.create_task(self._ask_again(time.monotonic() + thinks))
        since = _SINCE.search(html)
        if since and any(topics for _, topics, _ in self._parts):
            await self._follow(since[1], thinks)
        else:
            await asyncio.sleep(thinks)
        await asking
        for name in self._counting:
            self._seen.left[name] += 1

    async def _ask(self, path: str) -> None:
        self._asked[path] = time.monotonic()
        status, headers, body = await self._line.ask(path, part=True)
        self._seen.note(called(path), status, headers)
        if status == 200 and (again := asks_again(body)):
            self._counting[called(path)] = (self._asked[path], again)

    async def _ask_again(self, until: float) -> None:
        """For what is being counted, every second, until then or until all of it is there."""
        while self._counting and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(EVERY, left))
            for name, (since, path) in list(self._counting.items()):
                status, headers, body = await self._again.ask(path, part=True)
                self._seen.note(name, status, headers)
                if status == 200 and (again := asks_again(body)):
                    self._counting[name] = since, again
                elif status != 204:
                    self._seen.counted[name].append((time.monotonic() - since) * 1e3)
                    del self._counting[name]

    async def _follow(self, since: str, seconds: float) -> None:
        """Listen for so long, and ask for what is told."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        writer.write(Line(self._port, self._cookie).request(f"/live?since={since}"))
        try:
            async with asyncio.timeout(seconds):
                await answered(reader)
                while line := await reader.readline():
                    if not line.startswith(b"data:"):
                        continue
                    topics = set(line[5:].decode().split())
                    self._seen.told += bool(topics)
                    for path, of, trigger in self._parts:
                        waits = 10.0 if "throttle:10s" in trigger else 0.0
                        if topics & of and time.monotonic() - self._asked.get(path, -1e9) >= waits:
                            await self._ask(path)
        except TimeoutError:
            self._line.close()  # an answer may be under way
        finally:
            writer.close()


def signed_in(db: psycopg.Connection[Any], org: str, people: int, roles: Sequence[str]) -> list[str]:
    """Cookies of so many people, each with a session; those that there were are over."""
    db.execute("DELETE FROM web_sessions")
    db.execute("DELETE FROM sign_ins WHERE org_id = %s", [org])
    users = db.execute(
        "SELECT id, email FROM users WHERE org_id = %s ORDER BY id LIMIT %s", [org, people]
    ).fetchall()
    cookies = []
    for n, (user, email) in enumerate(users):
        made = db.execute(
            "INSERT INTO sign_ins (org_id, user_id, email, password, role) VALUES (%s, %s, %s, 'nobody signs in by it', %s)"
            " RETURNING id",
            [org, user, email, roles[n % len(roles)]],
        ).fetchone()
        assert made
        secret = f"bench-{n}-{random.SystemRandom().getrandbits(128):x}"
        opened = db.execute(
            "INSERT INTO web_sessions (org_id, sign_in_id, secret, until) VALUES (%s, %s, %s, now() + interval '7 days')"
            " RETURNING id",
            [org, made[0], hashlib.sha256(secret.encode()).digest()],
        ).fetchone()
        assert opened
        cookies.append(f"{opened[0]}.{secret}")
    return cookies
