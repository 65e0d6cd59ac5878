"""What is delivered to us: verified, landed once, and answered only then."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from models.vocabulary import NEVER_VISITED
from tests.command_line import KEY, earshot
from tests.journey import FURIOUS, Journey
from tests.serving import SECRET, as_body, receiving, signed, told, web
from tests.waiting import eventually
from workers import credentials
from workers._settings import settings
from workers.poll import poll
from workers.prune import prune


class Deliverer:
    """Delivers to one source and reads the answer."""

    def __init__(self, base: str, source: object) -> None:
        self.url = f"{base}/in/{source}"

    def __call__(self, body: bytes, name: str = "msg_1", **changed: Any) -> httpx.Response:
        headers = signed(body, name) | changed
        return httpx.post(self.url, content=body, headers=headers, timeout=30)


@pytest.fixture
def journey(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    monkeypatch.setenv("EARSHOT_ENCRYPTION_KEY", KEY)
    caches = (settings.cache_clear, credentials._fernet.cache_clear)
    for clear in caches:
        clear()
    journey = Journey(database)
    yield journey
    journey.close()
    for clear in caches:
        clear()


def test_a_delivery_lands_like_any_page_and_its_second_arrival_lands_nothing(journey: Journey) -> None:
    source = receiving(journey)
    rung: list[int] = []
    with web(journey.url, lambda: rung.append(1)) as base:
        deliver = Deliverer(base, source)
        body = as_body(told(1), told(2), {"id": "?"})
        first, again = deliver(body), deliver(body)
        assert (first.status_code, again.status_code) == (200, 200)
        eventually(lambda: rung, of="the bell")
    assert journey.ledger()["waiting"] == 3
    journey.digest()
    ledger = journey.ledger()
    assert (ledger["fetched"], ledger["new"], ledger["quarantined"], ledger["waiting"]) == (3, 2, 1, 0)
    assert journey.event(told(1)["id"]).platform == "webhook"
    assert journey.value("SELECT count(*) FROM deliveries") == 1


def test_an_angry_post_that_is_delivered_opens_a_ticket(journey: Journey) -> None:
    source = receiving(journey)
    journey.own("northwind", platform="webhook")
    with web(journey.url) as base:
        post = told(1, text=FURIOUS, mentions=[{"handle": "northwind"}])
        assert Deliverer(base, source)(as_body(post)).status_code == 200
    journey.digest()
    assert [case.level for case in journey.cases()] == ["ticket"]


def test_the_walk_of_a_source_that_also_receives_stays_where_it_stands(journey: Journey) -> None:
    source = receiving(journey)
    journey.execute(
        "UPDATE sources SET cursor = 'here', fence = 7, lease_until = now() + interval '1 minute', due_at = '2030-01-01'"
    )
    kept = "SELECT cursor, fence, lease_until, due_at, poll_id FROM sources"
    before = journey.execute(kept)
    with web(journey.url) as base:
        assert Deliverer(base, source)(as_body(told(1))).status_code == 200
    assert journey.execute(kept) == before


def test_a_large_delivery_lands_in_pages_that_a_batch_can_digest(journey: Journey) -> None:
    source = receiving(journey)
    posts = [{"id": f"x:{n}", "text": "hello", "posted_at": "2026-11-01"} for n in range(1200)]
    with web(journey.url) as base:
        assert Deliverer(base, source)(as_body(*posts)).status_code == 200
    assert [row[0] for row in journey.execute("SELECT fetched FROM pages ORDER BY id")] == [500, 500, 200]
    (poll,) = journey.execute("SELECT pages, fetched FROM polls WHERE finished_at IS NOT NULL")
    assert tuple(poll) == (3, 1200)
    while journey.digest():
        pass
    assert journey.ledger()["new"] == 1200


def test_each_refusal_has_its_status(journey: Journey) -> None:
    source = receiving(journey)
    mastodon = journey.source()
    body = as_body(told(1))
    with web(journey.url) as base:
        deliver = Deliverer(base, source)
        assert deliver(body, **{"webhook-signature": "v1,AAAA"}).status_code == 401
        assert httpx.post(deliver.url, content=body).status_code == 401
        assert httpx.get(deliver.url).status_code == 401
        assert deliver(b'{"half').status_code == 400
        assert deliver(b"{}").status_code == 400
        for nobody in (uuid4(), mastodon, "etc/passwd", "%00"):
            assert Deliverer(base, nobody)(body).status_code == 404
        assert httpx.put(deliver.url, content=body).status_code == 405
        assert httpx.head(deliver.url).status_code == 405
        assert deliver(b" " * 1_000_001).status_code == 413
        chunks = iter([b" " * 100_000] * 11)
        assert httpx.post(deliver.url, content=chunks).status_code == 413
        journey.execute("UPDATE sources SET state = 'paused' WHERE id = :id", id=source)
        waits = deliver(body)
        assert (waits.status_code, waits.headers["retry-after"]) == (503, "300")
        journey.execute("UPDATE sources SET state = 'off' WHERE id = :id", id=source)
        assert deliver(body).status_code == 404
        journey.execute("UPDATE sources SET state = 'active' WHERE id = :id", id=source)
        assert deliver(body).status_code == 200
    assert journey.value("SELECT count(*) FROM pages") == 1


def test_ops_sees_that_a_delivery_was_refused_and_that_the_next_one_was_not(journey: Journey) -> None:
    source = receiving(journey)
    with web(journey.url) as base:
        deliver = Deliverer(base, source)
        deliver(as_body(told(1)), **{"webhook-signature": "v1,AAAA"})
        error = "SELECT last_error FROM sources WHERE id = :id"
        assert journey.value(error, id=source) == "a delivery was refused: the signature does not hold"
        deliver(as_body(told(1)))
        assert journey.value(error, id=source) is None
    assert journey.value(
        "SELECT last_success_at > now() - interval '1 minute' FROM sources WHERE id = :id", id=source
    )


def test_a_database_that_is_away_is_a_503_and_the_next_delivery_lands(journey: Journey) -> None:
    source = receiving(journey)
    body = as_body(told(1))
    with web(journey.url) as base:
        deliver = Deliverer(base, source)
        assert deliver(body, "first").status_code == 200
        journey.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'earshot web'"
        )
        codes = [deliver(body, "second").status_code for _ in range(3)]
        assert set(codes) <= {200, 503}
        assert codes[-1] == 200
    assert journey.value("SELECT count(*) FROM deliveries") == 2


def test_without_a_database_nothing_is_promised(journey: Journey) -> None:
    source = receiving(journey)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"postgresql://nobody@127.0.0.1:{nobody.getsockname()[1]}/none"
        with web(away) as base:
            answer = Deliverer(base, source)(as_body(told(1)))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"


def test_a_body_that_drips_is_not_waited_for(journey: Journey) -> None:
    source = receiving(journey)
    with web(journey.url, patience=0.3) as base:
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(f"POST /in/{source} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode())
            assert line.recv(4096).startswith(b"HTTP/1.1 408")


def test_of_two_hundred_deliveries_at_once_with_repetitions_every_post_lands_once(journey: Journey) -> None:
    source = receiving(journey)
    ways = [number % 120 for number in range(200)]

    async def all_at_once(url: str) -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

            async def one(way: int) -> int:
                body = as_body(told(2 * way), told(2 * way + 1))
                answer = await client.post(url, content=body, headers=signed(body, f"msg_{way}"))
                return answer.status_code

            return await asyncio.gather(*map(one, ways))

    with web(journey.url) as base:
        codes = asyncio.run(all_at_once(f"{base}/in/{source}"))
    assert codes == [200] * 200
    assert journey.value("SELECT count(*) FROM deliveries") == 120
    while journey.digest():
        pass
    ledger = journey.ledger()
    assert (ledger["fetched"], ledger["new"], ledger["waiting"]) == (240, 240, 0)
    assert journey.value("SELECT count(*) FROM social_events") == 240


def test_a_source_that_receives_is_never_visited(journey: Journey) -> None:
    receiving(journey)
    journey.source("mastodon", "posts.csv", kind="file")
    engine = create_async_engine(journey.url)

    async def look(platform: str) -> int:
        nobody: Any = None
        try:
            return await poll(
                platform,
                sessions=async_sessionmaker(engine),
                http=nobody,
                settings=journey.settings,
                ring=nobody,
            )
        finally:
            await engine.dispose()

    assert [asyncio.run(look(platform)) for platform in ("webhook", "mastodon")] == [0, 0]
    assert set(NEVER_VISITED) == {"file", "inbound"}


def test_the_names_of_old_deliveries_are_forgotten(journey: Journey) -> None:
    source = receiving(journey)
    for name, days in (("old", 91), ("young", 89)):
        journey.execute(
            "INSERT INTO deliveries (source_id, delivery, received_at)"
            " VALUES (:source, :name, now() - make_interval(days => :days))",
            source=source,
            name=name,
            days=days,
        )
    prune(journey.sessions, journey.settings)
    assert [row[0] for row in journey.execute("SELECT delivery FROM deliveries")] == ["young"]


def test_a_source_that_receives_is_added_with_its_address_and_its_secret_shown_once(
    journey: Journey, home: Path
) -> None:
    cli = earshot(home, database_url=journey.url, encryption_key=KEY)
    added = cli.done("sources", "add", "webhook", "inbound", "shop").out
    source = journey.value("SELECT id FROM sources WHERE kind = 'inbound'")
    secret = re.search(r"whsec_\S+", added)
    assert secret
    assert f"http://127.0.0.1:8484/in/{source}" in added
    again = cli.done("sources", "add", "webhook", "inbound", "shop").out
    assert f"/in/{source}" in again
    assert "whsec_" not in again
    assert journey.value("SELECT count(*) FROM identities WHERE ours") == 0
    with web(journey.url) as base:
        deliver, body = Deliverer(base, source), as_body(told(1))
        assert deliver(body, **signed(body, "a", secret=secret[0])).status_code == 200
        changed = cli.done("sources", "address", "shop", "--new-secret").out
        new = re.search(r"whsec_\S+", changed)
        assert new
        assert deliver(body, **signed(body, "b", secret=secret[0])).status_code == 401
        assert deliver(body, **signed(body, "b", secret=new[0])).status_code == 200
    assert "whsec_" not in cli.done("sources", "address", "shop").out
    (row,) = cli.done("sources", "list", "--json").json
    assert (row["lag"], row["last_error"]) == (0, None)
    assert row["last_success_at"]


def test_a_sender_needs_a_name_that_can_be_one(journey: Journey, home: Path) -> None:
    cli = earshot(home, database_url=journey.url, encryption_key=KEY)
    for name in ("two words", "../up", "x" * 101):
        assert "cannot be followed" in cli.refused("sources", "add", "webhook", "inbound", name, code=2)
    said = cli.refused("sources", "add", "webhook", "inbound", "shop", EARSHOT_ENCRYPTION_KEY="")
    assert "EARSHOT_ENCRYPTION_KEY" in said
    cli.done("sources", "add", "feeds", "feed", "https://blog.example.com/feed.xml")
    assert "it is visited" in cli.refused("sources", "address", "https://blog.example.com/feed.xml")
    assert journey.value("SELECT count(*) FROM credentials") == 0


def test_earshot_serve_takes_deliveries_until_it_is_told_to_stop(
    journey: Journey, home: Path, broker: str, tmp_path: Path
) -> None:
    source = receiving(journey)
    ready = tmp_path / "ready"
    env = earshot(
        home, database_url=journey.url, broker_url=broker, encryption_key=KEY, ready_file=str(ready)
    ).env
    out = tmp_path / "out"
    with out.open("w") as file:
        serving = subprocess.Popen(
            [sys.executable, "-m", "console", "serve", "--listen", "127.0.0.1:0"],
            env=env,
            stdout=file,
            stderr=file,
        )
    try:
        eventually(lambda: ready.exists() or serving.poll() is not None, within=30, of=out.read_text())
        base = re.search(r"http://127\.0\.0\.1:\d+", out.read_text())
        assert base, out.read_text()
        assert Deliverer(base[0], source)(as_body(told(1))).status_code == 200
        serving.send_signal(signal.SIGTERM)
        serving.wait(20)
    finally:
        serving.kill()
        serving.wait()
    assert not ready.exists()
    assert SECRET not in out.read_text()
    assert "feedback" not in out.read_text()


def test_a_sender_may_bring_a_secret_of_its_own(journey: Journey, home: Path) -> None:
    cli = earshot(home, database_url=journey.url, encryption_key=KEY)
    assert cli("credentials", "add", "webhook", "shop", stdin=SECRET).code == 0
    assert "whsec_" not in cli.done("sources", "add", "webhook", "inbound", "shop").out
    source = journey.value("SELECT id FROM sources")
    assert journey.value("SELECT count(*) FROM aliases") == 0
    with web(journey.url) as base:
        assert Deliverer(base, source)(as_body(told(1))).status_code == 200


COMMENT = {
    "item": "comment",
    "verb": "add",
    "comment_id": "77_1",
    "post_id": "12_77",
    "parent_id": "12_77",
    "from": {"id": "5", "name": "Kim"},
    "message": "The parcel never came.",
    "created_time": 1_762_000_000,
}


def test_a_platform_that_also_delivers_has_a_secret_of_its_own_for_that(journey: Journey, home: Path) -> None:
    cli = earshot(home, database_url=journey.url, encryption_key=KEY)
    added = cli("sources", "add", "facebook", "inbound", "our-page", stdin="app-secret:verify-me")
    assert added.code == 0, added.err
    source = journey.value("SELECT id FROM sources WHERE platform = 'facebook' AND kind = 'inbound'")
    assert f"/in/{source}" in added.out
    assert "app-secret" not in added.out + added.err
    body = msgspec.json.encode(
        {
            "object": "page",
            "entry": [{"id": "12", "time": 1_762_000_001, "changes": [{"field": "feed", "value": COMMENT}]}],
        }
    )
    signature = "sha256=" + hmac.new(b"app-secret", body, hashlib.sha256).hexdigest()
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    with web(journey.url) as base:
        url = f"{base}/in/{source}"
        read = httpx.get(url, params=asked | {"hub.verify_token": "verify-me"})
        assert (read.status_code, read.text) == (200, "1158201444")
        assert httpx.get(url, params=asked | {"hub.verify_token": "guess"}).status_code == 401
        assert httpx.post(url, content=body).status_code == 401
        for _ in range(2):
            assert (
                httpx.post(url, content=body, headers={"x-hub-signature-256": signature}).status_code == 200
            )
    journey.digest()
    assert journey.ledger()["new"] == 1
    assert journey.value("SELECT platform FROM social_events") == "facebook"
    assert "nothing called" in cli.refused("sources", "add", "bluesky", "inbound", "x", code=2)
