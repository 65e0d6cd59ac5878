"""What a post's clues say: entries become matches, suggestions or nothing.

A key that one record has is a match; what two share is suggested for both, because which of them is meant would be a
guess; what is only similar, or may be somebody else of that name, is suggested. Of names that overlap the longest
counts. Pure: what the database knows comes in as a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from rapidfuzz import fuzz

from workers.folding import composed, core_of, folded, same_phone, words_of
from workers.resolved import Matched
from workers.spelling import spelt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connectors._base import Post
    from workers.clues import Clue
    from workers.lookup import Entry, Looked
    from workers.resolved import Resolved

SURE = {
    "identity": 1.0,
    "handle": 1.0,
    "reply": 1.0,
    "ticket number": 0.95,
    "e-mail": 0.98,
    "phone": 0.95,
    "link domain": 0.95,
    "hashtag": 0.95,
    "UTM tag": 0.98,
    "alias": 0.9,
    "keyword": 0.9,
    "source": 0.9,
    "thread": 0.9,
    # never more than suggestions
    "similar name": 0.6,
    "lookalike": 0.5,
    "recycled handle": 0.4,
}
_HOW = {
    "name": "alias",
    "domain": "link domain",
    "utm": "UTM tag",
    "email": "e-mail",
    "similar": "similar name",
}
ALIKE, APART = 90.0, 10.0
"""A similar name is suggested from this likeness on (of 100), and only if no other comes this near to it."""


class Names:
    """The entries behind a post's clues that count for it: valid on its day, with a second word where one is needed."""

    def __init__(self, platform: str, looked: Looked, post: Post, clues: Sequence[Clue]) -> None:
        self.looked = looked
        self._platform, self._post = platform, post
        self._words: str | None = None
        self.handles: set[str] = set()
        self.lookalikes: list[Clue] = []
        for clue in clues:
            if clue.kind == "handle":
                self.handles.add(clue.key)
            elif clue.kind == "lookalike":
                self.lookalikes.append(clue)

    def under(self, kind: str, key: str, platform: str = "") -> list[Entry]:
        """The entries of a key."""
        entries = self.looked.names.get((kind, key, platform), [])
        return [entry for entry in entries if entry.always or self._counts(entry)]

    def _counts(self, entry: Entry) -> bool:
        return entry.holds_on(self._post.posted_at.date()) and (not entry.needs or self._second(entry))

    def _second(self, entry: Entry) -> bool:
        if self._words is None:
            self._words = _spaced(self._post.text)
        return any(_spaced(need) in self._words for need in entry.needs)

    def handle(self, *names: str | None) -> list[Entry]:
        """Whom the first of these handles or stable ids that anybody has stands for."""
        for name in names if self.handles else ():
            if name and (key := folded(name)) in self.handles:
                found = self.under("handle", key, self._platform) or self.under("handle", key)
                if found:
                    return found
        return []


class Nameless(Names):
    """The same for a post without clues, of which there are most: nobody."""

    handles = set()  # noqa: RUF012  (nobody adds to it)
    lookalikes = []  # noqa: RUF012

    def __init__(self, looked: Looked) -> None:
        self.looked = looked

    def under(self, kind: str, key: str, platform: str = "") -> list[Entry]:
        """Nobody."""
        return []

    def handle(self, *names: str | None) -> list[Entry]:
        """Nobody."""
        return []


def _spaced(text: str) -> str:
    """The words of a text as they are compared, each between spaces."""
    return f" {' '.join(words_of(text))} "


def sure(kind: str, record: UUID, how: str, evidence: str | None) -> Matched:
    """A match outside of the text."""
    return Matched(kind, record, how, evidence, sure=SURE[how])


def match(found: Resolved, made: Matched) -> None:
    """Keep the surest way in which a record was found, of equals the first; a live one before a suggestion."""
    for at, held in enumerate(found.matches):
        if (held.kind, held.record) == (made.kind, made.record):
            kept = made if _rank(made) > _rank(held) else held
            author = any(one.author and one.suggested == kept.suggested for one in (held, made))
            found.matches[at] = kept if kept.author == author else kept._replace(author=author)
            return
    found.matches.append(made)


def _rank(made: Matched) -> tuple[bool, bool, float]:
    return not made.suggested, made.how != "identity", made.sure


def suggest(found: Resolved, entry: Entry, how: str, clue: Clue, author: bool = False) -> None:
    """Leave it to a person whether this account, contact or campaign is meant."""
    if entry.record is None or entry.of not in ("account", "contact", "campaign"):
        return
    half = SURE[how] if SURE[how] < SURE["alias"] else SURE[how] / 2
    shown = (clue.evidence, clue.starts, clue.ends)
    match(found, Matched(entry.of, entry.record, how, *shown, half, suggested=True, author=author))


def take(found: Resolved, clue: Clue, entries: Sequence[Entry], how: str) -> None:
    """One key and whom it stands for: ourselves make the post about us, one record of a kind is a match, and
    several are suggested, because which of them is meant would be a guess."""
    meant: dict[str, dict[UUID, Entry]] = {}
    for entry in entries:
        if entry.of == "ourselves":
            found.about_us = True
        elif entry.record is not None and entry.of in ("account", "contact", "campaign"):
            meant.setdefault(entry.of, {})[entry.record] = entry
    for kind, records in meant.items():
        for record in sorted(records):
            if len(records) == 1:
                shown = (clue.evidence, clue.starts, clue.ends)
                match(found, Matched(kind, record, how, *shown, SURE[how]))
            else:
                suggest(found, records[record], how, clue)


def take_named(found: Resolved, clues: Iterable[Clue], names: Names) -> None:
    """Tags, links, addresses, numbers and runs of words of a post, and the records that they name."""
    runs: list[_Run] = []
    similar: list[tuple[Clue, list[Entry]]] = []
    text = composed(found.post.text)
    for clue in clues:
        if clue.kind in ("handle", "lookalike"):
            continue
        entries = names.under(clue.kind, clue.key)
        if not entries:
            continue
        if clue.kind == "name":
            runs += _runs(text, clue, entries)
        elif clue.kind == "similar":
            similar.append((clue, entries))
        else:
            if clue.kind == "phone":
                entries = [entry for entry in entries if same_phone(entry.value, clue.evidence or "")]
            by_mail = clue.kind == "domain" and "@" in (clue.evidence or "")
            take(found, clue, entries, "e-mail" if by_mail else _HOW.get(clue.kind, clue.kind))
    for run in _longest(runs):
        if run.doubtful:
            for entry in run.entries:
                suggest(found, entry, run.how, run.clue)
        else:
            take(found, run.clue, run.entries, run.how)
    for clue, entries in similar:
        if not any(run.covers(clue) for run in runs):
            _take_similar(found, clue, entries)


# --- names in the text ---------------------------------------------------------------------------------


class _Run(NamedTuple):
    """A run of words that spells a name, as a clue of its whole length, and whose name it is."""

    clue: Clue
    how: str
    doubtful: bool
    entries: list[Entry]

    def covers(self, clue: Clue) -> bool:
        a, b = self.clue, clue
        assert a.starts is not None
        assert a.ends is not None
        return b.starts is not None and b.ends is not None and a.starts <= b.starts and b.ends <= a.ends


def _longest(runs: list[_Run]) -> list[_Run]:
    """Without those that are a shorter name inside a longer one, in the order of the text."""
    if len(runs) < 2:
        return runs
    kept: list[_Run] = []
    furthest = (-1, -1)
    for run in sorted(runs, key=lambda run: (run.clue.starts or 0, -(run.clue.ends or 0))):
        span = (run.clue.starts or 0, run.clue.ends or 0)
        if span == furthest or span[1] > furthest[1]:
            kept.append(run)
            furthest = span
    return kept


def _runs(text: str, clue: Clue, entries: Iterable[Entry]) -> list[_Run]:
    """The names that stand where a clue says, by where they end and how sure that is."""
    assert clue.starts is not None
    assert clue.ends is not None
    names: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        how = "keyword" if entry.how == "keyword" else "alias"
        names.setdefault((entry.value, how), []).append(entry)
    found: dict[tuple[int, str, bool], _Run] = {}
    for (value, how), meant in names.items():
        if stands := spelt(text, clue.starts, clue.ends, value, keyword=how == "keyword"):
            ends, doubtful = stands[0], stands[1] == "doubtful"
            if held := found.get((ends, how, doubtful)):
                held.entries.extend(meant)
            else:
                whole = (
                    clue if ends == clue.ends else clue._replace(ends=ends, evidence=text[clue.starts : ends])
                )
                found[ends, how, doubtful] = _Run(whole, how, doubtful, meant)
    return list(found.values())


def _take_similar(found: Resolved, clue: Clue, entries: Sequence[Entry]) -> None:
    """The one record whose name is much like the run of words; none where two are about as near."""
    run = " ".join(words_of(clue.evidence or ""))
    nearest: dict[UUID, tuple[float, Entry]] = {}
    for entry in entries:
        if entry.record is not None and entry.of not in ("competitor", "ourselves"):
            spellings = (" ".join(words_of(name)) for name in (core_of(entry.value), entry.value))
            like = max(fuzz.ratio(run, name) for name in spellings)
            if like > nearest.get(entry.record, (0.0, entry))[0]:
                nearest[entry.record] = like, entry
    ranked = sorted(nearest.values(), key=lambda near: -near[0])
    if not ranked or ranked[0][0] < ALIKE or (len(ranked) > 1 and ranked[0][0] - ranked[1][0] < APART):
        return
    entry = ranked[0][1]
    if not any((held.kind, held.record) == (entry.of, entry.record) for held in found.matches):
        suggest(found, entry, "similar name", clue)
