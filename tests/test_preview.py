"""What a source would bring and cost, before it is followed; and one answer as a recording."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from connectors._base import Answer, Page, TryLater, Watch
from console.preview import rate
from console.record import recording
from tests.command_line import KEY, Earshot, earshot
from tests.replayer import Asked, Replayer, Reply

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def minutes(*ago: float) -> list[datetime]:
    return [NOW - timedelta(minutes=n) for n in ago]


@pytest.mark.parametrize(
    ("times", "more", "a_day"),
    [
        (minutes(0, 1, 2, 3), True, 1_440.0),
        (minutes(0, 720, 1_440), False, 3.0),
        (minutes(5, 6), True, None),
        (minutes(3, 3, 3), True, 172_800.0),
    ],
)
def test_a_rate_is_of_the_page_while_there_is_more_else_of_all_that_there_is(
    times: list[datetime], more: bool, a_day: float | None
) -> None:
    assert rate(times, NOW, more=more) == a_day


# --- X, which counts and costs ---------------------------------------------------------------------------


def counted(posts: int, served: list[str]) -> Callable[[Asked], Reply]:
    """An X whose search has so many posts a day."""

    def answer(asked: Asked) -> Reply:
        served.append(asked.path)
        if asked.path.endswith("/counts/recent"):
            day = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "tweet_count": posts}
            counts = {"data": [day], "meta": {"total_tweet_count": posts}}
            rate = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "290", "x-rate-limit-reset": "60"}
            return Reply(body=json.dumps(counts).encode(), headers=rate)
        return Reply(body=b'{"meta": {"result_count": 0}}')

    return answer


@pytest.fixture
def cli(tmp_path: Path, database: str) -> Earshot:
    return earshot(tmp_path, database_url=database, encryption_key=KEY)


class AnX:
    """An X over HTTP, and the command that knows a credential for it."""

    def __init__(self, cli: Earshot, server: Replayer) -> None:
        self.cli, self.server = cli, server
        self.trust = {"EARSHOT_TRUSTED_HOSTS": server.netloc}
        cli.done("credentials", "add", "x", "acme", "--host", server.base, stdin="bearer hush", **self.trust)

    def run(self, *words: str, **more: str) -> Any:
        return self.cli(*words, "--host", self.server.base, **self.trust, **more)


@pytest.fixture
def spent(database: str) -> Callable[[], int]:
    def asked() -> int:
        with psycopg.connect(database) as db:
            row = db.execute(
                "SELECT coalesce(sum(spent + held), 0) FROM spendings WHERE of = 'money'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    return asked


@pytest.fixture
def broad(cli: Earshot) -> Iterator[AnX]:
    with Replayer(counted(60_000, [])) as server:
        yield AnX(cli, server)


def test_nothing_paid_is_asked_before_money_is_set_aside(broad: AnX, spent: Callable[[], int]) -> None:
    said = broad.run("sources", "preview", "x", "search", "coffee")
    assert said.code == 1
    assert "earshot budget set x 20 usd" in said.err
    assert not any(asked.path.endswith("recent") for asked in broad.server.asked)
    assert spent() == 0


def test_a_preview_tells_the_figure_and_the_price_and_refuses_what_is_too_broad(
    broad: AnX, spent: Callable[[], int]
) -> None:
    broad.cli.done("budget", "set", "x", "20", "usd")
    said = broad.run("sources", "preview", "x", "search", "coffee")
    assert said.code == 1
    assert "About 60,000 posts a day (counted by the platform)" in said.out
    assert "$900.00 a day, $27,000.00 in 30 days" in said.out
    assert "too broad: about 60,000 posts a day, and 20,000 are the most" in said.err
    assert spent() == 5_000  # a count costs half a cent, and that is written down
    assert [asked.path for asked in broad.server.asked if "/2/" in asked.path] == ["/2/tweets/counts/recent"]


def test_a_command_asks_in_the_windows_that_the_fleet_learned_and_goes_on_where_no_broker_answers(
    broad: AnX, broker: str
) -> None:
    broad.cli.done("budget", "set", "x", "20", "usd")
    preview = ("sources", "preview", "x", "search", "coffee")
    away = broad.run(*preview, EARSHOT_BROKER_URL="unix:///nowhere/valkey.sock")
    assert "About 60,000 posts a day" in away.out
    assert "budget" not in away.err
    assert "About 60,000 posts a day" in broad.run(*preview, EARSHOT_BROKER_URL=broker).out
    [window] = [key for key in redis.Redis.from_url(broker).scan_iter("*") if b":counts:" in key]
    redis.Redis.from_url(broker).hset(window, "closed", 2**42)
    asked = len(broad.server.asked)
    said = broad.run(*preview, EARSHOT_BROKER_URL=broker)
    assert (said.code, len(broad.server.asked)) == (1, asked)
    assert f"the budget of {broad.server.netloc} is spent" in said.err


def test_what_is_too_broad_is_not_followed_unless_somebody_says_so(broad: AnX) -> None:
    broad.cli.done("budget", "set", "x", "20", "usd")
    assert "too broad" in broad.run("sources", "add", "x", "search", "coffee").err
    assert broad.cli.done("sources", "list", "--json").json == []
    assert broad.run("sources", "add", "x", "search", "coffee", "--broad").code == 0
    assert len(broad.cli.done("sources", "list", "--json").json) == 1


def test_a_narrow_search_is_followed_and_its_figure_told(cli: Earshot) -> None:
    with Replayer(counted(40, [])) as server:
        narrow = AnX(cli, server)
        cli.done("budget", "set", "x", "20", "usd")
        said = narrow.run("sources", "add", "x", "search", '"acme coffee"')
        assert said.code == 0, said.err
        assert "About 40 posts a day (counted by the platform)" in said.out
        assert "$0.60 a day, $18.00 in 30 days" in said.out


def test_a_budget_is_set_shown_and_taken_back(cli: Earshot) -> None:
    assert "$20.00 a month (UTC" in cli.done("budget", "set", "x", "20", "usd").out
    assert (
        "5,000 units a day (America/Los_Angeles" in cli.done("budget", "set", "youtube", "5000", "units").out
    )
    [x, youtube] = cli.done("budget", "list", "--json").json
    assert (x["amount"], x["of"], x["period"], x["left"]) == (20_000_000, "money", "month", 20_000_000)
    assert youtube["platform"] == "youtube"
    assert "$20.00" in cli.done("budget", "list").out
    assert "this month" in cli.done("status").out
    cli.done("budget", "remove", "x")
    assert "Nothing was set" in cli.refused("budget", "remove", "x")
    assert "no amount" in cli.refused("budget", "set", "x", "much", "usd", code=2)
    assert "cannot be counted" in cli.refused("budget", "set", "x", "1", "euro", code=2)


def test_what_can_be_watched_is_listed_with_what_it_needs(cli: Earshot) -> None:
    listed = cli.done("platforms").out
    assert "LinkedIn is not offered" in listed
    for name in ("reddit", "youtube", "appstore", "threads"):
        assert name in listed
    about = cli.done("platforms", "x").out
    assert "takes money: earshot budget set x 20 usd" in about
    assert "tweet.read" in about
    assert {one["platform"] for one in cli.done("platforms", "--json").json} >= {"x", "mastodon", "facebook"}
    assert "xyzzy" in cli.refused("platforms", "xyzzy", code=2)


# --- recordings --------------------------------------------------------------------------------------------

WATCH = Watch(kind="search", term="acme", host="https://x.example", now=NOW, token="canary-7f3a")
BODY = {
    "data": [{"text": "@jane_doe call +44 20 7946 0958 or jane@doe.example", "author_id": "7"}],
    "includes": {"users": [{"id": "7", "username": "jane_doe", "name": "Jane Doe"}]},
    "paging": {"next": "https://x.example/2?access_token=canary-7f3a&after=x", "access_token": "other"},
    "said": "Jane Doe says hush-secret",
}


def test_a_recording_has_no_secret_and_nobodys_name() -> None:
    headers = {
        "content-type": "application/json",
        "set-cookie": "a=b",
        "x-rate-limit-remaining": "3",
        "server": "tsa",
    }
    answer = Answer(status=200, url="https://x.example/2", headers=headers, body=json.dumps(BODY).encode())
    told = recording(WATCH, answer, Page(posts=(), rejects=(), cursor=None), ["hush-secret"])
    text = json.dumps(told)
    for gone in ("canary", "hush-secret", "jane", "Jane", "7946", "doe.example", "set-cookie", '"other"'):
        assert gone not in text
    assert told["headers"] == {"content-type": "application/json", "x-rate-limit-remaining": "3"}
    name = told["body"]["includes"]["users"][0]["username"]
    assert told["body"]["data"][0]["text"].startswith(f"@{name} ")
    assert told["expect"] == {"posts": [], "rejects": 0, "more": False}


def test_a_recorded_error_says_how_to_recover() -> None:
    answer = Answer(
        status=429, url="", headers={"retry-after": "7"}, body=b"<html>slow down canary-7f3a</html>"
    )
    told = recording(WATCH, answer, TryLater("429", limited=True, after=7.0), ())
    assert told["text"] == "<html>slow down -</html>"
    assert told["expect"] == {"error": "TryLater", "limited": True, "after": 7.0}


def test_a_live_answer_is_recorded_once_with_what_came_of_it(cli: Earshot, tmp_path: Path) -> None:
    status = {
        "id": "1", "uri": "https://town.example/statuses/1", "created_at": "2026-06-01T12:30:00.000Z",
        "content": "<p>hello</p>", "visibility": "public",
        "account": {"id": "7", "acct": "zoe", "username": "zoe", "url": "https://town.example/@zoe"},
    }  # fmt: skip
    with Replayer(lambda asked: Reply(body=json.dumps([status]).encode())) as server:
        words = [
            "record",
            "mastodon",
            "hashtag",
            "acme",
            "--host",
            server.base,
            "--to",
            str(tmp_path / "one.json"),
        ]
        said = cli.done(*words, EARSHOT_TRUSTED_HOSTS=server.netloc)
        assert "status 200: 1 posts" in said.out
        again = cli.refused(*words, EARSHOT_TRUSTED_HOSTS=server.netloc)
    assert "there already" in again
    assert len(server.asked) == 1
    told = json.loads((tmp_path / "one.json").read_text())
    assert told["body"][0]["account"]["acct"] == "person1"
    assert told["expect"]["posts"][0]["text"] == "hello"
    assert "zoe" not in json.dumps(told)
