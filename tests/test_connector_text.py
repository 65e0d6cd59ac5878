"""What comes in as HTML, as broken JSON or as a time from nowhere goes out as something that can be kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from selectolax.lexbor import LexborHTMLParser

from connectors import _html, _text, _times
from connectors._base import Answer, Garbled
from connectors._decode import envelope, mended
from connectors._html import plain
from tests import recordings_table as rt

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_tag_that_was_met_before_does_not_make_one_of_an_unended_sign() -> None:
    assert plain("<b>bold</b>")[0] == "bold"
    assert plain("a <b")[0] == "a <b"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("no markup &amp; one entity", "no markup & one entity"),
        ("<p>one</p><p>two<br>three<br />four</p>", "one\n\ntwo\nthree\nfour"),
        ("<p>a  \n b</p>\n<p>c</p>", "a b\n\nc"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<p>I <3 it &lt;b&gt;</p>", "I <3 it <b>"),
        ('<a title="a > b" href="https://x.example">x</a>', "x"),
        ("<a title='\"' href=https://x.example>x</a>", "x"),
        ("before<script>var a = '<p>';</script>after", "beforeafter"),
        ("<style>p{}</style>kept", "kept"),
        ("kept<!-- not <b>this</b> -->", "kept"),
        ("kept<!-- never closed", "kept"),
        ("<![CDATA[raw <text>]]>", "raw <text>"),
        ("<?php echo 1 ?>kept", "kept"),
        (
            '<span class="invisible">https://</span><span class="ellipsis">x.example/long</span>',
            "x.example/long…",
        ),
        ('<span class="ellipsis">a<span>b</span>c</span>d', "abc…d"),
        ('<p class="quote-inline">RE: <a href="https://x.example/1">it</a></p><p>mine</p>', "mine"),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
        ("<p>unclosed", "unclosed"),
        ("<", "<"),
        ("a <b", "a <b"),
        ("&#x1F600;&nbsp;&unknown;", "😀 &unknown;"),
    ],
)
def test_html_becomes_what_a_reader_sees(html: str, text: str) -> None:
    assert plain(html)[0] == text


def test_links_come_with_their_classes() -> None:
    html = '<a href="https://x.example/?a=1&amp;b=2">x</a> <a class="u-url mention" href="https://t.example/@u">@u</a>'
    assert plain(html)[1] == [("https://x.example/?a=1&b=2", ""), ("https://t.example/@u", "u-url mention")]


@pytest.mark.parametrize(
    "hostile", ["<a ", '<a "', "<a '", "<!--", "<![CDATA[", "<p>", "</p>", "&", "<a x='\"", '<b class="']
)
def test_hostile_html_costs_no_more_than_its_length(hostile: str) -> None:
    html = hostile * (400_000 // len(hostile))
    began = time.process_time()
    plain(html)
    assert time.process_time() - began < 4.0


def _contents(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("content"), str):
            yield value["content"]
        for inner in value.values():
            yield from _contents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _contents(inner)


@pytest.mark.skipif(not rt.ROOT.is_dir(), reason=f"no recordings at EARSHOT_RECORDINGS ({rt.ROOT})")
def test_on_every_recorded_post_a_real_parser_reads_the_same_words() -> None:
    compared = 0
    for path in sorted((rt.ROOT / "mastodon").glob("*.json")):
        for html in set(_contents(json.loads(path.read_bytes())["body"])):
            tree = LexborHTMLParser(html)
            for unseen in tree.css(".invisible, .quote-inline"):
                unseen.decompose()
            theirs = re.sub(r"\s+", "", tree.body.text() if tree.body else "")
            assert re.sub(r"\s+", "", plain(html)[0]).replace("…", "") == theirs.replace("…", "")
            compared += 1
    assert compared > 100


def test_known_tags_are_remembered_within_bounds() -> None:
    for n in range(3000):
        plain(f"<x{n}>text")
    assert len(_html._KNOWN) <= 1000


def test_a_text_is_cut_at_64_kb_between_characters() -> None:
    text, cut = _text.body("é" * 40_000)
    assert cut
    assert len(text.encode()) == 65_536
    assert _text.body("a" * 65_536) == ("a" * 65_536, False)


def test_nul_and_half_characters_are_replaced_and_halves_joined() -> None:
    assert _text.clean("a\0b") == "a\ufffdb"
    assert _text.clean("a\ud83db") == "a\ufffdb"
    assert _text.clean("a\ud83d\ude00b") == "a😀b"


def test_an_id_too_long_for_an_index_becomes_its_digest() -> None:
    assert _text.ident("x" * 512) == "x" * 512
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", _text.ident("x" * 513))
    assert _text.ident("X") != _text.ident("x")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://x", "/relative", "", None, "https://x\n.example", "data:x"]
)
def test_only_web_addresses_are_kept(url: str | None) -> None:
    assert _text.web(url) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [("pt-BR", "pt"), ("EN", "en"), ("zh_Hans", "zh"), ("", None), ("x", None), ("und!", None)],
)
def test_a_language_is_its_primary_tag(given: str, kept: str | None) -> None:
    assert _text.language(given) == kept


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00.123456789-05:00", datetime(2026, 11, 20, 15, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("0000-10-14T15:06:10.730Z", None),
        ("10000-01-01T00:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_is_read_or_it_is_none(text: str, when: datetime | None) -> None:
    assert _times.parse(text) == when


def test_the_future_is_now_and_the_distant_past_is_not_believed() -> None:
    assert _times.believable(NOW + timedelta(days=9), NOW) == NOW
    assert _times.believable(datetime(2003, 12, 31, tzinfo=UTC), NOW) is None


def answer(body: bytes) -> Answer:
    return Answer(status=200, url="https://x.example", headers={}, body=body)


LIST = msgspec.json.Decoder(list[str])


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'["a\\ud83db"]', ["a\ufffdb"]),
        (b'["\\ud83d\\ude00"]', ["😀"]),
        (b'["a\\ud83d", "\\ude00b"]', ["a\ufffd", "\ufffdb"]),
        (b'["a\\\\ud83d"]', ["a\\ud83d"]),
        (b'["caf\xe9"]', ["caf\ufffd"]),
        (b'["a\x01b"]', ["a b"]),
        (b'\xef\xbb\xbf["bom"]', ["bom"]),
        (b'["\\u0000"]', ["\0"]),
    ],
)
def test_one_bad_character_does_not_cost_the_page(body: bytes, read: list[str]) -> None:
    assert envelope(LIST, answer(body), "the page") == read


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  <html>", "HTML where JSON was promised"),
        (b'["a"', "not whole JSON"),
        (b'{"a":1}', "another shape"),
        (b"[" * 200_000, "."),
        (b"[NaN]", "."),
    ],
)
def test_what_stays_unreadable_is_garbled_and_says_how(body: bytes, said: str) -> None:
    with pytest.raises(Garbled, match=said):
        envelope(LIST, answer(body), "the page")


def test_mending_leaves_whole_json_alone() -> None:
    whole = json.dumps(["\\ud83d", "a\\\\", "é😀"], ensure_ascii=True).encode()
    assert json.loads(mended(whole)) == json.loads(whole)
