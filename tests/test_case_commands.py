"""What support and marketing type about cases: the story of one, a verdict, the crisis switch, a blocked author."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.command_line import Earshot, earshot
from tests.journey import FURIOUS, WARM, Journey, post

US = "northwind@town.example"


@pytest.fixture
def journey(database: str) -> Iterator[Journey]:
    journey = Journey(database)
    journey.own(US)
    yield journey
    journey.close()


@pytest.fixture
def console(database: str, tmp_path: Path) -> Earshot:
    return earshot(tmp_path, database_url=database)


def test_a_case_tells_its_posts_its_rules_and_its_verdict(journey: Journey, console: Earshot) -> None:
    journey.hear(journey.source(), post("1", FURIOUS, to=US))
    number = str(journey.value("SELECT number FROM tickets"))
    assert (
        "noted as not a complaint"
        in console.done("case", "judge", number, "not-a-complaint", "--by", "ann").out
    )
    told = console.done("case", "show", f"#{number}", "--json").json
    assert (told["verdict"], told["verdict_by"], told["posts"]) == ("not_a_complaint", "ann", 1)
    assert {note["what"] for note in told["notes"]} == {"rule", "verdict"}
    shown = console.done("case", "show", number).out
    for part in ("not a complaint, says ann", "A complaint to us", "crossed too", "zoe@town.example"):
        assert part in shown
    assert "none of complaint" in console.refused("case", "judge", number, "nonsense", code=2)
    assert console.done("case", "show", "1", "--json").json["case"] == told["case"], "as explain takes a post"
    assert "No case" in console.refused("case", "show", "999999")


def test_two_cases_become_one_and_come_apart_again(journey: Journey, console: Earshot) -> None:
    both = [post("1", FURIOUS, by="ann", to=US), post("2", FURIOUS, by="ben", to=US)]
    journey.hear(journey.source(), *both)
    journey.hear(journey.source(term="b"), post("3", WARM, by="cem", reply_to="1", verb="comment"))
    one, other = (str(row.number) for row in journey.execute("SELECT number FROM tickets ORDER BY number"))
    said = f"Ticket #{one} is merged into ticket #{other}."
    assert console.done("case", "merge", one, f"#{other}", "--by", "sam").out.strip() == said
    shown = console.done("case", "show", one).out
    for part in (f"#{other}, open", "took in 1 case", "merged into", "3 posts"):
        assert part in shown
    assert "That is this case" in console.refused("case", "merge", one, other)
    assert f"Ticket #{one} is split out of ticket #{other}." in console.done("case", "split", one).out
    told = console.done("case", "split", one, "--post", "3", "--json").json
    assert journey.event("3").case_id == UUID(told["case"])
    assert "choose one of" in console.refused("case", "split", one, "--post", "1", "--author", "1", code=2)


def test_a_rule_that_is_wrong_too_often_only_suggests_and_its_owner_is_told(
    journey: Journey, console: Earshot
) -> None:
    journey.execute("INSERT INTO policies (precision_least) VALUES (2)")
    journey.execute("INSERT INTO users (name, email) VALUES ('ann', 'ann@us.example')")
    journey.execute("UPDATE rules SET owner_id = (SELECT id FROM users) WHERE name = 'A complaint to us'")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(2)))
    numbers = [str(row.number) for row in journey.execute("SELECT number FROM tickets ORDER BY number")]
    console.done("case", "judge", numbers[0], "spam")
    assert journey.value("SELECT count(*) FROM rules WHERE suggests") == 0
    said = console.done("case", "judge", numbers[1], "not-a-complaint").err
    assert "Rule 'A complaint to us' only suggests from now on: 2 of 2 cases were marked wrong." in said
    [told] = journey.execute(
        "SELECT a.subject FROM activities a JOIN users u ON u.id = a.owner_id WHERE u.name = 'ann'"
    )
    assert told.subject == "Rule A complaint to us only suggests from now on: 2 of 2 cases were marked wrong"


def test_a_verdict_on_an_incident_holds_for_what_has_its_ticket_and_no_verdict_of_its_own(
    journey: Journey, console: Earshot
) -> None:
    journey.execute("INSERT INTO policies (burst_after, burst_all, precision_least) VALUES (2, 2, 6)")
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(7)))
    journey.execute("UPDATE cases SET verdict = 'complaint' WHERE subject = (SELECT max(subject) FROM cases WHERE"
                    " parent_id IS NOT NULL AND subject LIKE 'identity:%')")  # fmt: skip
    number = str(journey.value("SELECT t.number FROM cases c JOIN tickets t ON t.id = c.ticket_id"
                               " WHERE c.subject LIKE 'burst:%'"))  # fmt: skip
    assert "5 of 6 cases were marked wrong" in console.done("case", "judge", number, "spam").err
    [rule] = console.done("rules", "list", "--json").json
    assert rule["suggests"]


def test_what_came_after_a_rules_number_is_listed_marked_and_opened_by_a_person(
    journey: Journey, console: Earshot
) -> None:
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    journey.execute("UPDATE rules SET per_day = 1")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(3)))
    listed = console.done("cases", "--held", "--json").json
    assert [(one["author"], one["rule"], one["action"]) for one in listed] == [
        ("p2@town.example", "A complaint to us", "ticket"),
        ("p1@town.example", "A complaint to us", "ticket"),
    ]
    assert "2 posts came after its number" in console.done("rules", "show", "A complaint to us").out
    assert console.done("mentions").out.count("opened nothing: the rule's number in 24 hours is reached") == 2
    told = console.done("explain", "2").out
    assert f"earshot case open {listed[0]['event'][-8:]} opens what it would have" in " ".join(told.split())
    assert "opened a case" in console.done("case", "open", "2").out
    [left] = console.done("cases", "--held", "--json").json
    assert left["author"] == "p1@town.example"
    assert len(journey.cases()) == 2


def test_an_alarm_that_only_suggests_is_listed_and_opened_beside_the_posts(
    journey: Journey, console: Earshot
) -> None:
    rule = journey.value(
        "INSERT INTO rules (name, audience, threshold, action, trigger, window_hours, rearm, minimum, suggests)"
        " VALUES ('Mood', 'named', -0.2, 'ticket', 'mean', 24, 0, 10, true) RETURNING id"
    )
    journey.execute(
        "INSERT INTO alarms (rule_id, scope, fired_at, n, value) VALUES (:rule, 'all', now(), 20, -0.5)",
        rule=rule,
    )
    [one] = console.done("cases", "--suggested", "--json").json
    assert (one["event"], one["rule"], one["score"]) == (None, "Mood", -0.5)
    assert "many posts" in console.done("cases", "--suggested").out
    assert "1 alarm would have opened something" in console.done("rules", "show", "Mood").out
    assert "The alarm opened a case: ticket" in console.done("case", "open", one["alarm"][-8:]).out
    assert "about many posts" in console.done("case", "show", "1001").out
    assert journey.value("SELECT subject FROM tickets").startswith(
        "The mean sentiment about everything fell to"
    )
    assert console.done("cases", "--suggested", "--json").json == []


def test_what_a_crisis_switch_held_is_listed_and_released_in_one_go(
    journey: Journey, console: Earshot
) -> None:
    source = journey.source()
    console.done("crisis", "on", "--platform", "mastodon", "--for", "2h", "--because", "the outage is known")
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(3)))
    assert journey.cases() == []
    [switch] = console.done("crisis", "list", "--json").json
    assert (switch["held"], switch["active"], switch["reason"]) == (3, True, "the outage is known")
    assert len(console.done("crisis", "show", "mastodon", "--json").json["posts"]) == 3
    assert "crisis switch" not in console("doctor").out
    console.done("crisis", "off", "mastodon")
    assert "3 posts held by a crisis switch that is off by now" in console("doctor").out
    released = console.done("crisis", "release", "mastodon", "--by", "ann", "--json").json
    assert (released["posts"], released["attached"], released["still_held"]) == (3, 3, 0)
    assert len(journey.cases()) == 3
    [switch] = console.done("crisis", "list", "--json").json
    assert (switch["held"], switch["active"], switch["released_by"]) == (0, False, "ann")
    assert "already" in console.done("crisis", "release", switch["id"][9:15], "--by", "eve").err
    [after] = console.done("crisis", "list", "--json").json
    assert (after["released_by"], after["released_at"]) == ("ann", switch["released_at"])
    refused = console.refused(
        "crisis", "on", "--platform", "mastodon", "--for", "soon", "--because", "x", code=2
    )
    assert "is no length of time" in refused
    too_long = console.refused("crisis", "on", "--platform", "x", "--for", "367d", "--because", "x", code=2)
    assert "366 days are the longest" in too_long


def test_a_second_switch_for_the_same_says_that_one_is_on_and_prolongs_it_only_if_asked(
    console: Earshot,
) -> None:
    on = ("crisis", "on", "--platform", "x", "--by", "ann", "--because")
    first = console.done(*on, "an outage", "--for", "2h", "--json").json
    refused = console.refused(*on, "longer", "--for", "4h")
    assert f"is on until {first['until'][:10]}" in refused
    assert "--prolong moves its end" in refused
    assert "no earlier" in console.refused(*on, "shorter", "--for", "1h", "--prolong")
    longer = console.done(*on, "still down", "--for", "4h", "--prolong", "--json").json
    [one] = console.done("crisis", "list", "--json").json
    assert (one["id"], one["until"]) == (first["id"], longer["until"])
    assert one["reason"].startswith("an outage; until ")
    assert one["reason"].endswith("says ann: still down")
    console.done("crisis", "on", "--platform", "reddit", "--because", "the same")
    for part in ("-", one["id"][:6], "ffff-ffff"):
        assert "crisis switch" in console.refused("crisis", "off", part)
    assert "Off for x" in console.done("crisis", "off", one["id"][-4:]).out


def test_a_blocked_author_is_listed_and_may_be_let_in_again(journey: Journey, console: Earshot) -> None:
    journey.hear(journey.source(), post("1", WARM, by="troll"))
    console.done("authors", "block", "mastodon:troll@town.example")
    [one] = console.done("authors", "list", "--json").json
    assert one["handle"] == "troll@town.example"
    console.done("authors", "unblock", "mastodon:troll@town.example")
    assert console.done("authors", "list").out.strip() == "Nobody is blocked."


def test_a_rule_is_not_removed_unnoticed_under_a_switch_and_what_it_held_is_listed_when_released(
    journey: Journey, console: Earshot
) -> None:
    journey.execute("DELETE FROM rules WHERE name NOT IN ('A complaint to us', 'Praise')")
    journey.execute(
        "INSERT INTO rules (name, audience, threshold, action) VALUES ('r', 'customer', -1, 'ticket')"
    )
    console.done("crisis", "on", "--rule", "A complaint to us", "--for", "2h", "--because", "outage")
    journey.hear(journey.source(), post("1", FURIOUS, to=US), post("2", FURIOUS, by="bob", to=US))
    assert "2 posts that crossed it are held" in console.done("rules", "remove", "A complaint to us").err
    [switch] = console.done("crisis", "list", "--json").json
    released = console.done("crisis", "release", switch["id"], "--json").json
    assert (released["posts"], released["attached"]) == (2, 0)
    assert {one["why"] for one in released["opened_nothing"]} == {"released, and crossed no rule any more"}
