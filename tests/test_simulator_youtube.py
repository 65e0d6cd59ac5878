"""The connector walks the simulated YouTube over real HTTP, and gets everything that is there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn

from connectors import youtube
from connectors._base import Cursor, Denied, Gap, Gone, Http, Post, TryLater, Watch
from connectors._http import Clients, Requests
from simulator.app import Simulator
from simulator.lines import Edit, Line, external_id
from simulator.people import cast, passer_by
from simulator.script import Script
from simulator.stage import Stage
from simulator.youtube import KEY, YouTube

CHANNEL, VIDEO = "UC" + "b" * 22, "v" * 11
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
T = TypeVar("T")


@dataclass
class World:
    """A simulator that is served, its clock in our hands, and the connector before it."""

    simulator: Simulator
    base: str
    clock: list[datetime]
    asked: list[str] = field(default_factory=list)

    @property
    def youtube(self) -> YouTube:
        played = self.simulator.played["youtube"]
        assert isinstance(played, YouTube)
        return played

    def say(self, key: str, *, under: str | None = None, **more: Any) -> str:
        by = passer_by(1, key)
        line = Line(
            key=key,
            platform="youtube",
            by=by,
            text=f"{key} is what I say",
            label="chatter",
            compound=None,
            feed=f"{CHANNEL}/{VIDEO}",
            reply_to=under,
            external_id=external_id(1, "youtube", CHANNEL, key, by, under),
            **more,
        )
        self.simulator.stage.add(line)
        return line.external_id

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

    def watch(self, kind: str = "channel", term: str = "", **more: Any) -> Watch:
        term = term or {"channel": CHANNEL, "video": VIDEO}[kind]
        given = {"token": KEY, "host": f"{self.base}/youtube", "now": self.clock[0], **more}
        return Watch(kind=kind, term=term, **given)

    def told(self) -> set[str]:
        """What the simulator has noted as told. Asked over HTTP, because its loop notes an answer just after it went out."""
        with httpx.Client(timeout=20, trust_env=False) as client:
            return set(
                client.get(f"{self.base}/_control/truth").raise_for_status().json()["returned"]["youtube"]
            )

    def visit(
        self, cursor: Cursor | None, watch: Watch | None = None
    ) -> tuple[list[Post], Cursor | None, list[Gap]]:
        """All pages until there is no more now."""
        watch = watch or self.watch()

        async def walk(http: Http) -> tuple[list[Post], Cursor | None, list[Gap]]:
            posts, gaps, at = list[Post](), list[Gap](), cursor
            for _ in range(500):
                page = await youtube.fetch(http, watch, at)
                posts += page.posts
                gaps += [page.gap] if page.gap else []
                assert not page.rejects
                at = page.cursor
                if not page.more:
                    return posts, at, gaps
            raise AssertionError("the walk does not end")

        return self.asks(walk)


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


@pytest.fixture
def world() -> Iterator[World]:
    clock = [START]
    stage = Stage(Script(1, cast(1), {}, ()), lambda: clock[0])
    simulator = Simulator(stage)
    with serving(simulator) as base:
        yield World(simulator, base, clock)


def ids(posts: list[Post]) -> set[str]:
    return {post.id for post in posts}


def test_everything_there_is_is_read_from_the_start(world: World) -> None:
    said = {world.say(f"thread {n}") for n in range(250)}
    said |= {world.say(f"reply {n}", under="thread 7") for n in range(230)}
    said |= {world.say(f"word {n}", under="thread 200") for n in range(4)}
    world.passes(minutes=1)
    posts, _, gaps = world.visit(youtube.FROM_THE_START)
    assert ids(posts) == said
    assert sum(post.reply_to is None for post in posts) == 250, "no thread is told twice"
    assert not gaps
    assert world.told() == said


@pytest.mark.parametrize("kind", ["channel", "video"])
def test_what_waits_behind_a_page_is_found_with_its_replies(world: World, kind: str) -> None:
    world.say("first")
    posts, cursor, _ = world.visit(None, world.watch(kind))
    for hour in range(3):
        world.passes(hours=1)
        for n in range(130):
            world.say(f"{hour} {n}")
        for n in range(12):
            world.say(f"{hour} answer {n}", under=f"{hour} 3")
    world.passes(minutes=1)
    more, cursor, gaps = world.visit(cursor, world.watch(kind, page_size=40))
    assert len(ids(posts + more)) == 1 + 3 * 142
    assert not gaps
    answers = [post for post in more if post.reply_to and post.text.startswith("0 answer")]
    parent = next(post for post in more if post.text.startswith("0 3 "))
    assert {post.reply_to for post in answers} == {post.thread for post in answers} == {parent.id}
    assert {post.reply_to_author for post in answers} == {parent.author.id if parent.author else None}
    assert {post.place for post in more} == {CHANNEL}
    assert all(post.url and f"v={VIDEO}&lc={post.id}" in post.url for post in more)


def test_a_reply_does_not_move_its_thread_and_is_found_all_the_same(world: World) -> None:
    for n in range(90):
        world.say(f"thread {n}")
    _, cursor, _ = world.visit(None)
    for n in range(20):
        world.passes(minutes=5)
        told = world.say(f"reply {n}", under="thread 0")
        posts, cursor, _ = world.visit(cursor)
        assert told in ids(posts)


def test_a_reply_under_an_older_thread_waits_for_the_next_look(world: World) -> None:
    for n in range(250):
        world.say(f"thread {n}")
    world.passes(minutes=6)
    _, cursor, _ = world.visit(youtube.FROM_THE_START)
    late = [world.say(f"reply {n}", under="thread 3") for n in range(8)]
    world.passes(minutes=5)
    posts, cursor, _ = world.visit(cursor)
    assert not ids(posts) & set(late)
    world.passes(hours=6)
    posts, cursor, _ = world.visit(cursor)
    assert ids(posts) >= set(late)
    before = world.youtube.used.total()
    world.passes(hours=6)
    world.visit(cursor)
    assert world.youtube.used.total() - before == 3, (
        "a look over threads that have not grown costs its pages only"
    )


def test_a_quiet_visit_costs_one_unit(world: World) -> None:
    for n in range(150):
        world.say(f"thread {n}")
        for reply in range(7):
            world.say(f"{n} {reply}", under=f"thread {n}")
    world.passes(minutes=6)
    _, cursor, _ = world.visit(None)
    assert world.youtube.used.total() == 101
    for _ in range(3):
        world.passes(minutes=5)
        _, cursor, _ = world.visit(cursor)
    assert world.youtube.used.total() == 104
    assert len(cursor or "") < 4_000


def test_a_thread_is_read_whole_and_again_only_when_it_has_grown(world: World) -> None:
    top = world.say("thread")
    said = {top} | {world.say(f"reply {n}", under="thread") for n in range(130)}
    world.passes(minutes=1)
    posts, cursor, _ = world.visit(None, world.watch("thread", top))
    assert ids(posts) == said
    assert world.youtube.used.total() == 3
    world.passes(minutes=5)
    _, cursor, _ = world.visit(cursor, world.watch("thread", top))
    assert world.youtube.used.total() == 4
    newest = world.say("one more", under="thread")
    world.passes(minutes=5)
    posts, cursor, _ = world.visit(cursor, world.watch("thread", top))
    assert newest in ids(posts)
    world.simulator.stage.said["thread"].deleted = True
    world.simulator.stage.changed += 1
    _, cursor, _ = world.visit(cursor, world.watch("thread", top))
    world.passes(hours=24)
    with pytest.raises(Gone):
        world.visit(cursor, world.watch("thread", top))


def test_edits_come_with_their_time_and_deletions_are_looked_up(world: World) -> None:
    edited = world.say("thread", edits=(Edit(act=2, text="taken back, @{us}", compound=None),))
    deleted = world.say("gone soon", deleted_in=2)
    under = world.say("goes with it", under="gone soon")
    reply = world.say("stays", under="thread")
    _, cursor, _ = world.visit(None)
    world.passes(minutes=5)
    world.simulator.stage.release(2)
    posts, _, _ = world.visit(cursor)
    post = next(post for post in posts if post.id == edited)
    assert post.text.startswith("taken back, @")
    assert post.edited_at == world.clock[0]
    assert len(post.mentions) == 1
    found = world.asks(lambda http: youtube.lookup(http, world.watch(), [edited, deleted, under, reply]))
    assert set(found.gone) == {deleted, under}
    assert [(one.id, one.reply_to) for one in found.posts] == [(edited, None), (reply, edited)]
    assert [one.place for one in found.posts] == [CHANNEL, CHANNEL]


def test_the_quota_of_the_day_ends_at_midnight_in_california(world: World) -> None:
    world.say("thread")
    world.youtube.daily = 2
    _, cursor, _ = world.visit(None)
    _, cursor, _ = world.visit(cursor)
    with pytest.raises(TryLater) as told:
        world.visit(cursor)
    assert told.value.limited
    assert told.value.after == 20 * 3600
    assert ids(world.visit(cursor, world.watch(token=f"{KEY}-of-another-project"))[0])
    world.passes(seconds=told.value.after)
    posts, _, _ = world.visit(cursor)
    assert len(posts) == 1


def test_asking_too_fast_is_told_without_any_header(world: World) -> None:
    world.say("thread")
    world.simulator.counters.set("youtube", 1, 60)
    _, cursor, _ = world.visit(None)
    with pytest.raises(TryLater) as told:
        world.visit(cursor)
    assert told.value.limited
    assert told.value.after == 30.0
    world.passes(seconds=61)
    world.visit(cursor)


def test_what_is_refused_is_told_by_its_reason(world: World) -> None:
    world.youtube.off.add(VIDEO)
    with pytest.raises(Gone):
        world.visit(None, world.watch("video"))
    for token in ("another", "", None):
        with pytest.raises(Denied):
            world.asks(lambda http: youtube.check(http, world.watch(token=token)))  # noqa: B023
        with pytest.raises(Denied):
            world.visit(None, world.watch(token=token))
    assert world.asks(lambda http: youtube.check(http, world.watch())).account_id is None


def test_a_page_in_disorder_loses_nothing(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    said = {world.say(f"thread {n}") for n in range(230)}
    for kind in ("reordered", "duplicated"):
        world.simulator.faults.add({"kind": kind, "platform": "youtube", "after": 1})
    world.passes(minutes=5)
    posts, _, _ = world.visit(cursor)
    assert ids(posts) >= said


def test_a_token_is_good_for_its_own_list_only(world: World) -> None:
    for n in range(3):
        world.say(f"thread {n}")
    stolen = world.asks(
        lambda http: youtube.fetch(http, world.watch(page_size=1), youtube.FROM_THE_START)
    ).cursor
    page = world.asks(lambda http: youtube.fetch(http, world.watch("video"), stolen))
    assert not page.posts
    assert page.more
    posts, _, _ = world.visit(page.cursor, world.watch("video"))
    assert len(posts) == 3
