"""One request ends as a value or as one of four errors, within its time and its bytes, and never inside."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors._base import Answer, ConnectorError, Denied, Garbled, Gone, TryLater
from connectors._guard import check_url, is_public
from connectors._http import Clients, Requests
from connectors._limits import _FAMILIES, Limits, read_limits, seconds_until, told_in
from tests.replayer import Asked, Replayer, Reply

NOW = 1_800_000_000.0


class Ledger:
    """A budget that remembers what it was asked and told."""

    def __init__(self, refuse: ConnectorError | None = None) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.learnt: list[tuple[Limits | None, int]] = []
        self._refuse = refuse

    async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
        self.asked.append((host, endpoint, whose))
        if self._refuse:
            raise self._refuse

    async def learn(
        self, *, host: str, endpoint: str, whose: str | None, limits: Limits | None, status: int
    ) -> None:
        self.learnt.append((limits, status))


def get(
    answer: Callable[[Asked], Reply],
    *,
    path: str = "/x",
    trust: bool = True,
    ledger: Ledger | None = None,
    token: str | None = None,
    deadline: float = 4.0,
    max_body: int = 1_000_000,
) -> Answer:
    with Replayer(answer) as server:
        trusted = {server.netloc} if trust else set()

        async def run() -> Answer:
            clients = Clients(trusted=trusted)
            http = Requests(clients, budget=ledger, deadline=deadline, max_body=max_body, clock=lambda: NOW)
            try:
                return await http.get(server.base + path, token=token, endpoint="test")
            finally:
                await clients.aclose()

        return asyncio.run(run())


def always(status: int = 200, body: bytes = b"{}", **headers: str) -> Callable[[Asked], Reply]:
    named = {name.replace("__", "!").replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(status, body, named)


@pytest.mark.parametrize(
    ("status", "error", "flags"),
    [
        (429, TryLater, {"limited": True}),
        (500, TryLater, {"limited": False}),
        (502, TryLater, {"limited": False}),
        (408, TryLater, {"limited": False}),
        (401, Denied, {"refreshable": False}),
        (403, Denied, {"refreshable": False}),
        (404, Gone, {"cursor": False}),
        (410, Gone, {"cursor": False}),
        (400, Garbled, {}),
        (418, Garbled, {}),
    ],
)
def test_the_status_decides_which_error(
    status: int, error: type[ConnectorError], flags: dict[str, bool]
) -> None:
    with pytest.raises(error) as caught:
        get(always(status, b"something localised"))
    assert {name: getattr(caught.value, name) for name in flags} == flags


def test_a_304_is_an_answer_without_a_body() -> None:
    assert get(always(304)).status == 304


def test_an_error_names_neither_path_nor_query_nor_token() -> None:
    with pytest.raises(ConnectorError) as caught:
        get(always(500), path="/secretpath?key=hush", token="topsecret")
    assert not any(word in str(caught.value) for word in ("secretpath", "hush", "topsecret"))


def test_a_server_that_drips_meets_the_deadline() -> None:
    with pytest.raises(TryLater, match="within"):
        get(lambda asked: Reply(200, b"x" * 100, drip=0.1), deadline=0.5)


def test_a_body_shorter_than_it_claims_is_tried_later() -> None:
    with pytest.raises(TryLater):
        get(lambda asked: Reply(200, b"[1,2", claim=100))


def test_a_gzip_bomb_costs_no_memory() -> None:
    pack = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    bomb = b"".join(pack.compress(b"\0" * 1_000_000) for _ in range(200)) + pack.flush()
    tracemalloc.start()
    try:
        with pytest.raises(Garbled, match="more than"):
            get(lambda asked: Reply(200, bomb, {"!content-encoding": "gzip"}), max_body=10_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32_000_000


def test_a_user_name_in_an_address_is_refused() -> None:
    with pytest.raises(Denied, match="user name"):
        check_url("https://user:word@example.com/", set())


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
        ("gzip", b"hello"),
    ],
    ids=["gzip", "zlib", "raw deflate", "not packed"],
)
def test_a_body_is_unpacked_also_where_its_coding_is_a_lie(coding: str, packed: bytes) -> None:
    assert get(lambda asked: Reply(200, packed, {"!content-encoding": coding})).body == b"hello"


def test_a_cut_gzip_is_tried_later() -> None:
    cut = gzip.compress(b"hello" * 1000)[:-12]
    with pytest.raises(TryLater, match="damaged"):
        get(lambda asked: Reply(200, cut, {"!content-encoding": "gzip"}))


def test_the_budget_is_asked_before_and_told_after() -> None:
    ledger = Ledger()
    get(
        always(x_ratelimit_limit="300", x_ratelimit_remaining="7", retry_after="30"), ledger=ledger, token="t"
    )
    assert [(endpoint, token) for _, endpoint, token in ledger.asked] == [("test", "t")]
    assert ledger.learnt == [(Limits(limit=300, remaining=7, reset_in=30.0), 200)]


def test_a_budget_that_says_no_stops_the_request() -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> Reply:
        seen.append(asked)
        return Reply()

    with pytest.raises(TryLater):
        get(answer, ledger=Ledger(TryLater("no", limited=True)))
    assert not seen


def test_who_waits_for_a_connection_asks_the_budget_only_then() -> None:
    seen: list[Asked] = []

    def too_many(asked: Asked) -> Reply:
        seen.append(asked)
        return Reply(429, headers={"retry-after": "30"})

    class Closing(Ledger):
        async def ask(self, *, host: str, endpoint: str, whose: str | None) -> None:
            if self.learnt:
                raise TryLater("told to wait", limited=True)

        async def learn(self, **told: Any) -> None:
            await asyncio.sleep(0.02)  # as long as it takes to tell the others
            await super().learn(**told)

    with Replayer(too_many) as server:

        async def run() -> None:
            clients = Clients(trusted={server.netloc}, max_connections=2)
            http = Requests(clients, budget=Closing(), deadline=4.0)
            try:
                await asyncio.gather(*(http.get(server.base) for _ in range(12)), return_exceptions=True)
            finally:
                await clients.aclose()

        asyncio.run(run())
    assert len(seen) == 2


def test_redirects_are_followed_three_times_and_not_in_a_circle() -> None:
    def answer(asked: Asked) -> Reply:
        hop = int(asked.path[2:] or 0)
        return Reply(body=b"there") if hop == 3 else Reply(302, headers={"location": f"/x{hop + 1}"})

    assert get(answer).body == b"there"
    with pytest.raises(Garbled, match="redirects"):
        get(lambda asked: Reply(302, headers={"location": "/x"}))


def test_the_deadline_is_over_all_hops_together() -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(302, b"x" * 3, {"location": "/x"}, drip=0.2)

    with pytest.raises(TryLater, match="within"):
        get(answer, deadline=0.9)


def test_a_redirect_to_another_origin_drops_the_token() -> None:
    with Replayer(always()) as other:

        async def run(server: Replayer) -> None:
            clients = Clients(trusted={server.netloc, other.netloc})
            try:
                await Requests(clients).get(server.base + "/x", token="secret")
            finally:
                await clients.aclose()

        with Replayer(lambda asked: Reply(302, headers={"location": other.base + "/y"})) as server:
            asyncio.run(run(server))
            assert server.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://127.0.0.1/", "http://[::1]/"])
def test_a_redirect_to_the_inside_is_refused(target: str) -> None:
    with pytest.raises(Denied, match="EARSHOT_TRUSTED_HOSTS"):
        get(lambda asked: Reply(302, headers={"location": target}))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://100.64.0.1/",
        "http://10.0.0.8/",
        "http://example.com@127.0.0.1/",
        "http://example.com:8080/",
    ],
)
def test_every_spelling_of_the_inside_is_refused_before_a_byte_is_sent(url: str) -> None:
    async def run() -> None:
        clients = Clients()
        try:
            await Requests(clients, deadline=2.0).get(url)
        finally:
            await clients.aclose()

    with pytest.raises(Denied):
        asyncio.run(run())


@pytest.mark.parametrize("url", ["http://0177.0.0.1/", "http://localhost./"])
def test_spellings_that_resolvers_disagree_on_lead_nowhere(url: str) -> None:
    """Some take them for 127.0.0.1, some for a public address, some for nothing: never for ours."""

    async def run() -> None:
        clients = Clients()
        try:
            await Requests(clients, deadline=0.5).get(url)
        finally:
            await clients.aclose()

    with pytest.raises((Denied, Gone, TryLater)):
        asyncio.run(run())


def test_an_untrusted_loopback_server_never_sees_a_request() -> None:
    with Replayer(always()) as server:

        async def run() -> None:
            clients = Clients()
            try:
                await Requests(clients).get(server.base)
            finally:
                await clients.aclose()

        with pytest.raises(Denied, match="EARSHOT_TRUSTED_HOSTS"):
            asyncio.run(run())
        assert server.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("169.254.169.254", False),
        ("192.168.1.1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
        ("::", False),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("::127.0.0.1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
        ("not an address", False),
    ],
)
def test_only_one_hosts_address_on_the_open_internet_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "//x", "", "http://[::1/", "http://a:99999/"]
)
def test_what_is_no_web_address_is_gone(url: str) -> None:
    with pytest.raises(Gone):
        check_url(url, set())


def test_a_token_does_not_travel_without_tls() -> None:
    async def run() -> None:
        await Requests(Clients()).get("http://example.com/", token="t")

    with pytest.raises(Denied, match="without TLS"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("29.5", 29.5),
        ("0", 1.0),
        ("-3", 1.0),
        (str(int(NOW) + 60), 60.0),
        (str((int(NOW) + 60) * 1000), 60.0),
        (datetime.fromtimestamp(NOW + 60, UTC).isoformat(), 60.0),
        (datetime.fromtimestamp(NOW + 60, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), 60.0),
        (datetime.fromtimestamp(NOW + 60, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), 60.0),
        ("315360000", 900.0),
        ("2999-01-01T00:00:00Z", 900.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", 900.0),
    ],
)
def test_a_reset_is_read_in_all_its_units(value: str, seconds: float | None) -> None:
    assert seconds_until(value, NOW) == seconds


def test_the_servers_own_clock_is_the_one_its_limit_runs_on() -> None:
    theirs = NOW + 7200
    headers = {
        "date": datetime.fromtimestamp(theirs, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "x-ratelimit-remaining": "598.0",
        "x-ratelimit-reset": datetime.fromtimestamp(theirs + 60, UTC).isoformat(),
    }
    assert read_limits(headers, NOW) == Limits(remaining=598, reset_in=60.0)


def test_an_answer_that_says_nothing_of_limits_teaches_nothing() -> None:
    assert read_limits({"content-type": "text/html"}, NOW) is None


def test_a_connector_names_the_headers_in_which_only_its_platform_tells_of_a_rate() -> None:
    told = {"pebble-quota-stones": "60", "pebble-quota-left": "7", "pebble-opens": f"{NOW + 30:.0f}"}
    assert read_limits(told, NOW) is None
    try:
        for _ in range(2):
            told_in(limit="Pebble-Quota-Stones", remaining="Pebble-Quota-Left", reset="Pebble-Opens")
        assert len(_FAMILIES) == 4
        assert read_limits(told, NOW) == Limits(limit=60, remaining=7, reset_in=30.0)
        assert read_limits({"ratelimit-remaining": "5"}, NOW) == Limits(remaining=5)
    finally:
        del _FAMILIES[3:]


def test_a_429_waits_as_long_as_it_is_told() -> None:
    reset = datetime.fromtimestamp(NOW + 120, UTC).isoformat()
    with pytest.raises(TryLater) as caught:
        get(always(429, json.dumps({"error": "Too many requests"}).encode(), x_ratelimit_reset=reset))
    assert caught.value.after == 120.0
    assert caught.value.limited


@pytest.mark.parametrize(("told", "after"), [({}, None), ({"retry_after": "7"}, 7.0)])
def test_a_server_error_does_not_wait_for_the_rate_window(told: dict[str, str], after: float | None) -> None:
    """Mastodon sends its window with every answer, also with a 502: only Retry-After is about that failure."""
    window = {"x_ratelimit_limit": "300", "x_ratelimit_remaining": "299", "x_ratelimit_reset": "240"}
    with pytest.raises(TryLater) as caught:
        get(always(502, **window, **told))
    assert caught.value.after == after


def test_a_host_that_is_not_there_is_tried_later() -> None:
    with Replayer(always()) as server:
        netloc = server.netloc

    async def run() -> None:
        clients = Clients(trusted={netloc})
        try:
            await Requests(clients).get(f"http://{netloc}/")
        finally:
            await clients.aclose()

    with pytest.raises(
        TryLater, match=r"^127\.0\.0\.1 could not be asked for read: the connection was refused$"
    ):
        asyncio.run(run())
