"""Each fault does what it says, once, and what it spoils is not counted as told."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.simulated import World, world

TAG = "api/v1/timelines/tag/tarnbeck"
NOTIFICATIONS = "app.bsky.notification.listNotifications"


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    with world("--seed", "5", "--acts", "manual") as one:
        yield one


@pytest.fixture
def fault(running: World) -> Iterator[World]:
    yield running
    running.does("faults", clear=True)


def order(world_: World, kind: str, platform: str = "mastodon", **more: Any) -> None:
    world_.does("faults", add=[{"kind": kind, "platform": platform, **more}])


def told(world_: World) -> int:
    return sum(row["times"] for row in world_.asks("truth")["returned"]["mastodon"].values())


def test_mastodons_429_has_a_reset_and_no_retry_after(fault: World) -> None:
    order(fault, "rate_limited", seconds=4)
    answer = fault.mastodon(TAG)
    assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests"})
    assert "retry-after" not in answer.headers
    left = datetime.fromisoformat(answer.headers["x-ratelimit-reset"]) - datetime.now(UTC)
    assert 2 < left.total_seconds() <= 4
    assert fault.mastodon(TAG).status_code == 200


def test_blueskys_429_and_a_feeds(fault: World) -> None:
    order(fault, "rate_limited", "bluesky")
    order(fault, "rate_limited", "feeds", seconds=7)
    answer = fault.bluesky(NOTIFICATIONS, "any")
    assert (answer.status_code, answer.json()["error"]) == (429, "RateLimitExceeded")
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.headers["ratelimit-reset"].isdigit()
    limited = fault.feed("news.rss")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")


def test_a_real_limit_counts_requests() -> None:
    with world("--acts", "manual") as one:
        one.does("limits", platform="mastodon", limit=2, seconds=60)
        answers = [one.mastodon(TAG) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("bad_gateway", 502), ("html_200", 200)])
def test_errors_in_html(fault: World, kind: str, status: int) -> None:
    order(fault, kind)
    before = told(fault)
    answer = fault.mastodon(TAG)
    assert answer.status_code == status
    assert "html" in answer.headers["content-type"]
    assert told(fault) == before


@pytest.mark.parametrize("kind", ["truncated", "empty"])
def test_cut_json_is_no_json_and_tells_nothing(fault: World, kind: str) -> None:
    order(fault, kind)
    before = told(fault)
    answer = fault.mastodon(TAG)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert told(fault) == before


def test_a_connection_cut_in_the_middle_tells_nothing(fault: World) -> None:
    order(fault, "cut")
    before = told(fault)
    with pytest.raises(httpx.RemoteProtocolError):
        fault.mastodon(TAG)
    assert told(fault) == before
    assert fault.mastodon(TAG).status_code == 200


def test_an_expired_token_in_both_dialects(fault: World) -> None:
    order(fault, "expired_token")
    assert fault.mastodon(TAG, signed_in=True).status_code == 401
    token = fault.sign_in().json()["accessJwt"]
    order(fault, "expired_token", "bluesky")
    answer = fault.bluesky(NOTIFICATIONS, token)
    assert (answer.status_code, answer.json()["error"]) == (400, "ExpiredToken")


def test_slow_and_dripping_answers_take_their_time(fault: World) -> None:
    for kind in ("slow", "drip"):
        order(fault, kind, seconds=0.4)
        answer = fault.mastodon(TAG, limit=2)
        assert answer.elapsed.total_seconds() >= 0.4 or kind == "drip"
        assert len(answer.json()) == 2


def test_a_reader_that_leaves_a_dripping_answer_was_told_nothing(fault: World) -> None:
    order(fault, "drip", seconds=0.6)
    before = told(fault)
    with pytest.raises(httpx.ReadTimeout):
        fault.client.get(f"{fault.places['mastodon']}/{TAG}", timeout=httpx.Timeout(5, read=0.05))
    while fault.asks("status")["sending"]:
        assert told(fault) == before
    assert told(fault) == before


def test_big_bodies_and_bombs_are_big(fault: World) -> None:
    order(fault, "big_body")
    assert len(fault.mastodon(TAG).content) > 10_000_000
    order(fault, "gzip_bomb")
    with fault.client.stream("GET", f"{fault.places['mastodon']}/{TAG}") as answer:
        raw = b"".join(answer.iter_raw())
    assert len(raw) < 200_000
    assert len(zlib.decompress(raw, wbits=31)) > 50_000_000
    assert gzip.decompress(raw)[:1] == b"["


def test_a_page_may_be_shuffled_and_hold_an_item_twice(fault: World) -> None:
    straight = [one["id"] for one in fault.mastodon(TAG).json()]
    order(fault, "reordered")
    shuffled = [one["id"] for one in fault.mastodon(TAG).json()]
    assert shuffled != straight
    assert sorted(shuffled) == sorted(straight)
    order(fault, "duplicated")
    doubled = [one["id"] for one in fault.mastodon(TAG).json()]
    assert len(doubled) == len(set(doubled)) + 1
    order(fault, "duplicated")
    assert straight[4] in [one["id"] for one in fault.mastodon(TAG, max_id=straight[4]).json()]


def test_a_fault_waits_for_its_endpoint_and_lets_some_pass(fault: World) -> None:
    order(fault, "server_error", endpoint="slowmornings", after=1, times=2)
    assert fault.mastodon(TAG).status_code == 200
    answers = [fault.mastodon("api/v1/timelines/tag/slowmornings").status_code for _ in range(4)]
    assert answers == [200, 500, 500, 200]
    assert fault.asks("faults")["waiting"] == []


def test_a_fault_that_does_not_exist_is_refused_with_a_sentence(fault: World) -> None:
    answer = fault.client.post(
        f"{fault.places['control']}/faults", json={"add": [{"kind": "x", "platform": "feeds"}]}
    )
    assert answer.status_code == 400
    assert "no fault is called 'x'" in answer.json()["error"]


def test_poison_stands_among_good_posts() -> None:
    with world("--acts", "manual") as one:
        one.does("release", group="poison")
        raw = one.mastodon(TAG, limit=40).text
        assert "\\u0000" in raw
        assert "🎉" * 3_000 in raw or "\\ud83c\\udf89" * 3_000 in raw
        page = one.mastodon(TAG, limit=40).json()
        assert any("id" not in status for status in page)
        assert any(status["account"] is None for status in page)
        token = one.sign_in().json()["accessJwt"]
        posts = one.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=100).text
        assert "0001-01-01T00:00:00Z" in posts
        assert "10000-01-01T00:00:00Z" in posts
        assert "\\ud83d" in posts
        truth = one.asks("truth")
        assert set(truth["rejects"]["mastodon"]) == {"poison-no-id"}
        assert set(truth["rejects"]["bluesky"]) == {"poison-sky-no-id"}


def test_the_world_plays_by_itself_once_somebody_listens_and_then_is_quiet() -> None:
    with world("--acts", "auto", "--pace", "0.05", "--faults", "demo") as one:
        assert one.asks("status")["act"] == 1
        assert one.feed("blogs.json").text.count("Tarnbeck") > 100, "the days before"
        seen: set[int] = set()
        for _ in range(2_000):
            status = one.asks("status")
            seen.add(status["act"])
            if status["quiet"]:
                break
        assert status["quiet"]
        assert status["act"] == status["acts"] == max(seen)
        assert status["groups"] == ["storm", "poison"]
        assert one.feed("news.rss").headers["retry-after"] == "600", (
            "somebody is limited for long enough to be seen"
        )


def test_the_bulk_corpus_walks_page_by_page_and_is_the_same_for_the_same_seed() -> None:
    with world("--bulk", "600", "--seed", "1") as one:
        info = one.asks("info")
        assert info["posts"] == {"mastodon": 300, "bluesky": 300, "feeds": 60}
        low, uris, nameless = info["before_first_id"], set(), 0
        while page := one.mastodon("api/v1/timelines/tag/bench", limit=40, min_id=low).json():
            assert len(page) <= 40
            uris |= {status["uri"] for status in page}
            nameless += sum(status["language"] is None for status in page)
            low = page[0]["id"]
        assert len(uris) == 300
        assert 100 < nameless < 200
        token = one.sign_in().json()["accessJwt"]
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            got = one.bluesky("app.bsky.feed.searchPosts", token, q="bench", limit=100, **cursor).json()
            found += [post["record"]["text"] for post in got["posts"]]
            if "cursor" not in got:
                break
            cursor = {"cursor": got["cursor"]}
        assert len(set(found)) == 300
        assert one.feed("bench-0.rss").text.count("<item>") == 60
        lines = one.client.get(f"{one.places['control']}/texts").text
    texts = [json.loads(line)["text"] for line in lines.splitlines()]
    assert len(set(texts)) == 660
    assert 80 <= sum(map(len, texts)) / len(texts) <= 95
    with world("--bulk", "600", "--seed", "1") as again:
        assert again.client.get(f"{again.places['control']}/texts").text == lines
