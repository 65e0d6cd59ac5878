"""A storm: a server on which thousands complain of one thing, and processes that digest at the same moment.

    with Storm() as storm: storm.breaks(1000); ...     # a Mastodon server with hashtags, over HTTP
    crew.digest(url, processes=4)                       # landed pages, by so many processes at once

`python -m tests.storming` is the crew: it has imported everything, and forks for each line that it is told.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from simulator.mastodon import account as author
from simulator.people import passer_by
from tests.replayer import Asked, Replayer, Reply

ROOT = Path(__file__).parent.parent
US = "northwind@town.example"
THEMES = [f"{name} Mills" for name in ["Harrowgate", "Blackmere", "Castlewick", "Dunsforth", "Eastholme"]] + [
    f"{name} Foods" for name in ["Fenbridge", "Glenharrow", "Hartlebank", "Innisfold", "Jessamere"]
]
"""Accounts of which the storm speaks."""

ANGRY = "terrible, I hate it, the worst service ever"


class Storm:
    """A Mastodon server with hashtags `storm0`, `storm1`, …; each post is told under one of them.

    Everybody writes once: author number n writes the post n. `netloc` is its host:port.
    """

    def __init__(self, tags: int = 4) -> None:
        self.tags = [f"storm{n}" for n in range(tags)]
        self.said = 0
        self._told: dict[str, list[tuple[int, bytes]]] = {tag: [] for tag in self.tags}
        self._server = Replayer(self._answer)

    def __enter__(self) -> Storm:
        self._server.__enter__()
        self.netloc, self.base = self._server.netloc, self._server.base
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def breaks(
        self, count: int, about: str = "recall", accounts: Sequence[str] = THEMES, days: int = 0
    ) -> None:
        """So many more people address us, under a hashtag and of one account each; over so many days until yesterday,
        or now."""
        end = datetime.now(UTC)
        for n in range(self.said, self.said + count):
            tag = self.tags[n % len(self.tags)]
            moment = end - timedelta(days=1 + n % days) if days else end
            now = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._told[tag].append((n + 1, _status(n, now, accounts[n % len(accounts)], about, tag)))
        self.said += count

    def _answer(self, asked: Asked) -> Reply:
        told = self._told[asked.path.rsplit("/", 1)[1]]
        limit, least = int(asked.param("limit") or 20), asked.param("min_id")
        if least is None:
            chosen = told[-limit:]
        else:
            low = bisect_right(told, int(least), key=lambda one: one[0])
            chosen = told[low : low + limit]
        return Reply(
            200,
            b"[" + b",".join(body for _, body in reversed(chosen)) + b"]",
            {"content-type": "application/json"},
        )


def _status(n: int, now: str, account: str, about: str, tag: str) -> bytes:
    uri = f"https://town.example/users/storm.{n}"
    who = author(passer_by(1, "storm")) | {
        "id": str(n + 1),
        "username": f"storm.{n}",
        "acct": f"storm.{n}@town.example",
        "url": uri,
        "uri": uri,
    }
    us = {"id": "1", "username": "northwind", "url": "https://town.example/@northwind", "acct": US}
    status = {
        "id": str(n + 1),
        "created_at": now,
        "in_reply_to_id": None,
        "visibility": "public",
        "language": "en",
        "uri": f"{uri}/statuses/{n + 1}",
        "url": f"{uri}/statuses/{n + 1}",
        "edited_at": None,
        "content": f"<p>@northwind {account} is {ANGRY} #{about} #{tag}</p>",
        "reblog": None,
        "account": who,
        "mentions": [us],
        "tags": [{"name": name} for name in (tag, about)],
        "emojis": [],
        "media_attachments": [],
    }
    return json.dumps(status).encode()


class Crew:
    """Processes that digest at the same moment, over any database."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.storming"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def digest(self, url: str, processes: int = 4, most: int = 500, rounds: int = 1) -> None:
        """All that has landed, in batches of `most` posts; AssertionError with what a process raised."""
        self.wait(self.start(url, processes, most, rounds))

    def start(self, url: str, processes: int = 4, most: int = 500, rounds: int = 1) -> None:
        assert self._process.stdin is not None
        told = {"url": url, "processes": processes, "most": most, "rounds": rounds}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()

    def wait(self, _: None = None) -> None:
        assert self._process.stdout is not None
        failures = json.loads(self._process.stdout.readline())
        assert failures == [], "\n".join(failures)

    def end(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


@contextlib.contextmanager
def crew() -> Iterator[Crew]:
    made = Crew()
    try:
        yield made
    finally:
        made.end()


def _work(url: str, most: int, rounds: int) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    from workers._settings import Settings
    from workers.digest import digest_all
    from workers.directory import Directories

    engine = create_engine(url)
    sessions, known = sessionmaker(engine), Directories()
    settings = Settings(database_url=url).model_copy(update={"digest_posts": most})
    for _ in range(rounds):
        digest_all(sessions, settings, known)
    engine.dispose()


def _together(processes: int, url: str, most: int, rounds: int) -> Sequence[str]:
    """Fork so many, let them go at one moment, and say what they raised."""
    go, starts = os.pipe()
    hears, tells = os.pipe()
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            os.close(starts)
            os.read(go, 1)
            try:
                _work(url, most, rounds)
            except Exception:  # noqa: BLE001 - it is told, and the test fails with it
                os.write(tells, json.dumps(traceback.format_exc()[-3000:]).encode() + b"\n")
            os._exit(0)
        children.append(child)
    os.close(go)
    os.close(starts)
    os.close(tells)
    with os.fdopen(hears) as told:
        failures = [json.loads(line) for line in told]
    ended = [os.waitpid(child, 0)[1] for child in children]
    return failures + [f"a process ended with {code}" for code in ended if code]


def main() -> None:
    import workers.digest  # noqa: F401 - whoever is forked has it

    for line in sys.stdin:
        told: dict[str, Any] = json.loads(line)
        failures = _together(told["processes"], told["url"], told["most"], told["rounds"])
        sys.stdout.write(json.dumps(failures) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
