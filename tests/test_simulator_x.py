"""The connector walks the simulated X over real HTTP, gets everything that is there, and knows what it has cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors import x
from connectors._base import (
    Cursor,
    Denied,
    Gone,
    TryLater,
)
from simulator.app import Simulator
from simulator.lines import Edit
from simulator.people import cast
from simulator.script import Script
from simulator.stage import Stage
from simulator.x_keys import APP_TOKEN, KEYS
from tests.simulated_x import START, World, ids, serving
from tests.waiting import eventually


@pytest.fixture
def world() -> Iterator[World]:
    clock = [START]
    stage = Stage(Script(1, cast(1), {}, ()), lambda: clock[0])
    stage.act = 2  # later acts are said over half an hour at most
    simulator = Simulator(stage)
    with serving(simulator) as base:
        yield World(simulator, base, clock)


def test_all_that_the_search_still_has_is_read_from_the_start_and_counted_to_the_cent(world: World) -> None:
    for n in range(260):
        world.say(f"post {n}")
    world.passes(minutes=1)
    posts, _, gaps = world.visit(x.FROM_THE_START)
    assert len(posts) == 260
    assert ids(posts) == world.ids()
    assert not gaps
    eventually(lambda: set(world.simulator.truth.posts["x"]) == world.ids())
    assert sum(world.spent) == world.x.bill.listed[APP_TOKEN, "2026-11"] == 260 * 15_000


def test_what_waits_behind_many_pages_is_found_once_and_paid_once(world: World) -> None:
    world.say("first")
    world.passes(minutes=3)
    posts, cursor, _ = world.visit(None)
    for hour in range(3):
        world.passes(hours=1)
        for n in range(130):
            world.say(f"{hour} {n}")
        world.passes(minutes=3)
        more, cursor, gaps = world.visit(cursor)
        posts += more
        assert not gaps
    assert len(posts) == 391
    assert ids(posts) == world.ids()
    assert sum(world.spent) == world.x.bill.listed[APP_TOKEN, "2026-11"]


def test_posts_that_come_in_the_middle_of_a_walk_are_found_by_the_next(world: World) -> None:
    world.say("first")
    posts, cursor, _ = world.visit(None)
    world.passes(hours=1)
    for n in range(60):
        world.say(f"before {n}")
    page = world.page(cursor)
    world.passes(minutes=1)
    for n in range(60):
        world.say(f"meanwhile {n}")
    rest, cursor, _ = world.visit(page.cursor)
    last, _, _ = world.visit(cursor)
    assert ids([*posts, *page.posts, *rest, *last]) == world.ids()


def test_a_visit_without_news_costs_nothing_and_a_quiet_week_is_no_gap(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    paid = sum(world.spent)
    for _ in range(20):
        world.passes(hours=12)
        posts, cursor, gaps = world.visit(cursor)
        assert not posts
        assert not gaps
    world.say("after ten days")
    world.passes(minutes=1)
    posts, _, gaps = world.visit(cursor)
    assert [post.id for post in posts] == [world.id("after ten days")]
    assert not gaps
    assert sum(world.spent) == paid + 15_000


def test_after_more_than_a_week_away_what_the_search_lost_is_named(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    world.passes(days=2)
    world.say("lost")
    world.passes(days=8)
    for n in range(60):
        world.say(f"still there {n}")
    world.passes(minutes=3)
    posts, cursor, gaps = world.visit(cursor)
    assert ids(posts) == world.ids("first", "lost")
    (gap,) = gaps
    assert gap.since is not None
    assert abs(gap.since - START) < timedelta(hours=1)
    assert gap.until == world.clock[0].replace(microsecond=0) - timedelta(days=7) + timedelta(minutes=15)
    assert world.visit(cursor)[0] == []


def test_a_walk_that_had_to_wait_until_its_mark_was_too_old_goes_on_below_what_it_has_seen(
    world: World,
) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    world.passes(days=5)
    for n in range(100):
        world.say(f"five days on {n}")
    page = world.page(cursor)
    world.passes(days=3)
    rest, _, gaps = world.visit(page.cursor)
    assert len(page.posts) + len(rest) < 110  # the second in which it stopped is read again
    assert ids([*page.posts, *rest]) == world.ids("first")
    assert len(gaps) == 1


def test_a_walk_whose_token_is_not_known_any_more_loses_nothing_and_reads_nothing_twice(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    world.passes(hours=1)
    for n in range(100):
        world.say(f"post {n}")
    page = world.page(cursor)
    stand = msgspec.json.decode(page.cursor or "")
    stand["walk"]["token"] = "b26v89c19zqg"
    mended = world.page(Cursor(msgspec.json.encode(stand).decode()))
    assert (mended.posts, mended.more) == ((), True)
    rest, _, gaps = world.visit(mended.cursor)
    assert len(page.posts) + len(rest) == 100
    assert ids([*page.posts, *rest]) == world.ids("first")
    assert not gaps


def test_an_edit_is_the_same_post_in_other_words_whatever_its_id(world: World) -> None:
    second, third = (
        Edit(act=2, text="Tarnbeck, second", compound=None),
        Edit(act=3, text="Tarnbeck, third", compound=None),
    )
    world.say("changed", edits=(second, third))
    world.say("answer", reply_to="changed")
    world.passes(minutes=3)
    (_, first), cursor, _ = world.visit(None)
    world.passes(minutes=5)
    when = world.clock[0]
    world.edit("changed", second.text)
    world.edit("changed", third.text)
    world.passes(minutes=1)
    (again,), _, _ = world.visit(cursor)
    assert (first.id, first.edited_at) == (world.id("changed"), None)
    assert (again.id, again.text, again.posted_at) == (first.id, third.text, first.posted_at)
    assert again.edited_at == when
    assert again.url != first.url
    found = world.looks_up(first.id)
    assert [(post.id, post.text) for post in found.posts] == [(first.id, third.text)]


def test_a_repost_brings_the_whole_text_of_what_it_repeats_and_goes_with_it(world: World) -> None:
    world.say("original", text="Tarnbeck broke my mug. " * 12)
    for n in range(3):
        world.say(f"again {n}", repost_of="original", text="")
    world.passes(minutes=1)
    _, cursor, _ = world.visit(None)
    posts, _, _ = world.visit(x.FROM_THE_START)
    whole = [post for post in posts if post.verb != "repost"]
    assert [(post.id, post.text) for post in whole] == [
        (world.id("original"), ("Tarnbeck broke my mug. " * 12).strip())
    ]
    assert {post.repost_of for post in posts if post.verb == "repost"} == {world.id("original")}
    eventually(lambda: len(world.simulator.truth.reposts["x"]) == 3)
    world.delete("original")
    assert world.visit(x.FROM_THE_START)[0] == []
    assert world.visit(cursor)[0] == []


def test_a_search_without_reposts_pays_for_none(world: World) -> None:
    world.say("original")
    world.say("again", repost_of="original", text="")
    posts, _, _ = world.visit(None, world.watch(term="(tarnbeck OR ironcup) -is:retweet"))
    assert [post.id for post in posts] == [world.id("original")]


def test_a_lookup_tells_what_is_gone(world: World) -> None:
    for n in range(3):
        world.say(f"post {n}")
    world.visit(None)
    world.delete("post 1")
    found = world.looks_up(*(world.id(f"post {n}") for n in range(3)), "404")
    assert ids(list(found.posts)) == {world.id("post 0"), world.id("post 2")}
    assert found.gone == (world.id("post 1"), "404")
    assert found.spent is not None
    assert found.spent.money == 10_000
    assert world.looks_up("404").gone == ("404",)


def test_a_conversation_is_read_whole_with_its_root_and_its_dead_parents_cost_no_post(world: World) -> None:
    us = world.simulator.stage.script.cast["us"]
    world.say("root", by=us, text="New lids!")
    world.say("middle", reply_to="root", text="No")
    world.passes(minutes=1)
    for n in range(40):
        world.say(f"answer {n}", reply_to="middle", text=f"Yes {n}")
    world.visit(None)
    world.delete("middle")
    world.passes(minutes=3)
    watch = world.watch("conversation", world.id("root"))
    posts, cursor, gaps = world.visit(None, watch)
    assert ids(posts) == world.ids("middle")
    assert not gaps
    one = next(post for post in posts if post.text == "Yes 7")
    assert (one.verb, one.thread, one.reply_to) == ("comment", world.id("root"), world.id("middle"))
    world.passes(minutes=1)
    world.say("late", reply_to="root", text="Hm")
    (late, root), _, _ = world.visit(cursor, watch)
    assert (late.text, root.id, late.reply_to_author) == ("Hm", world.id("root"), str(us.number))


def test_mentions_of_oneself_are_counted_in_full_and_charged_at_the_price_of_ones_own(world: World) -> None:
    session = world.signs_in()
    for n in range(60):
        world.say(f"to us {n}", text=f"@{{us}} hello {n}")
    world.say("not to us")
    world.passes(minutes=3)
    posts, cursor, _ = world.visit(None, world.mentions(session, page_size=5))
    assert len(posts) == 5
    world.passes(minutes=1)
    for n in range(60, 130):
        world.say(f"to us {n}", text=f"@{{us}} hello {n}")
    more, _, gaps = world.visit(cursor, world.mentions(session))
    assert len(ids(more)) == 70
    assert not gaps
    assert {m.id for post in more for m in post.mentions} == {session.account_id}
    assert sum(world.spent) == 75 * 15_000
    assert world.x.bill.listed[session.access, "2026-11"] == 75 * 11_000
    by_number = world.page(None, world.watch("mentions", session.account_id, page_size=5))
    assert by_number.spent is not None
    assert by_number.spent.money == 5 * 15_000


def test_more_mentions_than_are_shown_leave_a_named_gap(world: World) -> None:
    session = world.signs_in()
    world.say("first", text="@{us} first")
    _, cursor, _ = world.visit(None, world.mentions(session))
    world.passes(hours=1)
    for n in range(850):
        world.say(f"to us {n}", text=f"@{{us}} hello {n}")
    world.passes(minutes=1)
    posts, _, gaps = world.visit(cursor, world.mentions(session, page_size=100))
    assert len(posts) == 800
    (gap,) = gaps
    assert gap.until is not None
    assert gap.until <= min(post.posted_at for post in posts) + timedelta(seconds=1)


def test_a_mention_whose_place_is_not_settled_yet_is_read_again(world: World) -> None:
    session = world.signs_in()
    world.say("old", text="@{us} old")
    _, cursor, _ = world.visit(None, world.mentions(session))
    world.passes(hours=1)
    world.say("early", text="@{us} early")
    world.passes(minutes=35)
    world.say("young", text="@{us} young")
    young = world.simulator.stage.said["young"]
    world.clock[0] = young.indexed_at + timedelta(seconds=10)
    posts, cursor, _ = world.visit(cursor, world.mentions(session))
    assert ids(posts) == world.ids("old")
    again, cursor, _ = world.visit(cursor, world.mentions(session))
    assert ids(again) == {world.id("young")}
    world.passes(minutes=2)
    _, cursor, _ = world.visit(cursor, world.mentions(session))
    assert world.visit(cursor, world.mentions(session))[0] == []


def test_what_a_search_does_not_show_yet_is_found_later(world: World) -> None:
    world.x.unsettled = 30.0
    world.say("first")
    world.passes(minutes=1)
    posts, cursor, _ = world.visit(None)
    assert len(posts) == 1
    world.say("early")
    world.passes(seconds=31)
    world.say("late")
    early, cursor, _ = world.visit(cursor)
    world.passes(seconds=31)
    late, _, _ = world.visit(cursor)
    assert ids([*early, *late]) >= {world.id("late")}
    assert ids([*early, *late]) == {world.id("early"), world.id("late")}


def test_the_cap_of_the_month_waits_for_the_next_and_bills_nothing_more(world: World) -> None:
    for n in range(100):
        world.say(f"post {n}")
    world.passes(minutes=1)
    world.x.bill.cap = 600_000
    page = world.page(x.FROM_THE_START)
    page = world.page(page.cursor)
    with pytest.raises(TryLater) as caught:
        world.page(page.cursor)
    billed = world.x.bill.charged[APP_TOKEN, "2026-11"]
    assert billed == 50 * 15_000
    assert caught.value.limited
    next_month = datetime(2026, 12, 1, tzinfo=UTC)
    assert caught.value.after == (next_month - world.clock[0]).total_seconds()
    world.clock[0] = next_month
    posts, _, gaps = world.visit(page.cursor)
    assert not posts
    assert gaps  # a week has gone by
    assert world.x.bill.charged[APP_TOKEN, "2026-11"] == billed


def test_too_many_requests_wait_for_the_window_and_are_told_from_the_cap(world: World) -> None:
    assert [world.x.window.take(0.0) for _ in range(452)].count(False) == 2
    assert world.x.window.used == 450, "what is answered with 429 takes nothing of the window"
    world.simulator.counters.set("x", 2, 60)
    world.say("first")
    world.page()
    world.page()
    world.passes(seconds=2)
    with pytest.raises(TryLater) as caught:
        world.page()
    assert caught.value.limited
    assert caught.value.after is not None
    assert caught.value.after <= 900
    assert world.simulator.counters.exceeded["x"] == 1


def test_a_token_ends_and_a_refresh_token_works_once(world: World) -> None:
    first = world.signs_in()
    us = world.simulator.stage.script.cast["us"]
    assert (first.account_id, first.lasts) == (str(us.number), 7_200)
    world.passes(hours=3)
    with pytest.raises(Denied) as caught:
        world.page(None, world.mentions(first))
    assert caught.value.refreshable
    second = world.signs_in(refresh=first.refresh)
    assert second.refresh != first.refresh
    assert world.page(None, world.mentions(second)).posts == ()
    with pytest.raises(Denied) as refused:
        world.signs_in(refresh=first.refresh)
    assert not refused.value.refreshable


def test_nobody_is_asked_at_the_door_whose_an_account_is_since_that_is_paid_for(world: World) -> None:
    before = world.simulator.requests
    first = world.signs_in(name="4711")
    second = world.signs_in(refresh=first.refresh, name="@tarnbeck")
    assert (first.account_id, first.handle) == ("4711", "")
    assert (second.account_id, second.handle) == ("", "tarnbeck")
    assert world.simulator.requests - before == 2


def test_an_app_signs_in_by_its_keys_or_with_its_token_and_is_nobody(world: World) -> None:
    session = world.signs_in(":".join(KEYS))
    assert session.access.startswith(APP_TOKEN)
    assert (session.refresh, session.account_id) == (None, "")
    world.say("first")
    assert len(world.page(None, world.watch(token=session.access)).posts) == 1
    before = world.simulator.requests
    assert world.signs_in(f"bearer {APP_TOKEN}").access == APP_TOKEN
    assert world.simulator.requests == before
    with pytest.raises(Denied) as caught:
        world.signs_in("sim-key:wrong")
    assert not caught.value.refreshable


def test_a_check_says_whose_a_token_is(world: World) -> None:
    session = world.signs_in()
    held = world.asks(lambda http: x.check(http, world.watch(token=session.access)))
    assert (held.account_id, held.scopes) == (session.account_id, None)
    assert world.asks(lambda http: x.check(http, world.watch())).account_id is None
    with pytest.raises(Denied):
        world.asks(lambda http: x.check(http, world.watch(token="no such token")))


def test_how_much_a_search_brings_is_told_for_the_price_of_one_post(world: World) -> None:
    for n in range(70):
        world.say(f"post {n}")
    world.passes(minutes=1)
    volume = world.asks(lambda http: x.volume(http, world.watch()))
    assert volume.posts_a_day == pytest.approx(10)
    assert volume.spent.money == world.x.bill.charged[APP_TOKEN, "2026-11"] == 5_000
    assert "mentions" not in x.counted


def test_pages_out_of_order_and_with_doubles_lose_nothing(world: World) -> None:
    world.say("first")
    _, cursor, _ = world.visit(None)
    world.passes(hours=1)
    for n in range(120):
        world.say(f"post {n}")
    for kind in ("reordered", "duplicated", "reordered", "duplicated"):
        world.simulator.faults.add({"kind": kind, "platform": "x", "endpoint": "search"})
    posts, _, gaps = world.visit(cursor)
    assert ids(posts) == world.ids("first")
    assert not gaps


def test_nobody_is_followed_who_is_not_there(world: World) -> None:
    with pytest.raises(Gone) as caught:
        world.page(None, world.watch("mentions", "404"))
    assert not caught.value.cursor
