"""What was heard, as support and marketing read it: cases, mentions, explain, score, quarantine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from connectors._base import Author, Mention, Post
from console.world import reckon
from tests.command_line import Earshot, earshot, hear, rows
from tests.waiting import eventually

NOW = datetime.now(UTC).replace(microsecond=0)
US = Mention(id="https://town.example/users/acme", handle="acme@town.example")


def said(number: int, words: str, who: str = "kim", **more: object) -> Post:
    values = {
        "id": f"https://town.example/statuses/{number}",
        "posted_at": NOW - timedelta(minutes=60 - number),
        "verb": "post",
        "text": words,
        "lang": "en",
        "author": Author(
            id=f"https://town.example/users/{who}", handle=f"{who}@town.example", name=who.title()
        ),
        "mentions": (US,),
        **more,
    }
    return Post(**values)  # type: ignore[arg-type]


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    command = earshot(home, database_url=database)
    command.done("own", "add", "mastodon", "acme@town.example", "--name", "Acme Coffee")
    command.done("import", "accounts", "-", stdin="name,website\nVelmora Hotels,velmora.com\n")
    contact = "account,first_name,last_name,email,handles\nVelmora Hotels,Alice,Moreno,a@velmora.com,mastodon:alice@town.example\n"
    command.done("import", "contacts", "-", stdin=contact)
    command.done(
        "import", "campaigns", "-", stdin="name,status,hashtags\nSlow Mornings,active,slowmornings\n"
    )
    return command


def test_cases_say_whose_complaint_which_ticket_and_which_rule(cli: Earshot, database: str) -> None:
    assert cli.done("cases", "--json").json == []
    hear(
        database,
        [
            said(1, "@acme your machine is horrible, awful, the worst. I hate it."),
            said(2, "@acme that lid is annoying", who="lee", mentions=(US,)),
            said(3, "@acme lovely cup, thank you!", who="joy"),
        ],
    )
    found = cli.done("cases", "--json").json
    worst = next(case for case in found if case["author"] == "kim@town.example")
    assert worst["level"] == "ticket"
    assert worst["ticket"]["number"] >= 1001
    assert worst["activity"] is None
    assert worst["score"] < -0.4
    assert worst["rule"] == "A complaint to us"
    assert worst["subject"].startswith("identity:")
    assert {case["author"] for case in found} <= {"kim@town.example", "lee@town.example"}
    table = cli.done("cases").out
    assert f"#{worst['ticket']['number']}" in table
    assert "A complaint to us" in table
    rows(database, "UPDATE tickets SET status = 'resolved' WHERE id = :id", id=worst["ticket"]["id"])
    assert worst["case"] not in {case["case"] for case in cli.done("cases", "--json").json}
    assert [case["case"] for case in cli.done("cases", "--closed", "--json").json] == [worst["case"]]
    assert len(cli.done("cases", "--all", "--json").json) == len(found)


def test_explain_says_why_this_score_this_record_and_this_ticket(cli: Earshot, database: str) -> None:
    hear(
        database,
        [
            said(
                1,
                "@acme the espresso at velmora.com is horrible and disgusting",
                who="alice",
                links=("https://velmora.com/x",),
            )
        ],
    )
    (event,) = rows(database, "SELECT id, external_id FROM social_events")
    by_id = cli.done("explain", str(event.id)).out
    for part in (
        "horrible",
        "link domain",
        "Velmora Hotels",
        "Alice Moreno: identity",
        "A complaint to us",
        "ticket #",
    ):
        assert part in by_id, part
    assert "-0.42" in by_id
    assert "mastodon hashtag acme" in by_id
    for name in (event.external_id, str(event.id)[-8:], str(event.id)[:20]):
        assert cli.done("explain", name).out == by_id
    told = cli.done("explain", event.external_id, "--json").json
    weights = sum(word["weight"] for word in told["words"]["words"])
    assert weights + told["words"]["emphasis"] == pytest.approx(told["words"]["total"])
    assert told["sentiment"] == told["words"]["compound"]
    assert "is called 'nobody'" in cli.refused("explain", "nobody")


def test_explain_says_why_nothing_was_opened(cli: Earshot, database: str) -> None:
    hear(
        database,
        [
            said(1, "Das ist wirklich nicht gut, ich will mein Geld zurück", lang="de"),
            said(2, "@acme you are horrible and awful and the worst", who="acme"),
            said(3, "@acme fine"),
        ],
    )
    german = cli.done("explain", "https://town.example/statuses/1").out
    assert "it is not English (de)" in german
    assert "our own posts never open one" in cli.done("explain", "https://town.example/statuses/2").out
    assert "no threshold was crossed" in cli.done("explain", "https://town.example/statuses/3").out


def test_another_organisation_sees_nothing(cli: Earshot, database: str) -> None:
    hear(database, [said(1, "@acme your machine is horrible, awful, the worst. I hate it.")])
    assert cli.done("cases", "--org", "other", "--json").json == []
    assert cli.done("--org", "other", "mentions", "--json").json == []
    cli.refused("explain", "https://town.example/statuses/1", "--org", "other")
    for words in (("cases",), ("mentions",), ("status",)):
        told = cli.done(*words, "--org", "other")
        assert "Nothing is known of organisation 'other'." in told.out + told.err
        assert "Nothing is known" not in cli.done(*words).err
    cli.done("own", "add", "--name", "Other Coffee", "--org", "other")
    assert "There are no open cases." in cli.done("cases", "--org", "other").out


def test_mentions_can_be_those_of_a_campaign_or_an_account(cli: Earshot, database: str) -> None:
    hear(
        database,
        [
            said(1, "what a start #slowmornings", hashtags=("slowmornings",)),
            said(2, "see https://velmora.com", links=("https://velmora.com",)),
            said(3, "@acme hello"),
        ],
    )
    everything = cli.done("mentions", "--json").json
    assert [row["external_id"][-1] for row in everything] == ["1", "2", "3"]
    assert [row["external_id"][-1] for row in cli.done("mentions", "--campaign", "slow", "--json").json] == [
        "1"
    ]
    assert [
        row["external_id"][-1] for row in cli.done("mentions", "--account", "velmora hotels", "--json").json
    ] == ["2"]
    assert len(cli.done("mentions", "-n", "1", "--json").json) == 1
    assert "No campaign of main is called 'nope'" in cli.refused("mentions", "--campaign", "nope")
    assert "Slow Mornings" in cli.done("mentions").out


def test_mentions_follow_what_comes_in(cli: Earshot, database: str, tmp_path: Path) -> None:
    source = hear(database, [said(1, "@acme before")])
    out = tmp_path / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "console", "mentions", "--follow"], env=cli.env, stdout=file, cwd="/"
        )
    try:
        eventually(lambda: "before" in out.read_text(), within=30, of="the posts that were there")
        hear(database, [said(2, "@acme meanwhile"), said(1, "@acme before")], source=source)
        eventually(lambda: "meanwhile" in out.read_text(), within=15, of="the post that came in")
        hear(database, [said(3, "@acme at last")], source=source)
        eventually(lambda: "at last" in out.read_text(), within=15, of="the next post")
    finally:
        os.kill(process.pid, signal.SIGINT)
        code = process.wait(15)
    assert code == 130
    assert out.read_text().count("meanwhile") == 1
    assert out.read_text().count("before") == 1


def test_a_strangers_text_cannot_steer_the_terminal(cli: Earshot, database: str) -> None:
    hear(database, [said(1, "@acme \x1b]0;owned\x07 [red]awful[/red] \u202egnp.exe", who="mal")])
    for words in (("mentions",), ("explain", "https://town.example/statuses/1")):
        shown = cli.done(*words).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[red]awful[/red]" in shown


def test_score_shows_the_words_and_what_has_no_score(cli: Earshot) -> None:
    told = cli.done("score", "the app is awful", "--json").json
    assert told["sentiment"] == -0.4588
    assert [word["word"] for word in told["words"]] == ["awful"]
    assert "awful -2.00" in cli.done("score", "--lexicon", "none", "the app is awful").out
    assert "it has no words" in cli.done("score", "").out
    assert cli.done("score", "-", "--json", stdin="the app is awful").json["sentiment"] == -0.4588


def test_what_has_no_score_is_told_without_a_number_and_why(cli: Earshot) -> None:
    german = "Das ist so awful und die Leute warten schon wieder seit Stunden auf ihren Kaffee"
    said = cli.done("score", german).out
    assert "→" not in said
    assert said.count("it is not English (de)") == 2
    assert cli.done("score", german, "--json").json["sentiment"] is None


def test_bytes_that_are_no_text_are_refused(cli: Earshot) -> None:
    assert "standard input is not UTF-8 (line 1)" in cli.refused("score", "-", stdin=b"caf\xe9")


def test_score_needs_no_database(home: Path) -> None:
    said = earshot(home)("score", "the app is awful")
    assert said.code == 0
    assert "-0.4588" in said.out
    assert "without our own names" in said.err


def test_a_post_in_quarantine_is_shown_replayed_and_dropped(cli: Earshot, database: str) -> None:
    source = hear(database, [said(1, "@acme hello")])
    (page,) = rows(database, "SELECT id FROM pages")
    put = (
        "INSERT INTO quarantine (platform, source_id, page_id, item, stage, external_id, reason, payload)"
        " VALUES ('mastodon', :source, :page, :item, :stage, :id, 'because', :payload) RETURNING id"
    )
    post = said(7, "@acme this one failed")
    failed = {"item": 1, "stage": "digest", "id": post.id, "payload": msgspec.msgpack.encode(post)}
    reject = {"item": 2, "stage": "reject", "id": None, "payload": b'{"id": null}'}
    for row in (failed, reject):
        rows(database, put, source=source, page=page.id, **row)
    held = {row["stage"]: row["id"] for row in cli.done("quarantine", "list", "--json").json}
    assert "this one failed" in cli.done("quarantine", "show", post.id).out
    assert cli.done("quarantine", "show", held["reject"], "--json").json["payload"] == {"id": None}

    assert "it takes a connector that reads it" in cli.refused("quarantine", "replay", held["reject"])
    cli.done("quarantine", "replay", "--all")
    assert rows(database, "SELECT count(*) AS n FROM pages WHERE state = 'landed'")[0].n == 1
    hear(database, [], source=source)
    assert (
        rows(database, "SELECT text FROM social_events WHERE external_id = :id", id=post.id)[0].text
        == post.text
    )
    assert "not held any more" in cli.refused("quarantine", "replay", held["digest"])
    assert (
        "Nothing to replay: what is held (1) could not be read"
        in cli.done("quarantine", "replay", "--all").out
    )
    cli.done("quarantine", "drop", held["reject"])
    assert cli.done("quarantine", "drop", "--all").out == "Nothing to drop.\n"
    assert cli.done("quarantine", "list", "--json").json == []
    assert {row["state"] for row in cli.done("quarantine", "list", "--all", "--json").json} == {
        "replayed",
        "dropped",
    }
    (ledger,) = rows(
        database, "SELECT sum(fetched) AS fetched, sum(new) AS new, sum(waiting) AS waiting FROM ledger"
    )
    assert (ledger.fetched, ledger.new, ledger.waiting) == (2, 2, 0)


def test_a_complaint_that_is_not_digested_yet_is_not_missed_yet(cli: Earshot, database: str) -> None:
    post = said(1, "@acme your machine is horrible, awful, the worst. I hate it.")
    hear(database, [post])
    ids = (post.id, "https://town.example/statuses/2")
    truth = {
        "complaints": [{"platform": "mastodon", "external_id": one, "text": "", "returned": 1} for one in ids]
    }
    with Session(create_engine(database, poolclass=NullPool)) as session:
        before, after = reckon(session, "main", truth), reckon(session, "main", truth, over=True)
    assert before.sentence().endswith("ticketed 1, missed 0, not digested yet 1")
    assert after.sentence().endswith("ticketed 1, missed 1")
    assert [why for _, why in after.missed] == ["filtered, or in quarantine"]
