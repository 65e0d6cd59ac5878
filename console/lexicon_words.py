"""The words of a lexicon a page at a time: an organisation's own, and those of the profile beneath them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers import lexicon as weighing

PAGE = 25

# the order of "C" is that of Python's strings, so both halves are in one order
_OWN = text("""
    SELECT word, weight FROM lexicon_words
    WHERE org_id = :org AND until IS NULL AND word COLLATE "C" > :after AND strpos(word, :search) > 0
    ORDER BY word COLLATE "C" LIMIT :most
""")
_COUNT = text("SELECT count(*) FROM lexicon_words WHERE org_id = :org AND until IS NULL")
_ONE = text("SELECT weight FROM lexicon_words WHERE org_id = :org AND until IS NULL AND word = :word")


def words(
    session: Session, org: str, profile: str, search: str = "", after: str = "", *, ours: bool = False
) -> tuple[list[dict[str, Any]], str | None]:
    """PAGE words from `after` on that contain `search`, and the last of them where there are more: {word, weight, own,
    beneath}; `beneath` is the profile's weight of it, None where it has none. `ours`: our own alone."""
    search = weighing.as_stored(search) if search else ""
    values = {"org": org, "after": after, "search": search, "most": PAGE + 1}
    own = {row.word: row.weight for row in session.execute(_OWN, values)}
    shipped = weighing.shipped().words if profile == "support" else {}
    found = set(own)
    if not ours:
        found |= {word for word in shipped if word > after and search in word}
    rows = [
        {
            "word": word,
            "weight": own.get(word, shipped.get(word)),
            "own": word in own,
            "beneath": shipped.get(word),
        }
        for word in sorted(found)[: PAGE + 1]
    ]
    return rows[:PAGE], rows[PAGE - 1]["word"] if len(rows) > PAGE else None


def so_many(session: Session, org: str, profile: str) -> tuple[int, int]:
    """How many words are our own, and how many the profile's."""
    own: int = session.execute(_COUNT, {"org": org}).scalar_one()
    return own, len(weighing.shipped().words) if profile == "support" else 0


def own_weight(session: Session, org: str, word: str) -> float | None:
    """What we say that a word (as it is stored) weighs; None where we say nothing."""
    found: float | None = session.scalar(_ONE, {"org": org, "word": word})
    return found


def weight_beneath(word: str, profile: str) -> float | None:
    """What a word weighs without a word of ours: by the profile, else by VADER."""
    return weighing.weight_of(word, weighing.shipped() if profile == "support" else weighing.NONE)
