"""What explain, mentions, status and sources say of what was decided, by the machine or by a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace

from connectors._base import Mention, Post
from console.cli import app
from tests.command_line import NO_BROKER, Earshot, earshot, hear, rows
from tests.journey import FURIOUS, post

NOW = datetime.now(UTC).replace(microsecond=0)
US = Mention(id="https://town.example/users/acme", handle="acme@town.example")


def said(number: int, words: str, who: str = "kim", **more: object) -> Post:
    return replace(post(str(number), words, by=who, **more), posted_at=NOW - timedelta(minutes=60 - number))


@pytest.fixture
def cli(database: str, home: Path) -> Earshot:
    command = earshot(home, database_url=database)
    command.done("own", "add", "mastodon", "acme@town.example", "--name", "Acme Coffee")
    accounts = "name,website\nVelmora Hotels,velmora.com\nQuillon Logistics,quillon.com\n"
    command.done("import", "accounts", "-", stdin=accounts)
    command.done("import", "contacts", "-", stdin="account,first_name,last_name\nVelmora Hotels,Kim,Moreno\n")
    return command


def test_explain_says_what_a_score_was_when_the_case_opened(cli: Earshot, database: str) -> None:
    hear(database, [said(1, f"@acme {FURIOUS}", mentions=(US,))])
    [was] = rows(database, "SELECT score, threshold FROM cases")
    assert f"{was.score:+.2f} is at most {was.threshold:+.2f}" in cli.done("explain", "1").out
    rows(database, "UPDATE social_events SET sentiment = 0.34")
    shown = cli.done("explain", "1").out
    assert "+0.34 is at most" not in shown
    assert (
        f"{was.score:+.2f} was at most {was.threshold:+.2f} when the case opened (it scores +0.34 now)"
        in shown
    )
    rows(database, "UPDATE rules SET threshold = -0.99")
    assert "the rule's threshold is -0.99 now" in cli.done("explain", "1").out
    rows(database, "UPDATE social_events SET sentiment = NULL, unscored = 'language'")
    assert "it has no score now" in cli.done("explain", "1").out


def test_explain_says_that_a_post_which_joined_a_case_crossed_with_another_score(
    cli: Earshot, database: str
) -> None:
    hear(database, [said(1, f"@acme {FURIOUS}", mentions=(US,)), said(2, f"@acme {FURIOUS}", mentions=(US,))])
    rows(database, "UPDATE social_events SET sentiment = 0.34 WHERE external_id = '2'")
    shown = cli.done("explain", "2").out
    assert "+0.34 is at most" not in shown
    assert "with an earlier score; it scores +0.34 now" in shown


def test_explain_names_the_ticket_that_a_person_tied_and_who_did(cli: Earshot, database: str) -> None:
    hear(database, [said(1, "A bike."), said(2, "A bell.", who="lee")])
    rows(database, "INSERT INTO tickets (org_id, number) VALUES ('main', 1005)")
    cli.done("review", "link", "1", "ticket", "1005", "--by", "sam")
    cli.done("review", "link", "mastodon:lee@town.example", "contact", "Kim Moreno", "--by", "sam")
    shown = cli.done("explain", "1").out
    assert "ticket ticket" not in shown
    assert "ticket #1005: person, 100% sure, by sam" in shown
    assert "tied to    ticket #1005" in shown
    shown = cli.done("explain", "2").out
    assert "contact Kim Moreno: identity by “lee@town.example”, 100% sure, the author's own" in shown


def test_a_post_that_names_two_accounts_shows_both_and_how_one_is_chosen(cli: Earshot, database: str) -> None:
    hear(database, [said(1, "From Velmora Hotels to Quillon Logistics and back."), said(2, "A bike.")])
    shown = cli.done("mentions").out
    assert "[Quillon Logistics + Velmora Hotels]" in shown
    assert [row["accounts"] for row in cli.done("mentions", "--json").json] == [
        ["Quillon Logistics", "Velmora Hotels"],
        [],
    ]
    shown = cli.done("explain", "1").out
    assert "tied to no one account, for it names 2" in shown
    command = shown.partition("earshot ")[2].split()[:4]
    assert [command[:2], command[3]] == [["review", "link"], "account"]
    cli.done("review", "link", command[2], "account", "Velmora Hotels")
    assert "for it names 2" not in cli.done("explain", "1").out
    assert "[Velmora Hotels]" in cli.done("mentions").out


@pytest.mark.parametrize("command", ["mentions", "cases"])
def test_none_at_all_is_no_number_of_posts_or_cases(cli: Earshot, command: str) -> None:
    assert "Invalid value" in cli.refused(command, "-n", "0", code=2)
    cli.done(command, "-n", "1")


def test_status_and_doctor_say_how_many_decisions_wait(cli: Earshot, database: str) -> None:
    def doctor() -> dict[str, dict[str, str]]:
        return {one["name"]: one for one in cli("doctor", "--json", EARSHOT_BROKER_URL=NO_BROKER).json}

    assert "nothing waits for a decision" in cli.done("status", EARSHOT_BROKER_URL=NO_BROKER).out
    assert doctor()["review"]["state"] == "ok"
    hear(database, [said(number, "A bike.") for number in range(1, 5)])
    rows(
        database,
        "INSERT INTO matches (event_id, kind, record_id, how, sure, evidence, state)"
        " SELECT e.id, 'account', a.id, 'similar name', 0.7,"
        "  CASE e.external_id WHEN '1' THEN 'Quilon' WHEN '2' THEN 'quilon ' ELSE e.external_id END, 'suggested'"
        " FROM social_events e, accounts a WHERE a.name = 'Quillon Logistics' AND e.external_id <> '4'",
    )
    waiting = len(cli.done("review", "--json").json)
    shown = cli.done("status", EARSHOT_BROKER_URL=NO_BROKER).out
    assert f"review     {waiting} suggestions wait: earshot review" in shown
    assert "held back" not in shown
    found = doctor()["review"]
    assert (found["state"], found["found"], found["remedy"]) == (
        "note",
        "2 suggestions wait for a decision",
        "earshot review",
    )
    rows(database, "UPDATE social_events SET held_back = 'lead cap reached' WHERE external_id = '4'")
    shown = cli.done("status", EARSHOT_BROKER_URL=NO_BROKER).out
    assert "1 lead held back in the last 24 hours: earshot leads --held-back" in shown
    assert doctor()["leads"]["state"] == "note"


def test_a_ledger_of_a_million_posts_is_read_without_a_wide_screen(cli: Earshot, database: str) -> None:
    hear(database, [said(1, "A bike.")])
    rows(database, "UPDATE pages SET fetched = 12345678, new = 1234567, duplicate = 11111111")
    for command in ("status", "doctor"):
        shown = cli(command, EARSHOT_BROKER_URL=NO_BROKER).out.splitlines()
        ledger = [line for line in shown if "new 1,234,567" in line]
        assert ledger
        assert max(len(line) for line in shown if "http" not in line and "postgres" not in line) <= 160
        at = shown.index(ledger[0])
        assert max(map(len, shown[at : at + 2])) <= 100
        assert "waiting 0" in " ".join(shown[at : at + 2])


def test_a_source_is_for_no_campaign_any_more_when_that_is_said(cli: Earshot, database: str) -> None:
    cli.done("import", "campaigns", "-", stdin="name,status\nSpring,active\n")
    add = ("sources", "add", "mastodon", "hashtag", "acme", "--host", "mastodon.social")
    cli.done(*add, "--campaign", "Spring")
    assert "for Spring" in cli.done("sources", "list").out
    assert "from now on for no campaign" in cli.done(*add, "--campaign", "").out
    assert "for Spring" not in cli.done("sources", "list").out
    assert "nothing was changed" in cli.done(*add, "--campaign", "").out
    assert "nothing was changed" in cli.done(*add).out


def test_help_shows_how_a_command_is_typed(cli: Earshot) -> None:
    sources = [("sources", name) for name in ("add", "preview", "list", "pause", "resume")]
    for command in (("mentions",), ("cases",), *sources):
        assert f"earshot {' '.join(command)}" in cli.done(*command, "--help").out.partition("Example")[2]


def test_commands_about_whom_we_know_and_what_we_heard_show_an_example() -> None:
    told = dict(_commands(app, ()))
    without = {name for name, words in told.items() if "Example" not in words}
    groups = {"aliases", "corrections", "import", "lexicon", "own", "review", "rules"}
    assert {name for name in without if name.split()[0] in groups} == set()
    for name in ("rematch", "correct", "score", "leads", "rescore"):
        assert f"earshot {name}" in told[name].partition("Example")[2]


def _commands(group: typer.Typer, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each command as it is typed, with its help."""
    for one in group.registered_commands:
        assert one.callback
        yield " ".join([*path, one.name or one.callback.__name__]), one.help or ""
    for inner in group.registered_groups:
        assert inner.typer_instance
        yield from _commands(inner.typer_instance, (*path, str(inner.name)))


def test_who_has_no_database_is_told_which_setting_names_one(home: Path) -> None:
    told = earshot(home).refused("cases")
    assert "or set EARSHOT_HOME or EARSHOT_DATABASE_URL" in told
