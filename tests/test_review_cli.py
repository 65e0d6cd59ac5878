"""`earshot review` as people type it: records and authors by name, what is ambiguous is shown, every step has its undo."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors._base import Author, Post
from tests.command_line import Earshot, earshot, hear, rows

NOW = datetime.now(UTC).replace(microsecond=0)


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
        **more,
    }
    return Post(**values)  # type: ignore[arg-type]


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    command = earshot(home, database_url=database)
    accounts = "name,website\nVelmora Hotels,velmora.com\nVelmora Homes,\nQuimbly Bikes,\n"
    command.done("import", "accounts", "-", stdin=accounts)
    contacts = "account,first_name,last_name,email\nVelmora Hotels,Kim,Moreno,kim@velmora.com\n,Kim,Novak,novak@x.org\n"
    command.done("import", "contacts", "-", stdin=contacts)
    hear(database, [said(1, "A bike."), said(2, "Another bike."), said(3, "A \x1b[31mred bike.", who="lee")])
    return command


def _suggest(database: str, number: int, evidence: str, **more: Any) -> None:
    rows(
        database,
        "INSERT INTO matches (event_id, kind, record_id, how, sure, evidence, state, author)"
        " SELECT e.id, 'account', a.id, 'similar name', 0.72, :evidence, 'suggested', :author"
        " FROM social_events e, accounts a"
        " WHERE a.name = 'Quimbly Bikes' AND e.external_id = :id",
        id=f"https://town.example/statuses/{number}",
        evidence=evidence,
        author=more.get("author", False),
    )


def _account(database: str, number: int) -> str | None:
    [row] = rows(
        database,
        "SELECT a.name FROM social_events e LEFT JOIN accounts a ON a.id = e.account_id WHERE e.external_id = :id",
        id=f"https://town.example/statuses/{number}",
    )
    name: str | None = row[0]
    return name


def test_the_queue_groups_the_same_evidence_and_a_decision_can_be_taken_back(
    cli: Earshot, database: str
) -> None:
    assert "Nothing waits" in cli.done("review").out
    _suggest(database, 1, "Quimbly")
    _suggest(database, 2, "quimbly ")
    _suggest(database, 3, "Kwimbly")
    found = cli.done("review", "--json").json
    assert sorted(row["posts"] for row in found) == [1, 2]
    assert {row["record"] for row in found} == {"Quimbly Bikes"}
    table = cli.done("review").out
    assert "Quimbly Bikes" in table
    assert "\x1b" not in table
    pair = next(row for row in found if row["posts"] == 2)
    told = cli.done("review", "show", pair["id"][-8:], "--json").json
    assert (told["sure"], told["ties"][0]["state"]) == (0.72, "suggested")
    assert "72% sure" in cli.done("review", "show", pair["id"][-8:]).out
    cli.done("review", "accept", pair["id"][-8:], "--all-like-it", "--by", "sam")
    assert [_account(database, number) for number in (1, 2, 3)] == ["Quimbly Bikes"] * 2 + [None]
    [step] = cli.done("review", "log", "--json").json
    assert (step["action"], step["by"], step["matches"], step["record"]) == (
        "accept",
        "sam",
        2,
        "Quimbly Bikes",
    )
    assert "and 1 like it" in cli.done("review", "log").out
    cli.done("review", "undo", step["id"][-8:])
    assert [_account(database, number) for number in (1, 2, 3)] == [None] * 3
    cli.done("review", "reject", pair["id"])
    assert len(cli.done("review", "--json").json) == 2
    assert "no suggestion any more" in cli.refused("review", "reject", pair["id"])
    assert "Nobody" not in cli.done("review", "log").out


def test_an_author_is_named_by_handle_and_a_record_by_name_or_address(cli: Earshot, database: str) -> None:
    line = cli.done("review", "link", "mastodon:kim@town.example", "contact", "kim@velmora.com").out
    assert "mastodon:kim@town.example is tied to the contact Kim Moreno" in line
    assert [_account(database, number) for number in (1, 2, 3)] == ["Velmora Hotels"] * 2 + [None]
    assert "linked to the contact Kim Moreno already" in cli.refused(
        "review", "link", "mastodon:@kim@town.example", "contact", "Kim Moreno"
    )
    undo = line.rpartition("earshot ")[2].split()
    cli.done(*undo)
    assert _account(database, 1) is None
    cli.done("review", "link", "https://town.example/statuses/3", "account", "quimbly")
    assert _account(database, 3) == "Quimbly Bikes"
    cli.done("review", "unlink", "https://town.example/statuses/3", "account", "quimbly")
    assert _account(database, 3) is None


def test_what_fits_several_is_shown_and_not_guessed(cli: Earshot, database: str) -> None:
    post = "https://town.example/statuses/1"
    told = cli.refused("review", "link", post, "account", "velmora")
    assert "fits 2 accounts" in told
    assert "Velmora Hotels" in told
    assert "Velmora Homes" in told
    told = cli.refused("review", "link", post, "contact", "kim")
    assert "Kim Moreno" in told
    assert "Kim Novak" in told
    assert "No campaign of main is called" in cli.refused("review", "link", post, "campaign", "Spring")
    assert "There is no kind 'boss'" in cli.refused("review", "link", post, "boss", "x")
    assert "platform:handle" in cli.refused("review", "link", "nobody", "contact", "kim@velmora.com")
    rows(
        database,
        "INSERT INTO identities (platform, stable_id, handle) VALUES ('mastodon', 'another', 'kim@town.example')",
    )
    told = cli.refused("review", "link", "mastodon:kim@town.example", "contact", "kim@velmora.com")
    assert "fits 2 authors" in told
    assert "another" in told
    assert "say from what" in cli.refused("review", "unlink", post, code=2)
    assert "no id of a step" in cli.refused("review", "undo", "x")


def test_two_contacts_of_one_name_are_told_apart_by_address_and_account(cli: Earshot) -> None:
    twins = "account,first_name,last_name,email\nVelmora Homes,Sam,Lee,sam@a.org\nVelmora Hotels,Sam,Lee,sam@b.org\n"
    cli.done("import", "contacts", "-", stdin=twins)
    told = cli.refused("review", "link", "mastodon:kim@town.example", "contact", "Sam Lee")
    assert "Sam Lee (sam@a.org, Velmora Homes, " in told
    assert "Sam Lee (sam@b.org, Velmora Hotels, " in told
    assert "Give the e-mail address" in told
    told = cli.refused(
        "aliases", "add", "handle", "sam@x.example", "--platform", "mastodon", "--contact", "Sam Lee"
    )
    assert "sam@b.org" in told


def test_a_contact_that_takes_anothers_place_is_named_with_it(cli: Earshot) -> None:
    author = ("review", "link", "mastodon:kim@town.example", "contact")
    assert "instead" not in cli.done(*author, "kim@velmora.com").out
    assert "the contact Kim Novak instead of Kim Moreno" in cli.done(*author, "novak@x.org").out
    told = cli.done(*author, "kim@velmora.com", "--json").json
    assert (told["record"]["name"], told["instead_of"]["name"]) == ("Kim Moreno", "Kim Novak")


def test_a_name_that_was_accepted_is_told_with_the_line_that_makes_it_known(
    cli: Earshot, database: str
) -> None:
    _suggest(database, 1, "Quimbly $(rm)")
    _suggest(database, 2, "Target")
    _suggest(database, 3, "Kwimbly", author=True)
    ids = {row["evidence"]: row["id"] for row in cli.done("review", "--json").json}
    line = cli.done("review", "accept", ids["Quimbly $(rm)"]).out
    assert "earshot aliases add name 'Quimbly $(rm)' --account 'Quimbly Bikes'" in line
    told = cli.done("review", "accept", ids["Target"], "--json").json
    assert told["hint"].endswith("--account 'Quimbly Bikes' --with WORD")
    assert "aliases" not in cli.done("review", "accept", ids["Kwimbly"]).out
    words = shlex.split(line.rpartition("earshot ")[2])
    assert "stands for the account Quimbly Bikes" in cli.done(*words).out


def test_each_step_is_told_as_json_with_what_takes_it_back(cli: Earshot, database: str) -> None:
    rows(
        database,
        "INSERT INTO identities (platform, stable_id, handle) VALUES ('bluesky', 'did:1', 'kim.example')",
    )
    _suggest(database, 1, "Quimbly")
    _suggest(database, 2, "Kwimbly")
    [first, second] = [row["id"] for row in cli.done("review", "--json").json]
    post, kim, other = "https://town.example/statuses/3", "mastodon:kim@town.example", "bluesky:kim.example"
    for words, done in (
        (("accept", first), "accepted"),
        (("reject", second), "rejected"),
        (("link", post, "account", "quimbly"), "linked"),
        (("unlink", post, "account", "quimbly"), "unlinked"),
        (("merge", kim, other), "merged"),
        (("unmerge", other), "unmerged"),
    ):
        told = cli.done("review", *words, "--by", "sam", "--json").json
        [step] = told["steps"]
        assert (told["done"], told["org"], step["action"], step["by"]) == (done, "main", words[0], "sam")
    assert step["identity_id"]
    told = cli.done("review", "undo", step["id"], "--json").json
    assert (told["done"], told["steps"][0]["id"]) == ("taken back", step["id"])
    assert "unmerge, taken back 2" in cli.done("review", "log").out


def test_a_merge_is_refused_with_its_reason_and_an_unmerge_names_its_undo(
    cli: Earshot, database: str
) -> None:
    told = cli.refused("review", "merge", "mastodon:kim@town.example", "mastodon:lee@town.example")
    assert "both on mastodon" in told
    rows(
        database,
        "INSERT INTO identities (platform, stable_id, handle) VALUES ('bluesky', 'did:1', 'kim.example')",
    )
    told = cli.done("review", "merge", "mastodon:kim@town.example", "bluesky:kim.example").out
    assert "bluesky:kim.example is one person with mastodon:kim@town.example now" in told
    told = cli.refused("review", "unmerge", "mastodon:kim@town.example")
    assert "merged into it are: bluesky:kim.example" in told
    assert "earshot review undo" in cli.done("review", "unmerge", "bluesky:did:1").out
    assert [step["action"] for step in cli.done("review", "log", "--json").json] == ["unmerge", "merge"]


def test_accepting_who_the_author_is_says_so(cli: Earshot, database: str) -> None:
    _suggest(database, 1, "@kim@town.example", author=True)
    [row] = cli.done("review", "--json").json
    assert "the author is account Quimbly Bikes" in cli.done("review").out
    assert "1 author accepted" in cli.done("review", "accept", row["id"][-8:]).out
    assert [_account(database, number) for number in (1, 2)] == ["Quimbly Bikes"] * 2
