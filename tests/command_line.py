"""`earshot` in a process of its own, and posts that were heard, through the real digest.

The processes are forked from a server that has imported what commands import: a command takes 0.1 s instead of
1 s. `python -m console` itself, imports and all, is started where a test is about that.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.orm import sessionmaker

from connectors._base import Post
from console.cli import main
from workers._settings import Settings
from workers.digest import digest_all
from workers.directory import Directories
from workers.land import pack

ROOT = Path(__file__).parent.parent
KEY = urlsafe_b64encode(bytes(32)).decode()
NO_BROKER = "redis://127.0.0.1:1/0"
"""Where nobody answers, at once. With a broker but no workers, `status` and `doctor` wait for them."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Earshot:
    """The command with an environment of its own."""

    env: dict[str, str]

    def __call__(self, *words: str, stdin: str | bytes = "", **more: str) -> Said:
        """Run it; more settings by name (`EARSHOT_ORG="x"`)."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("in", "out", "err")]
            files[0].write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
            process = _forking.Process(target=_as_command, args=(words, {**self.env, **more}, files))
            process.start()
            process.join(60)
            assert process.exitcode is not None, f"earshot {' '.join(words)} does not end"
            return Said(process.exitcode, files[1].read_text(), files[2].read_text())

    def at_a_terminal(self, *words: str, **more: str) -> str:
        """What it shows where all three of its streams are one terminal; it must succeed."""
        ours, its = os.openpty()
        terminal = Path(os.ttyname(its))
        process = _forking.Process(target=_as_command, args=(words, {**self.env, **more}, [terminal] * 3))
        process.start()
        shown = b""
        while True:
            ready, _, _ = select.select([ours, process.sentinel], [], [], 60)
            assert ready, f"earshot {' '.join(words)} does not end: {shown!r}"
            if ours not in ready:
                break
            shown += os.read(ours, 4096)
        process.join()
        os.close(its)
        os.close(ours)
        assert process.exitcode == 0, shown
        return shown.decode().replace("\r\n", "\n")

    def done(self, *words: str, **more: str) -> Said:
        """Run it and demand that it succeeded."""
        said = self(*words, **more)
        assert said.code == 0, said.err or said.out
        return said

    def refused(self, *words: str, code: int = 1, **more: str) -> str:
        """Run it and demand a sentence on standard error and no traceback; the sentence."""
        said = self(*words, **more)
        assert said.code == code, (said.code, said.out, said.err)
        assert "Traceback" not in said.err
        assert said.err.strip()
        return said.err.strip()


_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tests.command_line_imports"])


def _as_command(words: Sequence[str], env: dict[str, str], files: Sequence[Path]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir("/")
    for number, (file, mode) in enumerate(zip(files, ("rb", "wb", "wb"), strict=True)):
        with file.open(mode) as opened:
            os.dup2(opened.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["earshot", *words]
    main()


def earshot(home: Path, **settings: str) -> Earshot:
    """The command with these settings (`database_url=...`) and nobody else's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    ours = {f"EARSHOT_{name.upper()}": value for name, value in settings.items()}
    return Earshot({**env, "PYTHONPATH": str(ROOT), "EARSHOT_HOME": str(home), "COLUMNS": "200", **ours})


def hear(database: str, posts: Sequence[Post], *, org: str = "main", source: UUID | None = None) -> UUID:
    """Land posts as a page of a source on Mastodon (a new one unless given) and digest them; the source."""
    engine = create_engine(database, poolclass=NullPool)
    sessions = sessionmaker(engine)
    with sessions() as session, session.begin():
        if source is None:
            source = session.execute(
                text(
                    "INSERT INTO sources (org_id, platform, kind, term, host, every, escalate_from) VALUES"
                    " (:org, 'mastodon', 'hashtag', 'acme', 'https://town.example', 60, '2020-01-01') RETURNING id"
                ),
                {"org": org},
            ).scalar_one()
        session.execute(text("SELECT shipped_rules(:org)"), {"org": org})
        land(session, org, source, posts)
    digest_all(sessions, Settings(database_url=database), Directories())
    engine.dispose()
    return source


def land(session: Any, org: str, source: UUID, posts: Sequence[Post]) -> None:
    """A page that waits to be digested, with its poll."""
    session.execute(
        text(
            "WITH visit AS (INSERT INTO polls (org_id, source_id, fence, pages, fetched, finished_at)"
            "               VALUES (:org, :source, 1, 1, :fetched, now()) RETURNING id)"
            " INSERT INTO pages (org_id, platform, source_id, poll_id, body, fetched)"
            " SELECT :org, 'mastodon', :source, id, :body, :fetched FROM visit"
        ),
        {"org": org, "source": source, "body": pack(tuple(posts), ()), "fetched": len(posts)},
    )


def rows(database: str, query: str, **values: Any) -> list[Any]:
    """The rows of a query."""
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        found = connection.execute(text(query), values)
        answer = list(found) if found.returns_rows else []
    engine.dispose()
    return answer
