"""Which part of a page is tried next: found by playing pages with a bad post to the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers._ranges import PATIENCE, Progress, next_try


def play(items: int, bad: set[int], most: int = 2000) -> tuple[set[int], list[int], int]:
    """Try until nothing is left: the items done, those given up, and the number of attempts."""
    progress, done, condemned = Progress(None, None), set(), []
    for attempt in range(most):
        tried = next_try(progress, attempt, items)
        todo, trying = tried.progress
        assert todo is not None
        if tried.condemned is not None and not (trying and bad & set(range(*trying))):
            condemned.append(tried.condemned)
        if trying is None:
            return done, condemned, attempt + 1
        part = set(range(*trying))
        if part & bad:
            # the attempt fails or dies: nothing it did counts, and the row still says what it was at
            progress = Progress(
                [*todo] if tried.condemned is None else [[tried.condemned] * 2, *todo], trying
            )
            if tried.condemned is not None:
                bad = bad - {tried.condemned}
                condemned.append(tried.condemned)
                progress = Progress(todo, trying)
            continue
        done |= part
        todo = [piece for piece in todo if piece != trying]
        if not todo:
            return done, condemned, attempt + 1
        progress = Progress(todo, None)
    raise AssertionError("the page was never finished")


def test_a_good_page_is_done_at_once() -> None:
    assert play(40, set()) == (set(range(40)), [], 1)


def test_the_first_two_attempts_take_the_whole_page() -> None:
    first = next_try(Progress(None, None), 0, 8)
    assert first.progress == Progress([[0, 8]], [0, 8])
    second = next_try(first.progress, 1, 8)
    assert second.progress == first.progress
    third = next_try(second.progress, 2, 8)
    assert third.progress == Progress([[0, 4], [4, 8]], [0, 4])


def test_a_single_post_is_not_given_up_before_its_time() -> None:
    whole = Progress([[0, 1]], [0, 1])
    assert [next_try(whole, attempt, 1).condemned for attempt in (2, 3, 4)] == [None] * 3
    assert next_try(whole, PATIENCE, 1).condemned == 0


@given(st.integers(1, 130), st.data())
def test_only_the_bad_post_is_given_up_and_the_rest_is_done(items: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, items - 1))
    done, condemned, attempts = play(items, {bad})
    assert set(condemned) == {bad}
    assert done == set(range(items)) - {bad}
    assert attempts <= PATIENCE + 2 * items.bit_length() + 3
