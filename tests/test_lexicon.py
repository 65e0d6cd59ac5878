"""Lexicons: phrases are words, weights add up whatever was added or taken out, and the shipped profile is sound."""

from __future__ import annotations

import random
import string
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from models.rule import SHIPPED
from workers._vader import Vader, knows, tables
from workers.lexicon import NONE, PROFILE, Lexicon, as_stored, categories, shipped, weight_of
from workers.score import SCORER, Scorer, Sentiment

# phrases


def read(text: str, *phrases: str) -> list[str]:
    words = dict.fromkeys(phrases, -1.5)
    return [word.word for word in Scorer((), Lexicon(words, "test")).explain(text).words]


def test_a_phrase_is_found_in_any_case_with_any_space_and_marks_around_it() -> None:
    for text in ("on hold", "ON HOLD!!", "I was (on  hold) again", '"on hold"', "on\nhold."):
        assert [word.lower() for word in read(text, "on hold")] == ["on hold"], text


def test_a_mark_inside_ends_a_phrase() -> None:
    assert read("come on, hold it", "on hold") == []
    assert read("on hol d, onhold, on holding", "on hold") == []


def test_the_phrase_that_begins_first_is_taken_then_the_longer_one() -> None:
    assert read("x y z", "x y", "y z") == ["x y"]
    assert read("x y z", "x y", "x y z") == ["x y z"]
    assert read("x y x y", "x y") == ["x y", "x y"]


def test_a_phone_types_the_same_phrase() -> None:
    assert read("it won’t load", "won't load") == ["won't load"]


def test_a_phrase_of_common_words_only_is_found() -> None:
    assert read("we are at it now", "are at it") == ["are at it"]


def test_a_silenced_phrase_says_nothing_and_its_words_elsewhere_do() -> None:
    scorer = Scorer((), Lexicon({"would like": 0}, "test"))
    assert scorer.explain("I would like a cup").total == 0.0
    assert scorer.explain("I like a cup").total > 0.0


def test_negations_and_boosters_reach_a_phrase_as_they_reach_a_word() -> None:
    scorer = Scorer((), Lexicon({"down again": -2.0, "outage": -2.0}, "test"))
    for frame in ("not {}", "very {} now", "never so {}", "it is {} but fine", "THIS IS {} ok"):
        assert scorer.explain(frame.format("down again")).total == pytest.approx(
            scorer.explain(frame.format("outage")).total
        ), frame


def test_a_full_memo_loses_no_phrase_and_keeps_no_more_than_it_may() -> None:
    vader = Vader({**tables().lexicon, "on_hold": -1.5}, ["on hold"])
    for number in range(50_100):
        assert vader.scores(f"on hold word{number}")[0] < 0
    spelled = (f"hold{a}{b}{c}{d}" for a, b, c, d in product(string.punctuation[:15], repeat=4))
    for word in spelled:
        vader.scores(word)
    assert len(vader._memo.keyed) < 50_000


def test_our_own_name_is_no_part_of_a_phrase() -> None:
    lexicon = Lexicon({"customer service": -1.5}, "test")
    assert Scorer(["Service Plus"], lexicon).explain("the customer Service Plus has").total == 0.0


WORDS = [
    "good",
    "bad",
    "not",
    "very",
    "but",
    "no",
    "kind",
    "of",
    "never",
    "so",
    "the",
    "flight",
    "hold",
    "on",
    "isn't",
]
PHRASES = [
    "on hold",
    "not very",
    "flight on hold",
    "no flight",
    "so the",
    "kind of hold",
    "isn't good",
    "bad flight",
]


def test_phrases_score_as_stock_vader_scores_them_made_one_word() -> None:
    """The package itself, given the phrases as words with underscores, on texts that are thick with them."""
    dice = random.Random(5)
    own = {phrase.replace(" ", "_"): dice.choice((-2.0, -1.5, 1.5)) for phrase in PHRASES}
    analyzer = SentimentIntensityAnalyzer()
    analyzer.lexicon.update(own)
    vader = Vader({**tables().lexicon, **own}, PHRASES)
    for _ in range(5_000):
        words = [dice.choice([*WORDS, *PHRASES]) for _ in range(dice.randint(1, 9))]
        words = [
            dice.choices((word, word.upper()), (5, 1))[0] + dice.choice(("", "", "!", ",")) for word in words
        ]
        joined = list(words)
        stock = analyzer.polarity_scores(" ".join(_joined(" ".join(joined).split())))
        assert vader.scores(" ".join(words))[0] == stock["compound"], words


def _joined(words: list[str]) -> list[str]:
    """The plainest way to join: at every place the longest phrase."""
    whole: list[str] = []
    while words:
        for length in (3, 2):
            if " ".join(words[:length]).strip(string.punctuation).lower() in PHRASES and len(words) >= length:
                whole.append("_".join(words[:length]))
                words = words[length:]
                break
        else:
            whole.append(words[0])
            words = words[1:]
    return whole


# the sum

_token = st.sampled_from(
    [
        *WORDS,
        "awful",
        "GREAT",
        "waiting",
        "still",
        "HOLD",
        "😡",
        "👍",
        "please",
        "sort",
        "least",
        "at",
        "without",
        "doubt",
    ]
)
_text = st.lists(
    st.tuples(_token, st.sampled_from(["", "", "", "!", "!!", "??", ",", "...", "????"])), max_size=25
).map(lambda parts: " ".join(word + mark for word, mark in parts))
_own = st.dictionaries(
    st.sampled_from(
        [*WORDS, *PHRASES, "awful", "waiting", "please", "furious", "still waiting", "on hold again"]
    ),
    st.one_of(st.just(0.0), st.floats(-4, 4, allow_nan=False)),
    max_size=8,
)


@settings(max_examples=400, deadline=None)
@given(_text, _own, st.booleans())
def test_the_words_add_up_exactly_with_any_lexicon(text: str, own: dict[str, float], profile: bool) -> None:
    words = {**(shipped().words if profile else {}), **own}
    why = Scorer((), Lexicon(words, "drawn")).explain(text)
    assert sum(word.weight for word in why.words) + why.emphasis == why.total
    assert why.compound == round(why.total / (why.total**2 + 15) ** 0.5, 4)
    gone = {word for word, weight in words.items() if not weight}
    assert not gone.intersection(word.word.lower() for word in why.words)


# names


def test_the_lexicon_stands_in_the_scorers_version() -> None:
    for lexicon, version in (
        (NONE, SCORER),
        (shipped(), f"{SCORER}+{PROFILE}"),
        (Lexicon({"a": 1}, f"{PROFILE}+main.7"), f"{SCORER}+{PROFILE}+main.7"),
    ):
        (answer,) = Scorer((), lexicon).score([("a good day", "en")])
        assert isinstance(answer, Sentiment)
        assert answer.version == version


def test_lexicons_of_one_name_are_not_mistaken_for_each_other() -> None:
    one, other = Lexicon({"table": -2}, "main.1"), Lexicon({"table": 2}, "main.1")
    assert Scorer((), one).explain("table").total == -2
    assert Scorer((), other).explain("table").total == 2


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" Still  WAITING ", "still waiting"),
        ("won’t load", "won't load"),
        ("#fail!", "fail"),
        (":(", ":("),
        ("!", "!"),
    ],
)
def test_a_word_is_stored_as_it_is_looked_for(written: str, stored: str) -> None:
    assert as_stored(written) == stored


# the shipped profile


def test_the_profile_has_few_weights_one_a_category() -> None:
    weights = {weight for weight, _ in categories().values()}
    assert len(weights) <= 4
    assert all(-3 < weight <= 0 for weight in weights)
    words = [word for _, words in categories().values() for word in words]
    assert len(words) == len(set(words)) == len(shipped().words)


def test_every_word_of_the_profile_can_be_found_and_weighs_what_it_says() -> None:
    scorer = Scorer((), shipped())
    for word, weight in shipped().words.items():
        assert word == as_stored(word)
        told = [(weighed.word, weighed.base) for weighed in scorer.explain(f"a {word} b").words]
        assert told == ([(word, weight)] if weight else []), word
        assert weight_of(word, shipped()) == (weight or None)


def test_no_word_of_the_profile_takes_a_negation_or_a_booster_away() -> None:
    known = tables()
    assert not set(shipped().words) & (known.negations | known.boosters.keys())


def test_no_phrase_of_the_profile_is_milder_than_its_words_are_without_it() -> None:
    words = Lexicon({word: weight for word, weight in shipped().words.items() if " " not in word}, "words")
    scorer = Scorer((), words)
    for phrase, weight in shipped().words.items():
        if " " in phrase and weight:
            assert scorer.explain(phrase).total > weight, phrase


def test_a_hint_alone_opens_nothing_a_failure_an_activity_a_verdict_a_ticket() -> None:
    """What the four weights mean at the shipped thresholds for posts that are addressed to us."""
    ticket, activity = -0.42, -0.25
    assert {ticket, activity} == {
        rule["threshold"] for rule in SHIPPED if rule["audience"] == "addressed" and "rating" not in rule
    }
    scorer = Scorer((), shipped())
    alone = {w: scorer.explain(w).compound for w in shipped().words}
    meant = {0.0: (0.0, 1.0), -0.9: (activity, 0.0), -1.5: (ticket, activity), -2.5: (-1.0, ticket)}
    for weight, words in categories().values():
        low, high = meant[weight]
        for word in words:
            assert low < alone[word] <= high or alone[word] == low == 0, word


def test_what_is_taken_out_is_what_vader_praises() -> None:
    scorer = Scorer()
    for phrase, weight in shipped().words.items():
        if not weight and phrase not in ("pls", "plz"):
            assert scorer.explain(phrase).total > 0, phrase


def test_a_request_is_no_praise_and_a_failure_is_no_neutral_word() -> None:
    scorer = Scorer((), shipped())
    for text in (
        "Please help me",
        "kindly fix this",
        "refund please",
        "not working",
        "Thanks for nothing",
        "an outage",
    ):
        assert scorer.explain(text).total <= 0, text
    assert scorer.explain("I love it, great work, thank you").total > 5
    assert not knows("tarnbeck", shipped().words)
