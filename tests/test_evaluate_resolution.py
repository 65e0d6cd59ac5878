"""evaluate resolution: the rows through the real digest keep the bars; each bar falls when what it guards does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from console.evaluate.resolution import Resolution, evaluate, judge, mistakes, part
from console.evaluate.resolving import Found, Heard
from simulator.names import Meant, Names, Row, read
from tests.command_line import earshot


def missed(found: Resolution) -> list[str]:
    return [bar.what.removeprefix("resolution: ") for bar in found.bars if not bar.met]


def test_the_rows_through_the_real_digest_keep_every_bar(database: str) -> None:
    found = evaluate(database, read())
    wrong = [one for one in found.wrong if one.problem == "linked"]
    assert missed(found) == [], "\n".join(f"{one.row} {one.record} {one.how} {one.text}" for one in wrong)


# --- a digest that lies --------------------------------------------------------------------------------

ACME, OTHER, KIM = Meant("account", "acme"), Meant("account", "other"), Meant("contact", "kim")


def row(
    name: str, group: str = "name", *expected: Meant, stands_on: str = "", suggest: Meant | None = None
) -> Row:
    nothing = frozenset[Meant]()
    may = frozenset({suggest}) if suggest else nothing
    return Row(
        *(name, group, "x", date(2026, 6, 1), "", "", name, (), (), (), "", ""),
        *(frozenset(expected), nothing, may, stands_on, ""),
    )


def rows(*several: Row) -> Names:
    return Names((), (), (), (), several)


def tied(*records: Meant, how: str = "alias", suggested: bool = False, account: str | None = None) -> Heard:
    return Heard([Found(record, how, "the words", suggested) for record in records], account)


GOOD = rows(
    *(row(f"n{at}", "name", ACME) for at in range(1_000)),
    row("i", "impersonator affix", suggest=ACME),
    row("r", "recycled author", suggest=KIM),
    row("d", "dictionary word"),
)
RIGHT = {one.id: tied(*one.expected) for one in GOOD.rows}


def test_a_digest_that_is_right_meets_every_bar() -> None:
    found = judge(GOOD, RIGHT)
    assert missed(found) == []
    assert found.wrong == []
    assert (found.precision.share, found.recall.share) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("lie", "bars"),
    [
        ({"d": tied(ACME)}, ["bare ordinary words tied to a company"]),
        ({"i": tied(ACME)}, ["impersonators tied to the imitated"]),
        ({"r": tied(KIM, how="identity")}, ["impersonators tied to the imitated"]),
        ({"i": tied(ACME, suggested=True), "r": tied(KIM, suggested=True)}, []),
        ({f"n{at}": tied(ACME, OTHER) for at in range(5)}, []),
        ({f"n{at}": tied(ACME, OTHER) for at in range(6)}, ["precision of what is tied unasked"]),
        ({f"n{at}": tied() for at in range(100)}, []),
        ({f"n{at}": tied() for at in range(101)}, ["recall of what is tied unasked"]),
        ({f"n{at}": tied(ACME, suggested=True) for at in range(101)}, ["recall of what is tied unasked"]),
    ],
)
def test_each_bar_falls_when_what_it_guards_does_not_hold(lie: dict[str, Heard], bars: list[str]) -> None:
    assert missed(judge(GOOD, RIGHT | lie)) == bars


def test_a_bar_of_what_may_never_be_is_not_met_by_no_rows_at_all() -> None:
    found = judge(rows(row("n", "name", ACME)), {"n": tied(ACME)})
    assert [bar.measured for bar in found.bars] == [True, True, False, False]
    assert [bar.missed or bar.met for bar in found.bars] == [True, True, False, False]


def test_a_row_that_was_never_recorded_is_missed() -> None:
    found = judge(GOOD, {name: heard for name, heard in RIGHT.items() if name != "n0"})
    assert [(one.problem, one.row) for one in found.wrong] == [("missed", "n0")]


def test_what_may_be_counts_neither_way() -> None:
    open_row = replace(row("o"), allowed=frozenset({ACME}))
    for heard in (tied(), tied(ACME), tied(ACME, suggested=True)):
        found = judge(rows(open_row), {"o": heard})
        assert (found.precision.of, found.recall.of, found.wrong) == (0, 0, [])


def test_a_suggestion_that_nobody_would_make_is_told_and_costs_no_precision() -> None:
    found = judge(rows(row("a", "typo", suggest=ACME)), {"a": tied(ACME, OTHER, suggested=True)})
    assert (found.suggestions.hits, found.suggestions.of, found.precision.of) == (1, 2, 0)
    assert [(one.problem, one.record) for one in found.wrong] == [("suggested", "account:other")]


@pytest.mark.parametrize(
    ("account", "wanted", "right"), [("acme", "acme", 1), (None, "acme", 0), (None, "-", 1)]
)
def test_the_account_that_an_event_shows_is_looked_at(account: str | None, wanted: str, right: int) -> None:
    found = judge(rows(row("a", stands_on=wanted)), {"a": tied(account=account)})
    assert (found.stands.hits, found.stands.of) == (right, 1)


def test_a_mistake_is_listed_with_its_text_and_the_digests_reason() -> None:
    [line] = mistakes(judge(rows(row("some words", "name", ACME)), {"some words": tied(ACME, OTHER)})).rows
    assert line == ["some words", "name", "linked", "account:other", "alias: the words", "some words"]


# --- somebody else's rows ------------------------------------------------------------------------------

FOLDER = {
    "companies.tsv": "key\tname\tordinary\thandles\nosterby\tOsterby\t\tmastodon:osterby@town.example\n"
    "target\tTarget\tyes\tx:target\n",
    "contacts.tsv": "key\tfirst_name\temail\taccount\nkim\tKim\tkim@mail.example\tosterby\n",
    "rows.tsv": "id\tgroup\tplatform\tposted_on\tauthor_id\ttext\tmentions\treply_to\texpected\tstands_on\n"
    "a\thandle\tmastodon\t2026-06-01\t1\t@osterby no\t|osterby@town.example\t\taccount:osterby\tosterby\n"
    "b\te-mail\tx\t2026-06-01\t2\task kim@mail.example\t\t\tcontact:kim account:osterby?\t\n"
    "c\tdictionary\tx\t2026-06-02\t3\tOn Target\\nat last\t\t\t\t-\n"
    "d\tname\tx\t2026-06-02\t4\tTarget again\t\t\taccount:target\t\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FOLDER.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_another_folder_is_heard_and_judged_in_the_same_way(database: str, folder: Path) -> None:
    found = evaluate(database, read(folder))
    assert [(one.problem, one.row) for one in found.wrong] == [("missed", "d")]
    assert (found.precision.hits, found.precision.of, found.recall.of) == (2, 2, 3)
    assert (found.stands.hits, found.stands.of) == (2, 2)
    assert [one.name for one in found.ways] == ["e-mail", "handle"]


def test_unrelated_posts_are_heard_by_companies_of_ordinary_words_alone(database: str, folder: Path) -> None:
    (folder / "complaints").mkdir()
    texts = {"airline_us": "Osterby and Target", "complaints19": "on target", "semeval17_test": "#target"}
    for name, words in texts.items():
        (folder / "complaints" / f"{name}.tsv").write_text(f"id\ttext\n1\t{words}\n")
    told = evaluate(database, read(folder), folder).unrelated
    assert told is not None
    assert (told.posts, told.companies, told.linked) == (3, 1, 0)


def test_the_command_starts_a_database_of_its_own_and_says_what_is_missed(home: Path, folder: Path) -> None:
    cli = earshot(home)
    said = cli("evaluate", "resolution", "--rows", str(folder), "--mistakes", EARSHOT_TRUTH=str(folder))
    assert said.code == 1
    assert "MISSED: resolution: recall of what is tied unasked" in said.err
    assert "4 rows. Tied unasked: precision 100.0" in said.out
    assert "Target again" in said.out
    assert "SKIPPED: the unrelated posts" in said.out
    assert said.err.splitlines()[-1].startswith("SKIPPED: unrelated posts. No truth sets")
    assert "NOT MEASURED, there being no row for it: resolution: impersonators" in said.err
    assert not home.exists()


def test_a_folder_that_cannot_be_read_is_refused_before_anything_is_started(
    home: Path, tmp_path: Path
) -> None:
    assert "rows.tsv cannot be read" in earshot(home).refused(
        "evaluate", "resolution", "--rows", str(tmp_path)
    )


def test_a_part_carries_tables_bars_and_what_was_left_out() -> None:
    told = part(judge(GOOD, RIGHT))
    assert [bar.met for bar in told.bars] == [True] * 4
    assert [table.title for table in told.tables] == ["By what the row is", "By how it was found"]
    assert told.notes[-1].startswith("SKIPPED")
