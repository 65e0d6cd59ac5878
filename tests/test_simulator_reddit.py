"""The connector walks the simulated Reddit over real HTTP, and gets everything that is there."""

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

from connectors import reddit
from connectors._base import Cursor, Denied, Gap, Gone, Http, Login, Page, Post, TryLater, Watch
from connectors._http import Clients, Requests
from simulator.app import Simulator
from simulator.lines import Edit, Line, external_id
from simulator.people import Person, cast, passer_by
from simulator.reddit import CLIENT, REFRESH, Reddit, account
from simulator.script import Script
from simulator.stage import Stage
from tests.waiting import eventually

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
T = TypeVar("T")


@dataclass
class World:
    """A simulator that is served, its clock in our hands, and the connector before it."""

    simulator: Simulator
    base: str
    clock: list[datetime]
    token: str = ""

    @property
    def reddit(self) -> Reddit:
        played = self.simulator.played["reddit"]
        assert isinstance(played, Reddit)
        return played

    @property
    def us(self) -> Person:
        return self.simulator.stage.script.cast["us"]

    def say(self, key: str, *, to: str | None = None, by: Person | None = None, **more: Any) -> str:
        by = by or passer_by(1, key)
        given = {
            "text": f"{key} is what I say",
            "feed": "coffee",
            "label": "chatter",
            "compound": None,
            **more,
        }
        name = external_id(1, "reddit", "coffee", key, by, to)
        line = Line(key=key, platform="reddit", by=by, reply_to=to, external_id=name, **given)
        self.simulator.stage.add(line)
        return name

    def delete(self, key: str) -> None:
        self.simulator.stage.said[key].deleted = True
        self.simulator.stage.changed += 1

    def noted(self, kind: str = "posts") -> set[str]:
        """What the log of completely sent answers names, once the last of them is in it."""
        eventually(lambda: not self.simulator.sending, of="the end of the last answer")
        return set(getattr(self.simulator.truth, kind)["reddit"])

    def passes(self, **time: float) -> None:
        self.clock[0] += timedelta(**time)

    def asks(self, what: Callable[[Http], Awaitable[T]]) -> T:
        async def run() -> T:
            clients = Clients(trusted={self.base.split("/")[2]})
            try:
                return await what(Requests(clients, clock=lambda: self.clock[0].timestamp()))
            finally:
                await clients.aclose()

        return asyncio.run(run())

    def login(self, secret: str = CLIENT, refresh: str | None = None) -> Login:
        return Login(host=f"{self.base}/reddit", identifier="me", secret=secret, refresh=refresh)

    def signs_in(self, secret: str = CLIENT) -> str:
        self.token = self.asks(lambda http: reddit.sign_in(http, self.login(secret))).access
        return self.token

    def watch(self, kind: str = "subreddit", term: str = "coffee", **more: Any) -> Watch:
        given = {"token": self.token, "host": f"{self.base}/reddit", "now": self.clock[0], **more}
        return Watch(kind=kind, term=term, **given)

    def page(self, watch: Watch, cursor: Cursor | None = None) -> Page:
        return self.asks(lambda http: reddit.fetch(http, watch, cursor))

    def visit(
        self, watch: Watch, cursor: Cursor | None = None
    ) -> tuple[list[Post], Cursor | None, list[Gap]]:
        """All pages until there is no more now."""

        async def walk(http: Http) -> tuple[list[Post], Cursor | None, list[Gap]]:
            posts, gaps, at = list[Post](), list[Gap](), cursor
            for _ in range(200):
                page = await reddit.fetch(http, watch, at)
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
        running = World(simulator, base, clock)
        running.signs_in()
        yield running


def ids(posts: list[Post]) -> set[str]:
    return {post.id for post in posts}


@pytest.mark.parametrize("kind", ["search", "subreddit", "comments"])
def test_what_waits_behind_a_page_is_found(world: World, kind: str) -> None:
    term = "r/coffee say" if kind == "search" else "coffee+tea"
    world.say("root")
    _, cursor, _ = world.visit(world.watch(kind, term))
    said = set()
    for hour in range(2):
        world.passes(hours=1)
        said |= {world.say(f"{hour} {n}", to="root" if kind == "comments" else None) for n in range(120)}
    world.say("elsewhere", feed="cats", to="root" if kind == "comments" else None)
    world.passes(minutes=1)
    more, cursor, gaps = world.visit(world.watch(kind, term, page_size=50), cursor)
    assert ids(more) - {"t3_" + world.simulator.stage.said["root"].line.external_id[3:]} == said
    assert not gaps
    assert world.visit(world.watch(kind, term), cursor)[2] == []
    assert world.noted() >= said


def test_beyond_a_thousand_the_gap_is_named_and_the_rest_is_there(world: World) -> None:
    world.say("first")
    first, cursor, _ = world.visit(world.watch())
    world.passes(hours=1)
    for n in range(1_300):
        world.say(f"post {n}")
        if n % 100 == 0:
            world.passes(minutes=20)
    world.passes(minutes=1)
    posts, cursor, gaps = world.visit(world.watch(), cursor)
    assert len(ids(posts)) == 1_000
    (gap,) = gaps
    assert gap.since == first[0].posted_at
    assert gap.until == min(post.posted_at for post in posts)
    world.say("then")
    world.passes(minutes=1)
    after, _, gaps = world.visit(world.watch(), cursor)
    assert "then is what I say" in {post.text for post in after}
    assert not gaps


def test_the_post_to_go_on_behind_may_be_removed_in_mid_walk(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(world.watch())
    world.passes(hours=1)
    said = {world.say(f"post {n}"): f"post {n}" for n in range(60)}
    world.passes(minutes=1)
    page = world.page(world.watch(page_size=20), cursor)
    assert page.more
    last = page.posts[-1].id
    world.delete(said[last])
    posts, _, gaps = world.visit(world.watch(page_size=20), page.cursor)
    assert ids([*page.posts, *posts]) >= set(said)
    assert not gaps


def test_a_name_that_is_in_no_listing_leads_to_nothing(world: World) -> None:
    world.say("here")
    walk = '{"high":"2026-11-23T11:00:00Z","low":"2026-11-23T10:00:00Z","token":"t3_never"}'
    page = world.page(world.watch(), Cursor(f'{{"at":{{"newest":"2026-11-01T00:00:00Z","walk":{walk}}}}}'))
    assert not page.posts


def test_our_inbox_brings_mentions_and_answers_to_us(world: World) -> None:
    world.signs_in(f"{CLIENT}:{REFRESH}")
    world.say("ours", by=world.us)
    world.say("ours too", to="ours", by=world.us)
    answers = {world.say("a", to="ours"), world.say("b", to="ours too")}
    world.say("theirs")
    mention = world.say("c", to="theirs", text="ask @{us}, *please*")
    world.say("d", to="theirs")
    world.passes(minutes=1)
    me = account(world.us)
    posts, _, _ = world.visit(world.watch("mentions", "@me", me=me))
    assert ids(posts) == {*answers, mention}
    assert {post.id for post in posts if post.reply_to_author == me} == answers
    (named,) = (post for post in posts if post.id == mention)
    assert named.text == "ask u/tarnbeck, *please*"
    assert [one.handle for one in named.mentions] == ["tarnbeck"]
    assert named.thread == world.simulator.stage.said["theirs"].line.external_id


def test_a_thread_is_read_to_its_last_hidden_comment(world: World) -> None:
    root = world.say("root")
    said = {root, *(world.say(f"top {n}", to="root") for n in range(150))}
    above = "top 3"
    for n in range(30):
        said.add(world.say(f"deep {n}", to=above))
        above = f"deep {n}"
    said |= {world.say(f"under {n}", to="top 140") for n in range(120)}
    world.passes(minutes=1)
    watch = world.watch("thread", f"https://www.reddit.com/r/coffee/comments/{root[3:]}/x/", page_size=40)
    posts, cursor, gaps = world.visit(watch)
    assert ids(posts) == said
    assert not gaps
    parents = {post.id: post.reply_to for post in posts}
    assert parents[world.simulator.stage.said["deep 7"].line.external_id] == (
        world.simulator.stage.said["deep 6"].line.external_id
    )
    assert world.page(watch, cursor).more is False
    late = world.say("late", to=above)
    assert late in ids(world.visit(watch, cursor)[0])


def test_edits_and_deletions_are_looked_up(world: World) -> None:
    names = [
        world.say("kept"),
        world.say("gone"),
        world.say("edited", to="kept", edits=(Edit(act=2, text="better now", compound=0.4),)),
        world.say("gone too", to="kept"),
    ]
    world.passes(hours=1)
    world.delete("gone")
    world.delete("gone too")
    world.simulator.stage.act = 1
    world.simulator.stage.release(2)
    found = world.asks(lambda http: reddit.lookup(http, world.watch(), [*names, "t1_never", "tag:other,1"]))
    assert set(found.gone) == {names[1], names[3], "t1_never"}
    assert {post.id: post.text for post in found.posts} == {
        names[0]: "kept is what I say",
        names[2]: "better now",
    }
    assert {post.id for post in found.posts if post.edited_at} == {names[2]}
    assert {post.text for post in world.visit(world.watch("comments"))[0]} == {"better now"}


def test_texts_come_through_markdown_as_they_were_meant(world: World) -> None:
    texts = [
        "5 * 3 * 2 _really_ [not](a link) `code` > 3 & <b>",
        "# no heading\n- no list\n1. no number\n\nnew paragraph #tag",
        "~~so~~ ^high >!hidden!< &amp; \\ | a | b |",
        "see https://acme.example/a_b_c?d=1&e=*2 now",
    ]
    said = [world.say(f"post {n}", to="x", text=text) for n, text in enumerate(texts)]
    world.passes(minutes=1)
    posts = {post.id: post for post in world.visit(world.watch("comments"))[0]}
    assert [posts[name].text for name in said] == texts
    assert posts[said[3]].links == ("https://acme.example/a_b_c?d=1&e=*2",)


def test_a_crosspost_is_a_repost_or_a_quote(world: World) -> None:
    original = world.say("original", feed="tea", text="Acme broke")
    repeat = world.say("repeat", repost_of="original", text="")
    quote = world.say("quote", quote_of="original", text="Look at this")
    world.passes(minutes=1)
    posts, _, _ = world.visit(world.watch())
    assert {(post.id, post.verb, post.text) for post in posts} == {
        (repeat, "repost", ""),
        (original, "post", "Acme broke"),
        (quote, "quote", "Look at this"),
    }
    assert world.noted("reposts") == {repeat}
    assert world.noted() == {original, quote}


def test_a_subreddit_that_is_not_there_is_gone_and_a_closed_one_is_told_why(world: World) -> None:
    world.say("here")
    with pytest.raises(Gone):
        world.page(world.watch(term="nowhere"))
    for reason, error in (("private", Denied), ("quarantined", Denied), ("banned", Gone)):
        world.reddit.closed["coffee"] = reason
        with pytest.raises(error):
            world.page(world.watch())


def test_an_ended_token_can_be_renewed_and_a_revoked_one_cannot(world: World) -> None:
    world.say("here")
    secret = f"{CLIENT}:{REFRESH}"
    session = world.asks(lambda http: reddit.sign_in(http, world.login(secret)))
    assert (session.account_id, session.handle, session.lasts) == (account(world.us), "tarnbeck", 86_400.0)
    world.token = session.access
    assert world.page(world.watch()).posts
    world.passes(days=2)
    with pytest.raises(Denied) as ended:
        world.page(world.watch())
    assert ended.value.refreshable
    again = world.asks(lambda http: reddit.sign_in(http, world.login(secret, session.refresh)))
    world.token = again.access
    assert world.page(world.watch()).posts
    held = world.asks(lambda http: reddit.check(http, world.watch()))
    assert (held.account_id, held.handle) == (account(world.us), "tarnbeck")
    world.reddit.refresh.clear()
    with pytest.raises(Denied) as revoked:
        world.asks(lambda http: reddit.sign_in(http, world.login(secret, again.refresh)))
    assert not revoked.value.refreshable


def test_an_app_has_no_inbox_and_is_nobody(world: World) -> None:
    assert world.asks(lambda http: reddit.check(http, world.watch())).account_id is None
    with pytest.raises(Denied) as refused:
        world.page(world.watch("mentions", "@me"))
    assert not refused.value.refreshable


def test_the_window_is_told_in_seconds_and_a_request_too_many_in_html(world: World) -> None:
    world.say("here")
    world.simulator.counters.set("reddit", 2, 300)
    watch = world.watch()
    world.page(watch)
    world.page(watch)
    with pytest.raises(TryLater) as later:
        world.page(watch)
    assert later.value.limited
    assert later.value.after == 300.0
    world.passes(seconds=301)
    assert world.page(watch).posts
