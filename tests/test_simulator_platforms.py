"""The wire: pages, cursors, validators and sessions as the platforms document them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors import bluesky, mastodon
from connectors._base import Denied, Held, Watch
from connectors._http import Clients, Requests
from tests.simulated import World, world

TAG = "api/v1/timelines/tag/beanfriday"


@pytest.fixture(scope="module")
def storm() -> Iterator[World]:
    """The whole world at once: four acts, the storm, the poison."""
    with world("--seed", "7", "--acts", "manual") as running:
        for n in (2, 3, 4):
            running.does("act", n=n)
        assert running.does("release", group="storm")["new"] == 1_000
        yield running


@pytest.fixture(scope="module")
def token(storm: World) -> str:
    answer = storm.sign_in()
    assert answer.status_code == 200
    return str(answer.json()["accessJwt"])


def ids(page: list[dict[str, Any]]) -> list[int]:
    return [int(status["id"]) for status in page]


def test_a_page_is_newest_first_and_at_most_forty(storm: World) -> None:
    page = ids(storm.mastodon(TAG, limit=500).json())
    assert len(page) == 40
    assert page == sorted(page, reverse=True)
    assert len(storm.mastodon(TAG).json()) == 20


def test_min_id_walks_up_without_a_gap_and_max_id_down(storm: World) -> None:
    up: list[int] = []
    low = 0
    while page := ids(storm.mastodon(TAG, limit=40, min_id=low).json()):
        assert page == sorted(page, reverse=True)
        assert min(page) > low
        up += page[::-1]
        low = page[0]
    down: list[int] = []
    high = up[-1] + 1
    while page := ids(storm.mastodon(TAG, limit=40, max_id=high).json()):
        assert max(page) < high
        down += page
        high = page[-1]
    assert up == down[::-1]
    assert len(set(up)) == len(up) > 1_000


def test_since_id_jumps_to_the_newest_page(storm: World) -> None:
    newest = ids(storm.mastodon(TAG, limit=40).json())
    assert ids(storm.mastodon(TAG, limit=40, since_id=1).json()) == newest
    assert ids(storm.mastodon(TAG, limit=40, since_id=newest[3]).json()) == newest[:3]


def test_a_link_header_leads_to_both_sides_and_an_empty_page_has_none(storm: World) -> None:
    answer = storm.mastodon(TAG, limit=40)
    page = ids(answer.json())
    assert f"max_id={page[-1]}" in answer.links["next"]["url"]
    assert f"min_id={page[0]}" in answer.links["prev"]["url"]
    older = storm.client.get(answer.links["next"]["url"]).json()
    assert max(ids(older)) < page[-1]
    assert "link" not in storm.mastodon(TAG, min_id=page[0]).headers


def test_mastodons_reset_is_an_instant_and_blueskys_an_epoch(storm: World, token: str) -> None:
    reset = storm.mastodon(TAG).headers["x-ratelimit-reset"]
    assert datetime.fromisoformat(reset).tzinfo is not None
    assert reset.endswith("Z")
    headers = storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck").headers
    assert headers["ratelimit-reset"].isdigit()
    assert re.fullmatch(r"\d+;w=\d+", headers["ratelimit-policy"])


def test_notifications_have_their_own_ids_and_are_filtered_by_type(storm: World) -> None:
    page = storm.mastodon("api/v1/notifications", signed_in=True, limit=80, **{"types[]": "mention"}).json()
    assert {one["type"] for one in page} == {"mention"}
    assert all(len(one["id"]) < 8 for one in page)
    assert all(any(m["acct"] == "tarnbeck" for m in one["status"]["mentions"]) for one in page)
    assert storm.mastodon("api/v1/notifications").status_code == 401


def test_a_context_holds_what_is_above_and_below(storm: World) -> None:
    root = next(
        s["term"]
        for s in storm.asks("crm")["sources"]
        if s["platform"] == "mastodon" and s["kind"] == "thread"
    )
    context = storm.mastodon(f"api/v1/statuses/{root}/context").json()
    assert context["ancestors"] == []
    by_id = {status["id"]: status for status in context["descendants"]} | {root: {}}
    assert len(by_id) > 10
    assert all(status["in_reply_to_id"] in by_id for status in context["descendants"])
    leaf = context["descendants"][1]
    above = storm.mastodon(f"api/v1/statuses/{leaf['id']}/context").json()["ancestors"]
    assert above[0]["id"] == root


def test_a_boost_carries_what_it_boosts_and_no_text(storm: World) -> None:
    page = storm.mastodon("api/v1/timelines/tag/tarnbeck", limit=40).json()
    boosts = [status for status in page if status["reblog"]]
    assert boosts
    assert all(boost["content"] == "" and boost["uri"] != boost["reblog"]["uri"] for boost in boosts)
    returned = storm.asks("truth")
    assert set(returned["reposts"]["mastodon"]) >= {boost["uri"] for boost in boosts}
    assert boosts[0]["reblog"]["uri"] in returned["returned"]["mastodon"]


def test_lookups_leave_out_what_is_gone(storm: World) -> None:
    status = storm.mastodon(TAG, limit=1).json()[0]
    found = storm.mastodon("api/v1/statuses", **{"id[]": [status["id"], "123"]}).json()
    assert [one["id"] for one in found] == [status["id"]]
    assert storm.mastodon("api/v1/statuses/123").status_code == 404


def test_search_takes_a_session_and_pages_by_offset(storm: World, token: str) -> None:
    refused = storm.bluesky("app.bsky.feed.searchPosts", None, q="tarnbeck")
    assert refused.status_code == 403
    assert "html" in refused.headers["content-type"]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=30, **cursor).json()
        seen += [post["uri"] for post in page["posts"]]
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert len(set(seen)) == len(seen) == page["hitsTotal"] > 60
    assert storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=101).status_code == 400
    assert storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", cursor="x").status_code == 502


def test_search_windows_by_the_time_that_sorts(storm: World, token: str) -> None:
    page = storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=100).json()["posts"]
    at = [min(post["record"]["createdAt"], post["indexedAt"]) for post in page]
    assert at == sorted(at, reverse=True)
    middle = at[30]
    until = storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=100, until=middle).json()[
        "posts"
    ]
    since = storm.bluesky("app.bsky.feed.searchPosts", token, q="tarnbeck", limit=100, since=middle).json()[
        "posts"
    ]
    assert len(until) == sum(one < middle for one in at)
    assert len(since) == sum(one >= middle for one in at)


def test_notifications_page_until_there_is_no_cursor(storm: World, token: str) -> None:
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = storm.bluesky(
            "app.bsky.notification.listNotifications", token, limit=7, reasons=["mention", "reply"], **cursor
        ).json()
        seen += [one["uri"] for one in page["notifications"]]
        assert {one["reason"] for one in page["notifications"]} <= {"mention", "reply"}
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    assert len(set(seen)) == len(seen) > 30


def test_a_thread_is_nested_and_says_what_is_missing(storm: World, token: str) -> None:
    sources = storm.asks("crm")["sources"]
    root = next(s["term"] for s in sources if s["platform"] == "bluesky" and s["kind"] == "thread")
    thread = storm.bluesky("app.bsky.feed.getPostThread", token, uri=root, depth=10).json()["thread"]
    assert thread["post"]["uri"] == root
    assert any(reply.get("replies") for reply in thread["replies"])
    missing = storm.bluesky("app.bsky.feed.getPostThread", token, uri="at://nobody/app.bsky.feed.post/x")
    assert (missing.status_code, missing.json()["error"]) == (400, "NotFound")


def test_an_expired_token_is_a_400_and_a_refresh_token_works_once(storm: World) -> None:
    opened = storm.sign_in().json()
    storm.does("tokens", do="expire")
    refused = storm.bluesky("app.bsky.feed.searchPosts", opened["accessJwt"], q="tarnbeck")
    assert (refused.status_code, refused.json()["error"]) == (400, "ExpiredToken")
    where = f"{storm.places['bluesky']}/xrpc/com.atproto.server.refreshSession"
    bearer = {"Authorization": f"Bearer {opened['refreshJwt']}"}
    renewed = storm.client.post(where, headers=bearer)
    assert renewed.status_code == 200
    assert renewed.json()["refreshJwt"] != opened["refreshJwt"]
    assert storm.client.post(where, headers=bearer).json()["error"] == "ExpiredToken"
    fine = storm.bluesky("app.bsky.feed.searchPosts", renewed.json()["accessJwt"], q="tarnbeck")
    assert fine.status_code == 200
    assert storm.sign_in(password="wrong").status_code == 401


def test_a_check_says_whose_a_token_is_on_both_networks(storm: World) -> None:
    signed_in = storm.sign_in().json()

    async def both(of: str) -> list[Held]:
        clients = Clients(trusted={urlsplit(storm.places[name]).netloc for name in ("mastodon", "bluesky")})
        try:
            return [
                await connector.check(
                    Requests(clients),
                    Watch(
                        kind="mentions",
                        term="@me",
                        host=storm.places[connector.platform],
                        now=datetime.now(UTC),
                        token=of or good,
                    ),
                )
                for connector, good in ((mastodon, storm.token), (bluesky, signed_in["accessJwt"]))
            ]
        finally:
            await clients.aclose()

    on_mastodon, on_bluesky = asyncio.run(both(""))
    assert on_mastodon.account_id == "https://hub.example/users/tarnbeck"
    assert on_mastodon.scopes == frozenset({"read"})
    assert (on_bluesky.account_id, on_bluesky.handle) == (signed_in["did"], signed_in["handle"])
    with pytest.raises(Denied):
        asyncio.run(both("no such token"))


@pytest.mark.parametrize("name", ["news.rss", "forum.atom", "blogs.json"])
def test_a_feed_answers_304_to_its_own_validators(storm: World, name: str) -> None:
    answer = storm.feed(name)
    again = storm.feed(name, If_None_Match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert storm.feed(name, If_Modified_Since=answer.headers["last-modified"]).status_code == 304
    assert storm.feed(name, If_None_Match='"other"').status_code == 200


def test_the_forum_says_what_an_entry_answers(storm: World) -> None:
    body = storm.feed("forum.atom").text
    assert body.count("<thr:in-reply-to ref=") >= 6
    assert "<email>emil@osterly.example</email>" in body
    assert json.loads(storm.feed("blogs.json").text)["version"] == "https://jsonfeed.org/version/1.1"


def test_what_a_listing_told_is_in_the_truth_and_nothing_else() -> None:
    with world("--seed", "3", "--acts", "manual") as running:
        assert not any(running.asks("truth")["returned"].values())
        page = running.mastodon("api/v1/timelines/tag/slowmornings", limit=40).json()
        boosts = {one["uri"] for one in page if one["reblog"]}
        uris = {(one["reblog"] or one)["uri"] for one in page}
        truth = running.asks("truth")
        assert set(truth["returned"]["mastodon"]) == uris
        assert set(truth["reposts"]["mastodon"]) == boosts
        assert sum(row["times"] for row in truth["returned"]["mastodon"].values()) == len(page)
        named = {case["key"]: case["level_now"] for case in truth["cases"]}
        assert named["campaign-slow"] == "activity"
        assert named["mug"] is None
        post = next(one for one in truth["posts"] if one["key"] == "campaign-slow")
        assert post["returned"] == 1
        assert post["about"] == ["campaign:Slow Mornings"]


def test_a_rise_is_expected_only_when_its_second_half_was_told() -> None:
    with world("--acts", "manual") as running:
        running.mastodon("api/v1/timelines/tag/tarnbeck", limit=40)
        running.mastodon("api/v1/notifications", signed_in=True, limit=80)
        levels = {case["key"]: case["level_now"] for case in running.asks("truth")["cases"]}
        assert levels["rise-kemi"] == "activity"
        running.does("act", n=2)
        running.mastodon("api/v1/notifications", signed_in=True, limit=80)
        levels = {case["key"]: case["level_now"] for case in running.asks("truth")["cases"]}
        assert levels["rise-kemi"] == "both"


def test_the_crm_is_there_as_rows_and_as_csv(storm: World) -> None:
    held = storm.asks("crm")
    assert {row["account"] for row in held["contacts"]} <= {row["name"] for row in held["accounts"]}
    assert held["csv"]["accounts"].startswith("name,industry,website,phone\nVelmora Hotels,")
    text = storm.client.get(f"{storm.places['control']}/crm/contacts.csv").text
    assert text == held["csv"]["contacts"]
    assert text.startswith("account,first_name,last_name,email,phone,handles\n")
    assert len(held["sources"]) == 13
    assert datetime.fromisoformat(held["mark"]).tzinfo is not None
