"""A simulated X that is served, its clock in our hands, and verbs for what happens on it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import uvicorn

from connectors import x
from connectors._base import (
    Cursor,
    Found,
    Gap,
    Http,
    Login,
    Page,
    Post,
    Session,
    Watch,
)
from connectors._http import Clients, Requests
from simulator.app import Simulator
from simulator.lines import Line, external_id
from simulator.people import passer_by
from simulator.x import X
from simulator.x_keys import APP_TOKEN, CLIENT, REFRESH

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = ":".join((*CLIENT, REFRESH))
T = TypeVar("T")


@dataclass
class World:
    """A simulator that is served, its clock in our hands, and the connector before it."""

    simulator: Simulator
    base: str
    clock: list[datetime]
    spent: list[int] = field(default_factory=list)

    @property
    def x(self) -> X:
        played = self.simulator.played["x"]
        assert isinstance(played, X)
        return played

    def say(self, key: str, **more: Any) -> None:
        """A post, and a second goes by."""
        by = more.pop("by", None) or passer_by(1, key)
        given = {"text": f"{key}: Tarnbeck did it again", "label": "chatter", "compound": None, **more}
        provisional = external_id(1, "x", "", key, by)
        self.simulator.stage.add(Line(key=key, platform="x", by=by, external_id=provisional, **given))
        self.passes(seconds=1)

    def id(self, key: str) -> str:
        return self.simulator.stage.said[key].line.external_id

    def ids(self, *but: str) -> set[str]:
        return {
            said.line.external_id for said in self.simulator.stage.said.values() if said.line.key not in but
        }

    def edit(self, key: str, text: str) -> None:
        """As its line foretells it."""
        said = self.simulator.stage.said[key]
        said.version, said.text, said.edited_at = said.version + 1, text, self.clock[0]
        self.simulator.stage.changed += 1

    def delete(self, key: str) -> None:
        self.simulator.stage.said[key].deleted = True
        self.simulator.stage.changed += 1

    def passes(self, **time: float) -> None:
        self.clock[0] += timedelta(**time)

    def asks(self, what: Callable[[Http], Awaitable[T]]) -> T:
        async def run() -> T:
            clients = Clients(trusted={self.base.split("/")[2]})
            try:
                return await what(Requests(clients))
            finally:
                await clients.aclose()

        return asyncio.run(run())

    def watch(self, kind: str = "search", term: str = "tarnbeck", **more: Any) -> Watch:
        given = {"token": APP_TOKEN, "host": f"{self.base}/x", "now": self.clock[0], **more}
        return Watch(kind=kind, term=term, **given)

    def mentions(self, session: Session, **more: Any) -> Watch:
        return self.watch("mentions", "@me", token=session.access, me=session.account_id, **more)

    def signs_in(self, secret: str = SECRET, refresh: str | None = None, name: str = "") -> Session:
        """Named by its number, unless by `name`."""
        number = str(self.simulator.stage.script.cast["us"].number)
        login = Login(host=f"{self.base}/x", identifier=name or number, secret=secret, refresh=refresh)
        return self.asks(lambda http: x.sign_in(http, login))

    def page(self, cursor: Cursor | None = None, watch: Watch | None = None) -> Page:
        return self.asks(lambda http: x.fetch(http, watch or self.watch(), cursor))

    def visit(
        self, cursor: Cursor | None, watch: Watch | None = None
    ) -> tuple[list[Post], Cursor | None, list[Gap]]:
        """All pages until there is no more now."""
        asked = watch or self.watch()

        async def walk(http: Http) -> tuple[list[Post], Cursor | None, list[Gap]]:
            posts, gaps, at = list[Post](), list[Gap](), cursor
            for _ in range(500):
                page = await x.fetch(http, asked, at)
                assert page.spent is not None
                assert page.spent.money <= x.cost(asked).money
                assert page.spent.units <= x.cost(asked).units
                self.spent.append(page.spent.money)
                posts += page.posts
                gaps += [page.gap] if page.gap else []
                assert not page.rejects
                at = page.cursor
                if not page.more:
                    return posts, at, gaps
            raise AssertionError("the walk does not end")

        return self.asks(walk)

    def looks_up(self, *ids: str) -> Found:
        return self.asks(lambda http: x.lookup(http, self.watch(), ids))


@contextmanager
def serving(simulator: Simulator) -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        config = uvicorn.Config(simulator, log_level="critical", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def ids(posts: list[Post]) -> set[str]:
    return {post.id for post in posts}
