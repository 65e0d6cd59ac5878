"""score against what people said of the same texts.

The sets may be used to measure but not be copied, so they lie outside of the project: the folder is
EARSHOT_TRUTH, or `../shared/truth`. Without it these tests are skipped, aloud, and with CI=true they fail.
"""

from __future__ import annotations

import csv
import os
import random
import re
import time
from functools import cache
from pathlib import Path
from statistics import correlation, median

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from models.rule import SHIPPED
from workers._normalise import Normaliser
from workers._vader import Vader, tables
from workers.lexicon import NONE, Lexicon, shipped
from workers.score import Scorer, Sentiment, Unscored

TRUTH = Path(os.environ.get("EARSHOT_TRUTH") or Path(__file__).parents[2] / "shared" / "truth")

# the airline that a row of airline_us is about, by the handles and names it had
AIRLINES = {
    "United": ("united", "United"),
    "Delta": ("JetBlue", "Delta"),
    "Southwest": ("SouthwestAir", "Southwest"),
    "American": ("AmericanAir", "American Airlines"),
    "US Airways": ("USAirways", "US Airways"),
    "Virgin America": ("VirginAmerica", "Virgin America"),
}

Row = dict[str, str]


@pytest.fixture(autouse=True)
def _there() -> None:
    if not TRUTH.is_dir():
        reason = f"no truth sets in {TRUTH}; EARSHOT_TRUTH names their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def rows(name: str) -> list[Row]:
    with (TRUTH / name).open(encoding="utf-8", newline="\n") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def everything() -> list[str]:
    return [
        row["text"]
        for path in sorted(TRUTH.glob("*/*.tsv"))
        for row in rows(f"{path.parent.name}/{path.name}")
    ]


def compound(scorer: Scorer, text: str) -> float | None:
    answer = scorer.score([(text, "en")])[0]
    return answer.compound if isinstance(answer, Sentiment) else None


def flagged(scores: list[float | None], at: float) -> float:
    """The share of posts at or below a threshold; an unscored post never is."""
    return sum(score is not None and score <= at for score in scores) / len(scores)


def weighted_f1(truth: list[float], scores: list[float]) -> float:
    """Three classes, truth cut at 0 and prediction at ±0.05, as the paper's own columns are best reproduced."""
    meant = [(value > 0) - (value < 0) for value in truth]
    said = [(value >= 0.05) - (value <= -0.05) for value in scores]
    total = 0.0
    for kind in (-1, 0, 1):
        hits = sum(m == s == kind for m, s in zip(meant, said, strict=True))
        both = meant.count(kind) + said.count(kind)
        total += meant.count(kind) * 2 * hits / both if both else 0.0
    return total / len(meant)


def stock_scores(analyzer: SentimentIntensityAnalyzer, text: str) -> tuple[float, float, float, float]:
    scores = analyzer.polarity_scores(text)
    return scores["compound"], scores["neg"], scores["neu"], scores["pos"]


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2))])
def test_fast_path_equals_stock_vader_on_real_texts_raw_and_normalised(part: int) -> None:
    """Every third text of all sets; the others are for the slow tests."""
    analyzer, vader, normalise = SentimentIntensityAnalyzer(), Vader(tables().lexicon), Normaliser()
    for text in everything()[part::3]:
        for version in {text, normalise(text).text}:
            assert vader.scores(version) == stock_scores(analyzer, version), version


def test_the_normaliser_does_not_hurt_where_there_is_nothing_to_mend() -> None:
    tweets = rows("vader/tweets.tsv")
    truth = [float(row["mean_rating"]) for row in tweets]
    scores = [compound(Scorer(), row["text"]) or 0.0 for row in tweets]
    assert correlation(truth, scores) >= 0.872
    assert weighted_f1(truth, scores) >= 0.945


@cache
def airline(lexicon: Lexicon) -> list[tuple[bool, float | None]]:
    """(is it a complaint, what it scores) of the posts to airlines, each with its own names masked."""
    scorers = {brand: Scorer(names, lexicon) for brand, names in AIRLINES.items()}
    return [
        (row["label"] == "negative", compound(scorers[row["brand"]], row["text"]))
        for row in rows("complaints/airline_us.tsv")
    ]


@cache
def brands(lexicon: Lexicon) -> list[tuple[bool, float | None]]:
    """The same of the posts to companies of nine trades."""
    scorer = Scorer((), lexicon)
    return [
        (row["label"] == "complaint", compound(scorer, row["text"]))
        for row in rows("complaints/complaints19.tsv")
        if not row["domain"].startswith("random_")
    ]


def found_and_wrong(scored: list[tuple[bool, float | None]], at: float) -> tuple[float, float]:
    """Recall and false-positive rate at a threshold."""
    complaints = [score for complaint, score in scored if complaint]
    others = [score for complaint, score in scored if not complaint]
    return flagged(complaints, at), flagged(others, at)


def test_pure_vader_finds_complaints_as_often_as_was_measured() -> None:
    recall, wrong = found_and_wrong(airline(NONE), -0.40)
    assert recall >= 0.32
    assert wrong <= 0.04
    recall, wrong = found_and_wrong(brands(NONE), -0.40)
    assert recall >= 0.26
    assert wrong <= 0.05


TICKET = next(float(rule["threshold"] or 0) for rule in SHIPPED if rule["name"] == "A complaint to us")


def test_at_the_shipped_ticket_threshold_the_profile_finds_the_airlines_complaints() -> None:
    recall, wrong = found_and_wrong(airline(shipped()), TICKET)
    assert recall >= 0.42
    assert wrong <= 0.05


def test_at_the_shipped_ticket_threshold_the_profile_finds_complaints_in_other_trades() -> None:
    recall, wrong = found_and_wrong(brands(shipped()), TICKET)
    assert recall >= 0.32
    assert wrong <= 0.06


def test_the_profile_finds_more_at_the_same_rate_of_false_alarms() -> None:
    for scored in (airline, brands):
        pure, ours = found_and_wrong(scored(NONE), -0.40), found_and_wrong(scored(shipped()), TICKET)
        assert ours[0] >= pure[0] + 0.05
        assert ours[1] <= pure[1] + 0.015


def test_the_profile_does_no_harm_where_nobody_is_complained_to() -> None:
    scorers = Scorer(), Scorer((), shipped())
    tweets = rows("complaints/semeval17_test.tsv")
    for at in (-0.25, -0.42, -0.50):
        precisions = []
        for scorer in scorers:
            scored = [(row["label"] == "negative", compound(scorer, row["text"])) for row in tweets]
            said = [negative for negative, score in scored if score is not None and score <= at]
            precisions.append(sum(said) / len(said))
        assert precisions[1] >= precisions[0] - 0.025, at


def long_enough(text: str) -> bool:
    cleaned = re.sub(r"https?://\S*|[@#]\w+", " ", text)
    return sum(word.strip("\"'.,:;!?()…").isalpha() for word in cleaned.split()) >= 3


def test_few_posts_in_other_languages_are_scored() -> None:
    foreign = [
        row
        for row in rows("complaints/multilang_xlmt.tsv")
        if row["lang"] not in ("en", "hi") and long_enough(row["text"])  # hi is romanised Hindi
    ]
    answers = Scorer().score([(row["text"], None) for row in foreign])
    assert sum(isinstance(answer, Sentiment) for answer in answers) <= 0.015 * len(foreign)


@pytest.mark.parametrize("name", ["airline_us", "complaints19"])
def test_few_english_posts_are_taken_for_another_language(name: str) -> None:
    answers = Scorer().score([(row["text"], None) for row in rows(f"complaints/{name}.tsv")])
    skipped = [a for a in answers if isinstance(a, Unscored) and a.reason.startswith("lang:")]
    assert len(skipped) <= 0.01 * len(answers)


def test_unseen_texts_cost_far_less_than_stock_takes() -> None:
    """Texts seen once by each, in turns of a batch; the memo has seen other texts, as it has in a worker."""
    analyzer, vader = SentimentIntensityAnalyzer(), Vader(tables().lexicon)
    texts = everything()
    random.Random(7).shuffle(texts)
    texts = [text for text in texts if 50 <= len(text) <= 140]
    for text in texts[:-5_000]:
        vader.scores(text)
    ratios = []
    for start in range(len(texts) - 5_000, len(texts), 500):
        batch = texts[start : start + 500]
        began = time.process_time()
        for text in batch:
            analyzer.polarity_scores(text)
        between = time.process_time()
        for text in batch:
            vader.scores(text)
        ratios.append((between - began) / (time.process_time() - between))
    # 3.4 to 3.9 where this was written; less is allowed, since other tests run beside it
    assert median(ratios) >= 2.5, ratios
