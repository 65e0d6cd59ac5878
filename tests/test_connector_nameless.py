"""An id that names nothing makes a reject, on every platform: two posts without a name would be one and the same. And a
notification's id that no server makes moves no mark."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors import connectors
from connectors._base import ConnectorError, Cursor, Page
from connectors._http import Requests
from tests.contract_stages import NOW, Stage, minutes, stages
from tests.replayer import Asked, Reply
from tests.unwired import BASE, Unwired


def renamed(value: Any, ident: str, keys: tuple[str, ...]) -> Any:
    """The same JSON with other ids."""
    if isinstance(value, dict):
        return {
            key: ident if key in keys and isinstance(inner, str) else renamed(inner, ident, keys)
            for key, inner in value.items()
        }
    return [renamed(inner, ident, keys) for inner in value] if isinstance(value, list) else value


def fetched(stage: Stage, ident: str, keys: tuple[str, ...], cursor: Cursor | None = None) -> Page:
    """A page of two posts, both of which are called so."""
    for n in (1, 2):
        stage.say(n, NOW - minutes(9 - n))

    def answer(asked: Asked) -> Reply:
        told = stage.answer(asked)
        return Reply(
            told.status, json.dumps(renamed(json.loads(told.body), ident, keys)).encode(), told.headers
        )

    fetch: Callable[..., Any] = connectors()[stage.platform].fetch
    page: Page = asyncio.run(fetch(Requests(Unwired(answer)), stage.watch(BASE), cursor))
    return page


@pytest.mark.parametrize("name", sorted(name for name in stages() if not name.startswith("feeds")))
@pytest.mark.parametrize("ident", ["", " "])
def test_a_post_without_a_name_is_a_reject(name: str, ident: str) -> None:
    try:
        page = fetched(stages()[name], ident, ("id", "uri"))
    except ConnectorError:
        return
    assert [post.id for post in page.posts if not post.id.strip()] == []
    if name.startswith(("facebook", "instagram", "threads", "youtube")):
        assert len({reject.reason for reject in page.rejects}) == 1


def test_a_notification_whose_id_is_none_is_a_reject_and_moves_no_mark() -> None:
    before = Cursor('{"id":"7"}')
    page = fetched(stages()["mastodon-mentions"], "0001-01-01T00:00:00+14:00", ("id",), before)
    assert {reject.reason for reject in page.rejects} == {"no notification: its id is none"}
    assert json.loads(page.cursor or "")["id"] == "7"
