"""What a post offers to find records by: handles, tags, links, addresses, numbers, runs of words.

Pure: a post and a gate in, clues out, no look-up. The gate (workers/directory.py) knows in memory which keys an
organisation has at all, so that the few clues that are left can be looked up in one question for a whole batch.
`names_of` in workers/names.py makes the same keys of records; workers/folding.py is where both agree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from html import unescape
from itertools import compress, count
from operator import ne
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from workers.folding import (
    KEY_WORDS,
    MOST_WORDS,
    addresses_in,
    both_ways,
    composed,
    domain_of,
    folded,
    is_ordinary_word,
    is_shared_host,
    lookalike,
    phone_key,
    phones_in,
    similar_key,
    spans_of,
)
from workers.spelling import stands_alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def clues_of(posts: Sequence[tuple[str, Post]], gate: Gate) -> list[list[Clue]]:
    """Everything in each of these (platform, post)s that may name a record of the organisation whose gate it is.

    All posts of a batch at once, since asking the gate costs little more for thousands of keys than for one.
    """
    keys: list[str] = []
    offered: list[_Offered] = []
    ends: list[int] = []
    for platform, post in posts:
        _offer(keys, offered, platform, post, gate)
        ends.append(len(keys))
    clues: list[list[Clue]] = [[] for _ in posts]
    for at in gate.among(keys):
        clues[bisect_right(ends, at)].append(Clue(*offered[at]))
    if gate.names:
        _names(clues, [composed(post.text) for _, post in posts], gate)
    return clues


def _offer(keys: list[str], offered: list[_Offered], platform: str, post: Post, gate: Gate) -> None:
    """The keys of one post, but for names in its text."""
    if gate.handles:
        here, anywhere = platform in gate.handles, "" in gate.handles
        for stable_id, handle in _people(post):
            key = ""
            for name in (stable_id, handle):
                if name:
                    key = folded(name)
                    if here:
                        keys.append(f"@{platform}:{key}")
                        offered.append(("handle", key, platform, f"@{name}", None, None))
                    if anywhere:
                        keys.append(f"@:{key}")
                        offered.append(("handle", key, "", f"@{name}", None, None))
            if handle and gate.lookalikes:
                alike = lookalike(key)
                keys.append("%" + alike)
                offered.append(("lookalike", alike, "", f"@{handle}", None, None))
    if post.hashtags:
        for tag in post.hashtags[:MOST_OF_A_KIND]:
            key = folded(tag)
            keys.append("#" + key)
            offered.append(("hashtag", key, "", f"#{tag}", None, None))
    if post.place:
        _domain(keys, offered, post.place, post.place)
    if post.links:
        for link in post.links[:MOST_OF_A_KIND]:
            _domain(keys, offered, link)
            for campaign in utm_campaigns(link):
                keys.append("?" + (key := folded(campaign)))
                offered.append(("utm", key, "", campaign, None, None))
    _written(keys, offered, post.text)


_Offered = tuple[str, str, str, str | None, int | None, int | None]
"""What makes a Clue, if the gate lets its key through; most are not let through."""


def _people(post: Post) -> Iterator[tuple[str | None, str | None]]:
    """Stable id and handle of whoever wrote it, is mentioned, is answered, or is where it was posted."""
    if post.author:
        yield post.author.id, post.author.handle
    for mention in post.mentions[:MOST_OF_A_KIND]:
        yield mention.id, mention.handle
    if post.reply_to_author:
        yield post.reply_to_author, None
    if post.place:
        yield post.place, None


def _domain(keys: list[str], offered: list[_Offered], link: str, shown: str | None = None) -> None:
    if domain := domain_of(link):
        keys.append("/" + domain)
        offered.append(("domain", domain, "", shown or domain, None, None))


def _written(keys: list[str], offered: list[_Offered], text: str) -> None:
    """E-mail addresses and telephone numbers in the text."""
    for hit in addresses_in(text)[:MOST_OF_A_KIND]:
        key = folded(hit[0])
        keys.append("!" + key)
        offered.append(("email", key, "", hit[0], hit.start(), hit.end()))
        domain = domain_of(key.rpartition("@")[2])
        if domain and not is_shared_host(domain):
            keys.append("/" + domain)
            offered.append(("domain", domain, "", hit[0], hit.start(), hit.end()))
    for hit in phones_in(text)[:MOST_OF_A_KIND]:
        if key := phone_key(hit[0]):
            keys.append("+" + key)
            offered.append(("phone", key, "", hit[0], hit.start(), hit.end()))


def utm_campaigns(link: str) -> list[str]:
    """The values of a link's utm_campaign, however it is written."""
    if "utm_campaign" not in link.lower():
        return []
    query = urlsplit(unescape(link)).query if "&amp;" in link else link.partition("?")[2].partition("#")[0]
    try:
        pairs = parse_qsl(query, max_num_fields=MOST_OF_A_KIND)
    except ValueError:
        return []
    return [value for name, value in pairs if name.lower() == "utm_campaign"]


# --- names in the text ---------------------------------------------------------------------------------

_BREAK = "\x1f"
"""Stands between two posts where the words of many are looked at in one row; no word is it, and no name has it."""


def _names(clues: list[list[Clue]], texts: Sequence[str], gate: Gate) -> None:
    """Runs of words that begin like a name: the first word of a name of one, the first two of a longer one."""
    written: list[str] = []
    words: list[str] = []
    begins: list[int] = []
    for text in texts:
        begins.append(len(words))
        as_written, as_compared = both_ways(text)
        if len(as_compared) > MOST_WORDS:
            del as_written[MOST_WORDS:], as_compared[MOST_WORDS:]
        written += as_written
        words += as_compared
        written.append(_BREAK)
        words.append(_BREAK)
    row = _Row(clues, texts, words, begins)
    single, pairs = gate.openings(words)
    for at in _some(single, words, begins, MOST_NAMES):
        row.note("name", at, at + 1)
    longer: list[str] = []
    runs: list[tuple[int, int]] = []
    for at in _some(pairs, words, begins, MOST_NAMES):
        name = "=" + words[at]
        for end in range(at + 1, at + KEY_WORDS):
            if words[end] == _BREAK:
                break
            name = f"{name} {words[end]}"
            longer.append(name)
            runs.append((at, end + 1))
    for one in gate.among(longer):
        row.note("name", *runs[one])
    if gate.similar:
        capitals = list(compress(count(), map(ne, written, words)))
        keys, alike = _similar(words, _some(capitals, words, begins, MOST_CAPITALS))
        for one in gate.among(keys):
            row.note("similar", *alike[one], keys[one][1:])


def _some(places: list[int], words: list[str], begins: list[int], most: int) -> list[int]:
    """Of places in the row those that are words, and no more than so many of a post."""
    if len(places) <= most:
        return [at for at in places if words[at] != _BREAK]
    taken: Counter[int] = Counter()
    some = []
    for at in places:
        post = bisect_right(begins, at)
        taken[post] += 1
        if taken[post] <= most and words[at] != _BREAK:
            some.append(at)
    return some


class _Row:
    """The words of many posts in a row, and how a run of them becomes a clue of its post."""

    def __init__(
        self, clues: list[list[Clue]], texts: Sequence[str], words: list[str], begins: list[int]
    ) -> None:
        self._clues, self._texts, self._words, self._begins = clues, texts, words, begins
        self._spans: dict[int, list[tuple[int, int]]] = {}
        self._noted: Counter[tuple[int, str]] = Counter()

    def note(self, kind: str, start: int, end: int, key: str | None = None) -> None:
        """The words from start up to end may be a name, unless there are too many such, or more of a word."""
        post = bisect_right(self._begins, start) - 1
        self._noted[post, kind] += 1
        if self._noted[post, kind] > (MOST_NAMES if kind == "name" else MOST_SIMILAR):
            return
        text, first = self._texts[post], self._begins[post]
        spans = self._spans.get(post)
        if spans is None:
            spans = self._spans[post] = spans_of(text)
        starts, ends = spans[start - first][0], spans[end - first - 1][1]
        if stands_alone(text, starts, ends):
            shown = text[starts:ends]
            self._clues[post].append(
                Clue(kind, key or " ".join(self._words[start:end]), "", shown, starts, ends)
            )


@lru_cache(maxsize=20_000)
def _alone(word: str) -> str:
    return "" if len(word) < 5 or is_ordinary_word(word) else similar_key([word])


def _similar(words: list[str], capitals: list[int]) -> tuple[list[str], list[tuple[int, int]]]:
    """Runs of capitalised words, which is how a name is written, for names that are not quite the same."""
    keys: list[str] = []
    runs: list[tuple[int, int]] = []
    last = len(capitals) - 1
    for place, at in enumerate(capitals):
        if key := _alone(words[at]):
            keys.append("~" + key)
            runs.append((at, at + 1))
        length = 1
        while place + length <= last and length < LONGEST_SIMILAR and capitals[place + length] == at + length:
            length += 1
            if key := similar_key(words[at : at + length]):
                keys.append("~" + key)
                runs.append((at, at + length))
    return keys, runs
