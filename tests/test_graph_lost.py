"""What a walk through Meta's lists never loses: what lies above the mark when a page token is lost, and what stands behind
pages out of which posts were removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors._base import Cursor, Gap, Post, Watch
from tests.contract_stages import NOW, minutes
from tests.graph_fake import Got, Meta, Says, error, fetch, watch

LIMIT = 3
LATER = NOW + minutes(30)

# kinds of watch with the list that their walk is over, and where it is nested, what it is under
LISTS = [
    ("facebook", "mentions", "@me", "me/tagged"),
    ("facebook", "thread", "2121_1", "2121_1/comments"),
    ("facebook", "page", "@me", "me/feed"),
    ("facebook", "page", "@me", "2121_1/comments"),
    ("instagram", "mentions", "@me", "2121/tags"),
    ("instagram", "hashtag", "acme", "9/recent_media"),
    ("instagram", "media", "@me", "2121/media"),
    ("instagram", "media", "@me", "2121_1/comments"),
    ("threads", "search", "acme", "keyword_search"),
    ("threads", "mentions", "@me", "2121/mentions"),
    ("threads", "replies", "@me", "2121/threads"),
    ("threads", "replies", "@me", "2121_1/conversation"),
    ("threads", "thread", "2121", "2121/conversation"),
]


@dataclass
class Lists:
    """Lists by their path, newest first, in pages of three; of `path` the tokens in `lost` are refused, each so often."""

    path: str
    items: list[tuple[str, datetime]] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    nextless: bool = False
    gone: set[str] = field(default_factory=set)
    touched: dict[str, int] = field(default_factory=dict)

    def answer(self, got: Got) -> Says:
        if got.path == "ig_hashtag_search":
            return Says({"data": [{"id": "9"}]})
        if got.path != self.path:
            return self._page(got, [self._item("2121_1", NOW - minutes(60))])
        after = got.params.get("after", "")
        if self.lost.get(after, 0) > 0:
            self.lost[after] -= 1
            return error(100)
        return self._page(
            got, [self._item(*one) for one in sorted(self.items, key=lambda one: one[1], reverse=True)]
        )

    def _item(self, name: str, at: datetime) -> dict[str, Any]:
        """As any of the three would write it, with as much below it as there is."""
        when, under = at.strftime("%Y-%m-%dT%H:%M:%S+0000"), self.path.startswith(f"{name}/")
        count = len(self.items) if under else self.touched.get(name, 0)
        told = {
            "id": name,
            "message": name,
            "caption": name,
            "text": name,
            "created_time": when,
            "timestamp": when,
        }
        below = {
            "comments": {"summary": {"total_count": count}},
            "comments_count": count,
            "has_replies": under,
        }
        return {**told, **below}

    def _page(self, got: Got, items: list[dict[str, Any]]) -> Says:
        start = int(got.params.get("after", "0"))
        page = items[start : start + LIMIT]
        paging: dict[str, Any] = {"cursors": {"after": str(start + LIMIT)}} if page else {}
        if start + LIMIT < len(items) and not self.nextless:
            paging["next"] = f"https://graph.facebook.com/x?after={start + LIMIT}"
        return Says({"data": [one for one in page if one["id"] not in self.gone], "paging": paging})


def visit(
    platform: str, meta: Meta, what: Watch, cursor: Cursor | None
) -> tuple[list[Post], list[Gap], Cursor | None]:
    posts, gaps = list[Post](), list[Gap]()
    for _ in range(60):
        page = fetch(platform, meta, what, cursor)
        posts, gaps, cursor = [*posts, *page.posts], [*gaps, *([page.gap] if page.gap else [])], page.cursor
        if not page.more:
            return posts, gaps, cursor
    raise AssertionError("the walk does not end")


def followed(platform: str, kind: str, term: str, path: str) -> tuple[Lists, Meta, Watch, Cursor | None]:
    """A list that was visited once, and in which ten new items wait since."""
    lists = Lists(path, [("old", NOW - minutes(20))], nextless=platform == "threads")
    meta = Meta(lists.answer)
    _, gaps, cursor = visit(platform, meta, watch(kind, term), None)
    assert not gaps
    lists.items += [(f"n{n}", NOW + timedelta(minutes=n)) for n in range(10)]
    return lists, meta, watch(kind, term, now=LATER), cursor


@pytest.mark.parametrize(("platform", "kind", "term", "path"), LISTS)
@pytest.mark.parametrize("place", ["3", "9"])
def test_a_lost_place_costs_a_second_reading_and_not_a_post(
    platform: str, kind: str, term: str, path: str, place: str
) -> None:
    lists, meta, what, cursor = followed(platform, kind, term, path)
    lists.lost[place] = 1
    posts, gaps, _ = visit(platform, meta, what, cursor)
    assert {f"n{n}" for n in range(10)} <= {post.id for post in posts}
    assert not gaps
    assert lists.lost[place] == 0


@pytest.mark.parametrize(("platform", "kind", "term", "path"), LISTS)
def test_a_place_that_is_lost_twice_is_a_named_gap_and_is_asked_for_no_more(
    platform: str, kind: str, term: str, path: str
) -> None:
    lists, meta, what, cursor = followed(platform, kind, term, path)
    lists.lost["9"] = 2
    posts, gaps, cursor = visit(platform, meta, what, cursor)
    assert {f"n{n}" for n in range(1, 10)} <= {post.id for post in posts}
    assert [(gap.since, gap.until) for gap in gaps] == [(NOW - minutes(20), NOW + minutes(1))]
    assert lists.lost["9"] == 0
    lists.items.append(("then", LATER))
    posts, gaps, _ = visit(platform, meta, watch(kind, term, now=LATER + minutes(9)), cursor)
    assert "then" in {post.id for post in posts}
    assert not gaps


@pytest.mark.parametrize(("platform", "kind", "term", "path"), LISTS)
def test_pages_out_of_which_posts_were_removed_end_no_walk(
    platform: str, kind: str, term: str, path: str
) -> None:
    """The newest page is empty, the next one short, two in the middle empty; one post shows itself late behind a
    known one that is alone on its page."""
    lists, meta, what, cursor = followed(platform, kind, term, path)
    lists.items += [(f"n{n}", NOW + timedelta(minutes=n)) for n in range(10, 15)]
    lists.gone = {f"n{n}" for n in (14, 13, 12, 10, 8, 7, 6, 5, 4, 3, 2)}
    posts, gaps, cursor = visit(platform, meta, what, cursor)
    assert {"n11", "n9", "n1", "n0"} <= {post.id for post in posts}
    lists.items += [("a", LATER - minutes(1)), ("b", LATER - minutes(1)), ("known", LATER - minutes(2))]
    what = watch(kind, term, now=LATER)
    posts, gaps, cursor = visit(platform, meta, what, cursor)
    lists.gone |= {"a", "b"}
    lists.items.append(("late", LATER - minutes(3)))
    posts, more, _ = visit(platform, meta, watch(kind, term, now=LATER + minutes(2)), cursor)
    assert "late" in {post.id for post in posts}
    assert [*gaps, *more] == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_place_below_known_ground_costs_a_comment_no_more_than_a_sweep(times: int) -> None:
    lists, meta, what, cursor = followed("facebook", "page", "@me", "me/feed")
    _, _, cursor = visit("facebook", meta, what, cursor)
    lists.touched["n1"] = 1
    lists.lost["6"] = times
    posts, gaps, cursor = visit("facebook", meta, watch("page", now=LATER + minutes(9)), cursor)
    assert ("n1" in {post.id for post in posts}, len(gaps)) == ((True, 0) if times == 1 else (False, 1))
    posts, gaps, _ = visit("facebook", meta, watch("page", now=LATER + minutes(18)), cursor)
    assert ("n1" in {post.id for post in posts}, gaps) == (times == 2, [])
