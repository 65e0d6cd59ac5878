"""What a post offers to find records by: handles, tags, links, addresses, numbers, runs of words.

Pure: a post and a gate in, clues out, no look-up. The gate (workers/directory.py) knows in memory which keys an
organisation has at all, so that the few clues that are left can be looked up in one question for a whole batch.
`names_of` in workers/names.py makes the same keys of records; workers/folding.py is where both agree.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import compress, count, islice
from operator import ne
from typing import TYPE_CHECKING, NamedTuple

from workers.folding import (
    KEY_WORDS,
    MOST_WORDS,
    WORD,
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
)
from workers.spelling import stands_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def clues_of(platform: str, post: Post, gate: Gate) -> list[Clue]:
    """Everything in a post that may name a record of the organisation whose gate it is."""
    keys: list[str] = []
    offered: list[_Offered] = []
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
    clues = [Clue(*offered[at]) for at in gate.among(keys)] if keys else []
    _names(clues, gate, post.text)
    return clues


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
    """The values of a link's utm_campaign."""
    _, mark, query = link.partition("?")
    if not mark or "utm_campaign=" not in query:
        return []
    return [pair[13:] for pair in query.split("#")[0].split("&") if pair.startswith("utm_campaign=")]


# --- names in the text ---------------------------------------------------------------------------------


def _names(clues: list[Clue], gate: Gate, text: str) -> None:
    """Runs of words that begin like a name: the first word of a name of one, the first two of a longer one."""
    if not gate.names or not text:
        return
    text = composed(text)
    written, words = both_ways(text)
    del written[MOST_WORDS:], words[MOST_WORDS:]
    single, pairs = gate.openings(words)
    if single or pairs:
        far = max(single[-1:] + pairs[-1:]) + KEY_WORDS
        spans = [hit.span() for hit in islice(WORD.finditer(text), far)]
        for at in single[:MOST_NAMES]:
            _run(clues, text, words, spans, at, at + 1)
        for at in pairs[:MOST_NAMES]:
            name = "=" + words[at]
            for end in range(at + 1, min(at + KEY_WORDS, len(words))):
                name = f"{name} {words[end]}"
                if gate.has(name):
                    _run(clues, text, words, spans, at, end + 1)
    if gate.similar:
        _similar(clues, gate, text, words, written)


def _run(
    clues: list[Clue], text: str, words: list[str], spans: list[tuple[int, int]], start: int, end: int
) -> None:
    starts, ends = spans[start][0], spans[end - 1][1]
    if stands_alone(text, starts, ends):
        clues.append(Clue("name", " ".join(words[start:end]), "", text[starts:ends], starts, ends))


@lru_cache(maxsize=20_000)
def _alone(word: str) -> str:
    return "" if len(word) < 5 or is_ordinary_word(word) else similar_key([word])


def _similar(clues: list[Clue], gate: Gate, text: str, words: list[str], written: list[str]) -> None:
    """Runs of capitalised words, which is how a name is written, for names that are not quite the same."""
    capitals = list(islice(compress(count(), map(ne, written, words)), MOST_CAPITALS))
    keys: list[str] = []
    runs: list[tuple[int, int]] = []
    for first, at in enumerate(capitals):
        if key := _alone(words[at]):
            keys.append("~" + key)
            runs.append((at, at))
        for more in range(1, LONGEST_SIMILAR):
            if capitals[first + more : first + more + 1] != [at + more]:
                break
            if key := similar_key(words[at : at + more + 1]):
                keys.append("~" + key)
                runs.append((at, at + more))
    some = gate.among(keys)[:MOST_SIMILAR] if keys else []
    if some:
        spans = [hit.span() for hit in WORD.finditer(text)]
        for one in some:
            starts, ends = spans[runs[one][0]][0], spans[runs[one][1]][1]
            if stands_alone(text, starts, ends):
                clues.append(Clue("similar", keys[one][1:], "", text[starts:ends], starts, ends))
