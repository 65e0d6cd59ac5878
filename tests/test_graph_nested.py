"""Comments under many posts: what is new under an old post is found, in few requests, whatever happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors import connectors, facebook
from connectors._base import ConnectorError, Denied, Post
from connectors._http import Clients, Requests
from tests.contract import CLAUSES, Case, Fetches
from tests.contract_liars import LIARS
from tests.contract_stages import NOW, Said, minutes
from tests.graph_fake import Got, Meta, Says, error, fetch, visit, watch
from tests.graph_stage import Graph
from tests.replayer import Asked, Replayer, Reply
from tests.stage_facebook import Facebook
from tests.stage_instagram import Instagram
from tests.stage_threads import Threads

# The contract's clauses once more, with two posts of three said under the first.

NESTED = (
    "nothing_that_waits_behind_a_page_is_lost",
    "a_page_that_was_not_landed_comes_again",
    "posts_of_one_instant_are_all_told",
    "a_future_dated_post_comes_and_hides_nothing",
    "a_post_that_arrives_late_is_found",
    "a_platform_that_repeats_itself_does_not_hold_us",
)


@dataclass
class Under(Graph):
    """Number 0 is a post, and so is every third; the others are said under number 0."""

    def tell(self, asked: Asked) -> Reply:
        below = [said for said in self.newest() if said.n % 3]
        if asked.path.endswith(("/comments", "/conversation")):
            return self.edge(asked, [self.said_below(said) for said in below])
        return self.edge(asked, [self.above(said, below) for said in self.newest() if not said.n % 3])

    def said_below(self, said: Said) -> dict[str, Any]:
        return self.shown(said)

    def above(self, said: Said, below: list[Said]) -> dict[str, Any]:
        count = len(below) if said.n == 0 else 0
        total = {"summary": {"total_count": count}}
        return {**self.shown(said), "comments": total, "comments_count": count, "has_replies": bool(count)}


@dataclass
class FacebookUnder(Under, Facebook):
    kind: str = "page-under"


@dataclass
class InstagramUnder(Under, Instagram):
    kind: str = "media-under"

    def said_below(self, said: Said) -> dict[str, Any]:
        item = self.shown(said)
        return {**item, "text": item.get("caption")}


@dataclass
class ThreadsUnder(Under, Threads):
    kind: str = "replies-under"

    def term(self) -> str:
        return "@me"


STAGES = (FacebookUnder, InstagramUnder, ThreadsUnder)


def hold(name: str, stage: Under, connector: Fetches) -> None:
    with Replayer(stage.answer) as server:

        async def run() -> None:
            clients = Clients(trusted={server.netloc})
            try:
                await CLAUSES[name](Case(connector, stage, Requests(clients), server.base))
            finally:
                await clients.aclose()

        asyncio.run(run())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", NESTED)
def test_what_hangs_under_a_post_keeps_the_contract(name: str, stage: type[Under]) -> None:
    hold(name, stage(), connectors()[stage.platform])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", NESTED)
def test_a_liar_is_caught_under_a_post_too(name: str, stage: type[Under]) -> None:
    with pytest.raises((AssertionError, ConnectorError)):
        hold(name, stage(), LIARS[name](connectors()[stage.platform]))


# A page that a test writes.


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S+0000")


@dataclass
class Page:
    """Posts with their comments by post; pages of three; `fails` answers for a path."""

    posts: dict[str, datetime] = field(default_factory=dict)
    comments: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    touched: dict[str, str] = field(default_factory=dict)
    fails: dict[str, Says] = field(default_factory=dict)

    def say(self, post: str, name: str, at: datetime) -> None:
        self.comments.setdefault(post, []).append((name, at))

    def answer(self, got: Got) -> Says:
        if got.path in self.fails:
            return self.fails[got.path]
        if got.path.endswith("/comments"):
            said = sorted(self.comments.get(got.path.split("/")[0], []), key=lambda one: one[1], reverse=True)
            return self._page(
                got, [{"id": name, "created_time": stamp(at), "message": name} for name, at in said]
            )
        newest = sorted(self.posts.items(), key=lambda one: one[1], reverse=True)
        return self._page(got, [self._post(name, at) for name, at in newest])

    def _post(self, name: str, at: datetime) -> dict[str, Any]:
        total = {"summary": {"total_count": len(self.comments.get(name, []))}}
        updated = self.touched.get(name, stamp(at))
        return {
            "id": name,
            "created_time": stamp(at),
            "updated_time": updated,
            "comments": total,
            "message": name,
        }

    def _page(self, got: Got, items: list[dict[str, Any]]) -> Says:
        start = int(got.params.get("after", "0"))
        paging: dict[str, Any] = {"cursors": {"after": str(start + 3)}}
        if start + 3 < len(items):
            paging["next"] = f"https://graph.facebook.com/x?access_token=CANARY&after={start + 3}"
        return Says({"data": items[start : start + 3], "paging": paging})


def page(*ages: int) -> tuple[Page, Meta]:
    """Posts so many minutes old, named by their order."""
    made = Page({f"2121_{n}": NOW - minutes(age) for n, age in enumerate(ages)})
    return made, Meta(made.answer)


def names(posts: list[Post]) -> list[str]:
    return sorted(post.text for post in posts)


def test_a_quiet_visit_is_the_list_alone_and_brings_nothing() -> None:
    made, meta = page(10, 20)
    made.say("2121_0", "c0", NOW - minutes(5))
    posts, cursor = visit("facebook", meta, watch("page"))
    assert names(posts) == ["2121_0", "2121_1", "c0"]
    del meta.asked[:]
    posts, _ = visit("facebook", meta, watch("page"), cursor)
    assert not posts
    assert [got.path for got in meta.asked] == ["me/feed"]


def test_a_new_comment_under_an_old_post_is_found_by_two_requests() -> None:
    made, meta = page(10, 6000)
    _, cursor = visit("facebook", meta, watch("page"))
    made.say("2121_1", "late answer", NOW + minutes(5))
    del meta.asked[:]
    posts, _ = visit("facebook", meta, watch("page", now=NOW + minutes(6)), cursor)
    assert names(posts) == ["2121_1", "late answer"]
    assert [got.path for got in meta.asked] == ["me/feed", "2121_1/comments"]


def test_what_waits_behind_a_page_of_comments_is_read_back_to_the_last_sweep() -> None:
    made, meta = page(10)
    made.say("2121_0", "old", NOW - minutes(9))
    _, cursor = visit("facebook", meta, watch("page"))
    for n in range(20):
        made.say("2121_0", f"c{n:02}", NOW + timedelta(seconds=n))
    posts, _ = visit("facebook", meta, watch("page", now=NOW + minutes(6)), cursor)
    assert {f"c{n:02}" for n in range(20)} <= set(names(posts))


def test_a_comment_that_is_written_while_the_sweep_runs_is_the_next_ones() -> None:
    made, meta = page(10, 20)
    for n in range(2):
        made.say(f"2121_{n}", f"c{n}", NOW - minutes(5))
    first = fetch("facebook", meta, watch("page"))
    read = fetch("facebook", meta, watch("page"), first.cursor)
    assert [post.text for post in read.posts] == ["c0"]
    made.say("2121_0", "meanwhile", NOW + timedelta(seconds=30))
    _, cursor = visit("facebook", meta, watch("page", now=NOW + minutes(60)), read.cursor)
    posts, _ = visit("facebook", meta, watch("page", now=NOW + minutes(61)), cursor)
    assert "meanwhile" in names(posts)


def test_a_post_that_is_deleted_during_the_sweep_costs_only_itself() -> None:
    made, meta = page(10, 20)
    for n in range(2):
        made.say(f"2121_{n}", f"c{n}", NOW - minutes(5))
    made.fails["2121_0/comments"] = error(100, 33)
    posts, _ = visit("facebook", meta, watch("page"))
    assert names(posts) == ["2121_0", "2121_1", "c1"]


def test_a_refused_token_does_not_end_a_sweep() -> None:
    made, meta = page(10)
    made.say("2121_0", "c", NOW - minutes(5))
    first = fetch("facebook", meta, watch("page"))
    made.fails["2121_0/comments"] = error(190)
    with pytest.raises(Denied):
        fetch("facebook", meta, watch("page"), first.cursor)
    made.fails.clear()
    assert names(list(fetch("facebook", meta, watch("page"), first.cursor).posts)) == ["c"]


def test_a_count_that_stayed_as_it_was_does_not_hide_a_comment_for_ever() -> None:
    made, meta = page(10)
    made.say("2121_0", "to be deleted", NOW - minutes(5))
    _, cursor = visit("facebook", meta, watch("page"))
    made.comments["2121_0"] = [("instead", NOW + minutes(1))]
    heard: list[str] = []
    for n in range(2, 30):
        posts, cursor = visit("facebook", meta, watch("page", now=NOW + minutes(5 * n)), cursor)
        heard += names(posts)
    assert heard.count("instead") >= 1


def test_all_that_there_still_is_can_be_asked_for() -> None:
    made, meta = page(*range(10, 90, 10))
    for n in range(8):
        for c in range(7):
            made.say(f"2121_{n}", f"c{n}{c}", NOW - minutes(9) + timedelta(seconds=c))
    posts, _ = visit("facebook", meta, watch("page"), facebook.FROM_THE_START)
    assert len(set(names(posts))) == 8 + 8 * 7


def test_comments_under_a_post_that_left_the_window_are_not_looked_for() -> None:
    made, meta = page(*range(10, 1130, 10))
    _, cursor = visit("facebook", meta, watch("page", page_size=100), facebook.FROM_THE_START)
    made.say("2121_111", "unheard", NOW + minutes(1))
    made.say("2121_98", "heard", NOW + minutes(1))
    posts, _ = visit("facebook", meta, watch("page", page_size=100, now=NOW + minutes(2)), cursor)
    assert names(posts) == ["2121_98", "heard"]


def test_a_cursor_stays_small_over_many_posts() -> None:
    made, meta = page(*range(10, 5_010, 10))
    for n in range(0, 500, 2):
        made.say(f"2121_{n}", f"c{n}", NOW - minutes(1))
    for n in range(12):
        made.say("2121_498", f"d{n}", NOW - minutes(2))
    cursor, heard = facebook.FROM_THE_START, set()
    for _ in range(600):
        told = fetch("facebook", meta, watch("page"), cursor)
        assert told.cursor is not None
        cursor = told.cursor
        heard |= {post.text for post in told.posts}
        assert len(cursor) < 16_000
        if not told.more:
            break
    assert len(heard) == 762
    quiet, _ = visit("facebook", meta, watch("page"), cursor)
    assert not quiet


def test_empty_pages_that_go_on_for_ever_do_not() -> None:
    def answer(got: Got) -> Says:
        after = int(got.params.get("after", "0"))
        data = [] if after else [{"id": "2121_1", "created_time": stamp(NOW - minutes(5))}]
        return Says({"data": data, "paging": {"next": f"https://graph.facebook.com/x?after={after + 1}"}})

    meta = Meta(answer)
    posts, cursor = visit("facebook", meta, watch("page"))
    assert names(posts) == [""]
    visit("facebook", meta, watch("page"), cursor)
    assert len(meta.asked) < 15


def test_our_clock_may_be_ahead_of_the_platforms() -> None:
    made, meta = page(10)
    made.say("2121_0", "known", NOW - minutes(9))
    _, cursor = visit("facebook", meta, watch("page", now=NOW + minutes(60)))
    for n in range(12):
        made.say("2121_0", f"c{n:02}", NOW + timedelta(seconds=n))
    posts, _ = visit("facebook", meta, watch("page", now=NOW + minutes(61)), cursor)
    assert {f"c{n:02}" for n in range(12)} <= set(names(posts))


def test_answers_that_do_not_come_with_their_comment_are_fetched() -> None:
    def answer(got: Got) -> Says:
        when = stamp(NOW - minutes(5))
        if got.path == "2121/media":
            return Says(
                {
                    "data": [
                        {
                            "id": "1",
                            "timestamp": when,
                            "comments_count": 9,
                            "permalink": "https://i.example/p/1",
                        }
                    ]
                }
            )
        reply = {"timestamp": when, "text": "x", "from": {"id": "8", "username": "bo"}}
        if got.path == "1/comments":
            inner = {
                "data": [{**reply, "id": "3"}],
                "paging": {"cursors": {"after": "z"}, "next": "https://graph.facebook.com/x?after=z"},
            }
            return Says(
                {"data": [{**reply, "id": "2", "from": {"id": "7", "username": "ann"}, "replies": inner}]}
            )
        assert got.path == "2/replies"
        after = got.params.get("after")
        data = [{**reply, "id": "3"}] if after is None else [{**reply, "id": "4", "parent_id": "2"}]
        more = {"cursors": {"after": "z"}, "next": "https://graph.facebook.com/x?after=z"}
        return Says({"data": data, **({"paging": more} if after is None else {})})

    posts, _ = visit("instagram", Meta(answer), watch("media"))
    by_id = {post.id: post for post in posts}
    assert set(by_id) == {"1", "2", "3", "4"}
    assert by_id["2"].reply_to == "1"
    assert by_id["2"].reply_to_author == "2121"
    for ident in ("3", "4"):
        assert (by_id[ident].reply_to, by_id[ident].thread, by_id[ident].reply_to_author) == ("2", "1", "7")
        assert by_id[ident].url == "https://i.example/p/1"


def test_a_new_answer_to_an_old_comment_is_found_behind_the_known_ones() -> None:
    comments: list[dict[str, Any]] = [
        {"id": str(n), "timestamp": stamp(NOW - minutes(60 + n)), "text": "old"} for n in range(100, 180)
    ]

    def answer(got: Got) -> Says:
        if got.path == "2121/media":
            count = len(comments) + sum("replies" in one for one in comments)
            return Says(
                {"data": [{"id": "1", "timestamp": stamp(NOW - minutes(600)), "comments_count": count}]}
            )
        start = int(got.params.get("after", "0"))
        more = {"cursors": {"after": str(start + 50)}, "next": f"https://x.example/?after={start + 50}"}
        return Says(
            {"data": comments[start : start + 50], **({"paging": more} if start + 50 < len(comments) else {})}
        )

    meta = Meta(answer)
    _, cursor = visit("instagram", meta, watch("media"))
    reply = {"id": "999", "timestamp": stamp(NOW + minutes(1)), "text": "sorry for the wait"}
    comments[75]["replies"] = {"data": [reply]}
    posts, _ = visit("instagram", meta, watch("media", now=NOW + minutes(2)), cursor)
    assert "sorry for the wait" in names(posts)
