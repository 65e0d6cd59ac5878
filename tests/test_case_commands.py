"""What support and marketing type about cases: the story of one, a verdict, the crisis switch, a blocked author."""

from __future__ import annotations

from uuid import UUID

from tests.command_line import Earshot
from tests.journey import FURIOUS, US, WARM, Journey, post


def test_a_case_tells_its_posts_its_rules_and_its_verdict(journey: Journey, cli: Earshot) -> None:
    journey.hear(journey.source(), post("1", FURIOUS, to=US))
    number = str(journey.value("SELECT number FROM tickets"))
    assert (
        "noted as not a complaint" in cli.done("case", "judge", number, "not-a-complaint", "--by", "ann").out
    )
    told = cli.done("case", "show", f"#{number}", "--json").json
    assert (told["verdict"], told["verdict_by"], told["posts"]) == ("not_a_complaint", "ann", 1)
    assert {note["what"] for note in told["notes"]} == {"rule", "verdict"}
    shown = cli.done("case", "show", number).out
    for part in ("not a complaint, says ann", "A complaint to us", "crossed too", "zoe@town.example"):
        assert part in shown
    assert "none of complaint" in cli.refused("case", "judge", number, "nonsense", code=2)
    assert cli.done("case", "show", "1", "--json").json["case"] == told["case"], "as explain takes a post"
    assert "No case" in cli.refused("case", "show", "999999")


def test_two_cases_become_one_and_come_apart_again(journey: Journey, cli: Earshot) -> None:
    both = [post("1", FURIOUS, by="ann", to=US), post("2", FURIOUS, by="ben", to=US)]
    journey.hear(journey.source(), *both)
    journey.hear(journey.source(term="b"), post("3", WARM, by="cem", reply_to="1", verb="comment"))
    one, other = (str(row.number) for row in journey.execute("SELECT number FROM tickets ORDER BY number"))
    said = f"Ticket #{one} is merged into ticket #{other}."
    assert cli.done("case", "merge", one, f"#{other}", "--by", "sam").out.strip() == said
    shown = cli.done("case", "show", one).out
    for part in (f"#{other}, open", "took in 1 case", "merged into", "3 posts"):
        assert part in shown
    assert "That is this case" in cli.refused("case", "merge", one, other)
    assert f"Ticket #{one} is split out of ticket #{other}." in cli.done("case", "split", one).out
    told = cli.done("case", "split", one, "--post", "3", "--json").json
    assert journey.event("3").case_id == UUID(told["case"])
    assert "choose one of" in cli.refused("case", "split", one, "--post", "1", "--author", "1", code=2)


def test_a_rule_that_is_wrong_too_often_only_suggests_and_its_owner_is_told(
    journey: Journey, cli: Earshot
) -> None:
    journey.execute("INSERT INTO policies (precision_least) VALUES (2)")
    journey.execute("INSERT INTO users (name, email) VALUES ('ann', 'ann@us.example')")
    journey.execute("UPDATE rules SET owner_id = (SELECT id FROM users) WHERE name = 'A complaint to us'")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(2)))
    numbers = [str(row.number) for row in journey.execute("SELECT number FROM tickets ORDER BY number")]
    cli.done("case", "judge", numbers[0], "spam")
    assert journey.value("SELECT count(*) FROM rules WHERE suggests") == 0
    said = cli.done("case", "judge", numbers[1], "not-a-complaint").err
    assert "Rule 'A complaint to us' only suggests from now on: 2 of 2 cases were marked wrong." in said
    [told] = journey.execute(
        "SELECT a.subject FROM activities a JOIN users u ON u.id = a.owner_id WHERE u.name = 'ann'"
    )
    assert told.subject == "Rule A complaint to us only suggests from now on: 2 of 2 cases were marked wrong"


def test_a_verdict_on_an_incident_holds_for_what_has_its_ticket_and_no_verdict_of_its_own(
    journey: Journey, cli: Earshot
) -> None:
    journey.execute("INSERT INTO policies (burst_after, burst_all, precision_least) VALUES (2, 2, 6)")
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(7)))
    journey.execute("UPDATE cases SET verdict = 'complaint' WHERE subject = (SELECT max(subject) FROM cases WHERE"
                    " parent_id IS NOT NULL AND subject LIKE 'identity:%')")  # fmt: skip
    number = str(journey.value("SELECT t.number FROM cases c JOIN tickets t ON t.id = c.ticket_id"
                               " WHERE c.subject LIKE 'burst:%'"))  # fmt: skip
    assert "5 of 6 cases were marked wrong" in cli.done("case", "judge", number, "spam").err
    [rule] = cli.done("rules", "list", "--json").json
    assert rule["suggests"]


def test_what_came_after_a_rules_number_is_listed_marked_and_opened_by_a_person(
    journey: Journey, cli: Earshot
) -> None:
    journey.execute("DELETE FROM rules WHERE name <> 'A complaint to us'")
    journey.execute("UPDATE rules SET per_day = 1")
    source = journey.source()
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(3)))
    listed = cli.done("cases", "--held", "--json").json
    assert [(one["author"], one["rule"], one["action"]) for one in listed] == [
        ("p2@town.example", "A complaint to us", "ticket"),
        ("p1@town.example", "A complaint to us", "ticket"),
    ]
    assert "2 posts came after its number" in cli.done("rules", "show", "A complaint to us").out
    assert cli.done("mentions").out.count("opened nothing: the rule's number in 24 hours is reached") == 2
    told = cli.done("explain", "2").out
    assert f"earshot case open {listed[0]['event'][-8:]} opens what it would have" in " ".join(told.split())
    assert "opened a case" in cli.done("case", "open", "2").out
    [left] = cli.done("cases", "--held", "--json").json
    assert left["author"] == "p1@town.example"
    assert len(journey.cases()) == 2


def test_an_alarm_that_only_suggests_is_listed_and_opened_beside_the_posts(
    journey: Journey, cli: Earshot
) -> None:
    rule = journey.value(
        "INSERT INTO rules (name, audience, threshold, action, trigger, window_hours, rearm, minimum, suggests)"
        " VALUES ('Mood', 'named', -0.2, 'ticket', 'mean', 24, 0, 10, true) RETURNING id"
    )
    journey.execute(
        "INSERT INTO alarms (rule_id, scope, fired_at, n, value) VALUES (:rule, 'all', now(), 20, -0.5)",
        rule=rule,
    )
    [one] = cli.done("cases", "--suggested", "--json").json
    assert (one["event"], one["rule"], one["score"]) == (None, "Mood", -0.5)
    assert "many posts" in cli.done("cases", "--suggested").out
    assert "1 alarm would have opened something" in cli.done("rules", "show", "Mood").out
    assert "The alarm opened a case: ticket" in cli.done("case", "open", one["alarm"][-8:]).out
    assert "about many posts" in cli.done("case", "show", "1001").out
    assert journey.value("SELECT subject FROM tickets").startswith(
        "The mean sentiment about everything fell to"
    )
    assert cli.done("cases", "--suggested", "--json").json == []


def test_what_a_crisis_switch_held_is_listed_and_released_in_one_go(journey: Journey, cli: Earshot) -> None:
    source = journey.source()
    cli.done("crisis", "on", "--platform", "mastodon", "--for", "2h", "--because", "the outage is known")
    journey.hear(source, *(post(f"{n}", FURIOUS, by=f"p{n}", to=US, minutes=n) for n in range(3)))
    assert journey.cases() == []
    [switch] = cli.done("crisis", "list", "--json").json
    assert (switch["held"], switch["active"], switch["reason"]) == (3, True, "the outage is known")
    assert len(cli.done("crisis", "show", "mastodon", "--json").json["posts"]) == 3
    assert "crisis switch" not in cli("doctor").out
    cli.done("crisis", "off", "mastodon")
    assert "3 posts held by a crisis switch that is off by now" in cli("doctor").out
    released = cli.done("crisis", "release", "mastodon", "--by", "ann", "--json").json
    assert (released["posts"], released["attached"], released["still_held"]) == (3, 3, 0)
    assert len(journey.cases()) == 3
    [switch] = cli.done("crisis", "list", "--json").json
    assert (switch["held"], switch["active"], switch["released_by"]) == (0, False, "ann")
    assert "already" in cli.done("crisis", "release", switch["id"][9:15], "--by", "eve").err
    [after] = cli.done("crisis", "list", "--json").json
    assert (after["released_by"], after["released_at"]) == ("ann", switch["released_at"])
    refused = cli.refused("crisis", "on", "--platform", "mastodon", "--for", "soon", "--because", "x", code=2)
    assert "is no length of time" in refused
    too_long = cli.refused("crisis", "on", "--platform", "x", "--for", "367d", "--because", "x", code=2)
    assert "366 days are the longest" in too_long


def test_a_second_switch_for_the_same_says_that_one_is_on_and_prolongs_it_only_if_asked(
    cli: Earshot,
) -> None:
    on = ("crisis", "on", "--platform", "x", "--by", "ann", "--because")
    first = cli.done(*on, "an outage", "--for", "2h", "--json").json
    refused = cli.refused(*on, "longer", "--for", "4h")
    assert f"is on until {first['until'][:10]}" in refused
    assert "--prolong moves its end" in refused
    assert "no earlier" in cli.refused(*on, "shorter", "--for", "1h", "--prolong")
    longer = cli.done(*on, "still down", "--for", "4h", "--prolong", "--json").json
    [one] = cli.done("crisis", "list", "--json").json
    assert (one["id"], one["until"]) == (first["id"], longer["until"])
    assert one["reason"].startswith("an outage; until ")
    assert one["reason"].endswith("says ann: still down")
    cli.done("crisis", "on", "--platform", "reddit", "--because", "the same")
    for part in ("-", one["id"][:6], "ffff-ffff"):
        assert "crisis switch" in cli.refused("crisis", "off", part)
    assert "Off for x" in cli.done("crisis", "off", one["id"][-4:]).out


def test_a_blocked_author_is_listed_and_may_be_let_in_again(journey: Journey, cli: Earshot) -> None:
    journey.hear(journey.source(), post("1", WARM, by="troll"))
    cli.done("authors", "block", "mastodon:troll@town.example")
    [one] = cli.done("authors", "list", "--json").json
    assert one["handle"] == "troll@town.example"
    cli.done("authors", "unblock", "mastodon:troll@town.example")
    assert cli.done("authors", "list").out.strip() == "Nobody is blocked."


def test_a_rule_is_not_removed_unnoticed_under_a_switch_and_what_it_held_is_listed_when_released(
    journey: Journey, cli: Earshot
) -> None:
    journey.execute("DELETE FROM rules WHERE name NOT IN ('A complaint to us', 'Praise')")
    journey.execute(
        "INSERT INTO rules (name, audience, threshold, action) VALUES ('r', 'customer', -1, 'ticket')"
    )
    cli.done("crisis", "on", "--rule", "A complaint to us", "--for", "2h", "--because", "outage")
    journey.hear(journey.source(), post("1", FURIOUS, to=US), post("2", FURIOUS, by="bob", to=US))
    assert "2 posts that crossed it are held" in cli.done("rules", "remove", "A complaint to us").err
    [switch] = cli.done("crisis", "list", "--json").json
    released = cli.done("crisis", "release", switch["id"], "--json").json
    assert (released["posts"], released["attached"]) == (2, 0)
    assert {one["why"] for one in released["opened_nothing"]} == {"released, and crossed no rule any more"}
