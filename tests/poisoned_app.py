"""A Celery app whose digest dies of one post: `celery -A tests.poisoned_app worker -Q digest`.

The process kills itself, as the kernel would, each time when a text with POISON is to be scored; all else is
the fleet's own digest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from celery import Celery

from workers import _loop
from workers._settings import settings
from workers.app import SyncTask, configuration
from workers.digest import digest_all, score_texts
from workers.directory import Directory
from workers.score import Sentiment, Unscored

POISON = "whoever reads this ends at once"

app = Celery("earshot", task_cls=SyncTask)
app.add_defaults(configuration)


def deadly(directory: Directory, texts: Sequence[tuple[str, str | None]]) -> list[Sentiment | Unscored]:
    """The organisation's scorer, unless the poison is among the texts."""
    if any(POISON in text for text, _ in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    return score_texts(directory, texts)


@app.task(name="earshot.digest", max_retries=3)
def digest(term: int | None = None) -> None:
    """As workers.tasks.digest, with the deadly scorer."""
    process = _loop.process()
    if not process.stale(term):
        digest_all(process.sessions, settings(), process.directories, score=deadly)
