"""What people say of a score: beside the number, shown, taken back, and carried away as a file to measure by."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors._base import Author, Mention, Post
from console.evaluate.reading import read
from tests.command_line import Earshot, earshot, hear, rows

NOW = datetime.now(UTC).replace(microsecond=0)
US = Mention(id="https://town.example/users/acme", handle="acme@town.example")
SARCASM = "@acme oh great, thanks for nothing"


def said(number: int, words: str, lang: str | None = "en") -> Post:
    return Post(
        id=f"https://town.example/statuses/{number}",
        posted_at=NOW - timedelta(minutes=60 - number),
        verb="post",
        text=words,
        lang=lang,
        author=Author(id="https://town.example/users/kim", handle="kim@town.example"),
        mentions=(US,),
    )


def address(number: int) -> str:
    return f"https://town.example/statuses/{number}"


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    command = earshot(home, database_url=database)
    command.done("own", "add", "mastodon", "acme@town.example")
    posts = [
        said(1, SARCASM),
        said(2, "@acme this is awful"),
        said(3, "@acme tab\there\nand\r\nthere\u2028end"),
        said(4, "Die Lieferung ist noch immer nicht da, das geht so nicht", "de"),
    ]
    hear(database, posts)
    return command


def test_a_correction_stands_beside_the_number_and_opens_nothing(cli: Earshot, database: str) -> None:
    (before,) = rows(database, "SELECT * FROM social_events WHERE external_id = :id", id=address(1))
    cases = rows(database, "SELECT * FROM cases ORDER BY id")
    told = cli.done("correct", address(1), "negative", "--note", "sarcasm", "--by", "sam").out
    assert "is negative by sam" in told
    assert f"Its score stays {before.sentiment:+.2f}" in told
    assert rows(database, "SELECT * FROM social_events WHERE external_id = :id", id=address(1)) == [before]
    assert rows(database, "SELECT * FROM cases ORDER BY id") == cases
    (kept,) = rows(database, "SELECT * FROM corrections")
    assert (kept.label, kept.sentiment, kept.scorer) == ("negative", before.sentiment, before.scorer)


def test_explain_and_mentions_show_a_correction(cli: Earshot) -> None:
    assert "corrected" not in cli.done("explain", address(1)).out + cli.done("mentions").out
    cli.done("correct", address(1), "negative", "--note", "sarcasm \x1b[31m", "--by", "sam")
    shown = cli.done("explain", address(1)).out
    assert "corrected  negative by sam" in shown
    assert "sarcasm" in shown
    assert "\x1b" not in shown
    assert "corrected: negative" in cli.done("mentions").out
    labels = {row["external_id"]: row["corrected"] for row in cli.done("mentions", "--json").json}
    assert labels == {address(1): "negative"} | {address(n): None for n in (2, 3, 4)}
    assert [one["label"] for one in cli.done("explain", address(1), "--json").json["corrections"]] == [
        "negative"
    ]


def test_the_newest_counts_and_undo_brings_back_the_one_before(cli: Earshot, database: str) -> None:
    cli.done("correct", address(1), "neutral", "--by", "max")
    cli.done("correct", address(1), "negative", "--by", "sam")
    assert [row["label"] for row in cli.done("corrections", "list", "--json").json] == ["negative"]
    assert "What counts now: neutral by max" in cli.done("correct", address(1), "--undo").out
    assert "corrected: neutral" in cli.done("mentions").out
    assert "not corrected any more" in cli.done("correct", address(1), "--undo").out
    assert "nothing to take back" in cli.refused("correct", address(1), "--undo")
    assert "corrected" not in cli.done("mentions").out
    assert "Nothing was corrected yet" in cli.done("corrections", "list").out
    # what was taken back is still on record
    assert [
        row.undone for row in rows(database, "SELECT undone_at IS NOT NULL AS undone FROM corrections")
    ] == [True, True]


def test_a_correction_is_told_as_json(cli: Earshot) -> None:
    told = cli.done("correct", address(1), "negative", "--by", "sam", "--json").json
    assert (told["done"], told["org"], told["correction"]["label"]) == ("corrected", "main", "negative")
    assert told["event"] == cli.done("corrections", "list", "--json").json[0]["event_id"]
    told = cli.done("correct", address(1), "negative", "--json").json
    assert (told["done"], told["correction"]["by"]) == ("same", "sam")
    told = cli.done("correct", address(1), "--undo", "--json").json
    assert (told["done"], told["correction"]) == ("taken back", None)


def test_saying_the_same_twice_is_one_correction(cli: Earshot, database: str) -> None:
    cli.done("correct", address(1), "negative")
    assert "corrected so already" in cli.done("correct", address(1), "negative").out
    cli.done("correct", address(1), "negative", "--note", "and here is why")
    found = rows(database, "SELECT by, note FROM corrections ORDER BY created_at")
    assert [(row.by, row.note) for row in found] == [
        (getpass.getuser(), None),
        (getpass.getuser(), "and here is why"),
    ]


def test_what_makes_no_sense_is_refused(cli: Earshot, database: str) -> None:
    cli.refused("correct", address(1), "angry", code=2)
    assert "or --undo" in cli.refused("correct", address(1), code=2)
    assert "or --undo" in cli.refused("correct", address(1), "negative", "--undo", code=2)
    assert "is called 'nobody'" in cli.refused("correct", "nobody", "negative")
    assert "No post of other" in cli.refused("correct", address(1), "negative", "--org", "other")
    assert "Nothing of main was corrected yet" in cli.refused("corrections", "export", "-")
    assert rows(database, "SELECT * FROM corrections") == []


def test_an_export_is_read_by_evaluate_whatever_the_texts_hold(
    cli: Earshot, database: str, tmp_path: Path
) -> None:
    for number, label in ((1, "negative"), (2, "negative"), (3, "neutral"), (4, "negative")):
        cli.done("correct", address(number), label, "--by", "sam", "--note", "a\tnote\nof mine")
    file = tmp_path / "corrections.tsv"
    assert "4 corrections in" in cli.done("corrections", "export", str(file)).out
    lines = file.read_text().split("\n")
    assert lines[0] == "id\tlabel\ttext\tlang\tsentiment\tscorer\tplatform\tby\tnote"
    assert [len(line.split("\t")) for line in lines] == [9] * 5 + [1]
    assert cli.done("corrections", "export", "-").out == file.read_text()

    for lexicon in ("org", "support"):
        told = cli.done("evaluate", "sentiment", str(file), "--lexicon", lexicon, "--json").json
        assert told["rows"] == 4
        assert told["column"] == "label"
        assert told["unscored"] == {"not English": 1}
        shipped = next(at for at in told["detector"]["at"] if at["threshold"] == told["shipped"])
        assert (shipped["recall"]["hits"], shipped["recall"]["of"]) == (1, 3)
    assert "cannot be written" in cli.refused("corrections", "export", str(tmp_path / "no" / "folder.tsv"))


def test_an_export_has_nothing_that_a_spreadsheet_computes_and_evaluate_reads_what_was_said(
    cli: Earshot, database: str, tmp_path: Path
) -> None:
    texts = [
        '=HYPERLINK("http://a.example","x") is awful',
        "@acme bad",
        "'-5 stars",
        "''=1",
        "'tis bad",
        "\uff1d1 bad",
    ]
    [source] = rows(database, "SELECT id FROM sources")
    hear(database, [said(number, words) for number, words in enumerate(texts, start=11)], source=source.id)
    for number in range(11, 11 + len(texts)):
        cli.done("correct", address(number), "negative", "--by", "+sam", "--note", "-1")
    file = tmp_path / "corrections.tsv"
    cli.done("corrections", "export", str(file))
    header, *lines = [line.split("\t") for line in file.read_text().removesuffix("\n").split("\n")]
    cells = [dict(zip(header, line, strict=True)) for line in lines]
    assert [row["text"] for row in cells] == [
        *("'" + words for words in texts[:4]), "'tis bad", "'\uff1d1 bad"
    ]  # fmt: skip
    assert {(row["by"], row["note"]) for row in cells} == {("'+sam", "'-1")}
    assert {row["sentiment"][:2] for row in cells} >= {"-0"}
    assert [row["text"] for row in read(file).rows] == texts
    assert cli.done("evaluate", "sentiment", str(file), "--json").json["rows"] == len(texts)


def test_an_apostrophe_of_another_file_stays(tmp_path: Path) -> None:
    (tmp_path / "judged.tsv").write_text("label\ttext\nnegative\t'@acme bad'\n")
    assert read(tmp_path / "judged.tsv").rows[0]["text"] == "'@acme bad'"


def test_a_correction_goes_with_its_post(cli: Earshot, database: str) -> None:
    cli.done("correct", address(1), "negative")
    rows(database, "DELETE FROM social_events WHERE external_id = :id", id=address(1))
    assert rows(database, "SELECT * FROM corrections") == []


def test_another_organisation_sees_no_correction(cli: Earshot) -> None:
    cli.done("correct", address(1), "negative")
    assert cli.done("corrections", "list", "--org", "other", "--json").json == []
    cli.refused("corrections", "export", "-", "--org", "other")
