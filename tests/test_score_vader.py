"""Our own path through VADER's rules against the package itself, on texts made to meet every rule."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from workers._vader import Vader, tables

STOCK = SentimentIntensityAnalyzer()

LEXICON = list(STOCK.lexicon)
EMOJI = list(STOCK.emojis)
BOOSTERS = list(BOOSTER_DICT)
NEGATIONS = [*NEGATE, "isn't", "n't", "mayn't've"]
IDIOMS = list(SPECIAL_CASES)
ASKED_FOR = [
    "no",
    "or",
    "nor",
    "at",
    "but",
    "least",
    "very",
    "so",
    "this",
    "never",
    "without",
    "doubt",
    "kind",
    "of",
    "just",
    "enough",
    "sort",
    "the",
    "shit",
    "bomb",
    "bad",
    "ass",
    "bus",
    "stop",
    "yeah",
    "right",
    "to",
    "die",
    "for",
    "kiss",
    "death",
    "beating",
    "heart",
]
PAIRS = [
    "at least",
    "very least",
    "the least",
    "never so",
    "never this",
    "without a doubt",
    "no nor",
    "no x or",
    "kind of",
]
COMMON = ["good", "bad", "great", "not", "but", "no"]
ODD = [
    "flight",
    "I",
    "12",
    "--",
    "...",
    "İstanbul",
    "ßtraße",
    "ǅ",
    "a\u00a0b",
    "\u2003",
    "@us",
    "http://a.b/?x!",
    "\x00",
]
GLUE = ["!", "?", "!!", "???", "????", ",", ".", "...", ")", '"', "😡", "❤️", "!?", "'", "-"]


def texts(seed: int, count: int) -> Iterator[str]:
    """Texts thick with what the rules look for: about half of their words can weigh."""
    dice = random.Random(seed)
    kinds = (LEXICON, BOOSTERS, NEGATIONS, IDIOMS, ASKED_FOR, COMMON, EMOJI, ODD, PAIRS)
    for _ in range(count):
        words = []
        for kind in dice.choices(
            kinds, (30, 12, 10, 6, 18, 8, 6, 10, 6), k=dice.choice((0, 1, 2, 3, 4, 5, 6, 8, 12, 20, 30))
        ):
            word = dice.choice(kind)
            word = dice.choices((word, word.upper(), word.title()), (16, 3, 1))[0]
            if dice.random() < 0.12:
                word += dice.choice(GLUE)
            if dice.random() < 0.04:
                word = dice.choice(GLUE) + word
            words.append(word + dice.choice((" ", " ", " ", " ", "", "\n", "  ")))
        yield dice.choice(("", " ", "\n")) + "".join(words)


def stock(text: str, analyzer: SentimentIntensityAnalyzer = STOCK) -> tuple[float, float, float, float]:
    scores = analyzer.polarity_scores(text)
    return scores["compound"], scores["neg"], scores["neu"], scores["pos"]


def test_fast_path_equals_stock_vader() -> None:
    vader = Vader(tables().lexicon)
    differ = [text for text in texts(seed=1, count=8_000) if vader.scores(text) != stock(text)]
    assert not differ[:3], len(differ)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_fast_path_equals_stock_vader_on_many_texts(seed: int) -> None:
    vader = Vader(tables().lexicon)
    differ = [text for text in texts(seed, count=80_000) if vader.scores(text) != stock(text)]
    assert not differ[:3], len(differ)


def test_fast_path_equals_stock_vader_with_a_lexicon_of_ones_own() -> None:
    added = {"flight": -1.0, "so": 2.0, "not": -2.5, "least": 1.0, "but": -1.0, "kind": -0.5, "this": 0.5}
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(added)
    vader = Vader({**tables().lexicon, **added})
    differ = [text for text in texts(seed=2, count=2_000) if vader.scores(text) != stock(text, analyzer)]
    assert not differ[:3], len(differ)


def test_the_explained_words_add_up_on_any_text() -> None:
    vader = Vader(tables().lexicon)
    for text in texts(seed=3, count=2_000):
        why = vader.explain(text)
        assert sum(word.weight for word in why.words) + why.emphasis == why.total
        assert why.compound == stock(text)[0]


def test_a_full_memo_changes_no_score() -> None:
    vader = Vader(tables().lexicon)
    for number in range(60_000):
        vader.scores(f"word{number}")
    assert len(vader._memo) < 60_000
    assert vader.scores("not a good word") == stock("not a good word")


@pytest.mark.parametrize(
    ("text", "surprise"),
    [
        ("the meal that was so good", "so strengthens as a booster and once more, without a never"),
        ("that is this good idea", "this strengthens without a never"),
        ("good but good bad bad", "but weakens the first of equal weights twice"),
        ("all of it badass stuff", "badass never matches"),
        ("least good at", "least negates where no word stands before it"),
        ("no good no bad no", "no is a word and a negation"),
        ("well it is yeah right good", "an idiom's weight replaces the word's"),
        ("❤️", "an emoji of two code points is read by its first"),
    ],
)
def test_stocks_surprises_are_kept(text: str, surprise: str) -> None:
    assert Vader(tables().lexicon).scores(text) == stock(text), surprise
