"""`earshot import posts`: every line is imported once, told, or in quarantine; nothing opens a case."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import _neutral
from console.posts_file import Place, PostsFile, format_of
from console.posts_import import file_source, import_posts
from tests.command_line import Earshot, earshot, rows
from tests.conftest import Servers
from tests.journey import FURIOUS, Journey
from tests.waiting import eventually

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GOOD = {"id": "a:1", "text": "The parcel is here.", "posted_at": "2026-03-01T10:00:00Z"}


def ndjson(*posts: Any) -> str:
    return "".join((post if isinstance(post, str) else json.dumps(post)) + "\n" for post in posts)


def many(count: int, start: int = 0) -> str:
    return ndjson(
        *({**GOOD, "id": f"a:{n}", "text": f"Number {n} came."} for n in range(start, start + count))
    )


@pytest.fixture(scope="module")
def refusing(servers: Servers, shared_folder: Path) -> Iterator[Earshot]:
    """For what writes nothing: a database for all of it."""
    with servers.new_database() as (fleet, _):
        yield earshot(shared_folder / "nowhere", database_url=fleet)


def ledger(database: str) -> dict[str, int]:
    journey = Journey(database)
    try:
        return journey.ledger()
    finally:
        journey.close()


def test_good_lines_come_in_bad_ones_are_told_and_kept(cli: Earshot, database: str, tmp_path: Path) -> None:
    file = tmp_path / "archive.ndjson"
    file.write_text(
        ndjson(GOOD, "", '{"id": "a', {**GOOD, "id": "a:2", "rating": 9}, {**GOOD, "id": "a:3"}, '"word"')
    )
    said = cli("import", "posts", str(file))
    assert said.code == 1
    assert "archive.ndjson, line 3: no whole JSON" in said.err
    assert "archive.ndjson, line 4: Expected `float` <= 5.0 - at `rating`" in said.err
    assert "archive.ndjson, line 6: Expected `object`" in said.err
    assert "2 posts, 3 lines not taken" in said.out
    assert "new 2, known 0, edited 0, filtered 0, in quarantine 3" in said.out
    held = rows(
        database, "SELECT convert_from(payload, 'UTF8') AS line, reason FROM quarantine ORDER BY item"
    )
    assert [row.line for row in held] == [
        '{"id": "a',
        json.dumps({**GOOD, "id": "a:2", "rating": 9}),
        '"word"',
    ]
    assert {row.platform for row in rows(database, "SELECT platform FROM social_events")} == {"file"}
    assert ledger(database)["waiting"] == 0


def test_what_is_imported_opens_no_case_however_angry_and_recent(cli: Earshot, database: str) -> None:
    cli.done("own", "add", "file", "northwind")
    angry = {
        **GOOD,
        "text": FURIOUS,
        "posted_at": "2031-01-01T00:00:00Z",
        "mentions": [{"handle": "northwind"}],
    }
    said = cli("import", "posts", "-", stdin=ndjson(angry))
    assert said.code == 0, said.err
    (event,) = rows(database, "SELECT sentiment, held_back FROM social_events")
    assert event.sentiment < -0.42
    assert event.held_back == "before the start mark"
    assert not rows(database, "SELECT id FROM cases")
    assert "Nobody" not in cli.done("sources", "list").out
    (source,) = cli.done("sources", "list", "--json").json
    assert (source["kind"], source["term"], source["lag"]) == ("file", "standard input", 0)


def test_what_excel_writes_is_read(cli: Earshot, database: str, tmp_path: Path) -> None:
    file = tmp_path / "survey.csv"
    table = (
        "ID;Posted_at;Text;Author_name;Rating;hashtags\r\n"
        '1;2026-03-01 10:00;"Sehr schön; danke,\r\nwirklich";Jörg;5;a b\r\n'
        ";;;;;\r\n"
        "2;01.03.2026;x;;;\r\n"
        "3;2026-03-02;y;;;;;z\r\n"
        '4;2026-03-02;a "quote" inside;;2;\r\n'
    )
    file.write_bytes(b"\xef\xbb\xbf" + table.encode())
    said = cli("import", "posts", str(file), "--json")
    assert said.code == 1
    assert said.json["posts"] == 2
    assert [(bad["line"], bad["reason"][:40]) for bad in said.json["bad"]] == [
        (5, "posted_at '01.03.2026' is no time like 2"),
        (6, "8 cells under 6 columns; is a comma not "),
    ]
    found = rows(database, "SELECT external_id, text, rating FROM social_events ORDER BY external_id")
    assert [tuple(row) for row in found] == [
        ("1", "Sehr schön; danke,\r\nwirklich", 5.0),
        ("4", 'a "quote" inside', 2.0),
    ]


def test_a_quote_that_is_never_closed_costs_one_line(cli: Earshot, database: str) -> None:
    table = 'id,text,posted_at\n1,"open,2026-03-01\n2,two,2026-03-01\n3,"a ""b"" c",2026-03-01\n4,"x"y,2026-03-01\n5,five,2026-03-01\n'
    said = cli("import", "posts", "-", "--format", "csv", "--json", stdin=table)
    assert [bad["line"] for bad in said.json["bad"]] == [2, 5]
    found = rows(database, "SELECT external_id FROM social_events ORDER BY 1")
    assert [row.external_id for row in found] == ["2", "3", "5"]


def test_bytes_that_are_no_utf8_cost_their_line(cli: Earshot) -> None:
    for table, kind in (
        (b"id,text,posted_at\n1,sch\xf6n,2026-03-01\n2,fine,2026-03-01\n", "csv"),
        (b'\n{"id":"1","text":"sch\xf6n","posted_at":"2026-03-01"}\n' + ndjson(GOOD).encode(), "ndjson"),
    ):
        said = cli("import", "posts", "-", "--format", kind, "--dry-run", "--json", stdin=table)
        assert said.json["posts"] == 1
        (bad,) = said.json["bad"]
        assert bad["line"] == 2
        assert bad["reason"].startswith("not UTF-8")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("posts.csv", b"id,text\n1,x\n", "no column 'posted_at'"),
        ("posts.csv", b"id,text,posted_at,mood\n1,x,2026-03-01,y\n", "'mood' that means nothing here"),
        ("posts.csv", b"", "is empty"),
        ("posts.csv", "id,text,posted_at\n".encode("utf-16"), "is UTF-16"),
        ("posts.csv", b"PK\x03\x04rest", "a workbook"),
        ("posts.ndjson", b"\x1f\x8b\x08rest", "is compressed"),
        ("posts.json", b'[\n{"id": "1"}\n]\n', "one large JSON value"),
        ("posts.json", b'{\n"id": "1"\n}\n', "one large JSON value"),
        ("posts.ndjson", b"nonsense\n" * 600, "None of the first 500 lines"),
        ("posts.txt", b"x", "say --format"),
    ],
)
def test_what_is_no_file_of_posts_is_refused_in_a_sentence(
    refusing: Earshot, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert words in refusing.refused("import", "posts", str(file))
    assert refusing.done("quarantine", "list", "--json").json == []


def test_other_things_that_cannot_be_are_said_as_well(refusing: Earshot, tmp_path: Path) -> None:
    assert "cannot be read" in refusing.refused("import", "posts", str(tmp_path / "none.csv"))
    assert "cannot be read" in refusing.refused("import", "posts", str(tmp_path), "--format", "csv")
    assert "--platform" in refusing.refused("import", "posts", "-", "--platform", "myspace", code=2)
    told = refusing.done("import", "posts", "--help").out
    assert [column for column in _neutral.COLUMNS if column not in told] == []


def test_a_file_that_was_imported_brings_nothing_and_what_it_grew_by_is_taken(
    cli: Earshot, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "growing.ndjson"
    file.write_text(many(700))
    assert cli.done("import", "posts", str(file), "--json").json["new"] == 700
    assert "nothing new; it was imported up to line 700" in cli.done("import", "posts", str(file)).out
    with file.open("a") as more:
        more.write(many(3, start=700))
    grown = cli.done("import", "posts", str(file), "--json").json
    assert (grown["since"], grown["posts"], grown["new"]) == (700, 3, 3)
    again = cli.done("import", "posts", str(file), "--again", "--json").json
    assert (again["since"], again["new"], again["duplicate"]) == (0, 0, 703)
    assert len(rows(database, "SELECT id FROM social_events")) == 703
    assert ledger(database)["fetched"] == 1406


def test_a_last_line_that_somebody_still_writes_is_left_for_the_next_run(
    cli: Earshot, database: str, tmp_path: Path
) -> None:
    file, lines = tmp_path / "written.ndjson", many(3)
    file.write_text(lines[:-20])
    first = cli.done("import", "posts", str(file))
    assert "line 3: it is not finished; the next run reads it" in first.err
    assert "2 posts." in first.out
    file.write_text(lines.rstrip("\n"))  # without its newline, but whole
    second = cli.done("import", "posts", str(file), "--json").json
    assert (second["since"], second["new"], second["bad"]) == (2, 1, [])
    file.write_text(lines + "{bad\n")
    assert cli.refused("import", "posts", str(file))
    assert len(rows(database, "SELECT id FROM social_events")) == 3


def test_a_file_that_was_changed_is_refused_unless_it_is_to_be_read_anew(
    cli: Earshot, tmp_path: Path
) -> None:
    file = tmp_path / "changed.ndjson"
    file.write_text(many(1600))
    cli.done("import", "posts", str(file))
    for content, why in (
        (many(1600).replace("a:0", "b:0", 1), "its beginning is another one"),
        (many(599), "it is shorter"),
        (many(3000).replace("Number 1599 came", "Number 1599 went"), "has been changed"),
    ):
        file.write_text(content)
        assert why in cli.refused("import", "posts", str(file))
    assert cli.done("import", "posts", str(file), "--again", "--json").json["new"] == 1400
    assert cli.done("import", "posts", str(file), "--name", "other", "--json").json["duplicate"] == 3000


def test_the_ids_of_a_platform_are_known_again_as_its_own(
    cli: Earshot, database: str, journey: Journey
) -> None:
    source = journey.source("mastodon")
    from tests.journey import post

    journey.hear(source, post("https://town.example/1"))
    table = ndjson({**GOOD, "id": "https://town.example/1"}, {**GOOD, "id": "https://town.example/2"})
    said = cli("import", "posts", "-", "--platform", "mastodon", "--json", stdin=table)
    assert (said.json["new"], said.json["duplicate"]) == (1, 1)


def test_of_a_dry_run_nothing_is_written(cli: Earshot, database: str) -> None:
    said = cli("import", "posts", "-", "--dry-run", stdin=ndjson(GOOD))
    assert "1 post. Nothing was written." in said.out
    assert not rows(database, "SELECT id FROM sources")


def test_killed_in_the_middle_and_run_again_every_post_is_there_once(
    cli: Earshot, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "large.csv"
    lines = [f'a:{n},"Number {n},\nwhich came.",2026-03-01\n' for n in range(6000)]
    lines[1234] = "a:1234,no time,never\n"
    file.write_text("id,text,posted_at\n" + "".join(lines))
    landed = "SELECT coalesce(sum(fetched), 0) AS n FROM pages"
    for least in (500, 2500):
        running = subprocess.Popen(
            [sys.executable, "-m", "console", "import", "posts", str(file)],
            env=cli.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda n=least: rows(database, landed)[0].n >= n, within=40, of="landed pages")
        finally:
            running.kill()
            running.wait()
    assert rows(database, landed)[0].n < 6000
    said = cli("import", "posts", str(file), "--json")
    assert said.json["since"] > 2500
    assert said.json["waiting"] == 0
    (sums,) = rows(
        database,
        "SELECT count(*) AS n, count(DISTINCT external_id) AS ids, count(DISTINCT text) FROM social_events",
    )
    assert tuple(sums) == (5999, 5999, 5999)
    told = ledger(database)
    assert (told["fetched"], told["new"], told["quarantined"], told["waiting"]) == (6000, 5999, 1, 0)
    assert not rows(database, "SELECT id FROM polls WHERE finished_at IS NULL")


def test_ctrl_c_says_that_the_same_command_goes_on(cli: Earshot, database: str, tmp_path: Path) -> None:
    file = tmp_path / "stopped.ndjson"
    file.write_text(many(20_000))
    running = subprocess.Popen(
        [sys.executable, "-m", "console", "import", "posts", str(file)],
        env=cli.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: rows(database, "SELECT id FROM pages LIMIT 1"), within=40, of="a landed page")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert b"the same command goes on from there" in err
    assert b"Traceback" not in err
    assert running.returncode == 130
    assert not rows(database, "SELECT id FROM sources WHERE lease_until IS NOT NULL")


class Clock:
    """Bytes told by a progress bar."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self, at: int) -> None:
        assert at > self.at
        self.at = at


def landing(journey: Journey, path: Path, **given: Any) -> Any:
    with journey.sessions() as session, session.begin():
        source, since = file_source(session, journey.org, "file", path.name)
    with path.open("rb") as stream:
        file = PostsFile(stream, path.name, "ndjson")
        clock = Clock()
        told = import_posts(file, source, since, journey.settings, now=NOW, moved=clock, **given)
        assert clock.at == file.size
        return told


def test_a_fleet_that_runs_does_the_digesting(journey: Journey, tmp_path: Path) -> None:
    file = tmp_path / "fleet.ndjson"
    file.write_text(many(1200))
    told = landing(journey, file, ring=journey.digest)
    assert (told.new, told.waiting) == (1200, 0)


def test_a_fleet_that_does_nothing_is_not_waited_for_for_ever(journey: Journey, tmp_path: Path) -> None:
    file = tmp_path / "asleep.ndjson"
    file.write_text(many(700))
    rung: list[int] = []
    told = landing(journey, file, ring=lambda: rung.append(1), patience=0.2)
    assert rung
    assert (told.new, told.waiting) == (700, 0)


def test_the_same_file_is_not_imported_twice_at_once(cli: Earshot, journey: Journey, tmp_path: Path) -> None:
    file = tmp_path / "twice.ndjson"
    file.write_text(many(600))
    refusals: list[str] = []

    def ring() -> None:
        if not refusals:
            refusals.append(cli.refused("import", "posts", str(file)))
        journey.digest()

    assert landing(journey, file, ring=ring).new == 600
    assert "under way" in refusals[0]


def read(path: Path, since: Place | None = None, written: Any = "csv") -> list[Any]:
    with path.open("rb") as stream:
        file = PostsFile(stream, path.name, written)
        return [(part, file.place(part)) for part in file.parts(since, NOW)]


def test_from_every_place_on_the_rest_is_what_it_would_have_been(tmp_path: Path) -> None:
    rows_ = [
        f'a:{n},"words, {n}\n{"again ü" * (n % 5)}",2026-03-01\r\n' if n % 7 else f'a:{n},"open,2026-03-01\n'
        for n in range(2600)
    ]
    for name, content in (
        ("t.csv", "\ufeffid,text,posted_at\n" + "".join(rows_)),
        ("t.ndjson", "\ufeff" + many(1300) + "\n\n{bad\n" + many(700, 1300) + json.dumps(GOOD)),
    ):
        path = tmp_path / name
        path.write_text(content, newline="")
        written = format_of(name, None)
        whole = read(path, None, written)
        assert len(whole) >= 4
        for number, (_, place) in enumerate(whole):
            rest = read(path, place, written)
            assert [part for part, _ in rest] == [part for part, _ in whole[number + 1 :]]
    assert whole[-1][0].at == path.stat().st_size


def test_memory_does_not_grow_with_the_file_nor_with_its_longest_line(tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    with path.open("w") as out:
        out.write(many(500))
        out.write("x" * 30_000_000 + "\n")
        for start in range(500, 20_500, 500):
            out.write(many(500, start))
    tracemalloc.start()
    posts = bad = 0
    with path.open("rb") as stream:
        for part in PostsFile(stream, path.name, "ndjson").parts(None, NOW):
            posts, bad = posts + len(part.posts), bad + len(part.rejects)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (posts, bad) == (20_500, 1)
    assert peak < 8_000_000


def test_a_pipe_is_read_although_nobody_can_go_back_in_it() -> None:
    out, into = os.pipe()
    with os.fdopen(into, "wb") as writing:
        writing.write(many(3).encode())
    with os.fdopen(out, "rb") as stream:
        file = PostsFile(stream, "standard input", "ndjson")
        ((part, place),) = [(part, file.place(part)) for part in file.parts(None, NOW)]
    assert (len(part.posts), place) == (3, None)


def test_half_an_emoji_costs_no_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.ndjson"
    path.write_text(ndjson({**GOOD, "text": "cut off \ud83d"}))
    ((part, _),) = read(path, None, "ndjson")
    assert [post.text for post in part.posts] == ["cut off \ufffd"]
