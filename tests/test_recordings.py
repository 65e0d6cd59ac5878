"""Every file under EARSHOT_RECORDINGS is played over real HTTP and answers as the table names it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
from typing import Any

import pytest

from connectors import connectors
from connectors._base import ConnectorError, Login, Page
from connectors._http import Clients, Requests
from tests import recordings_table as rt
from tests.replayer import Replayer

THERE = rt.ROOT.is_dir()
needs_recordings = pytest.mark.skipif(
    not THERE and not os.environ.get("CI"),
    reason=f"no recordings at EARSHOT_RECORDINGS (looked in {rt.ROOT}): real answers were not played",
)


@needs_recordings
def test_the_table_names_every_file_once_and_no_other() -> None:
    named = [(line.platform, line.file) for line in rt.table()]
    assert len(named) == len(set(named))
    assert set(named) == set(rt.files())


def test_the_table_says_only_what_it_may_and_why() -> None:
    for line in rt.table():
        where = f"{line.platform}/{line.file}"
        assert line.what in {"page", "error", "session", "other"}, where
        if line.what in {"page", "error"}:
            assert line.kind in connectors()[line.platform].watches, where
        if line.what in {"error", "other"} or line.rejects:
            assert line.note, f"{where} is not told why"
        assert line.distinct <= line.posts, where


@needs_recordings
def test_every_file_answers_as_named_over_real_http() -> None:
    lines = [line for line in rt.table() if line.what in {"page", "error"}]
    with Replayer(rt.play) as server:
        found = asyncio.run(_all(lines, server))
    assert not [problem for problem in found if problem]


async def _all(lines: list[rt.Recorded], server: Replayer) -> list[str | None]:
    clients = Clients(trusted={server.netloc})
    http = Requests(clients)
    try:
        return [await _one(http, line, server.base) for line in lines]
    finally:
        await clients.aclose()


async def _one(http: Requests, line: rt.Recorded, base: str) -> str | None:
    got: Page | ConnectorError
    try:
        got = await connectors()[line.platform].fetch(http, line.watch(base), line.cursor)
    except ConnectorError as error:
        got = error
    where = f"{line.platform}/{line.file}"
    if isinstance(got, ConnectorError):
        named = line.note.split(":")[0] if line.what == "error" else "a page"
        return None if named == type(got).__name__ else f"{where} is named {named} and was {got!r}"
    ids = {post.id for post in got.posts if post.verb != "repost"}
    reposts = sum(post.verb == "repost" for post in got.posts)
    counted = (len(got.posts), reposts, len(got.rejects), len(ids))
    named_counts = (line.posts, line.reposts, line.rejects, line.distinct)
    if line.what != "page" or counted != named_counts:
        return f"{where} is named {line.what} {named_counts} and was a page {counted}"
    return None


@needs_recordings
@pytest.mark.parametrize("platform", rt.PLATFORMS)
def test_a_count_that_knows_no_connector_finds_the_same_number_of_items(platform: str) -> None:
    """Where it does not, the line's note says why."""
    for line in rt.recorded_pages():
        if line.platform != platform:
            continue
        items = _dumb_count(line)
        if items != line.posts + line.rejects:
            assert line.note, f"{line.file}: {items} items, {line.posts} posts and {line.rejects} rejects"


def _dumb_count(line: rt.Recorded) -> int:
    if line.platform in rt.MORE:
        return int(rt.MORE[line.platform].items(line))
    if line.platform == "feeds":
        return _dumb_feed(line.path.read_bytes())
    body = json.loads(line.path.read_bytes())["body"]
    if line.platform == "mastodon":
        if isinstance(body, dict):
            body = body["ancestors"] + body["descendants"] if "ancestors" in body else [body]
        statuses = [item for item in body if item.get("type", "mention") in {"mention", "quote"}]
        return len(statuses) + sum(bool(item.get("reblog")) for item in statuses)
    if line.kind == "thread":
        return _dumb_thread(body["thread"])
    if line.kind == "mentions":
        return sum(n["reason"] in {"mention", "reply", "quote"} for n in body["notifications"])
    return len(body["posts"])


def _dumb_thread(node: dict[str, Any]) -> int:
    around = [*([node["parent"]] if node.get("parent") else []), *(node.get("replies") or [])]
    return ("post" in node) + sum(_dumb_thread(n) for n in around)


def _dumb_feed(raw: bytes) -> int:
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if raw.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{":
        return len(json.loads(raw).get("items") or [])
    text = ""
    for encoding in ("utf-8", "utf-16", "utf-32", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeError:
            continue
        if re.search(r"<\w", text):
            break
    text = re.sub(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", "", text, flags=re.DOTALL)
    return len(re.findall(r"<(?:\w+:)?(?:item|entry)(?=[\s>/])", text))


@needs_recordings
def test_the_ids_are_the_uris_that_stand_in_the_files() -> None:
    for line in rt.recorded_pages():
        if line.platform != "feeds":
            page = line.page("http://replayed.example")
            text = line.path.read_text()
            for post in page.posts:
                assert json.dumps(post.id, ensure_ascii=False) in text or json.dumps(post.id) in text


@needs_recordings
def test_a_recorded_session_is_signed_in() -> None:
    (line,) = [line for line in rt.table() if line.what == "session"]
    login = Login(host="https://bsky.social", identifier="someone", secret="secret")
    session = asyncio.run(connectors()["bluesky"].sign_in(rt.Canned(line.reply()), login))  # type: ignore[attr-defined]
    assert session.account_id == "did:plc:5c2r73erhng4bszmxlfdtscf"
    assert session.host == "https://puffball.us-east.host.bsky.network"
    assert session.handle == "bskyr.bsky.social"
