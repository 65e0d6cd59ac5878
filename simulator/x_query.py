"""X's queries, as far as this world is asked with them: words, phrases, #tags, @handles, and what narrows them.

https://docs.x.com/x-api/posts/search/integrate/operators. OR binds weaker than a space, a minus excludes,
parentheses group. An unknown operator finds nothing, as an unknown word would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'-?\(|\)|-?(?:\w+:)?"[^"]*"|[^\s()]+')


@dataclass(frozen=True)
class Facts:
    """What of a post can be asked for. Names are lower-cased, without their signs."""

    text: str
    author: str
    mentions: frozenset[str]
    tags: frozenset[str]
    lang: str
    conversation: str
    kinds: frozenset[str]


def fits(query: str, facts: Facts) -> bool:
    """Whether a post is found by a query."""
    return _either(iter([*_TOKEN.findall(query), ")"]), facts)


def _either(words: Iterator[str], facts: Facts) -> bool:
    """Alternatives up to the closing parenthesis; each is a row of conditions that all hold."""
    any_holds, all_hold = False, True
    for word in words:
        if word == ")":
            break
        if word == "OR":
            any_holds, all_hold = any_holds or all_hold, True
            continue
        excluded = word.startswith("-")
        bare = word[1:] if excluded else word
        holds = _either(words, facts) if bare == "(" else _holds(bare, facts)
        all_hold = all_hold and holds != excluded
    return any_holds or all_hold


def _holds(word: str, facts: Facts) -> bool:
    name, colon, value = word.lower().partition(":")
    if colon and not word.startswith('"'):
        match name:
            case "is":
                return value in facts.kinds
            case "lang":
                return value == facts.lang
            case "from":
                return value.lstrip("@") == facts.author
            case "conversation_id":
                return value == facts.conversation
        return False
    wanted = word.lower().strip('"')
    if wanted.startswith("#"):
        return wanted[1:] in facts.tags
    if wanted.startswith("@"):
        return wanted[1:] in facts.mentions
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", facts.text) is not None
