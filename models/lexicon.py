"""What an organisation's words weigh: a row per version, and the words that each version has.

A word belongs to the versions from `since` until before `until`, so that a score can be explained with the
lexicon that it was made with. An organisation without a row has version 0: the shipped profile, nothing else.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models._base import Record, Written
from models.vocabulary import LEXICON_PROFILES, one_of


class Lexicon(Record):
    """A version: the shipped profile beneath the organisation's words, or `none`; who made it, and why."""

    __tablename__ = "lexicons"
    __table_args__ = (
        UniqueConstraint("org_id", "version"),
        one_of("profile", LEXICON_PROFILES),
        CheckConstraint("version > 0", name="version"),
    )

    version: Mapped[int]
    profile: Mapped[str] = mapped_column(server_default="support")
    by: Mapped[str | None]
    note: Mapped[str | None]
    created_at: Mapped[Written]


class LexiconWord(Record):
    """A word or phrase, lower case, single spaces. `weight` is in [-4, 4]; 0 takes the word out."""

    __tablename__ = "lexicon_words"
    __table_args__ = (
        UniqueConstraint("org_id", "word", "since"),
        Index(
            "uq_lexicon_words_current", "org_id", "word", unique=True, postgresql_where=text("until IS NULL")
        ),
        CheckConstraint("weight BETWEEN -4 AND 4", name="weight"),
        CheckConstraint("until > since", name="until"),
    )

    word: Mapped[str]
    weight: Mapped[float]
    since: Mapped[int]
    until: Mapped[int | None]
