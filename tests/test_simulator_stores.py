"""The connectors walk both simulated stores over real HTTP, and get every review that is told."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import uvicorn

from connectors import appstore, googleplay
from connectors._base import Cursor, Denied, Gap, Gone, Http, Login, Post, Session, TryLater, Watch
from connectors._http import Clients, Requests
from simulator.app import Simulator
from simulator.limits import Window
from simulator.lines import Edit, Line, Platform, external_id
from simulator.people import cast, passer_by
from simulator.script import Script
from simulator.stage import Stage
from simulator.stores import ACCOUNT, SCOPE, AppStore, GooglePlay
from tests.waiting import eventually

APP, PACKAGE = "310633997", "com.acme.shop"
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
T = TypeVar("T")
Walked = tuple[list[Post], Cursor | None, list[Gap]]


@dataclass
class World:
    """A simulator that is served, its clock in our hands, and the connectors before it."""

    simulator: Simulator
    base: str
    clock: list[datetime]
    session: Session | None = None

    @property
    def apple(self) -> AppStore:
        played = self.simulator.played["appstore"]
        assert isinstance(played, AppStore)
        return played

    @property
    def google(self) -> GooglePlay:
        played = self.simulator.played["googleplay"]
        assert isinstance(played, GooglePlay)
        return played

    def say(self, platform: Platform, key: str, *, under: str | None = None, **more: Any) -> str:
        by = passer_by(1, key)
        feed = {"appstore": APP, "googleplay": PACKAGE}[platform]
        line = Line(
            key=key,
            platform=platform,
            by=by,
            text=f"{key} is what I say",
            label="chatter",
            compound=None,
            reply_to=under,
            external_id=external_id(1, platform, feed, key, by, under),
            **{"feed": feed, **more},
        )
        self.simulator.stage.add(line)
        return line.external_id

    def passes(self, **time: float) -> None:
        self.clock[0] += timedelta(**time)

    def asks(self, what: Callable[[Http], Awaitable[T]]) -> T:
        async def run() -> T:
            clients = Clients(trusted={self.base.split("/")[2]})
            try:
                return await what(Requests(clients, clock=self.clock[0].timestamp))
            finally:
                await clients.aclose()

        return asyncio.run(run())

    def signs_in(self, **changes: Any) -> Session:
        key = self.google.key_file(f"{self.base}/googleplay") | changes
        host = f"{self.base}/googleplay"
        login = Login(host=host, identifier="reviews", secret=json.dumps(key), now=self.clock[0])
        self.session = self.asks(lambda http: googleplay.sign_in(http, login))
        return self.session

    def watch(self, platform: str, term: str = "") -> Watch:
        term = term or {"appstore": APP, "googleplay": PACKAGE}[platform]
        token = self.session.access if self.session else None
        return Watch(
            kind="reviews", term=term, host=f"{self.base}/{platform}", now=self.clock[0], token=token
        )

    def visit(self, platform: str, cursor: Cursor | None = None, term: str = "") -> Walked:
        """All pages until there is no more now."""
        connector = {"appstore": appstore, "googleplay": googleplay}[platform]
        watch = self.watch(platform, term)

        async def walk(http: Http) -> Walked:
            posts, gaps, at = list[Post](), list[Gap](), cursor
            for _ in range(60):
                page = await connector.fetch(http, watch, at)
                posts += page.posts
                gaps += [page.gap] if page.gap else []
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


@pytest.mark.parametrize("platform", ["appstore", "googleplay"])
def test_what_waits_behind_a_page_is_found(world: World, platform: Platform) -> None:
    said = {world.say(platform, "first")}
    world.signs_in()
    posts, cursor, gaps = world.visit(platform)
    for hour in range(3):
        world.passes(minutes=15)
        said |= {world.say(platform, f"{hour} {n}") for n in range(230)}
        more, cursor, lost = world.visit(platform, cursor)
        posts += more
        gaps += lost
    assert ids(posts) == said
    eventually(lambda: set(world.simulator.truth.posts[platform]) == said)
    assert not gaps


@pytest.mark.parametrize("platform", ["appstore", "googleplay"])
def test_a_quiet_visit_takes_one_request(world: World, platform: Platform) -> None:
    for n in range(120):
        world.say(platform, f"review {n}")
    world.passes(minutes=6)  # what is younger when a visit begins is read once more by the next
    world.signs_in()
    _, cursor, _ = world.visit(platform)
    world.passes(minutes=15)
    before = world.simulator.requests
    world.visit(platform, cursor)
    assert world.simulator.requests == before + 1


@pytest.mark.parametrize("platform", ["appstore", "googleplay"])
def test_a_review_is_a_review_of_the_app_with_its_stars_and_comes_again_when_it_is_edited(
    world: World, platform: Platform
) -> None:
    edit = Edit(act=1, text="It was mended, five stars", compound=None)
    told = world.say(platform, "angry", rating=1, title="Broken", edits=(edit,))
    world.say(platform, "calm", rating=5)
    world.signs_in()
    posts, cursor, _ = world.visit(platform)
    (first,) = (post for post in posts if post.id == told)
    place = {"appstore": APP, "googleplay": PACKAGE}[platform]
    assert (first.verb, first.rating, first.place) == ("review", 1.0, place)
    assert first.text == "Broken\nangry is what I say"
    world.passes(minutes=15)
    world.simulator.stage.release(1)
    world.passes(minutes=1)
    posts, _, _ = world.visit(platform, cursor)
    (then,) = (post for post in posts if post.id == told)
    assert then.text == "Broken\nIt was mended, five stars"
    assert then.edited_at is not None
    assert first.edited_at is not None
    assert then.edited_at > first.edited_at


@pytest.mark.parametrize("platform", ["appstore", "googleplay"])
def test_what_was_taken_away_is_not_missed_and_a_bad_review_costs_only_itself(
    world: World, platform: Platform
) -> None:
    world.say(platform, "gone")
    for poison in ("no_id", "year_1", "year_10000"):
        world.say(platform, poison, poison=poison)
    kept = world.say(platform, "kept")
    world.simulator.stage.said["gone"].deleted = True
    world.signs_in()
    posts, _, _ = world.visit(platform)
    assert ids(posts) == {kept}
    eventually(lambda: len(world.simulator.truth.rejects[platform]) == 3)


def test_more_than_five_hundred_new_ones_are_a_gap_that_is_named(world: World) -> None:
    world.say("appstore", "first")
    _, cursor, _ = world.visit("appstore")
    world.passes(minutes=15)
    said = [world.say("appstore", f"review {n}") for n in range(620)]
    posts, cursor, gaps = world.visit("appstore", cursor)
    assert ids(posts) == set(said[120:])
    assert len(gaps) == 1
    assert gaps[0].since
    assert gaps[0].until
    assert gaps[0].since < START < gaps[0].until
    world.passes(minutes=15)
    assert world.visit("appstore", cursor)[2] == []


def test_an_empty_cache_is_asked_around(world: World) -> None:
    said = {world.say("appstore", f"review {n}") for n in range(3)}
    world.apple.cold = {"b"}
    posts, cursor, _ = world.visit("appstore")
    assert ids(posts) == said
    world.apple.cold = {"b", "B"}
    posts, cursor, gaps = world.visit("appstore", cursor)
    assert not posts
    assert not gaps
    world.apple.cold = set()
    world.passes(minutes=15)
    said.add(new := world.say("appstore", "new"))
    posts, _, gaps = world.visit("appstore", cursor)
    assert new in ids(posts)
    assert not gaps


def test_reviews_that_come_after_an_empty_first_visit_are_all_told(world: World) -> None:
    posts, cursor, _ = world.visit("appstore")
    assert not posts
    world.passes(minutes=15)
    said = {world.say("appstore", f"review {n}") for n in range(120)}
    posts, _, _ = world.visit("appstore", cursor)
    assert ids(posts) == said


def test_an_empty_page_among_others_is_a_gap(world: World) -> None:
    world.say("appstore", "first")
    _, cursor, _ = world.visit("appstore")
    world.passes(minutes=15)
    for n in range(170):
        world.say("appstore", f"review {n}")
    world.apple.holes = {2}
    posts, _, gaps = world.visit("appstore", cursor)
    assert len(ids(posts)) == 121
    assert [gap.reason for gap in gaps] == ["the App Store showed an empty page before page 3"]


def test_reviews_without_a_time_are_new_once(world: World) -> None:
    for n in range(80):
        world.say("appstore", f"old {n}")
    world.apple.undated = True
    posts, cursor, _ = world.visit("appstore")
    assert all(post.posted_at <= START - timedelta(hours=23) for post in posts)
    world.passes(minutes=15)
    said = {world.say("appstore", f"new {n}") for n in range(130)}
    posts, cursor, gaps = world.visit("appstore", cursor)
    assert ids(posts) >= said
    assert not gaps
    before = world.simulator.requests
    world.passes(minutes=15)
    world.visit("appstore", cursor)
    assert world.simulator.requests == before + 1


def test_each_country_has_its_own_reviews(world: World) -> None:
    here = world.say("appstore", "here")
    there = world.say("appstore", "dort", feed=f"de:{APP}")
    assert ids(world.visit("appstore")[0]) == {here}
    assert ids(world.visit("appstore", term=f"de:{APP}")[0]) == {there}


def test_apples_limit_is_waited_for_though_it_looks_like_a_refusal(world: World) -> None:
    world.apple.window = Window(0, 60)
    with pytest.raises(TryLater) as caught:
        world.visit("appstore")
    assert caught.value.limited


def test_our_answer_to_a_review_is_the_apps_own_comment_on_it(world: World) -> None:
    review = world.say("googleplay", "angry", rating=1)
    world.say("googleplay", "sorry", under="angry")
    world.signs_in()
    posts, _, _ = world.visit("googleplay")
    assert [post.id for post in posts] == [review, f"{review}#answer"]
    answer = posts[1]
    assert (answer.verb, answer.reply_to, answer.place) == ("comment", review, PACKAGE)
    assert answer.author is not None
    assert answer.author.id == PACKAGE


def test_who_stays_away_for_a_week_is_told_what_is_lost(world: World) -> None:
    world.say("googleplay", "first")
    world.signs_in()
    _, cursor, _ = world.visit("googleplay")
    world.passes(days=2)
    world.say("googleplay", "lost")
    world.passes(days=8)
    kept = world.say("googleplay", "kept")
    world.signs_in()
    posts, cursor, gaps = world.visit("googleplay", cursor)
    assert ids(posts) == {kept}
    assert [(gap.since, gap.until) for gap in gaps] == [(START, START + timedelta(days=3))]
    world.passes(days=6)
    world.signs_in()
    assert world.visit("googleplay", cursor)[2] == [], "a quiet app is no gap"


def test_a_full_page_that_names_no_next_one_is_a_gap(world: World) -> None:
    world.say("googleplay", "first")
    world.signs_in()
    _, cursor, _ = world.visit("googleplay")
    world.passes(minutes=15)
    for n in range(130):
        world.say("googleplay", f"review {n}")
    world.google.mute = True
    posts, _, gaps = world.visit("googleplay", cursor)
    assert len(posts) == 100
    assert len(gaps) == 1


def test_a_service_account_signs_in_and_its_token_is_checked(world: World) -> None:
    session = world.signs_in()
    assert (session.account_id, session.lasts) == (ACCOUNT, 3600.0)
    held = world.asks(lambda http: googleplay.check(http, world.watch("googleplay")))
    assert held.scopes == frozenset({SCOPE})
    assert held.lasts == 3600.0
    world.say("googleplay", "first")
    world.google.expire()
    with pytest.raises(Denied) as caught:
        world.visit("googleplay")
    assert caught.value.refreshable
    with pytest.raises(Denied):
        world.asks(lambda http: googleplay.check(http, world.watch("googleplay")))


def test_a_clock_that_is_wrong_is_refused_and_not_believed(world: World) -> None:
    world.signs_in()
    key = json.dumps(world.google.key_file(f"{world.base}/googleplay"))
    late = world.clock[0] - timedelta(hours=2)
    login = Login(host=f"{world.base}/googleplay", identifier="x", secret=key, now=late)
    with pytest.raises(Denied) as caught:
        world.asks(lambda http: googleplay.sign_in(http, login))
    assert not caught.value.refreshable


def test_the_hours_limit_of_google_play_is_waited_for(world: World) -> None:
    world.say("googleplay", "first")
    world.signs_in()
    world.google.window = Window(0, 3600)
    with pytest.raises(TryLater) as caught:
        world.visit("googleplay")
    assert caught.value.limited
    assert caught.value.after is not None
    assert caught.value.after >= 600


def test_an_app_that_the_account_does_not_know_is_gone(world: World) -> None:
    world.signs_in()
    with pytest.raises(Gone):
        world.visit("googleplay", term="com.other.app")


def test_pages_that_repeat_and_shuffle_lose_nothing(world: World) -> None:
    world.signs_in()
    for platform in ("appstore", "googleplay"):
        said = {world.say(platform, "first")}
        posts, cursor, _ = world.visit(platform)
        world.passes(minutes=15)
        said |= {world.say(platform, f"review {n}") for n in range(140)}
        for fault in ("duplicated", "reordered"):
            world.simulator.faults.add({"kind": fault, "platform": platform, "times": 1})
        more, _, _ = world.visit(platform, cursor)
        assert ids(posts + more) == said
