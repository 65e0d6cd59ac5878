"""What leaves the house as a file: a workbook and a CSV of the same posts, in which nothing is computed and types are kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from console.spreadsheet import unguarded
from console.stream import Filter
from console.stream_xlsx import LONGEST, write_xlsx
from tests import workbook
from tests.journey import Journey
from tests.serving import web
from tests.signing_in import MAX, Visitor, let_in
from tests.stream_rows import post

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
EVIL = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example")',
    "+1 555 0100",
    "@SUM(1)",
    "{=1+1}",
    "https://evil.example/",
    "12345",
    "<r><t>x</t></r></is></c><c><f>1+1</f></c><r></r>",
    "_x0041_ is said as it stands",
    "tab\tand line\nand 😀 شركة",
)


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    let_in(journey, MAX)
    source = journey.source(term="acme", host="https://town.example")
    journey.hear(
        source, *(post(f"h{nth}", "fine", NOW - timedelta(minutes=nth), "zoe") for nth in range(len(EVIL)))
    )
    for nth, words in enumerate(EVIL):
        journey.execute(
            "UPDATE social_events SET text = :words WHERE external_id = :id", words=words, id=f"h{nth}"
        )
    journey.execute("UPDATE social_events SET rating = 5, reposts = 1234567 WHERE external_id = 'h0'")
    yield journey
    journey.close()


def test_a_workbook_has_the_same_rows_as_the_csv_and_the_database_each_cell_as_what_it_is(
    journey: Journey,
) -> None:
    with web(journey.url) as base:
        max_ = Visitor(base)
        max_.sign_in(MAX)
        fields = {"form": max_.form(max_.get("/stream")), "address": ""}
        as_csv = max_.post("/stream/export", fields | {"as": "csv"}).text.removeprefix("\ufeff")
        answer = max_.post("/stream/export", fields | {"as": "xlsx"})
        assert max_.post("/stream/export", fields | {"as": "pdf"}).status_code == 422
    assert answer.headers["content-disposition"].endswith('.xlsx"')
    assert int(answer.headers["content-length"]) == len(answer.content)
    rows = workbook.table(answer.content)
    assert not any(cell.formula for row in rows for cell in row.values())
    said = list(csv.DictReader(io.StringIO(as_csv, newline="")))
    for row, line in zip(rows, said, strict=True):
        same = {name: unguarded(words) for name, words in line.items() if words and not name.endswith("_at")}
        for name in ("stars", "sentiment"):
            same |= {name: f"{float(same[name]):g}"} if name in same else {}
        assert {name: cell.said for name, cell in row.items() if "UTC" not in name} == same
        moment = row["posted_at (UTC)"].moment
        assert moment == datetime.fromisoformat(line["posted_at"])
    stored = journey.execute(
        "SELECT text, sentiment, occurred_at FROM social_events ORDER BY occurred_at DESC"
    )
    assert [(row["text"].said, float(row["sentiment"].said)) for row in rows] == [
        (one.text, one.sentiment) for one in stored
    ]
    assert {row["text"].kind for row in rows} == {"inlineStr"}
    first = rows[0]
    numbers = ("sentiment", "stars", "likes", "reposts", "posted_at (UTC)")
    assert {name: first[name].kind for name in numbers} == dict.fromkeys(numbers, "n")
    assert (first["reposts"].said, first["stars"].said) == ("1234567", "5")
    assert first["posted_at (UTC)"].style != first["sentiment"].style != ""
    sheet = workbook.part(answer.content, "xl/worksheets/sheet1.xml")
    assert '<pane ySplit="1"' in sheet
    assert "hyperlink" not in sheet
    about = {row["A"].said: row["B"].said for row in workbook.cells(answer.content, 2)}
    assert (about["by"], about["posts"]) == (MAX, str(len(EVIL)))
    assert journey.execute("SELECT said FROM audits ORDER BY at")[-1].said == (
        f"{len(EVIL)} posts of /stream went out as a workbook."
    )


def test_a_workbook_says_that_it_is_cut_and_holds_nothing_that_xml_cannot(journey: Journey) -> None:
    longest = "😀" * (LONGEST // 2 + 9)
    for nth, words in enumerate(("a\x01b\ufffec\r\nd", longest)):
        journey.execute(
            "UPDATE social_events SET text = :words WHERE external_id = :id", words=words, id=f"h{nth}"
        )
    made = io.BytesIO()
    of = Filter(journey.org, NOW - timedelta(days=1), NOW + timedelta(days=1))
    with journey.sessions() as session:
        assert write_xlsx(session, of, made, {}, most=3) == 3
    first, second, _ = workbook.table(made.getvalue())
    assert first["text"].said == "abc\nd"
    assert second["text"].said == "😀" * (LONGEST // 2)
    about = {row["A"].said: row["B"].said for row in workbook.cells(made.getvalue(), 2)}
    assert about == {"posts": "3, the newest; a file has 3 at most", "cut": "1 text, at 32,767 characters"}
