"""`earshot aliases` and what becomes of a word that cannot be anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import Earshot, earshot, hear, rows
from tests.conftest import Servers
from tests.journey import post

ACCOUNT = ("--account", "Target Corp")


def introduce(cli: Earshot) -> None:
    cli.done("import", "accounts", "-", stdin="name\nTarget Corp\nVelmora Hotels\n")
    cli.done("import", "contacts", "-", stdin="first_name,last_name,email\nKim,Day,kim@velmora.example\n")
    campaigns = "name,starts_on,ends_on\nSpring launch,2026-03-01,2026-05-31\n"
    cli.done("import", "campaigns", "-", stdin=campaigns)


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    cli = earshot(home, database_url=database)
    introduce(cli)
    return cli


@pytest.fixture(scope="module")
def shared(servers: Servers, shared_folder: Path) -> Iterator[tuple[Earshot, str]]:
    """For what writes nothing: a database for all of it."""
    with servers.new_database() as (fleet, _):
        cli = earshot(shared_folder / "nowhere", database_url=fleet)
        introduce(cli)
        yield cli, fleet


def test_a_word_is_added_for_each_kind_of_record_listed_and_taken_away(cli: Earshot, database: str) -> None:
    cli.done(
        "aliases", "add", "name", "Target", *ACCOUNT, "--with", "store, cart,,returns", "--with", "Cart Pro"
    )
    cli.done(
        "aliases", "add", "handle", "@Kim@Town.example", "--platform", "Mastodon", "--contact", "kim day"
    )
    cli.done(
        "aliases", "add", "utm", "spring24", "--campaign", "Spring launch",
        "--from", "2026-03-02", "--to", "2026-04-01",
    )  # fmt: skip
    cli.done("aliases", "add", "hashtag", "#RivalRoast", "--competitor", "Rival Roasters")
    cli.done("aliases", "add", "phone", "+44 (20) 7946 0101", *ACCOUNT)
    found = rows(
        database, "SELECT kind, value, platform, of, needs, valid_from::text, valid_to::text FROM aliases"
    )
    assert {tuple(map(str, row)) for row in found} == {
        ("name", "Target", "None", "account", "['store', 'cart', 'returns', 'Cart Pro']", "None", "None"),
        ("handle", "kim@town.example", "mastodon", "contact", "[]", "None", "None"),
        ("utm", "spring24", "None", "campaign", "[]", "2026-03-02", "2026-04-01"),
        ("hashtag", "rivalroast", "None", "competitor", "[]", "None", "None"),
        ("phone", "+442079460101", "None", "account", "[]", "None", "None"),
    }
    listed = cli.done("aliases", "list", *ACCOUNT, "--json").json
    assert [(row["kind"], row["target"]) for row in listed] == [
        ("name", "Target Corp"),
        ("phone", "Target Corp"),
    ]
    assert "with store or cart or returns or Cart Pro" in cli.done("aliases", "list", "--kind", "name").out
    assert len(cli.done("aliases", "list", "--competitor", "rival roasters", "--json").json) == 1
    assert "no longer" in cli.done("aliases", "remove", "hashtag", "RivalRoast").out
    assert "No hashtag 'rivalroast'" in cli.refused("aliases", "remove", "hashtag", "rivalroast")
    cli.done("aliases", "remove", "phone", "+44 20 7946 0101")
    assert len(rows(database, "SELECT id FROM aliases")) == 3


def test_adding_again_changes_the_days_and_the_words_beside_it_and_doubles_nothing(
    cli: Earshot, database: str
) -> None:
    words = ("aliases", "add", "keyword", "cup", "--campaign", "Spring launch")
    assert "stands for" in cli.done(*words, "--with", "coffee").out
    assert "stands already" in cli.done(*words).out
    assert "otherwise" in cli.done(*words, "--with", "coffee,roaster", "--to", "2026-04-01").out
    (row,) = rows(database, "SELECT needs, valid_to::text FROM aliases")
    assert tuple(row) == (["coffee", "roaster"], "2026-04-01")
    assert "ends before it begins" in cli.refused(*words, "--from", "2026-05-01", code=2)


def test_a_word_of_several_is_taken_from_the_one_that_is_named(cli: Earshot, database: str) -> None:
    for name in ("Target Corp", "Velmora Hotels"):
        cli.done("aliases", "add", "domain", "https://www.shop.example/x", "--account", name)
    assert "stands for several (Target Corp; Velmora Hotels)" in cli.refused(
        "aliases", "remove", "domain", "shop.example"
    )
    cli.done("aliases", "remove", "domain", "shop.example", *ACCOUNT)
    assert len(rows(database, "SELECT id FROM aliases")) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("name", "Target", *ACCOUNT), "'Target' is an ordinary English word"),
        (("name", "targets", *ACCOUNT), "ordinary English word"),
        (("name", "Target!", *ACCOUNT), "ordinary English word"),
        (("keyword", "returns", "--campaign", "Spring launch"), "ordinary English word"),
        (("name", "orchard", "--competitor", "Orchard"), "ordinary English word"),
        (("name", "Target", *ACCOUNT, "--with", "the"), "tells nothing"),
        (("name", "Target", *ACCOUNT, "--with", "TARGETS"), "no second signal"),
        (("name", "Target®", *ACCOUNT), "ordinary English word"),
        (("name", "(Target)", *ACCOUNT), "ordinary English word"),
        (("name", "\uff34\uff41\uff52\uff47\uff45\uff54", *ACCOUNT), "ordinary English word"),
        (("hashtag", "love", *ACCOUNT), "'love' is an ordinary English word"),
        (("hashtag", "#Deals", "--campaign", "Spring launch"), "'deals' is an ordinary English word"),
        (("hashtag", "deal", *ACCOUNT, "--with", "deal"), "no second signal"),
        (("name", "Target", *ACCOUNT, "--with", "of the"), "tells nothing"),
        (
            ("domain", "deal.example", *ACCOUNT, "--with", "store"),
            "Only a name, a keyword or a hashtag takes words",
        ),
        (("domain", "https://facebook.com/acme", *ACCOUNT), "On facebook.com everybody may have a page"),
        (("domain", "gmail.com", *ACCOUNT), "everybody may have a page or a mailbox"),
        (("phone", "020 7946 0101", *ACCOUNT), "written with its country"),
        (("phone", "+44 123", *ACCOUNT), "too few or too many digits"),
        (("phone", "+what", *ACCOUNT), "is no phone number"),
        (("handle", "acme", *ACCOUNT), "On which platform?"),
        (("handle", "acme", *ACCOUNT, "--platform", "mastodon"), "names its server"),
        (("handle", "acme", *ACCOUNT, "--platform", "myspace"), "is no platform"),
        (("hashtag", "acme", *ACCOUNT, "--platform", "mastodon"), "Only a handle belongs to a platform"),
        (("shoe", "44", *ACCOUNT), "There is no kind 'shoe'"),
        (("hashtag", "acme"), "For whom?"),
        (("hashtag", "acme", *ACCOUNT, "--competitor", "Acme"), "one at a time"),
        (("hashtag", "acme", "--account", "Nobody Ltd"), "No account of main is called 'Nobody Ltd'"),
    ],
)
def test_what_cannot_be_anybodys_is_refused_with_the_reason(
    shared: tuple[Earshot, str], words: tuple[str, ...], reason: str
) -> None:
    cli, database = shared
    # 2: it can never be taken; 1: it cannot as things are, or as it was asked
    code = 1 if any(why in reason for why in ("one at a time", "No account of")) else 2
    assert reason in cli.refused("aliases", "add", *words, code=code)
    assert rows(database, "SELECT id FROM aliases") == []


def test_what_was_done_with_a_word_is_told_as_json(cli: Earshot) -> None:
    words = ("phone", "+44 (20) 7946 0101", *ACCOUNT, "--json")
    told = cli.done("aliases", "add", *words).json
    assert (told["done"], told["org"], told["remarks"]) == ("added", "main", [])
    assert (told["alias"]["value"], told["alias"]["target"]) == ("+442079460101", "Target Corp")
    assert cli.done("aliases", "add", *words).json["done"] == "same"
    told = cli.done("aliases", "remove", *words).json
    assert (told["done"], told["alias"]["target"]) == ("removed", "Target Corp")


def test_whoever_adds_a_word_is_told_how_the_past_is_tied(cli: Earshot) -> None:
    words = ("aliases", "add", "domain", "zork.example")
    assert "earshot rematch --since" in cli.done(*words, *ACCOUNT).out
    assert "rematch" not in cli.done(*words, *ACCOUNT).out
    assert "rematch" not in cli.done(*words, "--competitor", "Zork").out


def test_what_is_ours_or_others_have_too_is_taken_and_said(cli: Earshot) -> None:
    cli.done("own", "add", "--name", "Zork & Sons")
    said = cli.done("aliases", "add", "name", "Zork and Sons", *ACCOUNT)
    assert "'Zork & Sons' is our own name" in said.err
    assert "stands for the account Target Corp" in said.out
    hotels = ("--account", "Velmora Hotels")
    assert cli.done("aliases", "add", "phone", "+442079460101", *ACCOUNT).err == ""
    said = cli.done("aliases", "add", "phone", "+44 20 7946 0101", *hotels, "--json")
    [remark] = said.json["remarks"]
    assert "is that of Target Corp too: what two records share is suggested" in remark
    assert remark in said.err
    assert (
        "is that of Velmora Hotels too" in cli.done("aliases", "add", "name", "velmora HOTELS", *ACCOUNT).err
    )


def test_accounts_that_are_called_like_us_or_share_a_telephone_are_said_when_they_come(cli: Earshot) -> None:
    cli.done("own", "add", "--name", "Zork Roasters")
    sheet = "name,phone\nZORK Roasters,+44 20 7946 0101\nZork Bakers,(020) 79460101\n"
    said = cli.done("import", "accounts", "-", stdin=sheet)
    assert "The account ZORK Roasters is called like ourselves" in said.err
    assert "ZORK Roasters and Zork Bakers have one telephone number" in " ".join(said.err.split())
    assert "2 added" in said.out
    assert cli.done("import", "accounts", "-", stdin=sheet).err == ""


def test_an_ending_of_domains_is_nobodys(shared: tuple[Earshot, str]) -> None:
    cli, _ = shared
    for ending in ("co.uk", "https://www.github.io"):
        said = cli.refused("aliases", "add", "domain", ending.replace("www.", ""), *ACCOUNT, code=2)
        assert "an ending under which everybody may have a domain" in said


def test_a_day_that_is_none_and_with_nothing_beside_it_are_told(shared: tuple[Earshot, str]) -> None:
    cli, _ = shared
    assert "is no day" in cli.refused("aliases", "add", "hashtag", "x1", *ACCOUNT, "--from", "soon", code=2)
    assert "no word is named" in cli.refused(
        "aliases", "add", "name", "Box", *ACCOUNT, "--with", " ,", code=2
    )


def test_our_own_name_that_is_an_ordinary_word_needs_another_beside_it(cli: Earshot) -> None:
    assert "ordinary English word" in cli.refused("own", "add", "--name", "target", code=2)
    assert "ordinary English word" in cli.refused("own", "add", "--keyword", "target", code=2)
    assert "ordinary English word" in cli.refused("own", "add", "--hashtag", "target", code=2)
    cli.refused("own", "add", "--domain", "acme.example", "--with", "store", code=2)
    words = ("--name", "target", "--hashtag", "Target", "--domain", "acme.example", "--with", "store,cart")
    cli.done("own", "add", *words)
    found = {row["kind"]: row["needs"] for row in cli.done("own", "list", "--json").json}
    assert found == {"name": ["store", "cart"], "hashtag": ["store", "cart"], "domain": []}


def test_a_hashtag_of_an_ordinary_word_counts_beside_its_second_word_alone(
    cli: Earshot, database: str
) -> None:
    cli.done("aliases", "add", "hashtag", "#Target", *ACCOUNT, "--with", "store,cart")
    hear(
        database,
        [
            post("1", "The store has no cups again #target", by="ann", hashtags=("target",)),
            post("2", "Five miles a day is mine #target", by="bob", hashtags=("target",)),
        ],
    )
    named = {row["external_id"] for row in cli.done("mentions", "--account", "Target Corp", "--json").json}
    assert named == {"1"}


def test_a_handle_is_not_both_ours_and_a_competitors(cli: Earshot, database: str) -> None:
    ours, theirs = ("own", "add", "mastodon"), ("aliases", "add", "handle", "--platform", "mastodon")
    rival = ("--competitor", "Rival Roasters")
    cli.done(*ours, "us@town.example")
    assert "stands for ourselves already" in cli.refused(*theirs, "us@town.example", *rival)
    cli.done(*theirs, "them@town.example", *rival)
    assert "stands for a competitor already" in cli.refused(*ours, "them@town.example")
    assert "stands already" in cli.done(*theirs, "them@town.example", *rival).out
    assert "is ours already" in cli.done(*ours, "us@town.example").out
    table = "first_name,email,handles\nJo,jo@velmora.example,mastodon:us@town.example\n"
    assert "stands for ourselves already" in cli("import", "contacts", "-", stdin=table).err
    assert len(rows(database, "SELECT id FROM aliases WHERE kind = 'handle'")) == 2


def test_a_source_is_followed_for_a_campaign(cli: Earshot, database: str) -> None:
    words = ("sources", "add", "mastodon", "hashtag", "cups", "--host", "mastodon.social")
    assert (
        "for the campaign 'Spring launch' (from 2026-03-01 until 2026-05-31)"
        in cli.done(*words, "--campaign", "spring").out
    )
    assert [row["campaign"] for row in cli.done("sources", "list", "--json").json] == ["Spring launch"]
    assert "cups (for Spring launch)" in cli.done("sources", "list").out
    assert "nothing was changed" in cli.done(*words).out
    rows(database, "UPDATE sources SET campaign_id = NULL")
    assert "from now on for the campaign" in cli.done(*words, "--campaign", "Spring launch").out
    assert "is called 'Autumn'" in cli.refused(*words, "--campaign", "Autumn")


def test_a_word_with_another_beside_it_means_its_account_and_after_its_removal_nobody(
    cli: Earshot, database: str
) -> None:
    cli.done("aliases", "add", "name", "Target", *ACCOUNT, "--with", "store,cart")
    source = hear(
        database,
        [
            post("1", "The Target store in town is closed again.", by="ann"),
            post("2", "My target is to run five miles.", by="bob"),
            post("3", "Our store has a target for the year.", by="cat"),
        ],
    )
    named = {row["external_id"] for row in cli.done("mentions", "--account", "Target Corp", "--json").json}
    assert "1" in named
    assert "2" not in named
    cli.done("aliases", "remove", "name", "Target")
    hear(database, [post("4", "The Target store in town is closed for good.", by="ann")], source=source)
    assert named == {
        row["external_id"] for row in cli.done("mentions", "--account", "Target Corp", "--json").json
    }
