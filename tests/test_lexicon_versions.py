"""`earshot lexicon`: every change is a version, no two collide, and a score finds the words it was made with."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session

from console.lexicon import change, current, history, restore
from console.refusal import CannotDo
from tests.command_line import Earshot, earshot, hear
from tests.test_cli_reading import said
from workers.lexicon import NONE, lexicon_of, read_lexicon, shipped
from workers.score import SCORER, Scorer


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = create_engine(database, poolclass=NullPool)
    yield made
    made.dispose()


def changed(engine: Engine, words: dict[str, float | None], org: str = "main", **more: object) -> int:
    with Session(engine) as session, session.begin():
        return change(session, org, words, **more).version  # type: ignore[arg-type]


# versions


def test_an_organisation_without_words_has_the_shipped_profile(engine: Engine) -> None:
    with Session(engine) as session:
        assert read_lexicon(session, "main") is shipped()
        assert read_lexicon(session, "main", 0) is shipped()
        with pytest.raises(LookupError):
            read_lexicon(session, "main", 1)


def test_every_version_keeps_its_words(engine: Engine) -> None:
    assert changed(engine, {"outage": -2.5, "late": 0, "brew up": 1}) == 1
    assert changed(engine, {"outage": -4, "late": None}) == 2
    assert changed(engine, {"late": -1}, profile="none") == 3
    with Session(engine) as session:
        first, second, third = (read_lexicon(session, "main", version) for version in (1, 2, 3))
        assert read_lexicon(session, "main") == third
    assert dict(first.words) == {**shipped().words, "outage": -2.5, "late": 0, "brew up": 1}
    assert dict(second.words) == {**shipped().words, "outage": -4, "brew up": 1}
    assert dict(third.words) == {"outage": -4, "late": -1, "brew up": 1}
    assert [lexicon.name for lexicon in (first, second, third)] == [
        "support-1+main.1",
        "support-1+main.2",
        "main.3",
    ]


def test_a_version_says_what_it_changed_and_an_empty_change_makes_none(engine: Engine) -> None:
    changed(engine, {"outage": -2, "brew": 0}, by="kim", note="why not")
    assert changed(engine, {"outage": -2}) == 1
    assert changed(engine, {"brew": None}) == 2
    with Session(engine) as session, session.begin():
        restore(session, "main", 1)
        rows = history(session, "main")
    assert [(row["version"], row["words"], row["changed"]) for row in rows] == [
        (3, 2, 1),
        (2, 1, 1),
        (1, 2, 2),
    ]
    assert (rows[2]["by"], rows[2]["note"], rows[0]["note"]) == ("kim", "why not", "version 1 again")


def test_a_restored_version_has_its_words_and_its_profile(engine: Engine) -> None:
    changed(engine, {"outage": -2}, profile="none")
    changed(engine, {"outage": -3, "brew": 1}, profile="support")
    with Session(engine) as session, session.begin():
        assert restore(session, "main", 1).version == 3
        then, now = (read_lexicon(session, "main", version) for version in (1, 3))
        assert then.words == now.words
        assert restore(session, "main", 0).version == 4
        assert read_lexicon(session, "main") == shipped()
        with pytest.raises(CannotDo, match="no lexicon of version 9"):
            restore(session, "main", 9)


def test_one_organisations_words_are_not_anothers(engine: Engine) -> None:
    changed(engine, {"outage": -4}, org="acme")
    with Session(engine) as session:
        assert read_lexicon(session, "main") is shipped()
        assert current(session, "acme") == (1, "support")


def test_two_who_change_at_once_make_two_versions(engine: Engine) -> None:
    """Eight at a time, each a word of its own: eight versions, and the last has all words."""
    start = threading.Barrier(8)
    made: list[int] = []

    def one(number: int) -> None:
        start.wait(60)
        made.append(changed(engine, {f"word{number}": -1, "shared": -number / 10}))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made) == list(range(1, 9))
    with Session(engine) as session:
        own = read_lexicon(session, "main").words
    assert {f"word{number}" for number in range(1, 9)} <= own.keys()


def test_a_failure_halfway_changes_nothing(engine: Engine) -> None:
    with Session(engine) as session:
        change(session, "main", {"outage": -4})
        session.rollback()
    with Session(engine) as session:
        assert current(session, "main") == (0, "support")
        assert read_lexicon(session, "main") is shipped()


# explained with the lexicon of its time


def test_a_stored_scorer_names_its_lexicon(engine: Engine) -> None:
    for org in ("main", "odd.org+2"):
        changed(engine, {"outage": -4}, org=org)
        changed(engine, {"outage": -1}, org=org, profile="none")
        with Session(engine) as session:
            for version in (1, 2):
                lexicon = read_lexicon(session, org, version)
                assert lexicon_of(session, org, Scorer((), lexicon).version) == lexicon
            assert lexicon_of(session, org, SCORER) == NONE
            assert lexicon_of(session, org, f"{SCORER}+support-1") == shipped()


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "other-2",
        f"{SCORER}+main.99",
        f"{SCORER}+support-1+elsewhere.1",
        f"{SCORER}+support-9+main.1",
    ],
)
def test_a_scorer_that_is_gone_is_explained_by_what_there_is_and_the_name_differs(
    engine: Engine, stored: str | None
) -> None:
    changed(engine, {"outage": -4})
    with Session(engine) as session:
        lexicon = lexicon_of(session, "main", stored)
    assert f"{SCORER}+{lexicon.name}" != stored


# what is refused


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"bad": 4.5}, "between -4 and 4"),
        ({"bad": -5.0}, "between -4 and 4"),
        ({"bad": float("nan")}, "between -4 and 4"),
        ({"bad": float("inf")}, "between -4 and 4"),
        ({"  ": 1.0}, "has no word in it"),
        ({"x" * 81: 1.0}, "81 characters"),
        ({"a b c d e f g": 1.0}, "more than 6 words"),
        ({"a\0b": 1.0}, "NUL"),
        ({"@acme": 1.0}, "would never weigh"),
        ({"https://acme.example": 1.0}, "would never weigh"),
        ({"😡": 1.0}, "read as 'furious'"),
        ({"🍕": 1.0}, "by its name, .pizza"),
        ({"very": 1.0}, "only strengthens other"),
        ({"Late": 1.0, "late ": -1.0}, "two weights"),
        ({"q".join(str(number)): 1.0 for number in range(20_001)}, "20,001 words are too many"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_weigh_is_refused_with_the_reason(
    engine: Engine, words: dict[str, float | None], reason: str
) -> None:
    with pytest.raises(CannotDo, match=reason):
        changed(engine, words)
    with Session(engine) as session:
        assert current(session, "main") == (0, "support")


def test_the_database_refuses_a_weight_out_of_range_too(engine: Engine) -> None:
    with pytest.raises(Exception, match="ck_lexicon_words_weight"), engine.begin() as connection:
        connection.execute(text("INSERT INTO lexicon_words (word, weight, since) VALUES ('bad', 4.1, 1)"))


# the commands


def test_setting_a_word_says_what_it_changes(cli: Earshot) -> None:
    told = cli.done("lexicon", "set", "Still  Waiting", "-3", "outage", "0", "--note", "ours").out
    assert "still waiting: no weight → -3.00; alone it scores -0.5267 → -0.6124" in told
    assert "outage: -1.50 → 0, so it does not count; alone it scores -0.3612 → +0.0000" in told
    assert "Version 1, over the support profile" in told
    assert cli.done("lexicon", "set", "outage", "0").out.startswith("Nothing changed: version 1")
    told = json.loads(cli.done("lexicon", "unset", "outage", "--json").out)
    assert told["version"] == 2
    assert told["words"] == [{"word": "outage", "before": None, "after": -1.5, "alone": [0.0, -0.3612]}]
    assert "no word of main's lexicon" in cli.refused("lexicon", "unset", "outage")


def test_a_long_change_is_summed_up_and_told_word_by_word_when_asked(cli: Earshot) -> None:
    sheet = "word\tweight\nawful\t-1\n" + "".join(f"zork{number}\t-2\n" for number in range(9))
    told = cli.done("lexicon", "import", "-", stdin=sheet).out.splitlines()
    assert told[0] == "10 words: 9 new, 1 changed; the first 5 (all with --verbose):"
    assert [line.partition(":")[0] for line in told[1:6]] == ["awful", "zork0", "zork1", "zork2", "zork3"]
    assert told[6].startswith("Version 1")
    assert len(told) == 7
    told = cli.done("lexicon", "restore", "0", "--verbose").out.splitlines()
    assert told[0] == "10 words: 1 changed, 9 without a weight now"
    assert len(told) == 12


def test_whoever_weighs_our_own_name_is_told_that_it_is_masked(cli: Earshot) -> None:
    cli.done("own", "add", "--name", "Zork Roasters")
    said = cli.done("lexicon", "set", "zork roasters", "-3", "roasters", "-2", "late zork roasters", "-1")
    assert "Our own names are masked before anything is scored" in said.err
    assert "'zork roasters', 'late zork roasters'." in said.err
    assert cli.done("lexicon", "set", "zork roasters", "0", "late", "-1").err == ""


def test_words_are_listed_by_version_with_the_profile_if_asked(cli: Earshot) -> None:
    assert cli.done("lexicon", "list", "--json").json == {"version": 0, "profile": "support", "words": []}
    cli.done("lexicon", "set", "outage", "-3")
    cli.done("lexicon", "profile", "none")
    assert cli.done("lexicon", "list", "--all", "--json").json == {
        "version": 2,
        "profile": "none",
        "words": [{"word": "outage", "weight": -3.0, "of": "main"}],
    }
    first = cli.done("lexicon", "list", "--all", "--version", "1", "--json").json["words"]
    assert {"word": "outage", "weight": -3.0, "of": "main"} in first
    assert {"word": "refund", "weight": -1.5, "of": "support"} in first
    assert len(first) == len(shipped().words)
    assert "outage" in cli.done("lexicon", "list").out
    assert "no lexicon of version 7" in cli.refused("lexicon", "list", "--version", "7")
    assert [row["words"] for row in cli.done("lexicon", "history", "--json").json] == [1, 1]
    assert "support" in cli.done("lexicon", "history").out
    assert "earshot lexicon set" in cli.done("lexicon", "list", "--org", "other").out


@pytest.mark.parametrize("ending", ["tsv", "csv"])
def test_an_exported_lexicon_is_imported_again(cli: Earshot, tmp_path: Path, ending: str) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / f"words.{ending}"
    cli.done("lexicon", "set", "brew, up", "0.1", "won’t brew", "-1.75", "sour", "0")
    cli.done("lexicon", "export", str(file))
    cli.done("lexicon", "import", str(file), "--org", "other")
    ours, theirs = (
        cli.done("lexicon", "list", "--json", "--org", org).json["words"] for org in ("main", "other")
    )
    assert [(row["word"], row["weight"]) for row in ours] == [(row["word"], row["weight"]) for row in theirs]
    file.write_text(file.read_text().replace("won't brew", "won't boil"))
    told = cli.done("lexicon", "import", str(file), "--replace", "--json").json
    assert [(word["word"], word["after"]) for word in told["words"]] == [
        ("won't boil", -1.75),
        ("won't brew", None),
    ]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (
            "word\tweight\nbad\tlots\nworse\t-9\n\t1\nodd",
            "line 2: the weight of 'bad' is 'lots'.*line 3.*line 4.*line 5",
        ),
        ("word\tweight\nbad\tnan\n", "line 2: .*between -4 and 4"),
        ("word\tweight\nbad\t1\nbad\t2\n", "line 3: 'bad' has another weight"),
        ("words\nbad\n", "needs the heading"),
        ("word\tweight\n", "no words under its heading"),
        ("", "needs the heading"),
    ],
)
def test_a_file_is_taken_whole_or_not_at_all(cli: Earshot, file: str, reason: str) -> None:
    told = cli("lexicon", "import", "-", stdin=file)
    assert told.code == 1
    assert re.search(reason, told.err), told.err
    assert cli.done("lexicon", "list", "--json").json["version"] == 0


def test_a_weight_that_is_no_number_is_refused_in_a_sentence(cli: Earshot) -> None:
    assert "must be a number" in cli.refused("lexicon", "set", "bad", "worst", code=2)
    assert "between -4 and 4" in cli.refused("lexicon", "set", "bad", "-4.01", code=2)
    assert "between -4 and 4" in cli.refused("lexicon", "set", "bad", "nan", code=2)
    assert "given twice" in cli.refused("lexicon", "set", "bad", "1", "bad", "2", code=2)
    assert "needs a weight" in cli.refused("lexicon", "set", "bad", code=2)
    assert cli.done("lexicon", "history", "--json").json == []


def test_a_score_is_told_with_our_words_the_profiles_or_vaders(cli: Earshot) -> None:
    text = "Not good!! Still WAITING, and the brew is sour?? 😡"
    cli.done("lexicon", "set", "sour", "-3")
    for lexicon, scorer in (("org", "+support-1+main.1"), ("support", "+support-1"), ("none", "")):
        told = cli.done("score", text, "--lexicon", lexicon, "--json").json
        assert told["scorer"] == SCORER + scorer
        assert sum(word["weight"] for word in told["words"]) + told["emphasis"] == told["total"]
        assert (
            told["compound"]
            == told["sentiment"]
            == round(told["total"] / (told["total"] ** 2 + 15) ** 0.5, 4)
        )
        assert any(word["word"] == "sour" for word in told["words"]) == (lexicon == "org")
    shown = cli.done("score", text).out
    told = cli.done("score", text, "--json").json
    assert float(shown.split("sum ")[1].split()[0]) == pytest.approx(told["total"], abs=1e-9)
    weights = [float(part.split()[-1]) for part in shown.split("words   ")[1].split(";")[0].split(", ")]
    assert sum(weights) == pytest.approx(float(shown.split("sum ")[1].split()[0]), abs=1e-9)


def test_without_a_database_a_score_is_told_with_the_shipped_profile(home: Path) -> None:
    told = earshot(home)("score", "no refund", "--json")
    assert told.json["scorer"] == f"{SCORER}+support-1"
    assert "shipped support profile, without our own names and words" in told.err
    assert not earshot(home)("score", "no refund", "--lexicon", "support").err


def test_a_post_is_scored_with_the_organisations_words(cli: Earshot, database: str, engine: Engine) -> None:
    cli.done("own", "add", "mastodon", "acme@town.example")
    cli.done("lexicon", "set", "sour brew", "-4")
    hear(database, [said(1, "@acme a sour brew today")])
    with engine.begin() as connection:
        row = connection.execute(text("SELECT sentiment, scorer FROM social_events")).one()
    assert row.scorer == f"{SCORER}+support-1+main.1"
    assert row.sentiment == -0.7184
