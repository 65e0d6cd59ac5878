"""Words of many texts in one row: taken apart together or one by one, they are the same."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.clues import utm_campaigns
from workers.folding import all_folded, all_lookalikes, composed, folded, lookalike, spans_of, words_of
from workers.tokens import FEW_DIGITS, OddRow, PlainRow, hashes_of, plain

TEXTS = st.lists(
    st.text(string.printable + "_@#\x00\x1f\x7f\u2019\u201c\u2026\u200d\u00a0🎉", max_size=60),
    min_size=1,
    max_size=12,
)
WORDS = st.text("abz09_", min_size=1, max_size=40)
HANDLES = st.text("@# aBcr1nv.ß🎉-_\nİ", max_size=9)


@given(TEXTS)
@example(["gas cats glass bees asss yess _s 12s eerie Oops aab"])
def test_plain_texts_taken_apart_together_are_as_one_by_one(texts: list[str]) -> None:
    together, each = PlainRow(texts), OddRow(texts)
    everywhere = np.arange(together.breaks[-1])
    places = everywhere[~np.isin(everywhere, together.breaks)]
    assert together.breaks.tolist() == each.breaks.tolist()
    assert together.words(places) == each.words(places)
    assert together.hashes[places].tolist() == each.hashes[places].tolist()
    assert together.capitals.tolist() == each.capitals.tolist()
    assert together.spans(places, places) == each.spans(places, places)
    assert together.consonants(places) == each.consonants(places)
    of = np.searchsorted(together.breaks, places).tolist()
    for text, word, (starts, ends) in zip(
        of, together.words(places), together.spans(places, places), strict=True
    ):
        assert texts[text][starts:ends].lower() == word


@given(st.text(max_size=30))
def test_a_text_is_plain_only_where_its_words_are_ascii_and_it_is_composed_already(text: str) -> None:
    if plain(text):
        assert composed(text) == text
        assert "".join(words_of(text)).isascii()
        assert spans_of(text) == spans_of(text.encode("ascii", "replace").decode())


@pytest.mark.parametrize(
    "text", ["caf\u00e9", "\u2460", "\u2764\ufe0f", "\u2126", "\u2000", "\u2adc", "1\u20e3", "ไทย"]
)
def test_a_letter_a_mark_or_what_composing_changes_makes_a_text_odd(text: str) -> None:
    assert not plain(text)


@given(st.lists(WORDS, min_size=1, max_size=30))
def test_words_have_one_number_wherever_they_stand_and_others_another(words: list[str]) -> None:
    there = PlainRow([" ".join(words)]).hashes.tolist()[:-1]
    assert there == hashes_of(words).tolist()
    assert len(set(there)) == len(set(words))


@given(TEXTS)
def test_a_text_is_looked_at_for_numbers_when_it_has_the_digits_of_one(texts: list[str]) -> None:
    counted = [sum(char in string.digits for char in text) for text in texts]
    assert PlainRow(texts).digits == [at for at, n in enumerate(counted) if n >= FEW_DIGITS]


def test_a_sign_of_division_in_a_text_ends_no_post() -> None:
    row = OddRow(["ten ÷ two ÿ", "next"])
    assert row.breaks.tolist() == [3, 5]
    assert row.words(np.array([0, 1, 2, 4])) == ["ten", "two", "ÿ", "next"]


@given(st.lists(HANDLES, max_size=8))
@example([" @"])
@example([" ", "a b"])
def test_handles_folded_together_are_as_one_by_one(handles: list[str]) -> None:
    assert all_folded(handles) == [folded(handle) for handle in handles]
    assert all_lookalikes(all_folded(handles)) == [lookalike(folded(handle)) for handle in handles]


def test_a_campaign_is_read_from_a_link_however_it_is_written() -> None:
    assert utm_campaigns("https://a.example/?UTM_Campaign=Slow+Mornings%21&x=1#utm_campaign=no") == [
        "Slow Mornings!"
    ]
    assert utm_campaigns("https://a.example/?a=1&amp;utm_campaign=spring") == ["spring"]
    assert utm_campaigns("https://a.example/utm_campaign=none") == []
    assert utm_campaigns("https://a.example/?my_utm_campaign=none&utm_campaign=") == []
