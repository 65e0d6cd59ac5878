"""Markdown as it is written on Reddit, and the texts that never meet the parser."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from connectors import _markdown as markdown
from tests import recordings_table as rt


@pytest.mark.parametrize(
    ("typed", "seen", "links"),
    [
        ("plain, with 2 * 3 = 6 - 1 and a_b_c", "plain, with 2 * 3 = 6 - 1 and a_b_c", []),
        ("one\ntwo  \nthree\n\n\nfour", "one two\nthree\n\nfour", []),
        ("**so** *good* [here](https://a.example/x_y)!", "so good here!", ["https://a.example/x_y"]),
        ("> theirs\n> too\n\nmine", "> theirs too\n\nmine", []),
        ("intro\n\n* a\n* b\n  * c\n\nend", "intro\n\na\nb\nc\n\nend", []),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b\n1 2", []),
        (">!the end!< ~~dead~~ ^raised ^(words up)", "the end dead raised words up", []),
        ("`**code**` &amp; \\*not\\* <b>", "**code** & *not* <b>", []),
        (
            "see https://a.example/b_(c). And [x](/r/coffee)",
            "see https://a.example/b_(c). And x",
            ["/r/coffee", "https://a.example/b_(c)"],
        ),
        ("`[x](https://a.example/)`", "[x](https://a.example/)", ["https://a.example/"]),
        ("a\r\n\r\nb", "a\n\nb", []),
    ],
)
def test_markdown_is_read_as_a_reader_sees_it(typed: str, seen: str, links: list[str]) -> None:
    assert markdown.plain(typed) == (seen, links)


@pytest.mark.skipif(
    not rt.ROOT.is_dir() and not os.environ.get("CI"), reason="no recordings at EARSHOT_RECORDINGS"
)
def test_texts_that_skip_the_parser_are_what_the_parser_makes_of_them() -> None:
    skipped = 0
    for text in _recorded_texts():
        by_parser: list[str] = []
        parsed = markdown.parsed(text, by_parser)
        lightly: list[str] = []
        light = markdown._lightly(text, lightly) if markdown.is_marked(text) else markdown.unmarked(text)
        if light is not None:
            skipped += 1
            assert (light, lightly) == (parsed, by_parser)
    assert skipped > 300


def _recorded_texts() -> Iterator[str]:
    seen = set()
    for path in sorted((rt.ROOT / "reddit").glob("*.json")):
        waiting = [json.loads(path.read_bytes())["body"]]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                seen |= {value[k] for k in ("body", "selftext") if isinstance(value.get(k), str)}
            waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    yield from sorted(text.replace("\r\n", "\n") for text in seen)


def test_a_text_of_brackets_is_not_tried_for_links() -> None:
    assert markdown.plain("[" * 40_000 + " *a*") == ("[" * 40_000 + " *a*", [])
