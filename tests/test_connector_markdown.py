"""Markdown as it is written on Reddit, and the texts that never meet the parser."""

from __future__ import annotations

import json
import os
import random
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
def test_what_is_read_without_the_parser_is_what_the_parser_makes_of_it() -> None:
    for text in _recorded_texts():
        _compare(text)


def test_pieces_of_markup_in_any_order_are_read_as_the_parser_reads_them() -> None:
    seeded = random.Random(20261123)
    for _ in range(1_500):
        pieces = seeded.choices(PIECES, k=seeded.randint(1, 12))
        _compare("".join(piece + " " * (seeded.random() < 0.4) for piece in pieces))


def test_tables_of_any_make_are_read_as_the_parser_reads_them() -> None:
    seeded = random.Random(20261123)
    for _ in range(500):
        wide, edge = seeded.randint(1, 3), seeded.choice(["|", "| ", ""])
        rows = [[seeded.choice(CELLS) for _ in range(wide + (seeded.random() < 0.1))] for _ in range(4)]
        rows.insert(1, [seeded.choice(("---", ":--", " -: ", "-")) for _ in range(wide)])
        lines = [edge + "|".join(row) + edge.strip() * (seeded.random() < 0.7) for row in rows]
        _compare("\n\n".join(seeded.sample(["words", "- item", "\n".join(lines), "# head"], 3)))


def test_a_table_does_not_meet_the_parser() -> None:
    assert markdown._rows("| a | b |\n|---|---|\n| *1* | 2 |") == [[" a ", " b "], [" *1* ", " 2 "]]


CELLS = [
    "a", " two words ", "*em*", "`c`", "[x](/r/b)", "", " ", "- ", " - ", "1. ", "# h", "> q", "***", "\\", "\\|",
    "&amp;", "_u_", "http://a.b", "=", ":", "    x", "é",
]  # fmt: skip


def _compare(text: str) -> None:
    links: list[str] = []
    by_parser: list[str] = []
    whole = markdown.parsed(text, by_parser)
    assert (markdown.quickly(text, links), links) == (whole, by_parser), text
    if not markdown.is_marked(text):
        assert (markdown.unmarked(text), []) == (whole, by_parser), text


PIECES = [
    "word", "two words", "*em*", "**strong**", "_em_", "__st__", "***x***", "*", "**", "_",
    "snake_case_name", "[a](https://a.example/x_y)", "[b](/r/x)", "[bare]", "![i](https://a.b/c)",
    "[get_x()](/r/a)", "[[x] y](/r/b)", "`code`", "``a ` b``", "`", "\\*", "\\_", "\\\\", "\\", "&amp;",
    "&nosuch;", "&#42;", "&", "<b>", "<https://a.example>", "<", "~~no~~", "~~", "> q", ">", "- ", "* item",
    "+ x", "1. one", "2) two", "# head", "## head ##", "#tag", "---", "***", "===", "    code", "\tx",
    ":--", "\n", "\n", "\n", "\n\n", "\n\n", "  \n", " ", ".", "(", ")", "!", "it's", "日本", "é", "😀",
    "http://a.b/c_d_e", "\n> ", "\n* ", "\n- ", "\n1. ", "\n  * ", "\n    - ", "\n    ", "\n    more",
    "\n***\n", "^up", "[x]: http://a", "```", "| a | b |", "|---|---|", "a | b", "--|--",
]  # fmt: skip


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


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["    x\n\n", "[a][", "`a``", " _a", " *a", "&a;"])
def test_no_piece_repeated_takes_long(piece: str) -> None:
    markdown.plain("[[" + piece * (50_000 // len(piece)))


def test_a_text_of_brackets_is_not_tried_for_links() -> None:
    assert markdown.plain("[" * 40_000 + " *a*") == ("[" * 40_000 + " *a*", [])
