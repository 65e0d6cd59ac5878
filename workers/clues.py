"""What a post offers to find records by: handles, tags, links, addresses, numbers, runs of words.

Pure: a post and a gate in, clues out, no look-up. The gate (workers/directory.py) knows in memory which keys an
organisation has at all, so that the few clues that are left can be looked up in one question for a whole batch.
`names_of` in workers/names.py makes the same keys of records; workers/folding.py is where both agree.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

import numpy as np

from workers.folding import (
    KEY_WORDS,
    addresses_in,
    all_folded,
    all_lookalikes,
    composed,
    domain_of,
    folded,
    is_ordinary_word,
    is_shared_host,
    phone_key,
    phones_in,
    similar_key,
)
from workers.spelling import stands_alone
from workers.tokens import BREAK, OddRow, PlainRow, Row, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors._base import Post
    from workers.directory import Gate

MOST_OF_A_KIND = 100
"""So many mentions, tags, links or addresses of one post are looked at."""
MOST_NAMES = 60
"""So many words that may be a name are looked up, and so many places where a longer one may begin."""
MOST_CAPITALS = 200
"""So many capitalised words are looked at for similar names."""
MOST_SIMILAR = 12
"""So many runs of capitalised words are compared with names that are only similar."""
LONGEST_SIMILAR = 4


class Clue(NamedTuple):
    """A key to look up, and what showed it. Offsets are of characters in the text; None outside of it.

    `ends` of a name's run of words is where its first KEY_WORDS words end. `platform` is "" where the kind knows none.
    """

    kind: str
    key: str
    platform: str = ""
    evidence: str | None = None
    starts: int | None = None
    ends: int | None = None


Clues = list[list[Clue]]


def clues_of(posts: Sequence[tuple[str, Post]], gate: Gate) -> Clues:
    """Everything in each of these (platform, post)s that may name a record of the organisation whose gate it is.

    All posts of a batch at once, since asking the gate, and taking words apart, costs little more for thousands than
    for one.
    """
    clues: Clues = [[] for _ in posts]
    if gate.handles:
        _people(clues, posts, gate)
    _tags(clues, posts, gate)
    _links(clues, posts, gate)
    texts = [composed(post.text) for _, post in posts]
    odd = [at for at, text in enumerate(texts) if not plain(text)]
    others = set(range(len(texts))).difference(odd) if odd else range(len(texts))
    for kind, chosen in ((PlainRow, others), (OddRow, odd)):
        if chosen:
            theirs, said = [clues[at] for at in chosen], [texts[at] for at in chosen]
            row = kind(said)
            _written(theirs, [posts[at][1].text for at in chosen], row, gate)
            if gate.names:
                _names(theirs, said, row, gate)
    return clues


def _people(clues: Clues, posts: Sequence[tuple[str, Post]], gate: Gate) -> None:
    """Stable id and handle of whoever wrote it, is mentioned, is answered, or is where it was posted."""
    of: dict[str, tuple[list[str], list[int]]] = {}
    handles: list[str] = []
    holders: list[int] = []
    for at, (platform, post) in enumerate(posts):
        if platform not in of:
            of[platform] = [], []
        names, whose = of[platform]
        before = len(names)
        author = post.author
        if author is not None:
            if author.id:
                names.append(author.id)
            if author.handle:
                names.append(author.handle)
                handles.append(author.handle)
                holders.append(at)
        for mention in post.mentions[:MOST_OF_A_KIND] if post.mentions else ():
            if mention.id:
                names.append(mention.id)
            if mention.handle:
                names.append(mention.handle)
                handles.append(mention.handle)
                holders.append(at)
        if post.reply_to_author:
            names.append(post.reply_to_author)
        if post.place:
            names.append(post.place)
        whose += [at] * (len(names) - before)
    for platform, (names, whose) in of.items():
        keys = all_folded(names)
        for here in (platform, ""):
            if here in gate.handles:
                for one in gate.among(f"@{here}:", keys):
                    clues[whose[one]].append(Clue("handle", keys[one], here, f"@{names[one]}"))
    if gate.lookalikes:
        keys = all_lookalikes(all_folded(handles))
        for one in gate.among("%", keys):
            clues[holders[one]].append(Clue("lookalike", keys[one], "", f"@{handles[one]}"))


def _tags(clues: Clues, posts: Sequence[tuple[str, Post]], gate: Gate) -> None:
    tags: list[str] = []
    whose: list[int] = []
    for at, (_, post) in enumerate(posts):
        if post.hashtags:
            tags += post.hashtags[:MOST_OF_A_KIND]
            whose += [at] * (len(tags) - len(whose))
    keys = all_folded(tags)
    for one in gate.among("#", keys):
        clues[whose[one]].append(Clue("hashtag", keys[one], "", f"#{tags[one]}"))


def _links(clues: Clues, posts: Sequence[tuple[str, Post]], gate: Gate) -> None:
    """Domains of links and places, and the campaigns that a link says it is of."""
    domains: list[str] = []
    shown: list[str] = []
    whose: list[int] = []
    tagged: list[str] = []
    taggers: list[int] = []
    for at, (_, post) in enumerate(posts):
        if post.place and (domain := domain_of(post.place)):
            domains.append(domain)
            shown.append(post.place)
            whose.append(at)
        for link in post.links[:MOST_OF_A_KIND] if post.links else ():
            if domain := domain_of(link):
                domains.append(domain)
                shown.append(domain)
                whose.append(at)
            for campaign in utm_campaigns(link):
                tagged.append(campaign)
                taggers.append(at)
    for one in gate.among("/", domains):
        clues[whose[one]].append(Clue("domain", domains[one], "", shown[one]))
    keys = [folded(campaign) for campaign in tagged]
    for one in gate.among("?", keys):
        clues[taggers[one]].append(Clue("utm", keys[one], "", tagged[one]))


def _written(clues: Clues, texts: Sequence[str], row: Row, gate: Gate) -> None:
    """E-mail addresses and telephone numbers in the text."""
    found: dict[str, list[tuple[int, Clue]]] = {"!": [], "/": [], "+": []}
    for at, text in enumerate(texts):
        if "@" not in text:
            continue
        for hit in addresses_in(text)[:MOST_OF_A_KIND]:
            address, span = folded(hit[0]), hit.span()
            found["!"].append((at, Clue("email", address, "", hit[0], *span)))
            domain = domain_of(address.rpartition("@")[2])
            if domain and not is_shared_host(domain):
                found["/"].append((at, Clue("domain", domain, "", hit[0], *span)))
    for at in row.digits:
        for hit in phones_in(texts[at])[:MOST_OF_A_KIND]:
            if key := phone_key(hit[0]):
                found["+"].append((at, Clue("phone", key, "", hit[0], *hit.span())))
    for mark, offered in found.items():
        for one in gate.among(mark, [clue.key for _, clue in offered]):
            at, clue = offered[one]
            clues[at].append(clue)


_UTM = re.compile(r"(?i)[?&]utm_campaign=([^&#]*)")


def utm_campaigns(link: str) -> list[str]:
    """The values of a link's utm_campaign, however it is written."""
    if "?" not in link:
        return []
    if "&amp;" in link:
        link = unescape(link)
    query = link[link.index("?") :].partition("#")[0]
    return [unquote_plus(value) for value in _UTM.findall(query)[:MOST_OF_A_KIND] if value]


# --- names in the text ---------------------------------------------------------------------------------


def _names(clues: Clues, texts: Sequence[str], row: Row, gate: Gate) -> None:
    """Runs of words that begin like a name: the first word of a name of one, the first two of a longer one."""
    words, begins = row.words, row.begins
    taker = _Taker(clues, texts, row)
    single, pairs = gate.openings(words)
    for at in _some(single, words, begins, MOST_NAMES):
        taker.note("name", at, at + 1)
    longer: list[str] = []
    runs: list[tuple[int, int]] = []
    for at in _some(pairs, words, begins, MOST_NAMES):
        name = words[at]
        for end in range(at + 1, at + KEY_WORDS):
            if words[end] == BREAK:
                break
            name = f"{name} {words[end]}"
            longer.append(name)
            runs.append((at, end + 1))
    for one in gate.among("=", longer):
        taker.note("name", *runs[one])
    if gate.similar:
        keys, alike = _similar(words, _some(row.capitals, words, begins, MOST_CAPITALS))
        for one in gate.among("~", keys):
            taker.note("similar", *alike[one], keys[one])


def _some(places: list[int], words: list[str], begins: list[int], most: int) -> list[int]:
    """Of places in the row those that are words, and no more than so many of a post."""
    if len(places) <= most or np.bincount(np.searchsorted(begins, places, side="right")).max() <= most:
        return [at for at in places if words[at] != BREAK]
    taken: Counter[int] = Counter()
    some = []
    for at in places:
        post = bisect_right(begins, at)
        taken[post] += 1
        if taken[post] <= most and words[at] != BREAK:
            some.append(at)
    return some


class _Taker:
    """How a run of words in the row becomes a clue of its post."""

    def __init__(self, clues: Clues, texts: Sequence[str], row: Row) -> None:
        self._clues, self._texts, self._row = clues, texts, row
        self._noted: Counter[tuple[int, str]] = Counter()

    def note(self, kind: str, first: int, end: int, key: str | None = None) -> None:
        """The words from first up to end may be a name, unless there are too many such, or more of a word."""
        row = self._row
        post = bisect_right(row.begins, first) - 1
        self._noted[post, kind] += 1
        if self._noted[post, kind] > (MOST_NAMES if kind == "name" else MOST_SIMILAR):
            return
        text = self._texts[post]
        starts, ends = row.span(post, first, end - 1)
        if stands_alone(text, starts, ends):
            key = key or " ".join(row.words[first:end])
            self._clues[post].append(Clue(kind, key, "", text[starts:ends], starts, ends))


@lru_cache(maxsize=60_000)
def _alone(word: str) -> str:
    return "" if len(word) < 5 or is_ordinary_word(word) else similar_key([word])


def _similar(words: list[str], capitals: list[int]) -> tuple[list[str], list[tuple[int, int]]]:
    """Runs of capitalised words, which is how a name is written, for names that are not quite the same."""
    keys: list[str] = []
    runs: list[tuple[int, int]] = []
    last = len(capitals) - 1
    for place, at in enumerate(capitals):
        if key := _alone(words[at]):
            keys.append(key)
            runs.append((at, at + 1))
        length = 1
        while place + length <= last and length < LONGEST_SIMILAR and capitals[place + length] == at + length:
            length += 1
            if key := similar_key(words[at : at + length]):
                keys.append(key)
                runs.append((at, at + length))
    return keys, runs
