"""Where a post's time goes inside our processes, stage by stage.

One process fetches and digests the corpus against an embedded PostgreSQL and Valkey of its own; a timer that
runs on its CPU time looks a thousand times a second which file of ours is at work. What the servers spend
is not in here; the run of the fleet counts it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import redis.asyncio
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from bench.following import follow
from connectors import connectors
from connectors._http import Clients, Requests
from local.home import Home
from local.postgres import Postgres
from local.valkey import Valkey
from models.migrations import upgrade
from workers._settings import Settings, from_environment
from workers.budget import Budget
from workers.digest import digest_all
from workers.directory import Directories
from workers.folding import domain_of, is_ordinary_word
from workers.poll import poll
from workers.score import Scorer

EVERY = 0.001
"""Seconds of CPU between two looks."""

STAGES = {
    "connectors/_http.py": "request",
    "connectors/_guard.py": "request",
    "connectors/_limits.py": "request",
    "workers/budget.py": "budget",
    "workers/credentials.py": "credentials",
    "workers/land.py": "land",
    "workers/poll.py": "poll, the rest",
    "workers/pages.py": "claim",
    "workers/sift.py": "sift",
    "workers/directory.py": "resolve",
    "workers/resolve.py": "resolve",
    "workers/score.py": "score",
    "workers/record.py": "record",
    "workers/rule.py": "decide",
    "workers/decide.py": "decide",
    "workers/standing.py": "decide",
    "workers/escalate.py": "escalate",
    "workers/incident.py": "escalate",
    "workers/tally.py": "settle",
    "workers/hours.py": "hours",
    "workers/gather.py": "gather",
    "workers/digest.py": "digest, the rest",
}
_ROOT = Path(__file__).parent.parent


def _stage(frame: FrameType | None) -> str:
    """The stage of the innermost of our files on the stack."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(str(_ROOT)):
            file = name[len(str(_ROOT)) + 1 :]
            if file in STAGES:
                return STAGES[file]
            if file.startswith("connectors/"):
                return "parse"
        frame = frame.f_back
    return "event loop and drivers"


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Counts looks by stage while the block runs, in this thread."""
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        seen[_stage(frame)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def measure(control: str) -> dict[str, float]:
    """Microseconds a post by stage, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.stages", control], check=True, capture_output=True, text=True
    )
    return dict(json.loads(answer.stdout))


def main(control: str) -> None:
    from bench.journey import ask

    told = ask(f"{control}/sources")
    posts = sum(count for name, count in told["posts"].items() if name != "feeds")
    with tempfile.TemporaryDirectory(prefix="earshot-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        home = Home(Path(folder) / "home")
        with home.locked():
            postgres, valkey = Postgres(home), Valkey(home)
            postgres.prepare()
            valkey.prepare()
            postgres.start()
            valkey.start()
            try:
                postgres.settle()
                upgrade(postgres.url("owner"), fleet_role="earshot_fleet")
                seen, seconds = _journey(
                    control, told, postgres.url("fleet"), valkey.url(), str(home.key_file)
                )
            finally:
                valkey.stop()
                postgres.stop()
            home.remove_outside_folder()
    looks = sum(seen.values())
    print(json.dumps({stage: n / looks * seconds / posts * 1e6 for stage, n in seen.most_common()}))


def _journey(
    control: str, told: dict[str, Any], database: str, broker: str, key_file: str
) -> tuple[Counter[str], float]:
    """Fetch everything, then digest everything; the looks by stage and the CPU seconds."""
    host = control.split("/")[2]
    ours = from_environment(
        database_url=database,
        broker_url=broker,
        encryption_key_file=Path(key_file),
        trusted_hosts=(host,),
        source_deadline=100,
        batch_deadline=110,
        soft_limit=1000,
        hard_limit=1100,
        lease=1200,
        visibility_timeout=2400,
    )
    # credentials are opened with the key that a process finds in its environment
    os.environ["EARSHOT_ENCRYPTION_KEY_FILE"] = key_file
    with psycopg.connect(database, autocommit=True) as db:
        follow(db, told, told["sources"], ours.keys()[0])
    connectors()
    is_ordinary_word("acme")
    domain_of("https://www.example.co.uk/")
    Scorer().score([("Guten Morgen allerseits, schönes Wetter heute", None)])
    before = time.process_time()
    with sampled() as seen:
        asyncio.run(_fetch(ours, host))
        engine = create_engine(ours.database, pool_size=2, max_overflow=0)
        digest_all(sessionmaker(engine, expire_on_commit=False), ours, Directories())
        engine.dispose()
    return seen, time.process_time() - before


async def _fetch(ours: Settings, host: str) -> None:
    engine = create_async_engine(
        ours.database, pool_size=8, max_overflow=0, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
    )
    clients, server = Clients(trusted={host}), redis.asyncio.from_url(ours.redis)

    async def nobody() -> None:
        """Nobody has to be called: what has landed is digested next."""

    for platform in ("bluesky", "mastodon"):
        await poll(
            platform,
            sessions=async_sessionmaker(engine, expire_on_commit=False),
            http=Requests(clients, budget=Budget(server)),
            settings=ours,
            ring=nobody,
        )
    await clients.aclose()
    await server.aclose()
    await engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
