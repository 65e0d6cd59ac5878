"""The lexicons that an evaluation can be asked for, as makers of scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from console.evaluate.scoring import Scorers
from workers.lexicon import NONE, read_lexicon, shipped
from workers.score import Scorer

Choice = Literal["support", "none", "org"]
CHOICES: Final[dict[Choice, str]] = {
    "support": "the shipped profile",
    "none": "VADER's own words alone",
    "org": "the organisation's lexicon and names",
}


def scorers(choice: Choice, own_names: Sequence[str] = (), org: str = "") -> Scorers:
    """The scorers of a lexicon; `org` reads that organisation's, and its names, from the database."""
    names, lexicon = [*own_names], shipped() if choice == "support" else NONE
    if choice == "org":
        from console.database import opened
        from console.scorers import masked_names

        with opened() as session:
            lexicon = read_lexicon(session, org)
            names += masked_names(session, org)
    return Scorers(lambda masked: Scorer(masked, lexicon), names)
