"""One object that cannot be read stops nothing else of its source; trouble of the source is not taken for an object's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors import _failing as failing
from connectors._base import ConnectorError, Cursor, Denied, Garbled, Page, TryLater
from tests.contract_stages import NOW, minutes
from tests.graph_fake import Got, Meta, Says, error, fetch, watch
from tests.youtube_told import TOP, Told, ask, comment, refused, thread, told, walk

SICK = {
    "500 in HTML": Says(b"<html>", 500),
    "code 2": error(2, status=500, is_transient=True),
    "code 1": error(1, status=500),
    "code 10": error(10, status=403),
    "garbled": Says(b"<html>"),
}


class Feed:
    """A page with one comment under each post; the comments of the posts in `sick` are answered so."""

    def __init__(self, many: int, sick: dict[str, Says]) -> None:
        self.many, self.sick, self.meta = many, sick, Meta(self.answer)

    def answer(self, got: Got) -> Says:
        when = "2026-11-23T11:00:00+0000"
        if got.path.endswith("/comments"):
            post = got.path.split("/")[0]
            return self.sick.get(post) or Says({"data": [{"id": f"c{post}", "created_time": when}]})
        total = {"summary": {"total_count": 1}}
        posts = [
            {"id": f"1_{n}", "created_time": f"2026-11-23T11:{n:02}:00+0000", "comments": total}
            for n in range(self.many)
        ]
        return Says({"data": posts[::-1]})

    def visit(self, n: int, cursor: Cursor | None) -> list[Page]:
        """All pages that there are at once, five minutes after the visit before."""
        what = watch("page", now=NOW + minutes(5 * n))
        pages = [fetch("facebook", self.meta, what, cursor)]
        while pages[-1].more:
            assert len(pages) < 99
            pages.append(fetch("facebook", self.meta, what, pages[-1].cursor))
        return pages


def ids(pages: list[Page]) -> set[str]:
    return {post.id for page in pages for post in page.posts}


@pytest.mark.parametrize("kind", SICK)
def test_a_post_whose_comments_fail_for_ever_stops_nothing_else_and_is_named_once(kind: str) -> None:
    feed = Feed(2, {})
    pages = feed.visit(0, None)
    feed.sick["1_2"] = SICK[kind]
    gaps = []
    for n in range(1, 20):
        feed.many = 2 + n
        pages = feed.visit(n, pages[-1].cursor)
        new = {f"1_{1 + n}"} | (set() if n == 1 else {f"c1_{1 + n}"})
        assert ids(pages) >= new
        gaps += [page.gap.reason for page in pages if page.gap]
    assert len(gaps) == 1
    assert gaps[0].startswith("under 1_2, until it can be read: ")
    del feed.sick["1_2"]
    heard = set()
    for n in range(20, 33):
        pages = feed.visit(n, pages[-1].cursor)
        heard |= ids(pages)
    assert "c1_2" in heard
    assert '"sick"' not in (pages[-1].cursor or "")


def test_less_is_asked_for_each_time_of_what_may_be_too_much_at_once() -> None:
    feed = Feed(1, {"1_0": SICK["code 1"]})
    cursor = None
    for n in range(4):
        cursor = feed.visit(n, cursor)[-1].cursor
    sizes = [int(got.params["limit"]) for got in feed.meta.asked if got.path == "1_0/comments"]
    assert sizes == [100, 25, 6, 1]


def test_when_all_posts_fail_a_visit_ends_and_none_is_given_up_before_it_has_failed_for_itself() -> None:
    feed = Feed(30, {f"1_{n}": SICK["code 2"] for n in range(38)})
    pages = feed.visit(0, None)
    for n in range(1, 9):
        before = len(feed.meta.asked)
        feed.many = 30 + n
        pages += feed.visit(n, pages[-1].cursor)
        assert len(feed.meta.asked) - before <= 2
    assert not [page.gap for page in pages if page.gap]
    assert ids(pages) >= {f"1_{n}" for n in range(38)}
    feed.sick.clear()
    for n in range(9, 12):
        pages += feed.visit(n, pages[-1].cursor)
    assert ids(pages) >= {f"c1_{n}" for n in range(38)}


@pytest.mark.parametrize(
    ("said", "kind"), [(error(4), TryLater), (error(190), Denied), (Says(b"", 429), TryLater)]
)
def test_what_is_refused_of_the_whole_source_is_said_at_once(said: Says, kind: type[ConnectorError]) -> None:
    feed = Feed(3, {"1_1": said})
    with pytest.raises(kind):
        feed.visit(0, None)


def test_a_permission_that_is_missing_for_one_post_after_the_other_is_the_sources() -> None:
    feed = Feed(5, {f"1_{n}": SICK["code 10"] for n in range(5)})
    with pytest.raises(Denied):
        feed.visit(0, None)


@pytest.mark.parametrize("sick", [refused(500, "backendError"), (200, b"<html>"), (403, {"error": {}})])
def test_a_thread_whose_replies_fail_for_ever_stops_no_other_and_is_named(sick: tuple[int, Any]) -> None:
    last = walk(Told([told(thread("a" * 12, 9), thread("b" * 12, 9)), sick, told(comment("x"))]))
    assert ids(last) == {"a" * 12, "b" * 12, "x"}
    gaps = []
    for n in range(1, failing.TRIES):
        answers = [told(thread(f"new-{n}-xxxxxxxx"), thread("a" * 12, 9)), sick]
        last = walk(Told(answers), last[-1].cursor, now=NOW + timedelta(minutes=5 * n))
        assert f"new-{n}-xxxxxxxx" in ids(last)
        gaps += [page.gap for page in last if page.gap]
    assert len(gaps) == 1
    quiet = walk(Told([told(thread("a" * 12, 9))]), last[-1].cursor, now=NOW + minutes(60))
    again = walk(
        Told([told(thread("a" * 12, 10)), told(comment("y"))]), quiet[-1].cursor, now=NOW + minutes(65)
    )
    assert "y" in ids(again)


def test_a_limit_under_a_comment_is_one_of_the_source() -> None:
    first = ask(Told([told(thread(TOP, 9))]))
    for answer in (refused(429, "x"), refused(403, "rateLimitExceeded")):
        with pytest.raises(TryLater):
            ask(Told([answer]), first.cursor)


def test_a_walk_of_threads_that_ends_with_an_empty_page_out_of_the_blue_is_a_named_gap() -> None:
    first = ask(Told([told(thread(TOP, publishedAt="2026-11-23T09:00:00Z"))]))
    new = [thread(f"new-{n}-xxxxxxxx", publishedAt=f"2026-11-23T11:{10 + n}:00Z") for n in range(12)]
    pages = walk(Told([told(*new, token="t"), told()]), first.cursor)
    assert [page.gap is not None for page in pages] == [False, True]


def test_an_answer_that_nobody_can_read_is_the_objects_and_one_that_was_never_asked_the_sources() -> None:
    sick: dict[str, failing.Sick[str]] = {}
    assert not failing.failed(sick, "a", "a", Garbled("?")).rest
    with pytest.raises(TryLater):
        failing.failed(sick, "b", "b", TryLater("no connection", sent=False))
    assert list(sick) == ["a"]
