"""The connectors walk the simulated Facebook, Instagram and Threads over real HTTP, and get everything that is there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import uvicorn

from connectors import connectors, facebook, instagram, threads
from connectors._base import Cursor, Denied, Gone, Http, Login, Page, Post, Spend, TryLater, Watch
from connectors._http import Clients, Requests
from connectors._limits import Limits
from simulator.app import Simulator
from simulator.graph import STRANGER, TOKEN, Graph, page_id, person_id
from simulator.graph_platforms import Instagram, Threads
from simulator.lines import Edit, Line, external_id
from simulator.people import Person, cast, passer_by
from simulator.script import Script
from simulator.stage import Stage
from tests.waiting import eventually

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
T = TypeVar("T")


class Noted:
    """A budget that lets everything pass and keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Limits | None] = []

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        return None

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        self.told.append(limits)


@dataclass
class World:
    """A simulator that is served, its clock in our hands, and a connector before it."""

    simulator: Simulator
    base: str
    clock: list[datetime]
    budget: Noted
    platform: str = "facebook"
    token: str = TOKEN

    def on(self, platform: str) -> World:
        self.platform = platform
        return self

    @property
    def played(self) -> Graph:
        played = self.simulator.played[self.platform]
        assert isinstance(played, Graph)
        return played

    @property
    def us(self) -> Person:
        return self.simulator.stage.script.cast["us"]

    @property
    def me(self) -> str:
        return page_id(1, "tarnbeck") if self.platform == "facebook" else person_id(self.us)

    def say(self, key: str, *, to: str | None = None, by: Person | None = None, **more: Any) -> str:
        by = by or passer_by(1, key)
        feed = "tarnbeck" if self.platform == "facebook" else ""
        given = {"text": f"{key} is what I say", "feed": feed, "label": "chatter", "compound": None, **more}
        platform: Any = self.platform
        name = external_id(1, platform, given["feed"], key, by, to)
        line = Line(key=key, platform=platform, by=by, reply_to=to, external_id=name, **given)
        self.simulator.stage.add(line)
        return name

    def delete(self, key: str) -> None:
        self.simulator.stage.said[key].deleted = True
        self.simulator.stage.changed += 1

    def passes(self, **time: float) -> None:
        self.clock[0] += timedelta(**time)

    def asks(self, what: Callable[[Http], Awaitable[T]]) -> T:
        async def run() -> T:
            clients = Clients(trusted={self.base.split("/")[2]})
            try:
                clock = self.clock[0].timestamp
                return await what(Requests(clients, budget=self.budget, clock=clock))
            finally:
                await clients.aclose()

        return asyncio.run(run())

    def watch(self, kind: str, term: str = "@me", **more: Any) -> Watch:
        host = f"{self.base}/{self.platform}"
        given = {"token": self.token, "host": host, "now": self.clock[0], "me": self.me, **more}
        return Watch(kind=kind, term=term, **given)

    def page(self, watch: Watch, cursor: Cursor | None = None) -> Page:
        return self.asks(lambda http: connectors()[self.platform].fetch(http, watch, cursor))

    def visit(self, watch: Watch, cursor: Cursor | None = None) -> tuple[list[Post], Cursor | None]:
        """All pages until there is no more now."""

        async def walk(http: Http) -> tuple[list[Post], Cursor | None]:
            posts, at = list[Post](), cursor
            for _ in range(300):
                page = await connectors()[self.platform].fetch(http, watch, at)
                posts += page.posts
                assert not page.rejects
                assert page.gap is None
                at = page.cursor
                assert at is not None
                assert self.token not in at
                if not page.more:
                    return posts, at
            raise AssertionError("the walk does not end")

        return self.asks(walk)

    def login(self, secret: str = TOKEN, refresh: str | None = None) -> Login:
        return Login(host=f"{self.base}/{self.platform}", identifier="me", secret=secret, refresh=refresh)


@contextmanager
def serving(simulator: Simulator) -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
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
    simulator = Simulator(Stage(Script(1, cast(1), {}, ()), lambda: clock[0]))
    with serving(simulator) as base:
        yield World(simulator, base, clock, Noted())


def ids(posts: list[Post]) -> set[str]:
    return {post.id for post in posts}


KINDS = [("facebook", "page"), ("instagram", "media"), ("threads", "replies")]


@pytest.mark.parametrize(("platform", "kind"), KINDS)
def test_comments_under_many_posts_are_all_found(world: World, platform: str, kind: str) -> None:
    world.on(platform)
    said = {world.say(f"post {n}", by=world.us) for n in range(6)}
    said |= {world.say(f"early {n}", to=f"post {n}") for n in range(6)}
    world.passes(minutes=1)
    posts, cursor = world.visit(world.watch(kind))
    assert ids(posts) == said
    late = {world.say(f"late {n}", to=f"post {n % 3}") for n in range(150)}
    late |= {world.say(f"deep {n}", to=f"early {n}") for n in range(6)}
    world.passes(minutes=5)
    more, cursor = world.visit(world.watch(kind, page_size=20), cursor)
    assert ids(more) >= late
    by_id = {post.id: post for post in more}
    assert by_id[max(late)].verb == "comment"
    assert {by_id[name].thread for name in late} <= said
    world.passes(minutes=5)
    quiet, _ = world.visit(world.watch(kind), cursor)
    assert not ids(quiet) - said - late
    assert ids(posts) | ids(more) <= set(world.simulator.truth.posts[platform])


@pytest.mark.parametrize(
    ("platform", "kind", "term"),
    [
        ("facebook", "page", "@me"),
        ("facebook", "mentions", "@me"),
        ("instagram", "hashtag", "#slow"),
        ("instagram", "mentions", "@me"),
        ("threads", "search", "say"),
        ("threads", "search", "#slow"),
        ("threads", "mentions", "@me"),
    ],
)
def test_what_waits_behind_a_page_is_found(world: World, platform: str, kind: str, term: str) -> None:
    world.on(platform)
    more = {"feed": "elsewhere"} if (platform, kind) == ("facebook", "mentions") else {}
    text = "hello #slow @{us}, I say"
    world.say("first", text=text, **more)
    _, cursor = world.visit(world.watch(kind, term))
    said = set()
    for hour in range(2):
        world.passes(hours=1)
        said |= {world.say(f"{hour} {n}", text=text, **more) for n in range(120)}
    world.passes(minutes=1)
    for n in range(0, 120, 7):
        said.discard(world.simulator.stage.said[f"1 {n}"].line.external_id)
        world.delete(f"1 {n}")
    posts, cursor = world.visit(world.watch(kind, term, page_size=30), cursor)
    assert ids(posts) >= said
    assert not any("access_token" in (cursor or "") for _ in posts)


def test_a_thread_is_read_whole_with_its_post(world: World) -> None:
    for platform in ("facebook", "threads"):
        world.on(platform)
        root = world.say(f"{platform} root", by=world.us)
        said = {root, *(world.say(f"{platform} {n}", to=f"{platform} root") for n in range(130))}
        said.add(world.say(f"{platform} deep", to=f"{platform} 7"))
        world.passes(minutes=1)
        posts, cursor = world.visit(world.watch("thread", root, page_size=40))
        assert ids(posts) == said
        by_id = {post.id: post for post in posts}
        deep = world.simulator.stage.said[f"{platform} deep"].line.external_id
        assert by_id[deep].reply_to == world.simulator.stage.said[f"{platform} 7"].line.external_id
        assert by_id[deep].thread == root
        late = world.say(f"{platform} late", to=f"{platform} root")
        world.passes(minutes=1)
        assert late in ids(world.visit(world.watch("thread", root), cursor)[0])


def test_answers_beyond_those_that_come_along_are_found(world: World) -> None:
    world.on("instagram")
    played = world.played
    assert isinstance(played, Instagram)
    played.inline = 3
    said = {world.say("medium", by=world.us), world.say("comment", to="medium")}
    said |= {world.say(f"answer {n}", to="comment") for n in range(70)}
    world.passes(minutes=1)
    posts, _ = world.visit(world.watch("media", page_size=20))
    assert ids(posts) == said


def test_an_edit_and_a_deletion_are_seen(world: World) -> None:
    names = [
        world.say("kept"),
        world.say("gone"),
        world.say("edited", edits=(Edit(act=2, text="better now", compound=0.4),)),
        world.say("comment", to="kept"),
    ]
    world.passes(hours=1)
    _, cursor = world.visit(world.watch("page"))
    world.delete("gone")
    world.simulator.stage.act = 1
    world.simulator.stage.release(2)
    posts, _ = world.visit(world.watch("page"), cursor)
    assert [post.text for post in posts] == ["better now"]
    found = world.asks(lambda http: facebook.lookup(http, world.watch("page"), names))
    assert found.gone == (names[1],)
    assert found.spent == Spend(requests=5)
    assert {post.id: post.text for post in found.posts} == {
        names[0]: "kept is what I say",
        names[2]: "better now",
        names[3]: "comment is what I say",
    }
    assert {post.verb for post in found.posts if post.id == names[3]} == {"comment"}


def test_instagram_and_its_gone_comments(world: World) -> None:
    world.on("instagram")
    names = [world.say("medium", by=world.us), world.say("here", to="medium"), world.say("gone", to="medium")]
    world.delete("gone")
    found = world.asks(lambda http: instagram.lookup(http, world.watch("media"), names))
    assert (found.posts, found.gone) == ((), (names[2],))


def test_a_post_that_is_deleted_in_mid_walk_holds_nobody(world: World) -> None:
    said = {world.say(f"post {n}"): f"post {n}" for n in range(60)}
    world.passes(minutes=1)
    page = world.page(world.watch("page", page_size=20), facebook.FROM_THE_START)
    world.delete(said[page.posts[-1].id])
    posts, _ = world.visit(world.watch("page", page_size=20), page.cursor)
    assert ids([*page.posts, *posts]) >= set(said)


def test_an_app_that_was_not_reviewed_is_not_told_who_wrote(world: World) -> None:
    world.say("post")
    assert all(post.author is not None for post in world.visit(world.watch("page"))[0])
    world.token = STRANGER
    (post,) = world.visit(world.watch("page"))[0]
    assert post.author is None
    assert post.text == "post is what I say"


def test_names_are_tags_on_facebook_and_handles_elsewhere(world: World) -> None:
    world.say("post", text="ask @{us} now")
    (post,) = world.visit(world.watch("page"))[0]
    assert post.text == "ask Tarnbeck Coffee now"
    assert [mention.id for mention in post.mentions] == [world.me]
    world.on("threads").say("thread", text="ask @{us} now")
    world.passes(minutes=1)
    (mention,) = world.visit(world.watch("mentions"))[0]
    assert [one.handle for one in mention.mentions] == ["tarnbeck"]


def test_reposts_and_quotes_on_threads(world: World) -> None:
    world.on("threads")
    original = world.say("original", by=world.us, text="New blend")
    repeat = world.say("repeat", by=world.us, repost_of="original", text="")
    quote = world.say("quote", by=world.us, quote_of="original", text="Look at this")
    world.passes(minutes=1)
    posts, _ = world.visit(world.watch("replies"))
    assert {(post.id, post.verb, post.repost_of) for post in posts} == {
        (original, "post", None),
        (repeat, "repost", original),
        (quote, "quote", None),
    }
    noted = world.simulator.truth.reposts["threads"]  # once the answer has gone out whole
    eventually(lambda: set(noted) == {repeat}, within=5, of="the note of it")


def test_too_much_at_once_is_asked_for_in_halves_until_it_is_given(world: World) -> None:
    said = {world.say(f"post {n}") for n in range(90)}
    world.passes(minutes=1)
    world.played.most = 30
    size: int | None = None
    for _ in range(2):
        with pytest.raises(TryLater) as told:
            world.page(world.watch("page", page_size=size), facebook.FROM_THE_START)
        size = told.value.page_size
    posts, _ = world.visit(world.watch("page", page_size=size), facebook.FROM_THE_START)
    assert not told.value.limited
    assert size == 25
    assert ids(posts) == said


@pytest.mark.parametrize(("platform", "kind"), KINDS)
def test_a_limit_is_a_bad_request_and_lasts_as_many_minutes_as_it_says(
    world: World, platform: str, kind: str
) -> None:
    world.on(platform)
    world.simulator.counters.set(platform, 4, 1200)
    for _ in range(4):
        world.page(world.watch(kind))
    told = world.budget.told
    assert [limits.remaining for limits in told if limits] == [70, 45, 20, 0]
    with pytest.raises(TryLater) as limited:
        world.page(world.watch(kind))
    assert limited.value.limited
    assert limited.value.after == 1200.0
    assert told[-2] == Limits(limit=100, remaining=0, reset_in=900.0)
    world.passes(minutes=20)
    world.page(world.watch(kind))


def test_thirty_hashtags_in_seven_days_are_all(world: World) -> None:
    world.on("instagram")
    for n in range(30):
        world.page(world.watch("hashtag", f"#tag{n}"))
    with pytest.raises(TryLater) as limited:
        world.page(world.watch("hashtag", "#onemore"))
    assert limited.value.limited
    world.page(world.watch("hashtag", "#tag7"))
    world.passes(days=8)
    world.page(world.watch("hashtag", "#onemore"))


def test_a_search_that_finds_nothing_is_free(world: World) -> None:
    world.on("threads").say("post")
    played = world.played
    assert isinstance(played, Threads)
    played.searches_a_day = 2
    for term in ("nothing", "nothing", "post", "nothing", "post"):
        world.page(world.watch("search", term))
    with pytest.raises(TryLater):
        world.page(world.watch("search", "post"))
    world.passes(hours=25)
    assert world.page(world.watch("search", "post")).posts


def test_a_conversation_of_somebody_else_is_not_shown(world: World) -> None:
    root = world.on("threads").say("theirs")
    with pytest.raises(Denied):
        world.page(world.watch("thread", root))


def test_what_is_not_there_is_gone(world: World) -> None:
    with pytest.raises(Gone):
        world.page(world.watch("page", "nobody"))
    with pytest.raises(Gone):
        world.page(world.watch("thread", "1_2"))
    root = world.say("post")
    world.delete("post")
    with pytest.raises(Gone):
        world.page(world.watch("thread", root))


@pytest.mark.parametrize("module", [instagram, threads])
def test_a_token_is_renewed_while_it_lives(world: World, module: Any) -> None:
    world.on(module.platform)
    session = world.asks(lambda http: module.sign_in(http, world.login()))
    assert (session.account_id, session.handle) == (world.me, "tarnbeck")
    assert session.lasts == 60 * 86_400
    world.passes(days=59)
    again = world.asks(lambda http: module.sign_in(http, world.login(refresh=session.access)))
    world.passes(days=30)
    world.token = again.access
    world.page(world.watch({"instagram": "media", "threads": "replies"}[world.platform]))
    world.token = session.access
    with pytest.raises(Denied) as ended:
        world.page(world.watch("mentions"))
    assert ended.value.refreshable
    world.played.expire()
    with pytest.raises(Denied) as refused:
        world.asks(lambda http: module.sign_in(http, world.login(refresh=again.access)))
    assert not refused.value.refreshable


def test_a_changed_password_ends_a_pages_token(world: World) -> None:
    held = world.asks(lambda http: facebook.check(http, world.watch("page")))
    assert (held.account_id, held.handle, held.scopes) == (world.me, "Tarnbeck Coffee", None)
    world.played.expire(460)
    with pytest.raises(Denied) as refused:
        world.page(world.watch("page"))
    assert not refused.value.refreshable


@pytest.mark.parametrize("poison", ["no_id", "year_1", "year_10000", "no_author"])
@pytest.mark.parametrize(("platform", "kind"), KINDS)
def test_a_poisoned_post_is_a_reject_and_holds_nobody(
    world: World, platform: str, kind: str, poison: str
) -> None:
    world.on(platform)
    world.say("good", by=world.us)
    world.say("bad", by=world.us, poison=poison)
    world.passes(minutes=1)
    page = world.page(world.watch(kind))
    rejected = poison != "no_author"
    assert (len(page.posts), len(page.rejects)) == ((1, 1) if rejected else (2, 0))
    then = world.page(world.watch(kind), page.cursor)
    assert not then.rejects
    assert len(world.simulator.truth.rejects[platform]) == int(rejected)
