"""Which part of a page is tried next: found by playing pages with bad posts to the end."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from workers._ranges import LAST_TRIES, Progress, next_try


def play(items: int, bad: set[int], deaths: random.Random | None = None) -> tuple[set[int], list[int], int]:
    """Attempt a page as workers do until nothing is left: the items done, those given up, the attempts.

    An attempt writes its outcome only at its end. It fails when it meets a bad item, and now and then for no
    reason of the page's (`deaths`, never so often in a row that a single post could be given up for it).
    """
    progress, done, given_up, in_a_row = Progress(None, None), set(), [], 0
    for attempt in range(1, 5000):
        tried = next_try(progress, items)
        todo, trying = tried.progress
        assert todo is not None
        assert trying is not None
        part = set() if tried.condemned is not None else set(range(trying[0], trying[1]))
        dies = deaths is not None and in_a_row < LAST_TRIES - 1 and deaths.random() < 0.3
        if part & bad or dies:
            in_a_row = in_a_row + 1 if dies else 0
            progress = Progress(todo, trying)  # the row says what was tried, and nothing else was written
            continue
        in_a_row = 0
        done |= part
        if tried.condemned is not None:
            given_up.append(tried.condemned)
        todo = [piece for piece in todo if piece != trying]
        if not todo:
            return done, given_up, attempt
        progress = Progress(todo, None)
    raise AssertionError("the page was never finished")


def test_a_good_page_is_done_at_once() -> None:
    assert play(40, set()) == (set(range(40)), [], 1)


def test_a_page_is_tried_twice_as_a_whole_and_then_in_halves() -> None:
    first = next_try(Progress(None, None), 8)
    assert first.progress.trying == [0, 8, 0]
    second = next_try(first.progress, 8)
    assert second.progress.trying == [0, 8, 1]
    third = next_try(second.progress, 8)
    assert third.progress == Progress([[0, 4, 0], [4, 8, 0]], [0, 4, 0])


def test_a_single_post_is_given_up_after_its_own_failures_only() -> None:
    progress, condemned = Progress([[3, 4, 0], [4, 8, 0]], [3, 4, 0]), []
    for _ in range(LAST_TRIES):
        tried = next_try(progress, 8)
        progress = tried.progress
        condemned.append(tried.condemned)
    assert condemned == [None] * (LAST_TRIES - 1) + [3]


def test_a_post_that_is_given_up_stays_on_the_row_until_that_is_written() -> None:
    tried = next_try(Progress([[3, 4, LAST_TRIES], [4, 8, 0]], [3, 4, LAST_TRIES]), 8)
    assert tried.condemned == 3
    assert tried.progress.todo is not None
    assert tried.progress.trying in tried.progress.todo
    assert next_try(tried.progress, 8).condemned == 3


@given(st.integers(1, 130), st.data())
def test_only_the_bad_posts_are_given_up_and_the_rest_is_done(items: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, items - 1), max_size=6))
    done, given_up, _ = play(items, bad)
    assert sorted(given_up) == sorted(bad)
    assert done == set(range(items)) - bad


@given(st.integers(1, 60), st.integers(0, 10_000), st.data())
def test_deaths_that_are_not_the_page_s_fault_lose_nothing(
    items: int, seed: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, items - 1), max_size=3))
    done, given_up, _ = play(items, bad, random.Random(seed))
    assert bad <= set(given_up)
    assert done | set(given_up) == set(range(items))
    assert not done & set(given_up)


@given(st.integers(1, 130), st.data())
def test_one_bad_post_is_found_in_few_attempts(items: int, data: st.DataObject) -> None:
    _, _, attempts = play(items, {data.draw(st.integers(0, items - 1))})
    assert attempts <= 2 + LAST_TRIES + 2 * items.bit_length() + 3
