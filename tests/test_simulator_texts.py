"""The literals of the world: labels and compounds as written, and as vaderSentiment has them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from simulator.lines import Line
from simulator.markup import bluesky_text, feed_text, mastodon_html, mentioned
from simulator.past import ANSWERS, past
from simulator.script import Script, load
from simulator.talk import trickle
from workers._normalise import Normaliser
from workers.lexicon import shipped
from workers.score import Scorer, Sentiment, Unscored

SCRIPT: Script = load(7)
OWN = ("Tarnbeck", "Tarnbeck Coffee", "Joy Press", "@tarnbeck@hub.example", "@tarnbeck.example", "@tarnbeck")
# the thresholds of the shipped rules that can decide about a post that stands so to us
THRESHOLDS = {"addressed": (-0.25, -0.42), "about": (-0.42, -0.50), "none": (-0.50,), "own": ()}
MARGIN, NEAR = 0.05, 0.08
LABELS = {"complaint", "praise", "question", "news", "chatter", "own", "spam", "repost"}


def shown(line: Line, text: str) -> str:
    """The plain text that a reader of the platform sees; in a feed the title stands above it."""
    if line.platform == "bluesky":
        return bluesky_text(text, SCRIPT.cast)[0]
    for key in mentioned(text) if line.platform == "mastodon" else []:
        text = text.replace(f"@{{{key}}}", "@" + SCRIPT.cast[key].mastodon.split("@")[0])
    above = f"{line.title}\n\n" if line.title else ""
    return above + feed_text(text, SCRIPT.cast)


def versions() -> list[tuple[Line, str, float | None]]:
    """Every text of the script with its literal, the edited ones too; how it stands to us is then the edit's."""
    found: list[tuple[Line, str, float | None]] = []
    for line in SCRIPT.lines.values():
        found.append((line, shown(line, line.text), line.compound))
        found += [
            (replace(line, rel=edit.rel or line.rel), shown(line, edit.text), edit.compound)
            for edit in line.edits
        ]
    return found


WRITTEN = [(line, text, compound) for line, text, compound in versions() if compound is not None]


@pytest.fixture(scope="module")
def vader() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


@pytest.fixture(scope="module")
def with_profile() -> SentimentIntensityAnalyzer:
    """The package itself with the shipped profile's words, phrases as `joined` writes them."""
    analyzer = SentimentIntensityAnalyzer()
    for word, weight in shipped().words.items():
        analyzer.lexicon[word.replace(" ", "_")] = weight
        if not weight:
            del analyzer.lexicon[word.replace(" ", "_")]
    return analyzer


def joined(text: str) -> str:
    """Every phrase of the shipped profile made one word, by the plainest of means."""
    for phrase in sorted(shipped().words, key=len, reverse=True):
        if " " in phrase:
            text = re.sub(
                rf"(?i)(?<!\w){re.escape(phrase)}(?!\w)", lambda found: found[0].replace(" ", "_"), text
            )
    return text


def test_every_literal_compound_is_what_vader_says_of_the_normalised_text(
    with_profile: SentimentIntensityAnalyzer,
) -> None:
    normalise = Normaliser(OWN, shipped().words)
    wrong = [
        (line.key, compound, measured)
        for line, text, compound in WRITTEN
        if (measured := with_profile.polarity_scores(joined(normalise(text).text))["compound"]) != compound
    ]
    assert not wrong


def test_the_scorer_agrees_with_the_literals_or_says_why_it_does_not_score() -> None:
    scorer = Scorer(OWN, shipped())
    wrong = []
    for line, text, compound in WRITTEN:
        (answer,) = scorer.score([(text, line.lang)])
        if not isinstance(answer, Sentiment) or answer.compound != compound:
            wrong.append((line.key, compound, answer))
    assert not wrong


def test_every_text_keeps_its_distance_from_its_thresholds_unless_it_is_borderline() -> None:
    every = {bar for bars in THRESHOLDS.values() for bar in bars}
    for line, _, compound in WRITTEN:
        assert compound is not None
        if line.borderline:
            assert any(abs(compound - bar) < NEAR for bar in every), line.key
        else:
            assert all(abs(compound - bar) >= MARGIN for bar in THRESHOLDS[line.rel]), (line.key, compound)


def test_texts_in_other_languages_are_not_scored() -> None:
    scorer = Scorer(OWN, shipped())
    scored = [
        (line.key, answer)
        for line, text, _ in versions()
        if line.tongue != "en" and not isinstance(answer := scorer.score([(text, line.lang)])[0], Unscored)
    ]
    assert not scored


def test_talk_for_volume_hurts_nobody() -> None:
    scorer = Scorer(OWN, shipped())
    made = [line for line in SCRIPT.lines.values() if line.scenario in ("storm", "gentle talk")]
    assert len(made) > 1_000
    assert len({line.text for line in made}) == len(made)
    low = [
        (line.text, answer)
        for line in made
        if not isinstance(answer := scorer.score([(shown(line, line.text), line.lang)])[0], Sentiment)
        or answer.compound < -0.17
    ]
    assert not low


def test_what_goes_on_after_the_story_is_calm_and_never_the_same_post_twice() -> None:
    scorer = Scorer(OWN, shipped())
    made = list(islice(trickle(7), 1_100))
    assert len({(line.platform, line.external_id) for line in made}) == len(made)
    assert not {line.external_id for line in made} & {line.external_id for line in SCRIPT.lines.values()}
    assert made[:50] == list(islice(trickle(7), 50)) != list(islice(trickle(8), 50))
    assert {line.label for line in made} == {"chatter"}
    low = [
        line.text
        for line in made
        if not isinstance(answer := scorer.score([(shown(line, line.text), line.lang)])[0], Sentiment)
        or answer.compound < -0.17
    ]
    assert not low


def test_the_days_before_are_calm_but_for_one_thread_and_all_of_it_is_before_the_start_mark() -> None:
    scorer = Scorer(OWN, shipped())
    made = list(past(7))
    assert len(
        {line.external_id for line in made} | {line.external_id for line in SCRIPT.lines.values()}
    ) == len(made) + len({line.external_id for line in SCRIPT.lines.values()})
    assert all(line.hours is not None and line.hours < -1 for line in made)
    scores = [(line, scorer.score([(shown(line, line.text), line.lang)])[0]) for line in made]
    angry = [line for line, score in scores if not isinstance(score, Sentiment) or score.compound < -0.17]
    assert {line.reply_to for line in angry} == {"recall"}
    assert ANSWERS / 2 < len(angry) < ANSWERS


def test_whatever_opens_a_case_is_far_below_its_threshold_and_far_from_a_worse_one() -> None:
    told = {line.key: (line.compound, line.rel) for line in SCRIPT.lines.values()}
    for line in SCRIPT.lines.values():
        rel = line.rel
        for n, edit in enumerate(line.edits, 1):
            rel = edit.rel or rel
            told[f"{line.key}@{n}"] = (edit.compound, rel)
    for case in SCRIPT.cases:
        opener, rel = told[case.opener_version or case.opener]
        riser, _ = told[case.riser] if case.riser else (-1.0, "addressed")
        assert opener is not None
        assert riser is not None
        assert riser <= -0.42 - MARGIN, case.key
        if case.level == "activity" and rel == "addressed":
            assert -0.42 + MARGIN <= opener <= -0.25 - MARGIN, case.key
        else:
            assert opener <= (-0.42 if rel == "addressed" else -0.50) - MARGIN, case.key


def test_there_are_enough_texts_and_they_are_all_different() -> None:
    texts = [
        text
        for line, text, _ in versions()
        if line.scenario not in ("storm", "gentle talk", "poison") and text
    ]
    assert len(texts) >= 250
    assert len(set(texts)) == len(texts)
    assert {line.label for line in SCRIPT.lines.values()} <= LABELS


def test_the_world_holds_complaints_that_vader_misses() -> None:
    missed = [
        line for line, _, compound in WRITTEN if line.label == "complaint" and compound and compound > -0.17
    ]
    kind = [
        compound for line, _, compound in WRITTEN if line.label == "complaint" and compound and compound > 0.3
    ]
    assert len(missed) >= 15
    assert len(kind) >= 8


def test_a_phones_apostrophes_decide_one_of_the_tickets(vader: SentimentIntensityAnalyzer) -> None:
    line = SCRIPT.lines["apostrophe"]
    assert "’" in line.text
    assert vader.polarity_scores(shown(line, line.text))["compound"] > -0.17
    assert line.compound is not None
    assert line.compound <= -0.58


def test_our_products_name_would_cheer_a_complaint_up(vader: SentimentIntensityAnalyzer) -> None:
    line = SCRIPT.lines["sky-joy"]
    assert line.compound is not None
    assert vader.polarity_scores(shown(line, line.text))["compound"] > line.compound + 0.05


def test_mastodon_hides_the_ends_of_links_and_marks_mentions() -> None:
    html = mastodon_html(
        "@{us} see https://tarnbeck.example/a/very/long/way/to/go.html & <b> #SlowMornings", SCRIPT.cast
    )
    assert 'class="u-url mention">@<span>tarnbeck</span>' in html
    assert '<span class="invisible">https://</span>' in html
    assert "&amp; &lt;b&gt;" in html
    assert 'rel="tag">#<span>SlowMornings</span>' in html


def test_a_facet_counts_bytes_and_not_characters() -> None:
    text, facets = bluesky_text("☕☕ @{us} 👍 #tag", SCRIPT.cast)
    cut = [text.encode()[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode() for f in facets]
    assert cut == ["@tarnbeck.example", "#tag"]
