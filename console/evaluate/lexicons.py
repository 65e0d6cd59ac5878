"""The lexicons that an evaluation can be asked for, as makers of scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from console.evaluate.scoring import Scorers
from workers.score import Scorer

Choice = Literal["support", "none", "org"]
CHOICES: Final[dict[Choice, str]] = {
    "support": "the shipped profile",
    "none": "VADER's own words alone",
    "org": "the organisation's lexicon and names",
}


def scorers(choice: Choice, own_names: Sequence[str] = (), org: str = "") -> Scorers:
    """The scorers of a lexicon. `org` reads its database, and masks its names as well."""
    if choice == "org":
        raise NotImplementedError
    return Scorers(Scorer, own_names)
