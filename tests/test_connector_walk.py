"""Walks backwards: the watermark moves only over closed ground, and what is lost is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors._backwards import OVERLAP, Sighting, Stand, Step, stand, step

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Items = list[Sighting]


def seen(*ages: float, prefix: str = "p") -> Items:
    """One sighting per age in minutes."""
    return [
        Sighting(f"{prefix}{age}", NOW - timedelta(minutes=age), NOW - timedelta(minutes=age)) for age in ages
    ]


def begun(*ages: float) -> Stand:
    return stand(step(Stand(), seen(*ages), None, now=NOW).cursor)


def walk(before: Stand, *pages: tuple[Items, str | None], depth_cap: int | None = None) -> list[Step]:
    steps = []
    for items, token in pages:
        steps.append(step(before, items, token, now=NOW, depth_cap=depth_cap))
        before = stand(steps[-1].cursor)
    return steps


def test_a_first_visit_takes_one_page_and_sets_the_mark() -> None:
    done = step(Stand(), seen(10, 20), "token", now=NOW)
    assert not done.more
    assert stand(done.cursor).newest == NOW - timedelta(minutes=10)


def test_the_mark_does_not_move_before_the_gap_is_closed() -> None:
    steps = walk(begun(100), (seen(1, 2), "t1"), (seen(3, 50), "t2"), (seen(90, 100, 110), "t3"))
    assert [s.more for s in steps] == [True, True, True]
    assert all(stand(s.cursor).newest == NOW - timedelta(minutes=100) for s in steps)
    arrived = walk(stand(steps[-1].cursor), (seen(120, 130), "t4"))[0]
    assert not arrived.more
    assert stand(arrived.cursor).newest == NOW - timedelta(minutes=1)
    assert arrived.gap is None


def test_ten_known_posts_at_the_end_of_a_page_are_an_arrival() -> None:
    old = [float(age) for age in range(200, 215)]
    (done,) = walk(begun(100), (seen(1, *old), "t1"))
    assert not done.more


def test_a_quiet_visit_is_one_page() -> None:
    before = begun(100, 101, 102)
    (done,) = walk(before, (seen(100, 101, 102), "t1"))
    assert not done.more


def test_a_visit_killed_in_the_middle_goes_on_from_its_token() -> None:
    (first,) = walk(begun(100), (seen(1, 2), "t1"))
    resumed = stand(first.cursor)
    assert resumed.walk is not None
    assert resumed.walk.token == "t1"
    assert resumed.walk.high == NOW - timedelta(minutes=1)


def test_a_server_from_the_future_does_not_move_the_mark_past_now() -> None:
    ahead = [Sighting("x", NOW + timedelta(days=1), NOW)]
    assert stand(step(Stand(), ahead, None, now=NOW).cursor).newest == NOW


def test_a_token_that_comes_back_ends_the_walk_and_names_the_gap() -> None:
    steps = walk(begun(100), (seen(1), "t1"), (seen(2), "t2"), (seen(3), "t1"))
    assert [s.more for s in steps] == [True, True, False]
    gap = steps[-1].gap
    assert gap is not None
    assert (gap.since, gap.until) == (NOW - timedelta(minutes=100), NOW - timedelta(minutes=3))


def test_empty_pages_with_tokens_are_passed_three_times_and_not_for_ever() -> None:
    steps = walk(begun(100), ([], "t1"), ([], "t2"), (seen(1), "t3"), ([], "t4"), ([], "t5"), ([], "t6"))
    assert [s.more for s in steps] == [True, True, True, True, True, False]


def test_an_end_without_a_token_before_known_ground_is_no_gap() -> None:
    (done,) = walk(begun(100), (seen(1, 2), None))
    assert not done.more
    assert done.gap is None


def test_beyond_its_depth_a_platform_is_asked_for_an_older_window() -> None:
    steps = walk(begun(100), (seen(1, 2), "t1"), (seen(3, 4), None), depth_cap=4)
    assert steps[-1].more
    resumed = stand(steps[-1].cursor).walk
    assert resumed is not None
    assert resumed.until == NOW - timedelta(minutes=4)
    assert resumed.token is None
    then = walk(stand(steps[-1].cursor), (seen(4, 5, 120), None), depth_cap=4)[0]
    assert not then.more
    assert then.gap is None


def test_a_platform_that_opens_no_older_window_leaves_a_named_gap() -> None:
    steps = walk(begun(100), (seen(1, 2), "t1"), (seen(3, 4), None), (seen(1, 2), "t1"), depth_cap=4)
    assert not steps[-1].more
    assert steps[-1].gap is not None
    assert steps[-1].gap.until == NOW - timedelta(minutes=4)


def test_an_empty_start_takes_in_all_that_comes_later() -> None:
    before = stand(step(Stand(), [], None, now=NOW).cursor)
    steps = walk(before, (seen(1, 2), "t1"), (seen(500, 600), None))
    assert [s.more for s in steps] == [True, False]


def test_near_the_mark_a_post_that_was_not_seen_keeps_the_walk_going() -> None:
    ages = [100 + n / 10 for n in range(12)]
    before = begun(*ages)
    late = seen(102, prefix="late")
    (done,) = walk(before, ([*late, *seen(*ages)], "t1"))
    assert not done.more, "the page ends in known posts"
    (more,) = walk(before, ([*seen(*ages), *late], "t1"))
    assert more.more, "the page ends in something new"
    assert timedelta(minutes=2) < OVERLAP


def test_a_late_post_that_lies_below_ten_known_ones_is_walked_down_to() -> None:
    """A busy source: two hundred posts a minute, told fifty a page, and each visit a minute after the last."""
    posts = [NOW - timedelta(seconds=0.3 * n) for n in range(2_000)]

    def visit(before: Stand, minutes: int, extra: Items) -> tuple[Stand, set[str], int]:
        now, met, pages = NOW + timedelta(minutes=minutes), set[str](), 0
        there = [Sighting(f"{at:%T.%f}", at, at) for at in (p + timedelta(minutes=minutes) for p in posts)]
        there = sorted([*there, *extra], key=lambda one: one.at, reverse=True)
        while True:
            page, pages = there[50 * pages : 50 * pages + 50], pages + 1
            met |= {one.id for one in page}
            done = step(before, page, f"t{pages}", now=now, late=True)
            before = stand(done.cursor)
            if not done.more:
                return before, met, pages

    before, _, _ = visit(Stand(), 0, [])
    before, met, pages = visit(before, 1, seen(4.9, prefix="late"))
    assert "late4.9" in met
    assert pages == 6 * 4 + 1, "the minute since, and the five before it"
    posts = [at - timedelta(minutes=9) for at in posts]
    before, _, _ = visit(before, 9, [])
    assert visit(before, 9, [])[2] == 1, "a burst that is OVERLAP old is not read again"
