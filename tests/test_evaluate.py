"""evaluate: the arithmetic against figures worked out elsewhere, and files that people hand in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from console.evaluate.figures import classes, detector, pearson, share
from tests.command_line import Earshot, earshot

EDGES = (-1.0, -0.5, 0.0, 1.0)
AWFUL, MILD, FINE = "the app is awful", "I am a bit annoyed by this.", "the app is lovely"


@pytest.fixture
def cli(home: Path) -> Earshot:
    """Without any database."""
    return earshot(home)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "judged.tsv"


def labelled(path: Path, *rows: tuple[str, ...], columns: str = "label\ttext") -> str:
    path.write_text("\n".join([columns, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


# --- the arithmetic ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_wilsons_as_published(hits: int, of: int, low: float, high: float) -> None:
    found = share(hits, of)
    assert found.share == hits / of
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_share_of_nothing_is_no_number() -> None:
    assert share(0, 0).share is None


def test_f1_is_weighted_by_what_is_true_and_macro_counts_each_class_once() -> None:
    found = classes(["a", "b", "c"], ["a", "a", "a", "b"], ["a", "a", "b", "b"])
    by_name = {one.name: one for one in found.classes}
    assert by_name["a"].f1 == pytest.approx(0.8)
    assert by_name["b"].f1 == pytest.approx(2 / 3)
    assert by_name["c"].f1 is None
    assert by_name["a"].recall.share == pytest.approx(2 / 3)
    assert by_name["b"].precision.share == 0.5
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.weighted_f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)


def test_the_area_under_roc_is_the_chance_of_the_right_order() -> None:
    dice = random.Random(3)
    wanted = [dice.random() < 0.4 for _ in range(150)]
    scores = [None if dice.random() < 0.1 else round(dice.uniform(-1, 1) - 0.3 * w, 1) for w in wanted]
    placed = [1e9 if score is None else score for score in scores]
    pairs = [
        (a, b)
        for a, w in zip(placed, wanted, strict=True)
        if w
        for b, v in zip(placed, wanted, strict=True)
        if not v
    ]
    chance = sum(1.0 if a < b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)
    assert detector("x", wanted, scores, [], EDGES).auc == pytest.approx(chance)


def test_average_precision_sums_precision_over_the_steps_of_recall() -> None:
    found = detector("x", [True, False, True, True], [-0.9, -0.8, -0.7, None], [], EDGES)
    assert found.average_precision == pytest.approx((1 / 1 + 2 / 3) / 3)
    assert [point.recall for point in found.points] == pytest.approx([1 / 3, 1 / 3, 2 / 3])


def test_equal_scores_are_flagged_together() -> None:
    found = detector("x", [True, False], [-0.5, -0.5], [-0.5], EDGES)
    assert [(point.recall, point.false_positives) for point in found.points] == [(1.0, 1.0)]
    assert found.auc == 0.5
    assert found.at[0].flagged == 2


def test_what_has_no_score_is_never_flagged_and_stands_in_a_band_of_its_own() -> None:
    found = detector("x", [True, True, False], [-1.0, None, 0.0], [1.0], EDGES)
    assert found.at[0].recall.share == 0.5
    assert found.at[0].false_positives.share == 1.0
    assert [(band.rows, band.wanted.hits) for band in found.bands] == [(1, 1), (1, 0), (0, 0), (1, 1)]
    assert found.unscored == 1


def test_one_kind_of_rows_alone_makes_no_curve_and_no_correlation() -> None:
    found = detector("x", [True, True], [-0.5, 0.5], [0.0], EDGES)
    assert (found.auc, found.average_precision, found.points) == (None, None, [])
    assert found.at[0].false_positives.share is None
    assert pearson([1.0, 1.0], [0.2, 0.4]) is None


# --- files ---------------------------------------------------------------------------------------------


def test_a_labelled_file_is_measured_without_a_database(cli: Earshot, sheet: Path) -> None:
    file = labelled(
        sheet,
        ("negative", AWFUL),
        ("negative", "my parcel is here"),
        ("positive", FINE),
        ("neutral", 'a "quoted text'),
    )
    told = cli.done("evaluate", "sentiment", file, "--lexicon", "none", "--json").json
    assert told["rows"] == 4
    assert told["zeros"] == 2
    assert told["pearson"] is None
    at = next(at for at in told["detector"]["at"] if at["threshold"] == told["shipped"])
    assert (at["recall"]["hits"], at["recall"]["of"], at["false_positives"]["hits"]) == (1, 2, 0)
    assert {one["name"]: one["f1"] for one in told["classes"]["classes"]} == pytest.approx(
        {"negative": 2 / 3, "neutral": 2 / 3, "positive": 1.0}
    )
    shown = cli.done("evaluate", "sentiment", file, "--threshold", "-0.33").out
    for part in ("shipped", "-0.33", "50.0 (9.5–90.5)", "macro F1", "no score"):
        assert part in shown, part


def test_complaints_are_classed_at_the_shipped_threshold(cli: Earshot, sheet: Path) -> None:
    file = labelled(sheet, ("complaint", AWFUL), ("not", MILD), ("not-complaint", AWFUL))
    told = cli.done("evaluate", "sentiment", file, "--json").json
    assert [(one["name"], one["rows"]) for one in told["classes"]["classes"]] == [
        ("complaint", 1),
        ("not", 2),
    ]
    assert told["classes"]["accuracy"]["hits"] == 2
    assert told["detector"]["wanted"] == "complaint"


def test_ratings_are_correlated_and_cut_at_zero(cli: Earshot, sheet: Path) -> None:
    file = labelled(sheet, ("-2.5", AWFUL), ("3", FINE), ("-0.1", "it is a cup"), columns="mean_rating\ttext")
    told = cli.done("evaluate", "sentiment", file, "--lexicon", "none", "--json").json
    assert told["column"] == "mean_rating"
    assert told["pearson"] > 0.8
    assert told["detector"]["positives"] == 2


def test_a_brand_is_masked_in_its_own_rows_only(cli: Earshot, sheet: Path) -> None:
    rows = [("neutral", "Joy", "the flight with Joy"), ("neutral", "Other", "the flight with Joy")]
    branded = labelled(sheet, *rows, columns="label\tbrand\ttext")
    assert cli.done("evaluate", "sentiment", branded, "--json").json["zeros"] == 1
    named = cli.done("evaluate", "sentiment", branded, "--own-name", "Joy", "--json").json
    assert named["zeros"] == 2


def test_rows_can_be_chosen_by_a_column(cli: Earshot, sheet: Path) -> None:
    rows = [("not", "random_reply", FINE), ("complaint", "food", AWFUL), ("not", "cars", FINE)]
    file = labelled(sheet, *rows, columns="label\tdomain\ttext")
    chosen = [
        cli.done("evaluate", "sentiment", file, *options, "--json").json["rows"]
        for options in (
            ["--rows", "domain!=random_*"],
            ["--rows", "domain=f*"],
            ["--rows", "domain!=food", "--rows", "label=not"],
        )
    ]
    assert chosen == [2, 1, 2]
    assert "no column colour (it has: label, domain, text)" in cli.refused(
        "evaluate", "sentiment", file, "--rows", "colour=red"
    )
    assert "COLUMN=PATTERN" in cli.refused("evaluate", "sentiment", file, "--rows", "domain")
    assert "No row" in cli.refused("evaluate", "sentiment", file, "--rows", "domain=z*")


def test_another_language_has_no_score_and_is_reported(cli: Earshot, sheet: Path) -> None:
    file = labelled(
        sheet, ("negative", "de", "Die Lieferung"), ("negative", "en", AWFUL), columns="label\tlang\ttext"
    )
    told = cli.done("evaluate", "sentiment", file, "--json").json
    assert told["unscored"] == {"not English": 1}
    assert "never flagged" in cli.done("evaluate", "sentiment", file).out
    found = labelled(sheet, ("negative", "Ich will mein Geld zurück und die Lieferung ist nicht da"))
    assert cli.done("evaluate", "sentiment", found, "--json").json["unscored"] == {}
    assert cli.done("evaluate", "sentiment", found, "--detect-language", "--json").json["unscored"] == {
        "not English": 1
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"label\ttext\n", "has a header and no rows"),
        (b"label\tbody\nneg\tx\n", "no column text (it has: label, body)"),
        (b"mood\ttext\nneg\tx\n", "no column label, mean_rating or sentiment"),
        (b"label\ttext\tlabel\nneg\tx\tneg\n", "the column 'label' twice"),
        (b"label\ttext\nneg\tx\nangry\ty\n", "line 3: the label 'angry' is unknown"),
        (b"label\ttext\nneg\tx\ncomplaint\ty\n", "line 3: the label 'complaint' is of another kind"),
        (b"label\ttext\nneg\tx\tz\n", "line 2: 3 cells under 2 columns"),
        (b"label\ttext\nneg\tx\n\nneg\t\xff\n", "not UTF-8 (line 4)"),
        ("label\ttext\nneg\tx\n".encode("utf-16"), "UTF-16"),
        (b"mean_rating\ttext\n5\tx\n", "line 2: mean_rating is 5, and must lie between -4 and 4"),
        (b"sentiment\ttext\n0.1\tx\n\tx\n", "line 3: sentiment is '', and must be a number"),
        (b"sentiment\ttext\nnan\tx\n", "must lie between -1 and 1"),
    ],
)
def test_a_bad_file_is_refused_with_the_line_and_the_reason(
    cli: Earshot, sheet: Path, content: bytes, reason: str
) -> None:
    sheet.write_bytes(content)
    said = cli.refused("evaluate", "sentiment", str(sheet))
    assert str(sheet) in said
    assert reason in said


def test_a_file_that_is_not_there_is_said_to_be_so(cli: Earshot, tmp_path: Path) -> None:
    assert "cannot be read" in cli.refused("evaluate", "sentiment", str(tmp_path / "nothing.tsv"))
    assert "cannot be read" in cli.refused("evaluate", "language", str(tmp_path))


def test_the_curves_are_drawn(cli: Earshot, sheet: Path, tmp_path: Path) -> None:
    file = labelled(sheet, ("complaint", AWFUL), ("not", FINE), ("complaint", "$bad$ and worse"))
    for kind, begins in (("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml")):
        picture = tmp_path / f"curves.{kind}"
        # its fonts are looked for once a folder
        cli.done("evaluate", "sentiment", file, "--plot", str(picture), MPLCONFIGDIR=str(tmp_path))
        assert picture.read_bytes().startswith(begins)
    head = (tmp_path / "curves.png").read_bytes()[16:24]
    assert (int.from_bytes(head[:4]), int.from_bytes(head[4:])) == (1200, 800)


def test_a_picture_that_cannot_be_is_refused_before_anything_is_measured(cli: Earshot, sheet: Path) -> None:
    file = labelled(sheet, ("complaint", AWFUL))
    assert "ends in .png or .svg" in cli.refused("evaluate", "sentiment", file, "--plot", "curves.jpg")
    assert "no folder" in cli.refused("evaluate", "sentiment", file, "--plot", "/nowhere/at/all.png")
    assert "rows of both kinds" in cli.refused(
        "evaluate", "sentiment", file, "--plot", str(sheet.with_suffix(".png"))
    )


def test_languages_are_counted_with_what_stands_apart(cli: Earshot, sheet: Path) -> None:
    rows = [
        ("de", "Ich habe die Lieferung heute nicht bekommen und warte noch immer"),
        ("de", "Na super"),
        ("en", "I have been waiting for this parcel since last week"),
        ("hi", "mera parcel kahan hai bhai jaldi batao"),
    ]
    file = labelled(sheet, *rows, columns="lang\ttext")
    told = cli.done("evaluate", "language", file, "--json").json
    assert told["foreign"]["scored"] == {"hits": 0, "of": 1, "share": 0.0} | {
        end: told["foreign"]["scored"][end] for end in ("low", "high")
    }
    assert [group["scored"]["of"] for group in told["apart"]] == [1, 0, 1]
    assert told["all_english"]["skipped"]["hits"] == 0
    assert "Hindi in Latin letters" in cli.done("evaluate", "language", file).out
    assert "no column lang" in cli.refused("evaluate", "language", labelled(sheet, ("neg", AWFUL)))
    assert (
        cli.done("evaluate", "language", str(sheet), "--lang", "en", "--json").json["all_english"]["skipped"][
            "of"
        ]
        == 1
    )
