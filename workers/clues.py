"""What a post offers to find records by: handles, tags, links, addresses, numbers, runs of words.

Pure: a post and a gate in, clues out, no look-up. The gate (workers/gate.py) knows in memory which keys an
organisation has at all, so that the few clues that are left can be looked up in one question for a whole batch.
`names_of` in workers/names.py makes the same keys of records; workers/folding.py is where both agree.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

import numpy as np

from workers.folding import (
    KEY_WORDS,
    LEAST_SIMILAR,
    addresses_in,
    all_folded,
    all_lookalikes,
    domain_of,
    folded,
    is_ordinary_word,
    is_shared_host,
    phone_key,
    phones_in,
)
from workers.spelling import stands_alone
from workers.tokens import OddRow, PlainRow, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from connectors._base import Author, Mention, Post
    from workers.gate import Gate
    from workers.tokens import Places, Row

MOST_OF_A_KIND = 100
"""So many mentions, tags, links or addresses of one post are looked at."""
MOST_NAMES = 60
"""So many words that may be a name are looked up, and so many places where a longer one may begin."""
MOST_CAPITALS = 200
"""So many capitalised words are looked at for similar names."""
MOST_SIMILAR = 12
"""So many runs of capitalised words are compared with names that are only similar."""
LONGEST_SIMILAR, LEAST_ALONE = 4, 5
"""Words of such a run, and letters of one that is a run alone."""


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
    texts = [post.text for _, post in posts]
    together = [plain(text) for text in texts]
    for chosen, kind in ((together, PlainRow), ([not one for one in together], OddRow)):
        if any(chosen):
            theirs, row = list(compress(clues, chosen)), kind(list(compress(texts, chosen)))
            _written(theirs, list(compress(texts, chosen)), row, gate)
            if gate.names:
                _names(theirs, row, gate)
    return clues


def _people(clues: Clues, posts: Sequence[tuple[str, Post]], gate: Gate) -> None:
    """Stable id and handle of whoever wrote it, is mentioned, is answered, or is where it was posted."""
    people: list[Author | Mention] = []
    theirs: list[int] = []
    ids: list[str] = []
    owners: list[int] = []
    for at, (_, post) in enumerate(posts):
        if post.author is not None:
            people.append(post.author)
            theirs.append(at)
        if post.mentions:
            people += post.mentions[:MOST_OF_A_KIND]
            theirs += [at] * (len(people) - len(theirs))
        for place in (post.reply_to_author, post.place):
            if place:
                ids.append(place)
                owners.append(at)
    ids += [person.id for person in people if person.id]
    owners += [at for at, person in zip(theirs, people, strict=True) if person.id]
    handles = [person.handle for person in people if person.handle]
    holders = [at for at, person in zip(theirs, people, strict=True) if person.handle]
    names, whose = handles + ids, holders + owners
    keys = all_folded(names)
    marks = {platform: f"@{platform}:" for platform in {platform for platform, _ in posts}}
    for one in gate.among([marks[posts[at][0]] for at in whose], keys):
        clues[whose[one]].append(Clue("handle", keys[one], posts[whose[one]][0], f"@{names[one]}"))
    if "" in gate.handles:
        for one in gate.among("@:", keys):
            clues[whose[one]].append(Clue("handle", keys[one], "", f"@{names[one]}"))
    if gate.lookalikes:
        alike = all_lookalikes(keys[: len(handles)])
        for one in gate.among("%", alike):
            clues[holders[one]].append(Clue("lookalike", alike[one], "", f"@{handles[one]}"))


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


def _names(clues: Clues, row: Row, gate: Gate) -> None:
    """Runs of words that begin like a name: the first word of a name of one, the first two of a longer one."""
    single, pairs = (_some(row, places, MOST_NAMES) for places in gate.openings(row.hashes))
    longer, runs = _longer(row, pairs)
    whole = gate.among("=", longer)
    firsts = np.concatenate((single, runs[whole, 0]))
    lasts = np.concatenate((single, runs[whole, 1]))
    _note(clues, row, "name", [*row.words(single), *(longer[one] for one in whole)], firsts, lasts)
    if gate.similar:
        keys, alike = _similar(row, _some(row, row.capitals, MOST_CAPITALS))
        found = [one for one in gate.among("~", keys) if _telling(row, *alike[one])]
        _note(clues, row, "similar", [keys[one] for one in found], alike[found, 0], alike[found, 1])


def _some(row: Row, places: Places, most: int) -> Places:
    """Of places in the row those of words, and no more than so many of a text."""
    texts = np.searchsorted(row.breaks, places)
    some: Places = places[(row.breaks[texts] != places) & _among_first(texts, most)]
    return some


def _among_first(texts: Places, most: int) -> NDArray[np.bool_]:
    """Which of these are among the first so many of their text?"""
    order = np.argsort(texts, kind="stable")
    sorted_ = texts[order]
    first = np.empty(len(texts), np.bool_)
    first[order] = np.arange(len(texts)) - np.searchsorted(sorted_, sorted_) < most
    return first


_MOST = {"name": MOST_NAMES, "similar": MOST_SIMILAR}


def _note(clues: Clues, row: Row, kind: str, keys: list[str], firsts: Places, lasts: Places) -> None:
    """Runs of words, from first to last, become clues of their posts, where they stand alone."""
    texts = np.searchsorted(row.breaks, firsts)
    runs = zip(
        keys, texts.tolist(), row.spans(firsts, lasts), _among_first(texts, _MOST[kind]).tolist(), strict=True
    )
    for key, at, (starts, ends), kept in runs:
        text = row.texts[at]
        if kept and stands_alone(text, starts, ends):
            clues[at].append(Clue(kind, key, "", text[starts:ends], starts, ends))


def _longer(row: Row, pairs: Places) -> tuple[list[str], Places]:
    """The runs of two words and more that begin at these places, with their first and last."""
    names: list[str] = []
    runs: list[tuple[int, int]] = []
    ends = row.breaks[np.searchsorted(row.breaks, pairs)]
    for at, end in zip(pairs.tolist(), ends.tolist(), strict=True):
        name, *others = row.words(slice(at, min(end, at + KEY_WORDS)))
        for last, word in enumerate(others, at + 1):
            name = f"{name} {word}"
            names.append(name)
            runs.append((at, last))
    return names, _pairs(runs)


def _similar(row: Row, capitals: Places) -> tuple[list[str], Places]:
    """Runs of capitalised words, which is how a name is written, for names that are not quite the same."""
    words, keys, telling = row.consonants(capitals), list[str](), list[int]()
    runs = np.concatenate([_in_a_row(capitals, length) for length in range(1, LONGEST_SIMILAR + 1)])
    runs = runs[np.lexsort((runs[:, 1], runs[:, 0]))]
    for at, (first, last) in enumerate(runs.tolist()):
        key = "".join(words[first : last + 1])
        if len(key) >= LEAST_SIMILAR:
            keys.append(key)
            telling.append(at)
    return keys, capitals[runs[telling]]


def _in_a_row(places: Places, length: int) -> Places:
    """The runs of so many neighbours among these places, by which of the places are their first and last."""
    lasts = places[length - 1 :]
    firsts = np.flatnonzero(lasts - places[: len(lasts)] == length - 1)
    return np.column_stack((firsts, firsts + length - 1))


def _telling(row: Row, first: int, last: int) -> bool:
    """Is this run of words more than one short or ordinary word?"""
    if first != last:
        return True
    word = row.words(slice(first, first + 1))[0]
    return len(word) >= LEAST_ALONE and not is_ordinary_word(word)


def _pairs(runs: list[tuple[int, int]]) -> Places:
    return np.array(runs, np.int64).reshape(-1, 2)
