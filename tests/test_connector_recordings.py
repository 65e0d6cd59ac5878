"""The project's own recordings, written from the platforms' documentation; each carries what it expects.

A file in `recordings/<platform>/` is one exchange: the watch, the answer, and `expect`: an error with its
flags, or the page: its posts (only the fields named are compared), rejects, more, cursor, pause, gap, and what
was asked for (path, query, sent headers). A page that is not expected to tell a gap must tell none; of a gap
the fields named are compared. `{host}`, `{netloc}` and `{feed}` stand for the replayer's own.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import connectors
from connectors._base import ConnectorError, Cursor, Gap, Page, Watch
from connectors._http import Clients, Requests
from tests.contract_stages import NOW
from tests.replayer import Replayer, Reply

FOLDER = Path(__file__).parent / "recordings"
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))


def test_no_recording_lies_about_unplayed() -> None:
    """Every file is one that the next test plays: JSON, in the folder of a platform."""
    there = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())
    assert there == FILES
    assert {name.split("/")[0] for name in FILES} <= set(connectors())


@pytest.mark.parametrize("name", FILES)
def test_own_recording(name: str) -> None:
    told = json.loads((FOLDER / name).read_text())
    body = told["text"].encode() if "text" in told else json.dumps(told["body"]).encode()
    with Replayer(lambda asked: Reply(told["status"], body, told.get("headers", {}))) as server:
        got = asyncio.run(_fetch(name.split("/")[0], told, server))
        expect = _filled(told["expect"], server)
        if isinstance(got, Page):
            assert "error" not in expect, got
            _compare(got, expect)
        else:
            assert type(got).__name__ == expect.pop("error", None), got
            assert expect.pop("says", "") in str(got)
            assert {flag: getattr(got, flag) for flag in expect} == expect
        first = server.asked[0]
        assert first.path == expect.get("path", first.path)
        for key, value in expect.get("query", {}).items():
            assert first.param(key) == value
        for key, value in expect.get("sent", {}).items():
            assert first.headers[key] == value


async def _fetch(platform: str, told: dict[str, Any], server: Replayer) -> Page | ConnectorError:
    wanted = {"term": "{feed}", "host": server.base, "now": NOW, **told["watch"]}
    wanted["term"] = _filled(wanted["term"], server)
    clients = Clients(trusted={server.netloc})
    http = Requests(clients, clock=NOW.timestamp)
    cursor = Cursor(told["cursor"]) if "cursor" in told else None
    try:
        return await connectors()[platform].fetch(http, Watch(**wanted), cursor)
    except ConnectorError as error:
        return error
    finally:
        await clients.aclose()


def _compare(page: Page, expect: dict[str, Any]) -> None:
    posts = msgspec.json.decode(msgspec.json.encode(page.posts))
    assert len(posts) == len(expect["posts"])
    for post, wanted in zip(posts, expect["posts"], strict=True):
        defaults = {"links": [], "mentions": [], "text": "", "visibility": "public", "counts": {}}
        assert {key: post.get(key, defaults.get(key)) for key in wanted} == wanted
    assert len(page.rejects) == expect["rejects"]
    assert page.more == expect.get("more", page.more)
    assert page.pause == expect.get("pause", page.pause)
    assert page.cursor == expect.get("cursor", page.cursor)
    gap = None if page.gap is None else msgspec.to_builtins(page.gap)
    assert (gap is None) == ("gap" not in expect), gap
    assert page.gap is None or _is_a_stretch(page.gap), gap
    for key, value in expect.get("gap", {}).items():
        assert (gap or {})[key] == value
    if "distinct" in expect:
        assert len({post.id for post in page.posts}) == expect["distinct"]


def _is_a_stretch(gap: Gap) -> bool:
    return bool(gap.reason) and (gap.since is None or gap.until is None or gap.since <= gap.until)


def _filled(value: Any, server: Replayer) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, server) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, server) for item in value]
    if isinstance(value, str):
        named = {"{host}": server.base, "{netloc}": server.netloc, "{feed}": f"{server.base}/feed"}
        for placeholder, real in named.items():
            value = value.replace(placeholder, real)
    return value
