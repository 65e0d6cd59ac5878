"""Whatever happens to a page's body, a connector answers with a Page or with the error that is called for.

Of every connector and kind of watch that has a page in recordings/<platform>/, the fullest is damaged in
every way that mutations.py knows. EXPECTED says what may come of it, by the kind of damage and by where it
is: in one item, in what holds the items, beside them, or in the whole body. A platform to which more may
happen says so, and why, as `MUTATED` in its `recorded_<platform>.py`: (watch, kind, where) -> outcomes, `*` for
any; and `TELLING`: names of fields that tell the connector whether an item is a post at all, so that an item
which lost one may be passed over without a reject (`null`: an item that is null itself is none).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path as File
from typing import Any

import msgspec
import pytest

from connectors import connectors
from connectors._base import ConnectorError, Cursor, Page, Post, Watch
from tests import mutations as mu
from tests.contract_stages import NOW
from tests.recordings_table import MORE, Canned
from tests.replayer import Reply

FOLDER = File(__file__).parent / "recordings"
BASE = "http://replayed.example"

_IN_PLACE = ("dropped", "nulled", "retyped", "boxed", "miscoded")
# page: posts or rejects; empty: a page with neither
EXPECTED: Mapping[tuple[str, str], set[str]] = {
    **{(kind, "item"): {"page", "empty"} for kind in _IN_PLACE},
    **{(kind, "holder"): {"page", "Garbled"} for kind in _IN_PLACE},
    **{(kind, "beside"): {"page", "Garbled"} for kind in _IN_PLACE},
    ("truncated", "whole"): {"Garbled"},
    ("html", "whole"): {"Garbled"},
    **{(f"refused {status}", "whole"): {"Denied"} for status in (401, 403)},
    # a page of HTML is by what stands before an API, which knows nothing of credentials
    **{(f"blocked {status}", "whole"): {"TryLater"} for status in (401, 403)},
    **{(f"refused {status}", "whole"): {"Gone"} for status in (404, 410)},
    **{(f"refused {status}", "whole"): {"TryLater"} for status in (429, 500, 502, 503)},
}
ALSO: Mapping[str, Mapping[tuple[str, str, str], set[str]]] = {
    # a document that ends in the middle is read as far as it goes, and a feed without items is an empty one
    "feeds": {("feed", "*", "*"): {"page", "empty"}},
}
TELLING: Mapping[str, set[str]] = {
    "mastodon": {"type"},
    "bluesky": {"reason", "post", "null"},  # a place in a thread without its post is a deleted one
}


@dataclass
class Recording:
    """One page that was written by hand, and how to ask for it."""

    name: str
    watch: Watch
    cursor: Cursor | None
    reply: Reply
    without: dict[mu.Path, Counter[bytes]] = field(default_factory=dict)
    """Where the items are, and the posts of the page that lacks the item."""

    @property
    def platform(self) -> str:
        return self.name.split("/")[0]

    async def outcome(self, body: bytes, status: int = 200) -> Page | ConnectorError:
        """What the connector makes of this body. Nothing else may escape it."""
        http = Canned(Reply(status, body, self.reply.headers))
        try:
            return await connectors()[self.platform].fetch(http, self.watch, self.cursor)
        except ConnectorError as error:
            return error

    def where(self, path: mu.Path | None) -> str:
        """Whether a place is in an item, holds the items, or is beside them."""
        if path is None:
            return "whole"
        if any(path[: len(item)] == item for item in self.without):
            return "item"
        return "holder" if any(item[: len(path)] == path for item in self.without) else "beside"


def recordings() -> list[Recording]:
    """The fullest page of every platform and kind of watch, of a feed one in XML and one in JSON."""
    fullest: dict[tuple[str, str, bool], tuple[int, Recording]] = {}
    for size, recording in pages():
        key = (recording.platform, recording.watch.kind, mu.read(recording.reply.body) is None)
        if key not in fullest or size > fullest[key][0]:
            fullest[key] = size, recording
    return [recording for _, recording in fullest.values()]


def pages() -> Iterator[tuple[int, Recording]]:
    """Every page that was written by hand, and how many posts it holds."""
    for path in sorted(FOLDER.rglob("*.json")):
        told = json.loads(path.read_text())
        if told["status"] != 200 or "posts" not in told["expect"]:
            continue
        name = path.relative_to(FOLDER).as_posix()
        body = told["text"].encode() if "text" in told else json.dumps(told["body"]).encode()
        wanted = _filled({"term": "{feed}", "host": BASE, **told["watch"]})
        yield (
            len(told["expect"]["posts"]),
            Recording(
                name,
                Watch(now=NOW, **wanted),
                Cursor(told["cursor"]) if "cursor" in told else None,
                Reply(200, body, told.get("headers", {})),
            ),
        )


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    named = {"{host}": BASE, "{netloc}": BASE.removeprefix("http://"), "{feed}": f"{BASE}/feed"}
    text = json.dumps(value)
    for placeholder, real in named.items():
        text = text.replace(placeholder, real)
    return dict(json.loads(text))


def _told(page: Page) -> Counter[bytes]:
    """The posts as a heap, each by what no other item of a page can change."""
    return Counter(
        msgspec.json.encode([p.id, p.verb, p.text, p.posted_at, p.author, p.rating]) for p in page.posts
    )


async def _find_items(recording: Recording, whole: Page) -> None:
    """An item is what can be taken out of the page so that its own posts or reject are missed, and nothing else."""
    for path in mu.elements(recording.reply.body):
        if recording.where(path) == "item":
            continue
        page = await recording.outcome(mu.without(recording.reply.body, path))
        if not isinstance(page, Page):
            continue
        less = len(page.posts) + len(page.rejects) < len(whole.posts) + len(whole.rejects)
        if less and _told(page) <= _told(whole):
            recording.without[path] = _told(page)


@pytest.mark.parametrize("recording", recordings(), ids=lambda r: f"{r.watch.kind}-{r.name}")
def test_a_damaged_page_is_posts_rejects_or_the_error_that_is_called_for(recording: Recording) -> None:
    problems = asyncio.run(_damage(recording))
    assert not problems, f"{recording.name}: " + "\n".join(sorted(set(problems))[:20])


async def _damage(recording: Recording) -> list[str]:
    whole = await recording.outcome(recording.reply.body)
    assert isinstance(whole, Page), f"{recording.name} is no page: {whole!r}"
    if mu.read(recording.reply.body) is not None:
        await _find_items(recording, whole)
        assert recording.without or len(whole.posts) < 2, f"{recording.name}: its items cannot be told"
    problems: list[str] = []
    counted: Counter[str] = Counter()
    for mutation in mu.mutations(recording.reply.body):
        try:
            got = await recording.outcome(mutation.body, mutation.status)
        except BaseException as error:
            error.add_note(f"{recording.name}: {mutation}")
            raise
        counted[mutation.kind] += 1
        problem = _problem(recording, mutation, got)
        if problem:
            problems.append(f"{mutation.kind} at {mutation.path}: {problem}")
    assert all(counted[kind] >= mu.COUNT for kind in mu.KINDS)
    return problems


def _problem(recording: Recording, mutation: mu.Mutation, got: Page | ConnectorError) -> str | None:
    where = recording.where(mutation.path)
    kind = f"refused {mutation.status}" if mutation.kind == "refused" else mutation.kind
    page = mutation.body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    if page and mutation.status in (401, 403) and recording.platform != "feeds":
        kind = f"blocked {mutation.status}"
    outcome = _named(got)
    may = EXPECTED[kind, where] | _also(recording, mutation.kind, where)
    if outcome not in may:
        return f"{kind} in {where} became {outcome} and not {sorted(may)}"
    if isinstance(got, Page):
        unstorable = [post.id for post in got.posts if not _can_be_stored(post, recording.watch)]
        if unstorable:
            return f"these cannot be stored: {unstorable}"
        if where == "item":
            return _cost(recording, mutation, got)
    return None


def _named(got: Page | ConnectorError) -> str:
    if isinstance(got, Page):
        return "page" if got.posts or got.rejects else "empty"
    return type(got).__name__


def _also(recording: Recording, kind: str, where: str) -> set[str]:
    named = getattr(MORE.get(recording.platform), "MUTATED", None) or ALSO.get(recording.platform, {})
    fits = [
        outcomes
        for (watch, of, at), outcomes in named.items()
        if watch in {"*", recording.watch.kind} and of in {"*", kind} and at in {"*", where}
    ]
    return set().union(*fits)


def _cost(recording: Recording, mutation: mu.Mutation, page: Page) -> str | None:
    """What one bad item took with it."""
    path = mutation.path or ()
    (item,) = (item for item in recording.without if path[: len(item)] == item)
    others, now = recording.without[item], _told(page)
    if not others <= now:
        return "other items' posts are not as they were"
    telling = getattr(MORE.get(recording.platform), "TELLING", None) or TELLING.get(recording.platform, set())
    inside = path[len(item) :]
    passed = inside[-1] in telling if inside else mutation.kind == "nulled" and "null" in telling
    if now == others and not page.rejects and not passed:
        return "its item is neither a post nor a reject"
    return None


def _can_be_stored(post: Post, watch: Watch) -> bool:
    text = msgspec.json.encode(post)
    return (
        0 < len(post.id) <= 512
        and b"\\u0000" not in text
        and post.posted_at.utcoffset() == timedelta(0)
        and post.posted_at <= watch.now
        and len(post.text.encode()) <= 65_536
    )


def test_the_same_seed_does_the_same_damage() -> None:
    body = b'{"items": [{"id": "1", "text": "a"}, {"id": "2", "text": null}], "next": "x"}'
    first, again = list(mu.mutations(body)), list(mu.mutations(body))
    assert first == again
    assert first != list(mu.mutations(body, seed=2))
    assert Counter(m.kind for m in first) == dict.fromkeys(mu.KINDS, mu.COUNT)
    assert all(m.body != body for m in first)
