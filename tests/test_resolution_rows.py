"""The rows of simulator/names: whole, many, and each to be checked by reading it; a folder that will not do is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from console.evaluate.parts import truth_folder
from console.evaluate.resolution import UNRELATED
from simulator.names import Meant, Names, Row, Unreadable, read
from workers.folding import is_ordinary_name


@pytest.fixture(scope="module")
def names() -> Names:
    return read()


def of(names: Names, *groups: str) -> list[Row]:
    return [row for row in names.rows if row.group.startswith(groups)]


def test_there_are_as_many_of_each_as_were_asked_for(names: Names) -> None:
    assert len(names.companies) >= 300
    assert len([one for one in names.companies if one.ordinary]) >= 40
    assert len(names.rows) >= 1_500
    assert len(of(names, "comparison")) >= 200
    assert len(of(names, "impersonator")) >= 100
    assert len(of(names, "recycled")) >= 30
    nothing = [row for row in names.rows if not (row.expected or row.allowed)]
    assert len([row for row in nothing if not row.group.startswith(("impersonator", "recycled"))]) >= 500
    assert len(of(names, "dictionary")) >= 300


def test_no_post_stands_there_twice(names: Names) -> None:
    seen = Counter((row.text, row.author_id, row.mentions, row.posted_on) for row in names.rows)
    assert [said for said, times in seen.items() if times > 1] == []


def test_a_comparison_expects_all_that_it_compares(names: Names) -> None:
    assert [row.id for row in of(names, "comparison") if len(row.expected) < 2] == []


def test_nothing_is_expected_of_what_must_never_be_tied(names: Names) -> None:
    rows = of(names, "impersonator", "recycled", "dictionary")
    assert [row.id for row in rows if row.expected or row.allowed] == []


def test_whoever_is_expected_by_name_is_named_by_that_name(names: Names) -> None:
    spelt = {one.key: [one.name, *(word.value for word in one.aliases)] for one in names.companies}
    plain = ("name", "name possessive", "name in punctuation", "name beside emoji", "name of ordinary words")
    rows = [row for row in names.rows if row.group in plain]
    unnamed = [
        row.id
        for row in rows
        for meant in row.expected
        if not any(name in row.text for name in spelt[meant.key])
    ]
    assert len(rows) > 150
    assert unnamed == []


def test_the_texts_of_impersonators_do_not_name_the_company_beside_its_handle(names: Names) -> None:
    spelt = {one.key: one.name for one in names.companies}
    named = [
        row.id
        for row in of(names, "impersonator")
        for meant in row.may_suggest
        if spelt[meant.key] in row.text
    ]
    assert named == []


def test_companies_said_to_be_ordinary_words_are_and_the_others_are_not(names: Names) -> None:
    wrong = [
        one.name
        for one in names.companies
        if one.ordinary is not is_ordinary_name(one.name.removesuffix("'s"))
    ]
    assert wrong == []


def test_no_handle_belongs_to_two(names: Names) -> None:
    held = Counter(
        handle for one in (*names.companies, *names.contacts, *names.campaigns) for handle in one.handles
    )
    assert [handle for handle, times in held.items() if times > 1] == []


def test_no_text_is_one_of_the_truth_sets(names: Names) -> None:
    folder = truth_folder() / "complaints"
    if not folder.is_dir():
        pytest.skip("no truth sets")
    texts = "\n".join((folder / f"{name}.tsv").read_text(encoding="utf-8") for name in UNRELATED)
    # a text of a word or two stands in any file
    assert [row.id for row in names.rows if len(row.text) > 20 and row.text in texts] == []


HEAD = "id\tgroup\tplatform\tposted_on\ttext\texpected\n"
ROW = "r1\tname\tx\t2026-06-01\tOsterby was late\taccount:osterby\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "companies.tsv").write_text("key\tname\nosterby\tOsterby\n")
    (tmp_path / "rows.tsv").write_text(HEAD + ROW)
    return tmp_path


def test_a_folder_of_somebody_elses_needs_few_columns(folder: Path) -> None:
    [row] = read(folder).rows
    assert (row.text, row.expected) == ("Osterby was late", {Meant("account", "osterby")})
    assert (row.mentions, row.author_id, row.stands_on) == ((), "", "")


def test_a_cell_holds_line_ends_and_an_expectation_may_be_left_open(folder: Path) -> None:
    (folder / "rows.tsv").write_text(HEAD + "r1\tname\tx\t2026-06-01\ta\\nb\\\\n\taccount:osterby?\n")
    [row] = read(folder).rows
    assert row.text == "a\nb\\n"
    assert (row.expected, row.allowed) == (frozenset(), {Meant("account", "osterby")})


def test_words_may_ask_for_a_second_one(folder: Path) -> None:
    (folder / "companies.tsv").write_text(
        "key\tname\taliases\thandles\nosterby\tOsterby\tname:Oster [rail, bus]; hashtag:oster\tx:7|osterby\n"
    )
    [company] = read(folder).companies
    assert [(word.kind, word.value, word.needs) for word in company.aliases] == [
        ("name", "Oster", ("rail", "bus")),
        ("hashtag", "oster", ()),
    ]
    assert company.handles == (("x", "7"), ("x", "osterby"))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("id\ttext\n", "no column 'group'"),
        (HEAD.replace("text", "words"), "has a column 'words'"),
        (HEAD + ROW + ROW, "the id 'r1' is empty or there twice"),
        (HEAD + ROW.replace("account:osterby", "account:other"), "speaks of account:other"),
        (HEAD + ROW.replace("account:osterby", "osterby"), "line 2: 'osterby' is not written as"),
        (HEAD + ROW.replace("2026-06-01", "June"), "line 2: Invalid isoformat"),
        (HEAD + ROW.replace("\n", "\tmore\n"), "more cells than the heading"),
    ],
)
def test_a_file_that_will_not_do_is_refused_with_its_line(folder: Path, rows: str, why: str) -> None:
    (folder / "rows.tsv").write_text(rows)
    with pytest.raises(Unreadable, match=why.replace("(", r"\(")):
        read(folder)


def test_an_answer_comes_a_day_after_what_it_answers(folder: Path) -> None:
    head = HEAD.replace("\n", "\treply_to\n")
    (folder / "rows.tsv").write_text(head + ROW + ROW.replace("r1", "r2").replace("\n", "\tr1\n"))
    with pytest.raises(Unreadable, match="must come a day later"):
        read(folder)
