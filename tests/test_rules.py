"""`earshot rules`: what is taken, what is refused and why, and that what a rule opened outlives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.refusal import BadInput
from console.rule_refused import CALLED
from console.rule_values import Values, checked
from tests.command_line import Earshot, earshot, hear, rows
from tests.conftest import Servers
from tests.journey import FURIOUS, START, post

LEADS = ("rules", "add", "Looking for coffee", "--action", "lead", "--audience", "named")


@pytest.fixture(scope="module")
def refusing(servers: Servers, shared_folder: Path) -> Iterator[Earshot]:
    """For what writes nothing: a database for all of it."""
    with servers.new_database() as (fleet, _):
        yield earshot(shared_folder / "nowhere", database_url=fleet)


def test_the_shipped_rules_are_listed_and_shown_as_sentences(cli: Earshot) -> None:
    listed = cli.done("rules", "list", "--json").json
    assert [rule["action"] for rule in listed] == ["ticket", "ticket", "ticket", "activity", "activity"]
    assert listed[0]["name"] in cli.done("rules", "list").out
    shown = cli.done("rules", "show", "a complaint TO us").out
    assert "a post addressed to us that scores -0." in shown
    assert "opens a ticket of high priority" in shown
    assert cli.done("rules", "show", listed[0]["id"][-8:], "--json").json["name"] == listed[0]["name"]


def test_a_rule_is_added_changed_switched_off_and_on(cli: Earshot) -> None:
    said = cli.done(
        "rules", "add", "Refunds", "--action", "ticket", "--audience", "addressed",
        "--threshold", "0", "--words", "refund, money  back,refund", "--priority", "urgent",
    )  # fmt: skip
    assert 'says "refund" or "money back" opens a ticket of urgent priority' in said.out
    assert cli.done("rules", "set", "refunds", "--threshold", "-0.1", "--name", "Money").err == ""
    rule = cli.done("rules", "show", "Money", "--json").json
    assert (rule["threshold"], rule["words"], rule["priority"]) == (-0.1, ["refund", "money back"], "urgent")
    assert "as before" in cli.done("rules", "set", "Money", "--threshold", "-0.1").out
    cli.done("rules", "disable", "Money")
    assert cli.done("rules", "show", "Money", "--json").json["enabled"] is False
    cli.done("rules", "enable", "Money")
    assert cli.done("rules", "show", "Money", "--json").json["enabled"] is True
    assert (
        "opens something for them as well"
        in cli.done("rules", "set", "Money", "--words", "", "--threshold", "0").err
    )


def test_a_lead_rule_has_a_number_per_day_and_any_score_unless_said_otherwise(cli: Earshot) -> None:
    said = cli.done(*LEADS, "--words", "looking for, recommend")
    assert 'says "looking for" or "recommend" makes its author a lead, at most 20 in 24 hours' in said.out
    rule = cli.done("rules", "show", "Looking for coffee", "--json").json
    assert (rule["threshold"], rule["per_day"]) == (1.0, 20)
    cli.done("rules", "set", "Looking for coffee", "--action", "ticket", "--threshold", "-0.5")
    assert cli.done("rules", "show", "Looking for coffee", "--json").json["per_day"] is None
    to_us = [*(word.replace("coffee", "tea") for word in LEADS[:-1]), "addressed"]
    assert "every stranger" in cli.done(*to_us).err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "X y", "--action", "ticket", "--audience", "addressed"), "from which score on?"),
        (("add", "X y", "--action", "shout", "--audience", "addressed", "--threshold", "0"), "'shout' is none of"),
        (("add", "X y", "--action", "ticket", "--audience", "all", "--threshold", "0"), "'all' is none of addressed"),
        (("add", "X y", "--action", "ticket", "--audience", "named", "--threshold", "-40"), "-40 is no score"),
        (("add", "X y", "--action", "ticket", "--audience", "named", "--threshold", "nan"), "nan is no score"),
        (("add", " ! ", "--action", "lead", "--audience", "named"), "a name that people can say"),
        (("add", "X y", "--action", "lead", "--audience", "customer"), "Audience: a customer is a Contact already"),
        (("add", "X y", "--action", "lead", "--audience", "named", "--per-day", "0"), "disable the rule"),
        (("add", "X y", "--action", "notify", "--audience", "named", "--per-day", "3"), "Per day: only a rule that opens"),
        (("add", "X y", "--action", "lead", "--audience", "named", "--words", "!?"), "no letter to look for"),
        (("add", "X y", "--action", "lead", "--audience", "named"), "Words: whoever says anything about us"),
        (("add", "X y", "--action", "lead", "--audience", "named", "--words", "the"), "Words: almost every post says 'the'"),
        (("add", "X y", "--action", "lead", "--audience", "named", "--words", "a roaster, of  THE"), "'of THE'"),
        (("show", "No such"), "No rule of main is called 'No such'"),
        (("set", "Nothing", "--threshold", "0"), "No rule of main is called"),
        (("remove", ""), "No rule of main is called"),
    ],
)  # fmt: skip
def test_what_makes_no_rule_is_refused_with_the_reason(
    refusing: Earshot, words: tuple[str, ...], reason: str
) -> None:
    code = 1 if words[0] != "add" else 2
    assert reason in refusing.refused("rules", *words, code=code)


def test_all_that_is_wrong_with_a_rule_is_said_at_once_and_each_with_its_field(refusing: Earshot) -> None:
    told = refusing.refused(
        "rules", "add", "a complaint TO us", "--action", "shout", "--audience", "all", "--words", " ,", code=2
    )
    assert told.startswith("earshot: There is a rule called 'A complaint to us' already")
    for field in (
        "Action: 'shout'",
        "Audience: 'all'",
        "Threshold: from which score on?",
        "Words: no phrase",
    ):
        assert field in told, told
    told = refusing.refused(
        "rules", "add", "X y", "--action", "lead", "--audience", "customer", "--words", "the,of", code=2
    )
    for reason in ("Audience: a customer is a Contact", "every post says 'the'", "every post says 'of'"):
        assert reason in told, told


def test_no_refusal_has_the_words_of_the_library() -> None:
    good = {"name": "x y", "audience": "named", "threshold": 0, "action": "ticket"}
    for field in Values.model_fields:
        with pytest.raises(BadInput) as wrong:
            checked({**good, field: object()})
        assert str(wrong.value).startswith(CALLED.get(field, field.replace("_", " ")).capitalize() + ": ")
        assert not re.search("[Ii]nput|valid", str(wrong.value)), wrong.value
    with pytest.raises(BadInput, match="Colour: no rule has that"):
        checked({**good, "colour": "red"})
    with pytest.raises(BadInput, match="Name: must be said"):
        checked({name: value for name, value in good.items() if name != "name"})


def test_each_change_of_a_rule_is_told_as_json_and_its_warnings_beside_it(cli: Earshot) -> None:
    said = cli.done(
        "rules", "add", "Refunds", "--action", "ticket", "--audience", "addressed", "--threshold", "0", "--json"
    )  # fmt: skip
    assert (said.json["done"], said.json["org"]) == ("added", "main")
    assert said.json["rule"].items() <= cli.done("rules", "show", "Refunds", "--json").json.items()
    assert "opens something for them as well" in said.err
    assert cli.done("rules", "set", "Refunds", "--threshold", "0", "--json").json["done"] == "same"
    told = cli.done("rules", "set", "Refunds", "--threshold", "-0.5", "--json").json
    assert (told["done"], told["before"]["threshold"], told["rule"]["threshold"]) == ("changed", 0, -0.5)
    assert cli.done("rules", "disable", "Refunds", "--json").json["rule"]["enabled"] is False
    assert cli.done("rules", "enable", "Refunds", "--json").json["rule"]["enabled"] is True
    assert cli.done("rules", "remove", "Refunds", "--json").json["done"] == "removed"


def test_any_score_is_listed_as_any(cli: Earshot) -> None:
    cli.done(*LEADS, "--words", "recommend")
    line = next(one for one in cli.done("rules", "list").out.splitlines() if "recommend" in one)
    assert " any " in line
    assert "+1.00" not in line


def test_a_rule_of_no_words_is_not_made_by_words_that_are_empty(refusing: Earshot) -> None:
    for given in ("", " , "):
        assert "no phrase is named" in refusing.refused(*LEADS, "--words", given, code=2)
    refused = refusing.refused("rules", "set", "bad talk", "--action", "lead", "--threshold", "1", code=2)
    assert "Words: whoever says anything about us" in refused


def test_two_rules_do_not_share_a_name_and_half_a_name_must_fit_one(cli: Earshot) -> None:
    assert "already" in cli.refused(
        *(word.replace("Looking for coffee", "a COMPLAINT to us") for word in LEADS), "--words", "recommend"
    )
    assert "already" in cli.refused("rules", "set", "Bad talk", "--name", "A complaint to us")
    assert "fits 2 rules" in cli.refused("rules", "show", "A c")


def test_a_rule_that_is_removed_leaves_the_cases_that_it_opened(cli: Earshot, database: str) -> None:
    cli.done("own", "add", "mastodon", "us@town.example")
    hear(database, [post("1", FURIOUS, to="us@town.example")])
    [case] = cli.done("cases", "--json").json
    assert cli.done("rules", "show", case["rule"], "--json").json["open"] == 1
    assert "stays" in cli.done("rules", "remove", case["rule"]).out
    [after] = cli.done("cases", "--json").json
    assert (after["case"], after["ticket"], after["rule"]) == (case["case"], case["ticket"], None)
    [event] = rows(database, "SELECT rule_id, case_id FROM social_events")
    assert event.rule_id is None
    assert event.case_id is not None


def test_the_last_rule_is_disabled_not_removed(cli: Earshot, database: str) -> None:
    first, *others = [rule["name"] for rule in cli.done("rules", "list", "--json").json]
    for name in others:
        cli.done("rules", "remove", name)
    assert "disable it instead" in cli.refused("rules", "remove", first)
    assert len(rows(database, "SELECT id FROM rules")) == 1


def test_leads_are_listed_with_the_post_that_made_them_and_who_was_one_too_many(
    cli: Earshot, database: str
) -> None:
    assert "No rule has made a lead yet" in cli.done("leads").out
    cli.done("own", "add", "mastodon", "us@town.example")
    cli.done("rules", "add", "Asks", "--action", "lead", "--audience", "addressed", "--per-day", "1")
    now = (datetime.now(UTC) - START) / timedelta(minutes=1)
    asks = "Looking for a good roaster"
    hear(
        database,
        [
            post("1", asks, to="us@town.example", by="ann", minutes=now - 60),
            post("2", asks, to="us@town.example", by="bob", minutes=now),
        ],
    )
    [lead] = cli.done("leads", "--json").json
    assert (lead["handle"], lead["rule"], lead["text"], lead["status"]) == (
        "ann@town.example",
        "Asks",
        asks,
        "new",
    )
    assert "ann@town.example" in cli.done("leads").out
    [late] = cli.done("leads", "--held-back", "--json").json
    assert (late["handle"], late["rule"]) == ("bob@town.example", "Asks")
    assert "bob@town.example" in cli.done("leads", "--held-back").out
    assert cli.done("rules", "show", "Asks", "--json").json["leads_today"] == 1


def test_explain_names_the_lead_and_the_rule_that_made_it(cli: Earshot, database: str) -> None:
    cli.done("own", "add", "mastodon", "us@town.example")
    cli.done("rules", "add", "Asks", "--action", "lead", "--audience", "addressed", "--words", "looking for")
    hear(database, [post("1", "Looking for a good roaster", to="us@town.example", by="ann")])
    said = cli.done("explain", "1").out
    assert "lead ann@town.example: rule by “looking for”" in said
    assert "Asks: addressed to us" in said
    assert "and says “looking for” → lead" in said
    assert "none: no threshold" not in said
