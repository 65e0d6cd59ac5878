"""What X's connector does beyond the contract: marks, money, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors import x
from connectors._base import (
    ConnectorError,
    Cursor,
    Denied,
    Garbled,
    Gone,
    TryLater,
)
from connectors._x_walk import OVERLAP
from connectors._x_wire import time_of
from tests.answering_x import Answers, at, mark, page_of, refused, run, since_of, walk, watch
from tests.contract_stages import NOW
from tests.stage_x import snowflake

# The mark and the walk.


def test_the_same_mark_goes_along_with_every_token() -> None:
    since, ids = at(hours=9), [at(hours=n) for n in (1, 2, 3, 4)]
    pages, http = walk(page_of(*ids[:2], token="a"), page_of(ids[2], token="b"), page_of(ids[3]), since=since)
    assert [asked["since_id"] for _, asked in http.asked] == [since] * 3
    assert [asked.get("next_token") for _, asked in http.asked] == [None, "a", "b"]
    assert since_of(pages[-1]) == ids[0]
    assert {since_of(page) for page in pages[:-1]} == {since}


def test_only_the_first_pages_newest_id_becomes_the_mark() -> None:
    since, first, later = at(hours=9), at(hours=2), at(hours=1)
    pages, _ = walk(page_of(first, token="a"), page_of(later, at(hours=3)), since=since)
    assert since_of(pages[-1]) == first


def test_an_id_from_the_future_does_not_move_the_mark() -> None:
    since, real = at(hours=9), at(hours=2)
    pages, _ = walk(page_of(str(snowflake(NOW + timedelta(days=900))), real), since=since)
    assert since_of(pages[0]) == real
    assert len(pages[0].posts) == 2


def test_a_first_visit_that_finds_nothing_leaves_a_mark_all_the_same() -> None:
    page = run(x.fetch(Answers([(200, page_of())]), watch(), None))
    made = time_of(since_of(page))
    assert made is not None
    assert timedelta(0) < NOW - made < timedelta(hours=1)


def test_a_page_without_a_readable_id_is_passed_by_the_name_it_gives_its_newest() -> None:
    newest = at(hours=1)
    told = page_of(newest)
    told["data"] = [{"id": None, "text": "?"}]
    pages, _ = walk(told, since=at(hours=9))
    assert since_of(pages[0]) == newest
    assert len(pages[0].rejects) == 1


def test_a_token_that_comes_back_ends_the_walk_and_says_what_may_be_lost() -> None:
    since, ids = at(hours=9), [at(hours=1), at(hours=2)]
    pages, _ = walk(page_of(ids[0], token="a"), page_of(ids[1], token="a"), since=since)
    gap = pages[-1].gap
    assert gap is not None
    assert (gap.since, gap.until) == (time_of(since), time_of(ids[1]))


def test_an_empty_page_with_a_token_is_not_the_last() -> None:
    since, ids = at(hours=9), [at(hours=1), at(hours=2)]
    pages, _ = walk(page_of(ids[0], token="a"), page_of(token="b"), page_of(ids[1]), since=since)
    assert [post.id for page in pages for post in page.posts] == ids
    assert pages[-1].gap is None


def test_page_after_page_without_a_step_down_ends_the_walk() -> None:
    since = at(hours=9)
    tokens = iter("abcdefgh")
    pages, _ = walk(page_of(at(hours=1), token="z"), *(page_of(token=t) for t in tokens), since=since)
    assert len(pages) == 4
    assert pages[-1].gap is not None


def test_a_walk_down_to_a_time_that_has_aged_since_begins_anew_below_what_it_saw() -> None:
    start, low = NOW - timedelta(days=9), at(days=2)
    cursor = mark(at(days=30), start=start.isoformat(), high=at(days=1), low=low, token="old")
    http = Answers([(200, page_of())])
    page = run(x.fetch(http, watch(), cursor))
    assert page.gap is not None
    assert page.gap.since == start
    asked = http.asked[0][1]
    assert "next_token" not in asked
    assert asked["start_time"] == "2026-11-16T12:15:00Z"
    assert asked["end_time"] == (NOW - timedelta(days=2) + timedelta(seconds=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert since_of(page) == at(days=1)


def test_a_walk_that_waited_until_all_it_still_wanted_was_gone_is_over() -> None:
    cursor = mark(at(days=30), high=at(days=1), low=at(days=8), token="old")
    http = Answers([(200, page_of())])
    page = run(x.fetch(http, watch(), cursor))
    assert page.gap is not None
    assert (page.gap.since, page.gap.until) == (time_of(at(days=30)), time_of(at(days=8)))
    assert http.asked[0][1]["since_id"] == at(days=1)


@pytest.mark.parametrize("kind", ["search", "mentions", "conversation"])
def test_what_x_shows_less_than_the_overlap_late_lies_above_the_mark_however_late_the_walk_goes_on(
    kind: str,
) -> None:
    http = Answers([(200, page_of(at(seconds=5), token="a")), (200, page_of(at(hours=1)))])
    first = run(x.fetch(http, watch(kind, "7"), mark(at(hours=9))))
    later = watch(kind, "7", now=NOW + timedelta(minutes=2))
    assert time_of(since_of(run(x.fetch(http, later, first.cursor)))) == NOW - OVERLAP


def test_a_quiet_source_does_not_pay_for_its_newest_post_again() -> None:
    newest, since = at(minutes=3), at(hours=9)
    (found,), _ = walk(page_of(newest), since=since)
    assert since_of(found) == newest


def test_mentions_take_a_mark_of_any_age() -> None:
    pages, http = walk(page_of(), since=at(days=30), kind="mentions")
    assert http.asked[0][1]["since_id"] == at(days=30)
    assert pages[0].gap is None


@pytest.mark.parametrize("text", ["{}", '{"since":"-1"}', '{"since":"9","walk":{"low":"x"}}', "[]", "9"])
def test_a_cursor_that_says_nothing_is_somebody_elses(text: str) -> None:
    with pytest.raises(Gone) as caught:
        run(x.fetch(Answers([]), watch(), Cursor(text)))
    assert caught.value.cursor


def test_no_secret_is_in_a_cursor() -> None:
    pages, http = walk(page_of(at(hours=1), token="a"), page_of(at(hours=2)), since=at(hours=9))
    assert all("t0ken" not in (page.cursor or "") for page in pages)
    assert all("t0ken" not in json.dumps(asked) for asked in http.asked)
    assert set(http.sent) == {("t0ken", "bearer")}


def test_a_conversation_counts_against_the_same_window_as_a_search() -> None:
    http = Answers([(200, page_of())])
    run(x.fetch(http, watch("conversation", "9"), None))
    assert http.endpoints == ["search"]


# Money.


@pytest.mark.parametrize(
    ("kind", "wish", "asked"), [("search", 3, 10), ("mentions", 3, 5), ("search", 500, 100)]
)
def test_a_page_is_as_large_as_x_allows(kind: str, wish: int, asked: int) -> None:
    http = Answers([(200, page_of())])
    run(x.fetch(http, watch(kind, "7", page_size=wish), None))
    assert http.asked[0][1]["max_results"] == str(asked)
    assert x.cost(watch(kind, "7", page_size=wish)).money == asked * 45_000


def test_everything_that_came_is_counted_once_and_never_above_the_estimate() -> None:
    known, other = at(hours=1), at(hours=2)
    tweets = [{"id": known, "text": "the same"}, {"id": other, "text": "?"}, {"id": ["?"]}]
    users = [{"id": "1", "username": "a"}, {"id": "2"}]
    told = page_of(known, at(hours=3), includes={"tweets": tweets, "users": users})
    spent = run(x.fetch(Answers([(200, told)]), watch(), None)).spent
    assert spent is not None
    assert (spent.requests, spent.units, spent.money) == (1, 4, 4 * 5_000 + 2 * 10_000)
    assert spent.money <= x.cost(watch()).money


def test_mentions_of_oneself_count_in_full_because_no_answer_says_who_owns_the_app() -> None:
    own = watch("mentions", "@me", me="7")
    spent = run(x.fetch(Answers([(200, page_of(at(hours=1)))]), own, None)).spent
    assert spent is not None
    assert spent.money == x.POST


def test_what_x_refuses_is_a_request_and_no_money() -> None:
    body = {"errors": [{"parameters": {"next_token": ["a"]}}]}
    spent = run(x.fetch(Answers([(400, body)]), watch(), mark(at(hours=9), token="a"))).spent
    assert spent is not None
    assert (spent.requests, spent.money) == (1, 0)


# Refusals.


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC), 30),
        (datetime(2028, 2, 28, tzinfo=UTC), 2 * 86_400),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), 43_200),
    ],
)
def test_the_cap_of_a_month_ends_with_the_month(now: datetime, left: float) -> None:
    error = refused(429, {"title": "UsageCapExceeded", "period": "Monthly"}, now=now)
    assert isinstance(error, TryLater)
    assert (error.after, error.limited) == (left, True)


def test_the_accounts_own_spending_limit_ends_when_x_says() -> None:
    kind = "https://api.x.com/2/problems/credits"
    error = refused(403, {"title": "SpendCapReached", "type": kind, "reset_date": "2026-11-25"})
    assert isinstance(error, TryLater)
    assert error.after == 36 * 3600.0
    error = refused(403, {"title": "SpendCapReached", "type": kind})
    assert isinstance(error, TryLater)
    assert error.after == 7.5 * 86_400


@pytest.mark.parametrize(
    ("status", "body", "named"),
    [
        (400, {"errors": [{"parameters": {"query": ["("]}}]}, Gone),
        (400, {"errors": [{"parameters": {"id": ["x"]}}]}, Gone),
        (400, {"errors": [{"parameters": {"max_results": ["5"]}}]}, Garbled),
        (400, {"errors": {"parameters": 7}}, Garbled),
        (404, "", Gone),
        (503, {}, TryLater),
    ],
)
def test_a_parameter_is_refused_by_its_name(status: int, body: Any, named: type[ConnectorError]) -> None:
    assert type(refused(status, body)) is named


@pytest.mark.parametrize(
    ("parameter", "cursor"),
    [
        ("next_token", None),
        ("pagination_token", mark(at(hours=9))),
        ("since_id", None),
        ("since_id", mark(at(days=30))),
    ],
)
def test_a_refusal_of_what_was_not_asked_with_is_not_asked_again_at_once(
    parameter: str, cursor: Cursor | None
) -> None:
    told = {"errors": [{"parameters": {parameter: ["?"]}}]}
    with pytest.raises(Garbled):
        run(x.fetch(Answers([(400, told)]), watch(), cursor))


def test_results_that_are_counted_and_not_there_are_no_empty_page() -> None:
    assert isinstance(refused(200, {"meta": {"result_count": 3}}), Garbled)
    assert run(x.fetch(Answers([(200, page_of())]), watch(), None)).posts == ()


def test_nobody_is_answered_without_a_token() -> None:
    error = refused(200, page_of(), token=None)
    assert isinstance(error, Denied)
    assert not error.refreshable


def test_an_app_has_no_mentions_of_its_own() -> None:
    error = refused(200, page_of(), kind="mentions", term="@me", me="")
    assert isinstance(error, Denied)
    assert not error.refreshable


@pytest.mark.parametrize(
    ("kind", "term", "fine"),
    [
        ("search", "acme -is:retweet lang:en", True),
        ("search", '("Acme" OR @acme)', True),
        ("search", "lang:en -is:retweet", False),
        ("search", "(is:reply OR -acme)", False),
        ("search", "  ", False),
        ("search", "acme " * 1_000, False),
        ("mentions", "@me", True),
        ("mentions", "783214", True),
        ("mentions", "@acme", False),
        ("conversation", "1440716895355764743", True),
        ("conversation", "https://twitter.com/i/web/status/1440716895355764743?s=20", True),
        ("conversation", "https://x.com/acme", False),
        ("conversation", "https://evil.example/acme/status/1440716895355764743", False),
    ],
)
def test_a_term_that_can_never_be_followed_is_told_beforehand(kind: str, term: str, fine: bool) -> None:
    if fine:
        x.check_term(kind, term)
    else:
        with pytest.raises(Gone):
            x.check_term(kind, term)
