"""evaluate all: the bars are met on the truth sets, each falls when what it guards is taken away, and nothing is passed over
in silence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from console.evaluate.figures import share
from console.evaluate.parts import PARTS, Run, truth_folder
from console.evaluate.report import Bar, of_share
from console.evaluate.scoring import Scorers
from console.evaluate.tables import of_bars
from tests.command_line import Earshot, earshot
from workers.lexicon import NONE, Lexicon, shipped
from workers.score import Scorer, Sentiment, Unscored

Texts = Sequence[tuple[str, str | None]]
SCORES = [words for name, _ in PARTS if name != "resolution" for words in ("--part", name)]
LEXICONS = {"none": NONE, "support": shipped()}


@pytest.fixture
def truth() -> Path:
    folder = truth_folder()
    if not folder.is_dir():
        reason = f"no truth sets in {folder}; EARSHOT_TRUTH names their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Truth sets of our own making, of a few rows each."""
    made = {
        "vader/tweets.tsv": "id\tmean_rating\ttext\n1\t-3\tthis is awful\n2\t3\tthis is great\n3\t-1\tthis is bad\n",
        "complaints/airline_us.tsv": "label\tbrand\ttext\nnegative\tBlue Air\t@BlueAir this is awful\nneutral\tBlue Air\t@BlueAir my seat is by the door\n",
        "complaints/complaints19.tsv": "label\tdomain\ttext\ncomplaint\tfood\tthis is awful\nnot\tfood\tthe cup is here\nnot\trandom_reply\tthis is awful\n",
        "complaints/semeval17_test.tsv": "label\ttext\nnegative\tthis is awful\npositive\tthis is great\n",
        "complaints/multilang_xlmt.tsv": "lang\ttext\nde\tich habe meine Lieferung noch nicht bekommen\nen\tthis is the cup\n",
    }
    for name, content in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def cli(home: Path) -> Earshot:
    return earshot(home)


def bars(run: Run, *names: str) -> dict[str, bool]:
    parts = [part(run) for name, part in PARTS if name in names]
    return {
        bar.what.split(" at ")[0].split(":")[0] + ":" + bar.what.split(":")[-1]: bar.met
        for part in parts
        for bar in part.bars
    }


def scored_by(kind: type[Scorer], lexicon: Lexicon | None = None) -> Callable[..., Scorers]:
    return lambda choice: Scorers(lambda names: kind(names, lexicon or LEXICONS[choice]))


class Flattened(Scorer):
    """Loses emphasis, apostrophes and emoticons before it scores."""

    def score(self, texts: Texts) -> list[Sentiment | Unscored]:
        return super().score([(re.sub(r"[^\w\s]", "", text), told) for text, told in texts])


class Trusting(Scorer):
    """Takes every text for English."""

    def score(self, texts: Texts) -> list[Sentiment | Unscored]:
        return super().score([(text, "en") for text, _ in texts])


class Suspicious(Scorer):
    """Takes every text for German."""

    def score(self, texts: Texts) -> list[Sentiment | Unscored]:
        return super().score([(text, "de") for text, _ in texts])


def test_every_bar_is_met_on_the_truth_sets(truth: Path) -> None:
    parts = [part(Run(truth)) for name, part in PARTS if name != "resolution"]
    assert [part.title for part in parts if part.skipped] == []
    found = {bar.what: (bar.found, bar.met) for part in parts for bar in part.bars}
    assert len(found) == 8
    assert {what: value for what, value in found.items() if not value[1]} == {}


def test_the_bars_of_the_pure_scorer_fall_without_its_punctuation(truth: Path) -> None:
    assert set(bars(Run(truth, scorers=scored_by(Flattened)), "tweets").values()) == {False}


def test_the_bars_of_recall_fall_without_the_profile(truth: Path) -> None:
    found = bars(Run(truth, scorers=scored_by(Scorer, NONE)), "airlines", "brands")
    assert {what for what, met in found.items() if not met} == {
        "airlines, profile: recall",
        "brands, profile: recall",
    }


def test_the_bars_of_false_positives_fall_when_the_profile_overdoes_it(truth: Path) -> None:
    heavy = Lexicon({word: -4.0 for word, weight in shipped().words.items() if weight < 0}, "heavy")
    found = bars(Run(truth, scorers=scored_by(Scorer, heavy)), "airlines", "brands")
    assert {what for what, met in found.items() if not met} == {
        "airlines, profile: false positives",
        "brands, profile: false positives",
    }


def test_the_bars_of_language_fall_when_nobody_looks(truth: Path) -> None:
    for kind, falls in ((Trusting, "scored"), (Suspicious, "skipped")):
        found = bars(Run(truth, scorers=scored_by(kind)), "language")
        assert [what.split(": ")[1] for what, met in found.items() if not met] == [falls]


def test_a_bar_is_kept_at_its_very_bound_and_not_by_what_is_not_there() -> None:
    assert Bar("x", 0.4, 0.4, at_least=True).met
    assert Bar("x", 0.4, 0.4, at_least=False).met
    assert not Bar("x", 0.39, 0.4, at_least=True).met
    assert not Bar("x", 0.41, 0.4, at_least=False).met
    assert not Bar("x", None, 0.4, at_least=False).met
    assert not of_share("x", share(0, 0), 0.4, at_least=False).met


def test_what_no_row_stands_for_is_neither_met_nor_missed_but_not_measured() -> None:
    for bar in (
        of_share("x", share(0, 0), 0.4, at_least=False),
        Bar("x", 0, 0, at_least=False, of=0),
        Bar("x", None, 0.4, at_least=True),
    ):
        assert (bar.measured, bar.met, bar.missed) == (False, False, False)
        assert of_bars([bar]).rows[0][3] == "not measured"
    assert Bar("x", 0, 0, at_least=False, of=5).met
    assert Bar("x", 1, 0, at_least=False, of=5).missed


def test_a_bar_says_whether_the_worse_end_of_its_interval_keeps_it_too() -> None:
    few, many = share(90, 100), share(9_000, 10_000)
    assert [of_share("x", one, 0.88, at_least=True).within for one in (few, many)] == [False, True]
    assert [of_share("x", one, 0.92, at_least=False).within for one in (few, many)] == [False, True]
    assert all(of_share("x", few, bound, at_least=True).met for bar in (few,) for bound in (0.88, 0.9))
    assert Bar("x", 1.0, 0.9, at_least=True).within is None
    table = of_bars([of_share("x", few, 0.88, at_least=True), of_share("x", many, 0.88, at_least=True)])
    assert table.columns[-1] == "within 95 %"
    assert [row[-1] for row in table.rows] == ["no", "yes"]


def test_all_is_printed_with_every_bar(cli: Earshot, folder: Path) -> None:
    told = cli("evaluate", "all", *SCORES, "--folder", str(folder))
    for part in (
        "tweets, pure scorer: Pearson r",
        "airlines, profile at",
        "brands, profile at",
        "skipped",
        "semeval17",
    ):
        assert part in told.out, part
    parts = {
        part["name"]: part
        for part in cli("evaluate", "all", *SCORES, "--json", EARSHOT_TRUTH=str(folder)).json
    }
    assert [
        len(parts[name]["bars"]) for name in ("tweets", "airlines", "brands", "semeval17", "language")
    ] == [2, 2, 2, 0, 2]
    # the row that is directed at nobody would be a false positive
    assert {bar["what"]: bar["found"] for bar in parts["brands"]["bars"]} == {
        "brands, profile at -0.42: recall": 1.0,
        "brands, profile at -0.42: false positives": 0.0,
    }


def test_a_bar_that_is_missed_is_said_and_ends_with_1(cli: Earshot, folder: Path) -> None:
    with (folder / "complaints" / "airline_us.tsv").open("a") as file:
        file.write("negative\tBlue Air\t@BlueAir what a day\n" * 9)
    told = cli("evaluate", "all", *SCORES, "--folder", str(folder))
    assert told.code == 1
    assert "MISSED: " in told.err
    assert "airlines, profile at -0.42: recall" in told.err


def test_truth_sets_that_are_not_there_are_said_to_be_skipped_and_fail_in_ci(
    cli: Earshot, folder: Path
) -> None:
    (folder / "complaints" / "complaints19.tsv").unlink()
    told = cli("evaluate", "all", *SCORES, "--folder", str(folder))
    assert "SKIPPED: complaints19.tsv is not in the folder" in told.out
    assert "SKIPPED" in told.err
    assert "EARSHOT_TRUTH" in told.err
    nothing = cli("evaluate", "all", *SCORES, CI="", EARSHOT_TRUTH=str(folder / "nothing"))
    strict = cli("evaluate", "all", *SCORES, CI="true", EARSHOT_TRUTH=str(folder / "nothing"))
    last = nothing.err.splitlines()[-1]
    assert last.startswith("SKIPPED: tweets, airlines, brands, semeval17, language.")
    assert "EARSHOT_TRUTH=FOLDER" in last
    assert (nothing.code, strict.code) == (0, 1)


def test_a_bar_without_rows_is_said_and_fails_in_ci(cli: Earshot, folder: Path) -> None:
    (folder / "complaints" / "complaints19.tsv").write_text(
        "label\tdomain\ttext\nnot\tfood\tthe cup is here\n"
    )
    words = ("evaluate", "all", "--part", "brands", "--folder", str(folder))
    told, strict = cli(*words, CI=""), cli(*words, CI="true")
    assert "not measured" in told.out
    assert told.err.startswith("NOT MEASURED, there being no row for it: brands, profile at")
    assert "MISSED:" not in told.err
    assert (told.code, strict.code) == (0, 1)


def test_a_part_that_there_is_none_of_is_refused(cli: Earshot) -> None:
    assert "there are: tweets, airlines" in cli.refused("evaluate", "all", "--part", "weather")
