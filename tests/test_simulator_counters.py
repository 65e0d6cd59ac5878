"""Who goes on after having been told to wait is noticed, on every platform."""

from __future__ import annotations

from simulator.playing import UNDER_WAY, Counters

LATER = UNDER_WAY + 0.1


def test_who_asks_while_the_window_is_closed_is_noted_by_platform() -> None:
    counters = Counters({})
    counters.met("mastodon", None, 0.0)
    counters.told("mastodon", None, until=10.0, now=0.0)
    for now in (LATER, 5.0, 9.9):
        counters.met("mastodon", None, now)
    assert counters.exceeded == {"mastodon": 3}


def test_what_was_under_way_and_what_comes_after_the_wait_is_no_offence() -> None:
    counters = Counters({})
    counters.told("bluesky", "token", until=10.0, now=0.0)
    for now in (0.1, UNDER_WAY, 10.0, 60.0):
        counters.met("bluesky", "token", now)
    counters.met("bluesky", "another token", 5.0)
    assert not counters.exceeded


def test_answers_that_repeat_the_wait_do_not_open_a_new_grace() -> None:
    counters = Counters({})
    counters.told("reddit", None, until=10.0, now=0.0)
    counters.told("reddit", None, until=10.0, now=0.9)
    counters.met("reddit", None, LATER)
    assert counters.exceeded["reddit"] == 1
    counters.told("reddit", None, until=30.0, now=20.0)
    counters.met("reddit", None, 20.5)
    assert counters.exceeded["reddit"] == 1
