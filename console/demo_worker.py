"""The demo's digest worker: the fleet's own, but for a planted fault, so that there is something to replay.

Its scorer cannot read one post of the world, as that of a version with a bug, until somebody replays it: then the bug is mended,
as by an upgrade. The post is deleted soon, so that no later visit brings it: quarantine alone has it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from workers import _loop, tasks
from workers._settings import settings
from workers.app import app
from workers.digest import digest_all, score_texts
from workers.directory import Directory
from workers.score import Sentiment, Unscored

__all__ = ["app"]

UNREADABLE = "it crashed my reader"
"""What the post says (simulator/world/50-odd.toml)."""
_MENDED = text("SELECT EXISTS (SELECT FROM quarantine WHERE stage = 'digest' AND state = 'replayed')")


class PlantedFault(Exception):
    """What the demo's scorer says of the post that it cannot read."""


def faulty(directory: Directory, texts: Sequence[tuple[str, str | None]]) -> list[Sentiment | Unscored]:
    """The organisation's scorer, unless that post is among the texts. Raises PlantedFault."""
    if any(UNREADABLE in words for words, _ in texts):
        raise PlantedFault("The demo's scorer cannot read this post before somebody replays it.")
    return score_texts(directory, texts)


def digest(term: int | None = None) -> None:
    """As `workers.tasks.digest`, with the faulty scorer until it is mended."""
    process = _loop.process()
    if process.stale(term):
        return
    with process.sessions() as session:
        mended = bool(session.execute(_MENDED).scalar_one())
    digest_all(process.sessions, settings(), process.directories, score=score_texts if mended else faulty)


app.finalize()
app.tasks.unregister(tasks.digest.name)
app.task(name=tasks.digest.name, max_retries=3)(digest)
