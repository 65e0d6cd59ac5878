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
    clues: list[Clue] = []
    if gate.handles:
        if post.author:
            _handle(clues, gate, platform, post.author.id, post.author.handle)
        for mention in post.mentions[:MOST_OF_A_KIND]:
            _handle(clues, gate, platform, mention.id, mention.handle)
        if post.reply_to_author:
            _handle(clues, gate, platform, post.reply_to_author, None)
        if post.place:
            _handle(clues, gate, platform, post.place, None)
    if post.place:
        _domain(clues, gate, post.place, post.place)
    for tag in post.hashtags[:MOST_OF_A_KIND]:
        key = folded(tag)
        if gate.has("#" + key):
            clues.append(Clue("hashtag", key, evidence=f"#{tag}"))
    for link in post.links[:MOST_OF_A_KIND]:
        _domain(clues, gate, link)
        for campaign in utm_campaigns(link):
            key = folded(campaign)
            if gate.has("?" + key):
                clues.append(Clue("utm", key, evidence=campaign))
    _addresses(clues, gate, post.text)
    _phones(clues, gate, post.text)
    _names(clues, gate, post.text)
    return clues


def _handle(clues: list[Clue], gate: Gate, platform: str, stable_id: str | None, handle: str | None) -> None:
    has, key, here, anywhere = gate.has, "", platform in gate.handles, "" in gate.handles
    for name in (stable_id, handle):
        if name:
            key = folded(name)
            if here and has(f"@{platform}:{key}"):
                clues.append(Clue("handle", key, platform, f"@{name}"))
            if anywhere and has(f"@:{key}"):
                clues.append(Clue("handle", key, "", f"@{name}"))
    if handle and gate.lookalikes and (alike := lookalike(key)) and has("%" + alike):
        clues.append(Clue("lookalike", alike, evidence=f"@{handle}"))


def _domain(clues: list[Clue], gate: Gate, link: str, shown: str | None = None) -> None:
    domain = domain_of(link)
    if domain and gate.has("/" + domain):
        clues.append(Clue("domain", domain, evidence=shown or domain))


def _addresses(clues: list[Clue], gate: Gate, text: str) -> None:
    for hit in addresses_in(text)[:MOST_OF_A_KIND]:
        key = folded(hit[0])
        if gate.has("!" + key):
            clues.append(Clue("email", key, "", hit[0], hit.start(), hit.end()))
        domain = domain_of(key.rpartition("@")[2])
        if domain and gate.has("/" + domain) and not is_shared_host(domain):
            clues.append(Clue("domain", domain, "", hit[0], hit.start(), hit.end()))


def _phones(clues: list[Clue], gate: Gate, text: str) -> None:
    for hit in phones_in(text)[:MOST_OF_A_KIND]:
        key = phone_key(hit[0])
        if key and gate.has("+" + key):
            clues.append(Clue("phone", key, "", hit[0], hit.start(), hit.end()))


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
    spans: list[tuple[int, int]] | None = None
    tried = 0
    capitals = list(islice(compress(count(), map(ne, written, words)), MOST_CAPITALS))
    for first, at in enumerate(capitals):
        key, length = _alone(words[at]), 1
        while True:
            if key and gate.has("~" + key):
                spans = spans or [hit.span() for hit in WORD.finditer(text)]
                starts, ends = spans[at][0], spans[at + length - 1][1]
                if stands_alone(text, starts, ends):
                    clues.append(Clue("similar", key, "", text[starts:ends], starts, ends))
                    tried += 1
                    if tried == MOST_SIMILAR:
                        return
            if length == LONGEST_SIMILAR or capitals[first + length : first + length + 1] != [at + length]:
                break
            length += 1
            key = similar_key(words[at : at + length])
