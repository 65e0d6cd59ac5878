"""What the contract does not say of YouTube's walks: replies that wait, looks at older threads, places that are lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors import youtube
from connectors._base import (
    Cursor,
    Denied,
    Garbled,
    Gone,
    TryLater,
)
from tests.contract_stages import NOW
from tests.youtube_told import (
    CHANNEL,
    TOP,
    VIDEO,
    Told,
    ask,
    comment,
    of,
    refused,
    thread,
    told,
    walk,
)

# Replies.


def test_only_threads_that_hold_back_replies_are_read_one_by_one() -> None:
    http = Told(
        [told(thread("a" * 12, 2, 2), thread("b" * 12, 9, 5), thread("c" * 12)), told(comment("new"))]
    )
    pages = walk(http)
    assert [asked.path for asked in http.asked] == ["commentThreads", "comments"]
    assert http.asked[1].params["parentId"] == "b" * 12
    assert of(pages)[-1] == "new"
    (reply,) = pages[1].posts
    assert reply.place == CHANNEL
    assert reply.url == f"https://www.youtube.com/watch?v={VIDEO}&lc=new"


def test_a_thread_is_read_again_when_it_has_grown_and_not_when_it_has_shrunk() -> None:
    *_, last = walk(Told([told(thread(TOP, 9, 5)), told()]))
    *_, last = walk(Told([told(thread(TOP, 9, 5))]), last.cursor)
    *_, last = walk(Told([told(thread(TOP, 7, 5))]), last.cursor)
    *_, last = walk(Told([told(thread(TOP, 8, 5)), told()]), last.cursor)


def test_a_thread_that_outgrows_what_it_carries_is_read() -> None:
    *_, last = walk(Told([told(thread(TOP, 9, 5)), told()]))
    *_, last = walk(Told([told(thread(TOP, 5, 5))]), last.cursor)
    walk(Told([told(thread(TOP, 6, 5)), told(comment("x"))]), last.cursor)


@pytest.mark.parametrize(
    "answer",
    [
        refused(404, "commentNotFound"),
        refused(403, "commentsDisabled"),
        refused(403, "forbidden"),
        (404, b"<html>"),
    ],
)
def test_a_thread_that_closes_while_we_read_does_not_end_the_walk(answer: tuple[int, Any]) -> None:
    http = Told([told(thread("a" * 12, 9), thread("b" * 12, 9)), answer, told(comment("x"))])
    pages = walk(http)
    assert of(pages) == ["a" * 12, "b" * 12, "x"]
    assert not any(page.gap for page in pages)


def test_a_lost_token_under_a_comment_begins_its_replies_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    http = Told(
        [
            told(thread(TOP, 9)),
            told(comment("x"), token="t"),
            lost,
            told(comment("x"), token="u"),
            told(comment("y")),
        ]
    )
    pages = walk(http)
    assert of(pages) == [TOP, "x", "x", "y"]
    assert not any(page.gap for page in pages)
    assert [asked.params.get("pageToken") for asked in http.asked] == [None, None, "t", None, "u"]


def test_replies_that_cannot_be_read_are_a_named_gap_and_asked_for_again() -> None:
    lost = refused(400, "processingFailure")
    http = Told([told(thread(TOP, 9), token=None), told(comment("x"), token="t"), lost, lost])
    pages = walk(http)
    assert [page.gap is not None for page in pages] == [False, False, False, True]
    assert of(walk(Told([told(thread(TOP, 9)), told(comment("x"))]), pages[-1].cursor)) == [TOP, "x"]


def test_a_token_that_comes_back_under_a_comment_ends_its_replies() -> None:
    pages = walk(Told([told(thread(TOP, 9)), told(token="t"), told(token="u"), told(token="t")]))
    assert pages[-1].gap is not None


def test_replies_wait_through_a_refusal_of_the_key() -> None:
    first = ask(Told([told(thread(TOP, 9))]))
    for answer, error in ((refused(403, "quotaExceeded"), TryLater), (refused(400, "keyInvalid"), Denied)):
        with pytest.raises(error):
            ask(Told([answer]), first.cursor)


def test_the_cursor_of_the_busiest_channel_stays_small() -> None:
    pages = [
        told(*(thread(f"Ug-{page}-{n}-xxxxxxxx", 9) for n in range(100)), token=f"t{page}")
        for page in range(30)
    ]
    cursor: Cursor | None = youtube.FROM_THE_START
    largest = 0
    for page in pages:
        cursor = ask(Told([page]), cursor).cursor
        while json.loads(cursor or "").get("pending"):
            largest = max(largest, len(cursor or ""))
            cursor = ask(Told([told()]), cursor).cursor
    assert largest < 40_000
    assert len(json.loads(cursor or "")["counts"]) == youtube.KNOWN
    assert "the-secret-key" not in (cursor or "")


# Looks at older threads.


def test_older_threads_are_looked_at_every_six_hours_and_not_before() -> None:
    *_, last = walk(Told([told(thread("a" * 12), token="deep")]))
    soon, later = NOW + timedelta(hours=5, minutes=59), NOW + timedelta(hours=6)
    *_, last = walk(Told([told(thread("a" * 12), token="deep")]), last.cursor, now=soon)
    older = [told(thread(f"old-{n}-xxxxxxxx", 9), token=f"deep{n}") for n in range(9)]
    replies = [told(comment(f"{n}")) for n in range(9)]
    both = [answer for pair in zip(older, replies, strict=True) for answer in pair]
    http = Told([told(thread("a" * 12), token="deep"), *both])
    pages = walk(http, last.cursor, now=later)
    assert {f"{n}" for n in range(9)} <= set(of(pages))
    assert http.asked[1].params["pageToken"] == "deep"
    walk(Told([told(thread("a" * 12), token="deep")]), pages[-1].cursor, now=later + timedelta(hours=1))


def test_a_look_that_loses_its_place_is_a_named_gap() -> None:
    first = ask(Told([told(thread("a" * 12), token="deep")]))
    later = NOW + timedelta(hours=6)
    pages = walk(
        Told([told(thread("a" * 12), token="deep"), refused(400, "invalidPageToken")]),
        first.cursor,
        now=later,
    )
    assert pages[-1].gap is not None


def test_a_look_whose_token_comes_back_ends() -> None:
    first = ask(Told([told(thread("a" * 12), token="deep")]))
    later = NOW + timedelta(hours=6)
    walk(Told([told(thread("a" * 12), token="deep"), told(token="deep")]), first.cursor, now=later)


# A walk that loses its place.


def test_a_walk_that_loses_its_place_begins_anew_below_the_same_watermark() -> None:
    first = ask(Told([told(thread("a" * 12, publishedAt="2026-11-23T09:00:00Z"))]))
    fresh = [thread(f"new-{n}-xxxxxxxx", publishedAt=f"2026-11-23T11:{59 - n}:00Z") for n in range(20)]
    old = thread("a" * 12, publishedAt="2026-11-23T09:00:00Z")
    lost = refused(400, "invalidPageToken")
    http = Told([told(*fresh[:10], token="t"), lost, told(*fresh[:10], token="u"), told(*fresh[10:], old)])
    pages = walk(http, first.cursor)
    assert len(set(of(pages))) == 21
    again = [told(*fresh[:10], token="t"), lost, told(*fresh[:10], token="u"), lost]
    with pytest.raises(Gone) as gone:
        walk(Told(again), first.cursor)
    assert gone.value.cursor


def test_each_walk_may_begin_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    cursor = ask(Told([told(thread("a" * 12, publishedAt="2026-11-23T09:00:00Z"))])).cursor
    for n in range(2):
        new = [thread(f"new-{n}-{m}-xxxxxx", publishedAt=f"2026-11-23T1{n}:{10 + m}:00Z") for m in range(12)]
        cursor = walk(Told([told(*new, token="t"), lost, told(*new)]), cursor)[-1].cursor


# One thread.


def test_a_thread_is_read_again_after_hours_even_if_its_count_stays() -> None:
    pages = walk(
        Told([told(thread(TOP, 9, 5)), told(comment("x"), token="t"), told(comment("y"))]), kind="thread"
    )
    assert of(pages)[-2:] == ["x", "y"]
    quiet = walk(Told([told(thread(TOP, 9, 5))]), pages[-1].cursor, "thread", NOW + timedelta(hours=1))
    walk(Told([told(thread(TOP, 9, 5)), told()]), quiet[-1].cursor, "thread", NOW + timedelta(hours=7))


def test_a_thread_whose_replies_lose_their_place_is_read_anew_once() -> None:
    lost = refused(400, "invalidPageToken")
    start = [told(thread(TOP, 9)), told(comment("x"), token="t"), lost]
    assert of(walk(Told([*start, told(comment("x"))]), kind="thread")) == [TOP, "x", "x"]
    with pytest.raises(Gone) as gone:
        walk(Told([*start, told(comment("x"), token="t"), lost]), kind="thread")
    assert gone.value.cursor


def test_an_unreadable_thread_leaves_its_cursor_where_it_was() -> None:
    done = walk(Told([told(thread(TOP, 9)), told()]), kind="thread")[-1]
    page = ask(Told([told({"id": 7})]), done.cursor, "thread")
    assert len(page.rejects) == 1
    assert page.cursor == done.cursor


def test_one_empty_answer_is_no_word_that_a_comment_is_gone() -> None:
    with pytest.raises(Garbled):
        ask(Told([told()]), None, "thread")
    done = walk(Told([told(thread(TOP, 1, 1))]), kind="thread")[-1].cursor
    missed = ask(Told([told()]), done, "thread")
    assert (missed.posts, missed.more) == ((), False)
    back = ask(Told([told(thread(TOP, 1, 1))]), missed.cursor, "thread", NOW + timedelta(hours=23))
    assert back.cursor == done
    still = ask(Told([told()]), missed.cursor, "thread", NOW + timedelta(hours=23))
    with pytest.raises(Gone) as gone:
        ask(Told([told()]), still.cursor, "thread", NOW + timedelta(hours=24))
    assert not gone.value.cursor
