"""The scorer that a stored score was made with; today's is `workers.directory.read_scorer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.own import own_words
from workers.lexicon import lexicon_of
from workers.score import Scorer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def masked_names(session: Session, org: str) -> list[str]:
    """Our own names as the scorer masks them: a handle with its @, a name or keyword as it is."""
    return sorted(
        {
            "@" + word["value"].lstrip("@") if word["kind"] == "handle" else word["value"]
            for word in own_words(session, org)
            if word["kind"] in ("handle", "name", "keyword")
        }
    )


def scorer_then(session: Session, org: str, stored: str | None) -> Scorer:
    """The scorer that a stored version speaks of, over today's own names.

    Its `version` differs from `stored` where that can no longer be made.
    """
    return Scorer(masked_names(session, org), lexicon_of(session, org, stored))
